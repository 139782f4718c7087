"""Models behind TLS, and behind a proxy."""
import select
import shutil
import socket
import subprocess
import threading
import unittest

import support


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificates(folder):
    """An authority of our own, and what it signed for localhost."""
    authority, key = folder / "ca.pem", folder / "ca.key"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
            "-out", authority, "-days", 2, "-subj", "/CN=test authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout",
            folder / "server.key", "-out", folder / "server.csr",
            "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", folder / "server.csr", "-CA", authority,
            "-CAkey", key, "-CAcreateserial", "-days", 2, "-extfile",
            folder / "names", "-out", folder / "server.pem")
    return authority, (folder / "server.pem", folder / "server.key")


class Proxy:
    """CONNECT to the loopback and nowhere else."""

    def __init__(self):
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(
                target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        target = head.split()[1].decode()
        self.asked.append(target)
        server = socket.create_connection(
            ("127.0.0.1", int(target.rpartition(":")[2])))
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with client, server:
            while True:
                for one in select.select([client, server], [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    (server if one is client else client).sendall(data)

    def close(self):
        self.listener.close()


class Tls(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-plan")
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed")
        self.authority, pair = certificates(self.place.folder)
        self.server = self.model({"first": [{"text": "by TLS"}]}, tls=pair)
        self.place.config({
            "primary_model": "openai/first",
            "fallbacks": ["openai/second"],
            "litellm_base_url": self.server.url,
            "limits": {"connect_s": 3, "first_byte_s": 3}})

    def ask(self, **env):
        names = {"CURL_CA_BUNDLE": "", "SSL_CERT_FILE": "",
                 "LITELLM_API_KEY": "key"}
        result = self.place.run(
            ["oc-plan"], {"type": "turn", "id": "t", "text": "hi",
                          "route": {"models": ["openai/first"]}},
            **{**names, **env})
        self.assert_status(result, 0)
        return result.records[0]

    def test_authority_of_our_own(self):
        for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE"):
            with self.subTest(name):
                record = self.ask(**{name: str(self.authority)})
                self.assertEqual(record["reply"]["text"], "by TLS")

    def test_unknown_authority_is_refused(self):
        record = self.ask()
        self.assertIn("certificate", str(record["error"]))
        self.assertEqual(self.server.requests, [])

    def test_proxy_of_the_environment(self):
        proxy = Proxy()
        self.addCleanup(proxy.close)
        trust = {"SSL_CERT_FILE": str(self.authority)}
        record = self.ask(HTTPS_PROXY=proxy.url, **trust)
        self.assertEqual(record["reply"]["text"], "by TLS")
        self.assertEqual(proxy.asked, [f"localhost:{self.server.port}"])
        record = self.ask(
            HTTPS_PROXY=proxy.url, NO_PROXY="localhost", **trust)
        self.assertEqual(record["reply"]["text"], "by TLS")
        self.assertEqual(len(proxy.asked), 1)


if __name__ == "__main__":
    unittest.main()
