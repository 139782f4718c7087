"""oc-cdp: browsers and pages that hang, lie, grow and die."""
import os
import signal
import socket
import ssl
import threading
import time
import unittest
from pathlib import Path

import cdp
import support

HANG = "<title>Hang</title><script>for (;;) {}</script>"
ALERTS = "<title>Alerts</title><script>for (;;) alert('again')</script>"
EATER = """<title>Eater</title><script>
const all = []; setInterval(() => { for (let i = 0; i < 20; i++)
  all.push(new Array(4e6).fill(Math.random())); }, 0)</script>"""
GOOD = "<title>Good</title><p>good page</p>"


def silent(request):
    """A site that takes the request and says nothing."""
    browser_site.ending.wait(120)
    return True


def endless(request):
    number = int(request.path.partition("?")[2] or 0) + 1
    return cdp.reply(request, "", 302, Location=f"/endless?{number}")


def dripping(request):
    """A page of which some is there, and the rest never comes."""
    request.send_response(200)
    request.send_header("Content-Type", "text/html")
    request.end_headers()
    request.wfile.write(b"<title>Drip</title><p>the beginning</p>")
    request.wfile.flush()
    browser_site.ending.wait(120)
    request.close_connection = True
    return True


class Pages(cdp.TestCase):
    pages = {"/hang": HANG, "/alerts": ALERTS, "/eater": EATER,
             "/good": GOOD, "/silent": silent, "/endless": endless,
             "/drip": dripping}
    started = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        global browser_site
        browser_site = cls.site

    def setUp(self):
        super().setUp()
        if not self.started and "OC_CDP_CALLS" not in os.environ:
            self.skipTest("over a WebSocket, too, with OC_CDP_CALLS=1000")
        self.configure(started=self.started, keep="session", timeout_s=8)
        self.stage = self.start_stage()
        # the browser's own start must not take a test's time
        support.wait_for(self.opens_good, cdp.SLOW, "a browser")

    def opens_good(self, session="other"):
        step, = self.ask(self.stage, cdp.call(
            "open", url=self.site.url + "/good"), session=session)
        return step["ok"]

    def meanwhile(self, path, *words):
        """One session opens a bad page, and another goes on as ever."""
        self.stage.send(cdp.turn(cdp.call(
            "open", url=self.site.url + path), session="bad", id="bad"))
        self.stage.send(cdp.turn(
            cdp.call("evaluate", expression="6 * 7"),
            session="other", id="good"))
        records = {}
        for _ in range(2):
            record = self.stage.read(cdp.SLOW)
            records[record["id"]] = record
        self.assertEqual(records["good"]["steps"][1]["output"], "42")
        step = records["bad"]["steps"][1]
        for word in words:
            self.assertIn(word, step["output"])
        support.wait_for(lambda: self.opens_good("bad"), cdp.SLOW,
                         "the next call to work")
        return step

    def test_hanging_page(self):
        step = self.meanwhile("/hang")
        self.assertTrue(step["timeout"], step)
        self.assertFalse(step["ok"])

    def test_alert_loop(self):
        self.meanwhile("/alerts", "dialog")

    def test_silent_site(self):
        self.meanwhile("/silent", "not done within 8 s")

    def test_endless_redirect(self):
        self.meanwhile("/endless", "redirects without end")

    def test_page_that_never_ends(self):
        step = self.meanwhile("/drip", '"Drip"', "still loading")
        self.assertTrue(step["ok"])

    def test_large_value(self):
        """Answers of 300 MB, which Chromium drops, and of 20 MB."""
        self.opens_good("bad")
        for text in ("'x'.repeat(3e8)", "'x'.repeat(2e7)"):
            step, = self.ask(self.stage, cdp.call(
                "evaluate", expression=text), session="bad")
            self.assertFalse(step["ok"], text)
            self.assertRegex(
                step["output"], "too large|did not answer|not done within")
            support.wait_for(lambda: self.opens_good("bad"), cdp.SLOW,
                             "the next call to work")
        status = Path(f"/proc/{self.stage.pid}/status").read_text()
        if not support.SANITIZED:
            peak = int(status.partition("VmHWM:")[2].split()[0])
            self.assertLess(peak, 100 * 1024, "kB of memory")


