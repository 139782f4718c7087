"""What strangers and broken clients send to the WebSocket port."""
import base64
import hashlib
import json
import re
import socket
import subprocess
import unittest
from pathlib import Path

import support
import websocket
from websocket import BINARY, CLOSE, PING, TEXT, Refused

MIB = 1 << 20


def memory(stage):
    text = Path(f"/proc/{stage.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024


class Frames(websocket.WebSocketCase):
    def setUp(self):
        super().setUp()
        self.stage = self.serve(agent=False)

    def assert_closed(self, code, send, greeted=True):
        client = self.connected() if greeted else self.client()
        send(client)
        self.assertEqual(client.ended().code, code)
        self.assert_healthy()

    def test_broken_frames(self):
        for send in (
                lambda c: c.frame(TEXT, b"{}", mask=False),
                lambda c: c.frame(TEXT, b"{}", reserved=4),
                lambda c: c.frame(3, b"{}"),
                lambda c: c.frame(11, b""),
                lambda c: c.frame(0, b"continues nothing"),
                lambda c: c.frame(PING, b"half", fin=False),
                lambda c: c.frame(PING, b"x" * 126),
                lambda c: (c.frame(TEXT, b"{", fin=False),
                           c.frame(TEXT, b"}")),
                lambda c: c.frame(CLOSE, b"\x03")):
            self.assert_closed(1002, send)
            self.assert_closed(1002, send, greeted=False)

    def test_what_is_no_text(self):
        self.assert_closed(1007, lambda c: c.frame(TEXT, b'{"\xff":1}'))
        self.assert_closed(1003, lambda c: c.frame(BINARY, b"{}"))
        self.assert_closed(1003, lambda c: c.frame(BINARY, b"{}"), False)

    def test_what_is_no_request(self):
        for text in (b"", b"no json", b"[" * 60000, b"7", b"[]", b'{"id":7}',
                     b'{"type":"req","id":"","method":"health"}'):
            self.assert_closed(1002, lambda c: c.frame(TEXT, text))
            self.assert_closed(1002, lambda c: c.frame(TEXT, text), False)

    def test_a_request_that_can_be_answered(self):
        client = self.connected()
        for wrong in ({"type": "res"}, {"method": 7}, {"method": ""},
                      {"params": 7}, {"params": ["x"]}, {"method": "x" * 200}):
            client.send({"type": "req", "id": "i", "method": "health",
                         **wrong})
            with self.assertRaises(Refused):
                client.answer("i")
        self.assertTrue(client.call("health")["ok"])

    def test_too_big(self):
        before = 64 * 1024
        after = self.client().connect()["policy"]["maxPayload"]
        self.assert_closed(
            1009, lambda c: c.frame(TEXT, b"x" * (before + 1)), False)
        self.assert_closed(1009, lambda c: c.frame(TEXT, b"x" * (after + 1)))
        # one byte of a terabyte is enough
        self.assert_closed(
            1009, lambda c: c.frame(TEXT, b"x", length=1 << 40), False)
        # as much is allowed, and read: it is no JSON
        self.assert_closed(1002, lambda c: c.frame(TEXT, b"x" * before), False)

    def test_fragments_without_end(self):
        def send(client):
            client.frame(TEXT, b"{", fin=False)
            for _ in range(70):
                client.frame(0, b" " * 1000, fin=False)
        self.assert_closed(1009, send, greeted=False)

    def test_fragments_byte_by_byte(self):
        client = self.client()
        text = json.dumps({"type": "req", "id": "1", "method": "connect",
                           "params": websocket.hello()}).encode()
        for i, byte in enumerate(text):
            client.frame(TEXT if i == 0 else 0, bytes([byte]),
                         fin=i == len(text) - 1)
            if i % 50 == 0:
                client.frame(PING, b"between")
        self.assertEqual(client.answer("1")["type"], "hello-ok")

    def test_a_person_who_closes(self):
        client = self.connected()
        client.frame(CLOSE, b"\x03\xe8bye")
        self.assertEqual(client.ended().code, 1000)
        client = self.connected()
        client.frame(CLOSE)
        self.assertEqual(client.ended().code, 1005)
        client = self.connected()
        client.close()
        self.assert_healthy()

    def test_a_handshake_that_does_not_come(self):
        client = self.client()
        end = client.ended()
        self.assertEqual((end.code, end.reason), (1008, "handshake timeout"))


class Floods(websocket.WebSocketCase):
    def setUp(self):
        super().setUp()
        self.stage = self.serve(agent=False)
        self.connected().call("health")
        self.before = memory(self.stage)

    def assert_small(self, most):
        if not support.SANITIZED:
            self.assertLess(memory(self.stage) - self.before, most)

    def send_until_cut(self, client, data):
        """Sends without reading; ends when nothing more is taken."""
        client.socket.settimeout(2)
        sent = 0
        try:
            while sent < 64 * MIB:
                sent += client.socket.send(data)
        except (TimeoutError, ConnectionError):
            pass
        return sent

    def test_pings(self):
        client = self.connected()
        one = b"\x89\xfd\0\0\0\0" + b"x" * 125
        self.send_until_cut(client, one * 500)
        self.assert_healthy()
        self.assert_small(16 * MIB)

    def test_questions_whose_answers_are_not_read(self):
        client = self.connected()
        text = b'{"type":"req","id":"%d","method":"health"}'
        frames = b"".join(
            bytes([0x81, 0x80 | len(t), 0, 0, 0, 0]) + t
            for t in (text % i for i in range(1000)))
        self.send_until_cut(client, frames)
        self.assert_healthy()
        self.assert_small(24 * MIB)

    def test_one_who_never_reads(self):
        """Events for one who subscribed and sleeps do not heap up."""
        model = self.model({"m": [{"text": "words " * 20000, "piece": 3000}]})
        self.place.config({"primary_model": "openai/m", "fallbacks": [],
                           "providers": {"openai": {
                               "base_url": model.openai_url}}})
        self.place.env["LITELLM_API_KEY"] = "k"
        self.place.start(["sh", "-c", websocket.AGENT])
        sleeper = self.connected()
        sleeper.call("sessions.subscribe")
        client = self.connected()
        for i in range(3):
            client.call("chat.send", {"sessionKey": "main", "message": "talk",
                                      "idempotencyKey": f"k{i}"})
            client.chat(f"k{i}", "final")
        self.assert_healthy()
        self.assert_small(40 * MIB)

    def test_strangers(self):
        crowd = [self.client() for _ in range(150)]
        self.assertEqual(crowd[0].ended().code, 0)  # the oldest gave way
        self.assert_healthy()
        crowd[-1].connect()


class Lockout(websocket.WebSocketCase):
    def test_an_address_of_another_machine(self):
        address = own_address()
        if address is None:
            raise unittest.SkipTest("no address but those of this machine")
        self.serve("--bind", "lan", agent=False)
        client = self.client(host=address)
        with self.assertRaises(Refused) as refused:
            client.connect()
        self.assertEqual(refused.exception.details["code"],
                         "DEVICE_IDENTITY_REQUIRED")
        for i in range(11):
            with self.assertRaises(Refused) as refused:
                self.client(host=address).connect("wrong")
        self.assertEqual(refused.exception.details["code"],
                         "AUTH_RATE_LIMITED")
        # the right one does not help, and HTTP knows of it
        client = self.client(host=address)
        with self.assertRaises(Refused) as refused:
            client.connect()
        self.assertEqual(refused.exception.details["code"],
                         "AUTH_RATE_LIMITED")
        self.assertEqual(client.ended().code, 1008)
        with socket.create_connection((address, self.port)) as http:
            http.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n"
                         b"Authorization: Bearer wrong\r\n\r\n")
            status = http.recv(100).split()[1]
        self.assertIn(status, (b"429", b"404"))
        self.assert_healthy()


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            address = s.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


