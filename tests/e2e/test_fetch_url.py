"""oc-fetch-url against servers on the loopback, allowed by configuration."""
import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest
from pathlib import Path

import support

HTML = "text/html; charset=utf-8"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


class Server:
    """Answers each path from a table; what it was asked is in `requests`."""

    def __init__(self, address="127.0.0.1", tls=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.tls = tls
        self.pages = {}     # path: (status, headers, body) or a function
        self.requests = []  # bytes of the heads
        self.stopping = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def page(self, path, body, kind=HTML, status=200, **headers):
        if isinstance(body, str):
            body = body.encode()
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        if kind:
            headers["Content-Type"] = kind
        self.pages[path] = (status, headers, body)

    def redirect(self, path, to):
        self.page(path, "", status=302, Location=to)

    def url(self, path="/", host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def stop(self):
        self.stopping.set()
        self.listener.close()

    def _serve(self):
        while not self.stopping.is_set():
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(
                target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    data = connection.recv(65536)
                    if not data:
                        return
                    head += data
                self.requests.append(head)
                path = head.split()[1].decode()
                answer = self.pages.get(path, (404, {}, b"nothing here"))
                if callable(answer):
                    answer(connection)
                    return
                status, headers, body = answer
                lines = [f"HTTP/1.1 {status} X", "Connection: close",
                         f"Content-Length: {len(body)}"]
                lines += [f"{k}: {v}" for k, v in headers.items()]
                connection.sendall(
                    "\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        except OSError:
            pass  # the client left, as it may


class FetchCase(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-fetch-url")
        self.server = self.serve()
        self.allow(f"127.0.0.1:{self.server.port}")

    def serve(self, *args, **keywords):
        server = Server(*args, **keywords)
        self.addCleanup(server.stop)
        return server

    def allow(self, *entries, **more):
        self.place.config(
            {"tools": {"fetch": {"allow": list(entries), **more}}})

    def fetch(self, url, *options, **env):
        return self.place.run(["oc-fetch-url", *options, url], **env)

    def assert_refused(self, url, **env):
        result = self.fetch(url, **env)
        self.assert_status(result, 77)
        self.assertEqual(result.out, b"")
        self.assertEqual(len(result.err_lines), 1, result)


class Text(FetchCase):
    def test_a_page(self):
        self.server.page("/a/", "<title>T</title><h1>H</h1><p>x "
                         "<a href='b'>link</a><script>no()</script>")
        result = self.fetch(self.server.url("/a/"))
        self.assert_status(result, 0)
        self.assertEqual(
            result.out.decode(), "Title: T\n\n# H\n\nx link "
            f"({self.server.url('/a/b')})\n")
        self.assertEqual(result.err, "")

    def test_json_and_text_as_they_are(self):
        self.server.page("/j", '{"a": "<b>"}\n', "application/json")
        self.server.page("/t", "a  <b>\n\n\n", "text/plain")
        self.assertEqual(self.fetch(self.server.url("/j")).out,
                         b'{"a": "<b>"}\n')
        self.assertEqual(self.fetch(self.server.url("/t")).out,
                         b"a  <b>\n\n\n")

    def test_another_kind_is_named_with_its_size(self):
        self.server.page("/p", PNG, "image/png")
        result = self.fetch(self.server.url("/p"))
        self.assert_status(result, 65)
        self.assertEqual(
            result.out.decode(),
            f"image/png, {len(PNG)} bytes: not a kind of page that has text\n")

    def test_charsets(self):
        text = "Привет, мир"
        cases = [
            (text.encode(), HTML),
            (text.encode("koi8-r"), "text/html; charset=KOI8-R"),
            (text.encode("cp1251"), 'text/html;charset="windows-1251"'),
            (b"<meta charset=koi8-r>" + text.encode("koi8-r"), "text/html"),
            (b"\xef\xbb\xbf" + text.encode(), "text/html; charset=koi8-r"),
            (text.encode("utf-16"), "text/html"),
            (text.encode(), "text/html; charset=no-such-thing"),
            (text.encode(), "text/html"),
        ]
        for i, (body, kind) in enumerate(cases):
            with self.subTest(kind=kind, body=body):
                self.server.page(f"/{i}", body, kind)
                result = self.fetch(self.server.url(f"/{i}"))
                self.assert_status(result, 0)
                self.assertEqual(result.out.decode(), text + "\n")

    def test_a_broken_charset_is_repaired(self):
        self.server.page("/", b"a\xff\xfe\x00<p>\xc3", HTML)
        result = self.fetch(self.server.url())
        self.assert_status(result, 0)
        self.assertEqual(result.out.decode(), "a\ufffd\ufffd\ufffd\n\n\ufffd\n")

    def test_no_type(self):
        self.server.page("/", "<!doctype html><p>x", None)
        self.assertEqual(self.fetch(self.server.url()).out, b"x\n")

    def test_an_empty_page(self):
        self.server.page("/", "")
        result = self.fetch(self.server.url())
        self.assert_status(result, 0)
        self.assertEqual(result.out, b"")
        self.assertIn("no readable text", result.err)

    def test_failures_say_the_status_and_the_beginning(self):
        self.server.page("/500", "<h1>Oops</h1>" + "x" * 10000, status=500)
        result = self.fetch(self.server.url("/404"))
        self.assert_status(result, 69)
        self.assertEqual(result.out, b"HTTP status 404\n\nnothing here\n")
        result = self.fetch(self.server.url("/500"))
        self.assert_status(result, 69)
        self.assertIn(b"# Oops", result.out)
        self.assertLess(len(result.out), 4096)

    def test_one_request_and_nothing_personal_in_it(self):
        self.server.redirect("/", "/next")
        self.server.pages["/"][1]["Set-Cookie"] = "a=b"
        self.server.page("/next", "x")
        (self.place.home / ".netrc").write_text(
            "machine 127.0.0.1 login me password secret\n")
        proxy = self.serve()
        result = self.fetch(self.server.url(), http_proxy=proxy.url(),
                            ALL_PROXY=proxy.url())
        self.assert_status(result, 0)
        self.assertEqual(proxy.requests, [])
        self.assertEqual(len(self.server.requests), 2)
        for head in self.server.requests:
            self.assertIn(b"User-Agent: OpenClaw-fetch/", head)
            self.assertNotIn(b"Cookie", head)
            self.assertNotIn(b"Authorization", head)


class Refused(FetchCase):
    def test_an_address_in_every_form(self):
        other = self.serve()
        other.page("/", "secret")
        hosts = ["127.0.0.1", "localhost", "LocalHost", "127.1",
                 "2130706433", "0x7f.1", "0x7f000001", "017700000001",
                 "0", "0.0.0.0", "localhost.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
                 "[::1]", "[::]", "127.0.0.1.", "%31%32%37.0.0.1",
                 "\u2460\u2461\u2466.0.0.1", "127\u30020\u30020\u30021"]
        for host in hosts:
            with self.subTest(host=host):
                result = self.fetch(other.url(host=host))
                self.assertIn(result.status, (64, 69, 77), result)
                self.assertEqual(result.out, b"")
        for host in hosts[:8]:
            self.assert_refused(other.url(host=host))
        self.assertEqual(other.requests, [])

    def test_networks_that_are_not_public(self):
        for host in ("10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1",
                     "169.254.169.254", "100.100.100.200", "224.0.0.1",
                     "[fd00:ec2::254]", "[fe80::1]", "[ff02::1]",
                     "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
                     "[2001:db8::1]", "192.0.2.1"):
            with self.subTest(host=host):
                self.assert_refused(f"http://{host}/")

    def test_a_name_that_has_such_an_address(self):
        self.allow("another-name", "192.168.0.0/16")
        self.assert_refused(self.server.url(host="localhost"))
        self.assertEqual(self.server.requests, [])

    def test_metadata_although_its_network_is_allowed(self):
        self.allow("169.254.0.0/16", "0.0.0.0/0", "::/0")
        self.assert_refused("http://169.254.169.254/latest/meta-data/")
        self.assert_refused("http://[fd00:ec2::254]/")

    def test_schemes(self):
        for url in ("file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/",
                    "dict://127.0.0.1:11211/stat", "data:text/plain,x",
                    "javascript:alert(1)"):
            with self.subTest(url=url):
                result = self.fetch(url)
                self.assertIn(result.status, (64, 77), result)
                self.assertEqual(result.out, b"")

    def test_a_password_in_the_address(self):
        self.assert_refused(
            f"http://me:secret@127.0.0.1:{self.server.port}/")
        self.assert_refused(f"http://me@127.0.0.1:{self.server.port}/")
        self.assertEqual(self.server.requests, [])

    def test_redirects(self):
        other = self.serve()
        other.page("/", "secret")
        for to in (other.url(), other.url(host="localhost"),
                   other.url(host="[::ffff:127.0.0.1]"),
                   other.url(host="2130706433"),
                   f"//127.0.0.1:{other.port}/",
                   f"http://me:secret@127.0.0.1:{self.server.port}/ok",
                   "http://169.254.169.254/", "file:///etc/passwd",
                   "ftp://127.0.0.1/"):
            with self.subTest(to=to):
                self.server.redirect("/", to)
                self.assert_refused(self.server.url())
        self.assertEqual(other.requests, [])


class Allowed(FetchCase):
    def test_by_name_address_and_network(self):
        self.server.page("/", "x")
        for entry, host in ((f"localhost:{self.server.port}", "localhost"),
                            ("localhost", "localhost"),
                            ("127.0.0.1", "127.0.0.1"),
                            ("127.0.0.0/8", "localhost"),
                            ("127.0.0.0/8", "2130706433")):
            with self.subTest(entry=entry, host=host):
                self.allow(entry)
                self.assertEqual(
                    self.fetch(self.server.url(host=host)).out, b"x\n")
        self.allow("localhost:1")
        self.assert_refused(self.server.url(host="localhost"))

    def test_a_wrong_entry_is_a_wrong_configuration(self):
        self.allow("10.0.0.0/33")
        result = self.fetch(self.server.url())
        self.assert_status(result, 78)
        self.assertIn("10.0.0.0/33", result.err)


class Bounds(FetchCase):
    def test_redirects_are_counted(self):
        for i in range(6):
            self.server.redirect(f"/{i}", f"/{i + 1}")
        self.server.page("/6", "end")
        self.assertEqual(self.fetch(self.server.url("/1")).out, b"end\n")
        result = self.fetch(self.server.url("/0"))
        self.assert_status(result, 69)
        self.assertIn("redirects", result.err)

    def test_a_redirect_loop(self):
        self.server.redirect("/", "/")
        self.assert_status(self.fetch(self.server.url()), 69)
        self.assertLessEqual(len(self.server.requests), 6)

    def test_a_gzip_bomb(self):
        self.allow(f"127.0.0.1:{self.server.port}", bytes=1 << 20)
        bomb = gzip.compress(b"x" * (300 << 20), 1)
        self.server.page("/", bomb, "text/plain", Content_Encoding="gzip")
        # with its own, it would not fit into this
        result = self.place.run(
            ["sh", "-c", 'ulimit -v "$1"; exec oc-fetch-url "$2"', "sh",
             "unlimited" if support.SANITIZED else "250000",
             self.server.url()])
        self.assert_status(result, 0)
        self.assertEqual(len(result.out), (1 << 20) + 1)
        self.assertIn("longer than 1048576 bytes", result.err)

    def test_a_broken_gzip(self):
        self.server.page("/", gzip.compress(b"a" * 99)[:15] + b"\xff" * 30,
                         Content_Encoding="gzip")
        self.assert_status(self.fetch(self.server.url()), 69)

    def test_m_cuts(self):
        self.server.page("/", "x" * 100, "text/plain")
        result = self.fetch(self.server.url(), "-m", "10")
        self.assert_status(result, 0)
        self.assertEqual(result.out, b"x" * 10 + b"\n")
        self.assertIn("longer than 10 bytes", result.err)

    def drip(self, head, piece):
        def answer(connection):
            connection.sendall(head)
            while not self.server.stopping.wait(0.05):
                connection.sendall(piece)
        return answer

    def test_an_endless_drip(self):
        head = b"HTTP/1.1 200 X\r\nContent-Type: text/html\r\n\r\n"
        self.server.pages["/body"] = self.drip(head, b"<p>")
        self.server.pages["/head"] = self.drip(b"HTTP/1.1 200 X\r\n", b"A: b\r\n")
        self.server.pages["/line"] = self.drip(b"HTTP/1.1 200 X\r\nA:", b"b")
        self.server.pages["/none"] = self.drip(b"", b"")
        for path in ("/body", "/head", "/line", "/none"):
            with self.subTest(path=path):
                result = self.fetch(self.server.url(path), "-t", "1")
                self.assert_status(result, 75)
                self.assertEqual(result.out, b"")

    def test_a_connection_that_breaks_off(self):
        def answer(connection):
            connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\nx")
        self.server.pages["/"] = answer
        self.assert_status(self.fetch(self.server.url()), 69)

    def test_nobody_listens(self):
        port = support.free_port()
        self.allow(f"127.0.0.1:{port}")
        self.assert_status(self.fetch(f"http://127.0.0.1:{port}/"), 69)

    def test_a_name_without_an_address(self):
        result = self.fetch("http://no-such-host.invalid/", "-t", "10")
        self.assertIn(result.status, (69, 75), result)

    def test_wrong_usage(self):
        for argv in ([], ["a", "b"], ["-m", "0", "x"], ["-t", "x", "y"],
                     ["-z"], ["http://"], ["http://a b/"], ["http://[::1/"],
                     ["http://x:99999/"], [""], ["http://" + "a" * 10000]):
            with self.subTest(argv=argv):
                result = self.place.run(["oc-fetch-url", *argv])
                self.assert_status(result, 64)

    def test_a_certificate_that_nobody_signed(self):
        if not shutil.which("openssl"):
            raise unittest.SkipTest("openssl is not installed")
        pem = self.place.folder / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-subj", "/CN=127.0.0.1", "-addext",
             "subjectAltName=IP:127.0.0.1", "-keyout", pem, "-out",
             f"{pem}.crt"], check=True, capture_output=True)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(f"{pem}.crt", pem)
        server = self.serve(tls=tls)
        server.page("/", "x")
        self.allow("127.0.0.1")
        result = self.fetch(f"https://127.0.0.1:{server.port}/")
        self.assert_status(result, 69)
        self.assertEqual(server.requests, [])


class Confined(FetchCase):
    def slow_page(self):
        """Keeps the child busy until its processor time is used up."""
        return "<p>before" + "<p>x" * 8000 + "<p " + " ".join(
            f"a{i}=1" for i in range(150000)) + ">after"

    def child_of(self, stage):
        found = support.descendants(stage.pid)
        return found[0] if found else None

    def seccomp(self, pid):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return None
        return status.partition("Seccomp:\t")[2].partition("\n")[0]

    def test_the_parser_runs_confined(self):
        if support.SANITIZED:
            raise unittest.SkipTest("a sanitizer needs what is given up")
        self.server.page("/", self.slow_page())
        stage = self.place.start(["oc-fetch-url", self.server.url()])
        child = support.wait_for(lambda: self.child_of(stage), what="a child")
        support.wait_for(lambda: self.seccomp(child) == "2", what="seccomp")
        opened = sorted(p.name for p in Path(f"/proc/{child}/fd").iterdir())
        self.assertEqual(opened, ["1", "2"])
        result = stage.wait()
        self.assert_status(result, 0)
        self.assertTrue(result.out.startswith(b"before\n"), result)
        self.assertIn("could not be read to its end", result.err)

    def test_no_secret_is_in_its_environment(self):
        secret = "123:not-for-pages"
        self.server.page("/", self.slow_page())
        stage = self.place.start(["oc-fetch-url", self.server.url()],
                                 TELEGRAM_BOT_TOKEN=secret,
                                 GEMINI_API_KEY=secret)
        support.wait_for(lambda: self.server.requests, what="a request")
        self.assert_no_secret_in_processes(secret, stage.pid)
        self.assert_no_secret(secret, stage.wait())


if __name__ == "__main__":
    unittest.main()