class StartedPages(Pages):
    started = True

    def browser(self):
        return [p for p in cdp.chromiums_of(self.stage.pid)
                if all(word in Path(f"/proc/{p}/cmdline").read_bytes()
                       for word in (b"--remote-debugging-pipe", b"about:"))]

    def test_killed_in_the_middle(self):
        self.stage.send(cdp.turn(cdp.call(
            "open", url=self.site.url + "/silent"), session="bad", id="bad"))
        support.wait_for(lambda: "/silent" in self.site.paths(),
                         cdp.SLOW, "the request")
        os.kill(self.browser()[0], signal.SIGKILL)
        record = self.stage.read(cdp.SLOW)
        step = record["steps"][1]
        self.assertFalse(step["ok"])
        self.assertIn("unknown", step["output"])
        self.assertIn("the browser ended", step["output"])
        self.assertTrue(self.opens_good("bad"))

    def test_stopped_browser(self):
        """It hangs as a whole: it is replaced."""
        pid, = self.browser()
        for one in cdp.chromiums_of(self.stage.pid):
            os.kill(one, signal.SIGSTOP)
        step, = self.ask(self.stage, cdp.call(
            "evaluate", expression="1"), session="other")
        self.assertFalse(step["ok"])
        self.assertTrue(self.opens_good())
        self.assertNotIn(pid, cdp.chromiums_of(self.stage.pid))

    def test_memory(self):
        """A page without end loses its process, and nobody else theirs."""
        step = self.meanwhile("/eater")
        self.assertIsInstance(step["ok"], bool)

    def test_nothing_is_left(self):
        processes = cdp.chromiums_of(self.stage.pid)
        self.assertTrue(processes)
        self.stage.wait(cdp.SLOW)
        self.check_gone(processes)

    def test_nothing_is_left_after_a_kill(self):
        processes = cdp.chromiums_of(self.stage.pid)
        self.stage.signal(signal.SIGKILL)
        self.stage.process.wait()
        self.check_gone(processes)

    def check_gone(self, processes):
        def alive():
            found = []
            for pid in processes:
                try:
                    state = Path(f"/proc/{pid}/stat").read_text()
                except OSError:
                    continue
                # whoever is our init may not have buried it yet
                if state.rpartition(")")[2].split()[0] != "Z":
                    found.append(pid)
            return found
        support.wait_for(lambda: not alive(), cdp.SLOW,
                         "the browser's end", alive)


class Endpoints(cdp.TestCase):
    """What is at the address is not what it should be."""

    def serve(self, answer):
        """A server that says this to whoever connects."""
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        self.addCleanup(server.close)

        def work():
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                peer.recv(4096)
                answer(peer)
        threading.Thread(target=work, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    def said_of(self, url):
        self.configure(url=url, timeout_s=5)
        stage = self.start_stage()
        said = self.fail_to(stage, "open", url=self.site.url)
        # the stage itself goes on
        stage.send({"text": "hi", "reply": {"text": "done"}})
        self.assertEqual(stage.read()["reply"]["text"], "done")
        self.assert_status(stage.wait(), 0)
        return said

    def test_nobody_listens(self):
        self.assertIn("refused", self.said_of(
            f"http://127.0.0.1:{cdp.closed_port()}"))

    def test_not_chrome(self):
        self.assertIn("debugging port", self.said_of(self.site.url))

    def test_no_http(self):
        def answer(peer):
            peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            peer.close()
        self.assertIn("does not speak HTTP",
                      self.said_of(self.serve(answer)))

    def test_silent(self):
        kept = []
        self.assertIn("not ready within 5 s",
                      self.said_of(self.serve(kept.append)))

    def test_lying(self):
        """A WebSocket is promised and refused."""
        def answer(peer):
            body = b'{"webSocketDebuggerUrl":"ws://x/y"}'
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                         % (len(body), body))
            peer.close()
        self.assertIn("WebSocket", self.said_of(self.serve(answer)))

    def test_no_program(self):
        self.place.config({"browser": {"command": ["/nonexistent"],
                                       "timeout_s": 5}})
        stage = self.start_stage()
        said = self.fail_to(stage, "open", url=self.site.url)
        self.assertIn("/nonexistent", said)

    def test_program_that_is_no_browser(self):
        self.place.config({"browser": {"command": ["/bin/sh", "-c",
            "echo this is why >&2; exit 3"], "timeout_s": 5}})
        stage = self.start_stage()
        said = self.fail_to(stage, "open", url=self.site.url)
        self.assertIn("this is why", said)

    def test_url_and_command(self):
        self.place.config({"browser": {"command": ["x"],
                                       "url": "http://127.0.0.1:1"}})
        result = self.by_hand("-l")
        self.assert_status(result, 78)
        self.assertIn("not both", result.err)


class Certificate(cdp.TestCase):
    def test_wrong_certificate(self):
        folder = self.place.folder
        made = self.place.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-subj", "/CN=example.org", "-days", "2", "-keyout",
             folder / "key", "-out", folder / "cert"])
        if made.status != 0:
            raise unittest.SkipTest("openssl makes no certificate")
        site = cdp.Site({"/": GOOD})
        self.addCleanup(site.close)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert", folder / "key")
        site.server.socket = context.wrap_socket(
            site.server.socket, server_side=True)
        self.configure(allow=[f"127.0.0.1:{site.port}"])
        result = self.by_hand("text", f"https://127.0.0.1:{site.port}/")
        self.assert_status(result, 69)
        self.assertIn("certificate", result.err)


if __name__ == "__main__":
    unittest.main()