class Device(websocket.WebSocketCase):
    """The proof of a device, made by openssl."""

    def setUp(self):
        super().setUp()
        self.serve(agent=False)
        self.pem = self.place.folder / "key.pem"
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", self.pem)
        self.public = self.openssl(
            "pkey", "-in", self.pem, "-pubout", "-outform", "DER")[-32:]

    def openssl(self, *argv):
        return subprocess.run(
            ["openssl", *map(str, argv)], check=True,
            capture_output=True).stdout

    def sign(self, text):
        path = self.place.folder / "words"
        path.write_text(text)
        return self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.pem,
                            "-in", path)

    def proof(self, nonce, at, version="v3", token=websocket.TOKEN):
        def encode(data):
            return base64.urlsafe_b64encode(data).decode().rstrip("=")
        id = hashlib.sha256(self.public).hexdigest()
        words = [version, id, "gateway-client", "backend", "operator",
                 "operator.admin", str(at), token, nonce]
        if version == "v3":
            words += ["linux", ""]
        return {"id": id, "publicKey": encode(self.public), "signedAt": at,
                "signature": encode(self.sign("|".join(words))),
                "nonce": nonce}

    def test_right(self):
        for version in ("v2", "v3"):
            client = self.client()
            nonce, at = client.challenge["nonce"], client.challenge["ts"]
            hello = client.connect(device=self.proof(nonce, at, version))
            self.assertEqual(hello["type"], "hello-ok")

    def refused(self, change, **keywords):
        client = self.client()
        device = self.proof(client.challenge["nonce"],
                            client.challenge["ts"], **keywords)
        with self.assertRaises(Refused) as refused:
            client.connect(device={**device, **change(device)})
        self.assertEqual(client.ended().code, 1008)
        return refused.exception.details["code"]

    def test_wrong(self):
        wrong = {
            "DEVICE_AUTH_NONCE_MISMATCH": lambda d: {"nonce": "other"},
            "DEVICE_AUTH_SIGNATURE_EXPIRED":
                lambda d: {"signedAt": d["signedAt"] - 121_000},
            "DEVICE_AUTH_DEVICE_ID_MISMATCH": lambda d: {"id": "0" * 64},
            "DEVICE_AUTH_PUBLIC_KEY_INVALID":
                lambda d: {"publicKey": d["publicKey"][:-2]},
            "DEVICE_AUTH_SIGNATURE_INVALID":
                lambda d: {"signedAt": d["signedAt"] + 1},
            "DEVICE_AUTH_INVALID": lambda d: {"signature": 7},
        }
        for code, change in wrong.items():
            self.assertEqual(self.refused(change), code)
        # signed for another token
        self.assertEqual(self.refused(lambda d: {}, token="other"),
                         "DEVICE_AUTH_SIGNATURE_INVALID")


if __name__ == "__main__":
    unittest.main()
