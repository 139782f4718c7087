"""A WebSocket client in the words of OpenClaw's protocol, for tests.

    client = Client(port)              # the handshake, and the challenge
    client.connect(TOKEN)              # connect, answered by hello-ok
    client.call("health")              # the payload of its answer
    client.frame(TEXT, b"...")         # any frame, wrong ones too
"""
import base64
import hashlib
import json
import os
import socket
import struct
import unittest

import support

TOKEN = "a-token-that-only-tests-have"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

# What runs between the queues; sh keeps it one process group.
AGENT = ("oc-spool take in | oc-session open | oc-route-model | "
         "oc-loop -- 'oc-plan | oc-exec-tool' | oc-session close")


class Refused(Exception):
    """An answer with an error."""

    def __init__(self, error, payload):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code, self.message = error["code"], error["message"]
        self.details = error.get("details", {})
        self.retryable = error.get("retryable", False)
        self.payload = payload


class Closed(Exception):
    """The connection ended; code 0: without a word."""

    def __init__(self, code=0, reason=""):
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class Client:
    def __init__(self, port, host="127.0.0.1", path="/", challenge=True,
                 headers=(), version=13, connection="Upgrade", key=None):
        self.socket = socket.create_connection(
            (host, port), timeout=support.DEADLINE_S)
        self.buffer, self.count = b"", 0
        self.events, self.answers = [], []
        self.pongs = 0
        self.key = key or base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}",
                 "Upgrade: websocket", f"Connection: {connection}",
                 f"Sec-WebSocket-Key: {self.key}",
                 f"Sec-WebSocket-Version: {version}", *headers]
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode())
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.head = head.decode()
        self.status = int(self.head.split()[1])
        if self.status == 101:
            self.check_accept()
            if challenge:
                self.challenge = self.receive()["payload"]

    def check_accept(self):
        wanted = base64.b64encode(hashlib.sha1(
            self.key.encode() +
            b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        assert f"Sec-WebSocket-Accept: {wanted}" in self.head, self.head

    def close(self):
        self.socket.close()

    # ---- frames

    def fill(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed()
        self.buffer += data

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def read_frame(self):
        first, second = self.take(2)
        length = second & 127
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
        assert second < 128, "a server does not mask"
        return first, self.take(length)

    def receive(self):
        """The next message; pings are answered, a close is raised."""
        while True:
            first, data = self.read_frame()
            if first & 15 == PING:
                self.frame(PONG, data)
            elif first & 15 == PONG:
                self.pongs += 1
            elif first & 15 == CLOSE:
                code = struct.unpack(">H", data[:2])[0] if data else 1005
                raise Closed(code, data[2:].decode())
            else:
                assert first == 0x81, first
                return json.loads(data)

    def frame(self, opcode, data=b"", fin=True, mask=True, length=None,
              reserved=0):
        """Sends one; `length`: what the head says instead of the truth."""
        key = os.urandom(4)
        length = len(data) if length is None else length
        head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
        bit = 0x80 if mask else 0
        if length < 126:
            head += bytes([bit | length])
        elif length < 65536:
            head += struct.pack(">BH", bit | 126, length)
        else:
            head += struct.pack(">BQ", bit | 127, length)
        if mask:
            words = int.from_bytes((key * (len(data) // 4 + 1))[:len(data)],
                                   "big") ^ int.from_bytes(data, "big")
            data = key + words.to_bytes(len(data), "big")
        self.socket.sendall(head + data)

    # ---- requests

    def send(self, value):
        self.frame(TEXT, json.dumps(value).encode())

    def request(self, method, params=None):
        self.count += 1
        frame = {"type": "req", "id": f"r{self.count}", "method": method}
        if params is not None:
            frame["params"] = params
        self.send(frame)
        return frame["id"]

    def answer(self, id):
        """The payload of the next answer to it; the rest is kept."""
        while True:
            for message in self.answers:
                if message["id"] == id:
                    self.answers.remove(message)
                    if message["ok"]:
                        return message["payload"]
                    raise Refused(message["error"], message.get("payload"))
            self.keep(self.receive())

    def keep(self, message):
        (self.events if message["type"] == "event"
         else self.answers).append(message)

    def call(self, method, params=None):
        return self.answer(self.request(method, params))

    def connect(self, token=TOKEN, **more):
        return self.call("connect", hello(token, **more))

    def event(self, wanted):
        """The first event for which this holds, kept or to come."""
        while True:
            for message in self.events:
                if wanted(message):
                    self.events.remove(message)
                    return message
            self.keep(self.receive())

    def chat(self, run, state):
        """The payload of the chat event of this run and state."""
        return self.event(
            lambda m: m["event"] == "chat" and m["payload"]["runId"] == run
            and m["payload"]["state"] == state)["payload"]

    def ended(self):
        """Reads until the end: the Closed that it was."""
        try:
            while True:
                self.receive()
        except Closed as end:
            return end


def hello(token=TOKEN, scopes=["operator.admin"], **more):
    params = {
        "minProtocol": 4, "maxProtocol": 4, "role": "operator",
        "client": {"id": "gateway-client", "version": "1",
                   "platform": "linux", "mode": "backend"},
        "scopes": scopes, "caps": ["tool-events"], **more}
    if token is not None:
        params.setdefault("auth", {"token": token})
    return params


class WebSocketCase(support.TestCase):
    """oc-recv-http with an agent behind it, and clients of it."""

    configuration = {"primary_model": "local/runbook"}

    def setUp(self):
        super().setUp()
        support.need("oc-recv-http", "oc-spool", "oc-session", "oc-loop",
                     "oc-plan", "oc-exec-tool", "oc-route-model")
        self.place.config(self.configuration)
        self.place.agents("# Operations\n\n## Greet somebody\n\n"
                          "    greet <name>\n\n## Take a rest\n\n    rest\n")
        self.place.script("greet", "#!/bin/sh\necho \"hello $1\"\n")
        self.rest = self.place.folder / "rest"
        self.place.script(
            "rest", f"#!/bin/sh\necho >>{self.rest}\nexec sleep 60\n")

    def serve(self, *options, agent=True, token=TOKEN,
              put="oc-spool put in"):
        """Starts it on a port of its own: the stage; self.port."""
        env = {} if token is None else {"OPENCLAW_GATEWAY_TOKEN": token}
        place = self.place.state / "run" / "http.json"
        place.unlink(missing_ok=True)
        stage = self.place.start(
            ["oc-recv-http", "--port", "0", *options, "--", *put.split()],
            **env)
        support.wait_for(place.exists, what="its port", state=stage.stderr)
        self.port = json.loads(place.read_text())["port"]
        if agent:
            self.agent = self.place.start(["sh", "-c", AGENT])
        return stage

    def client(self, *args, **keywords):
        client = Client(self.port, *args, **keywords)
        self.addCleanup(client.close)
        return client

    def connected(self, **more):
        client = self.client()
        client.connect(**more)
        return client

    def assert_healthy(self):
        """It answers, whatever was done to it before."""
        self.assertTrue(self.connected().call("health")["ok"])


if __name__ == "__main__":
    unittest.main()
