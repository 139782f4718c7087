"""oc-cdp: which addresses a page may reach, and who sees which cookies."""
import json
import os
import socket
import time
import unittest

import cdp
import support

FETCHES = """<title>Fetches</title><script>
const go = async () => {
  const out = [];
  for (const url of %s) {
    try { const r = await fetch(url, {mode: 'no-cors'}); out.push('got'); }
    catch (e) { out.push('failed'); }
  }
  for (const url of %s) out.push(await new Promise(done => {
    try { const w = new WebSocket(url); w.onopen = () => done('open');
      w.onerror = () => done('failed'); } catch (e) { done('threw'); } }));
  const worker = new Worker(URL.createObjectURL(new Blob([
    `fetch('%s', {mode: 'no-cors'}).then(() => postMessage('got'),
       () => postMessage('failed'))`])));
  out.push(await new Promise(done => worker.onmessage = e => done(e.data)));
  document.title = 'done'; document.body.innerText = out.join(' ');
}; onload = go;</script><body><img src=%s><iframe src=%s></iframe>"""
WEBRTC = """<title>WebRTC</title><body><script>onload = async () => {
  try {
    const c = new RTCPeerConnection({iceServers: [{urls: 'stun:%s'}]});
    c.createDataChannel('x');
    c.onicecandidate = e => { if (!e.candidate) document.title = 'done'; };
    await c.setLocalDescription(await c.createOffer());
  } catch (e) { document.title = 'done'; } }; </script>"""


def redirect(to):
    return lambda request: cdp.reply(request, "", 302, Location=to)


class Addresses(cdp.TestCase):
    """Only the port of the site is allowed; another one is the secret."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.secret = cdp.Site({"/": "<title>Secret</title>s3cret",
                                   "/x": "s3cret"})
        cls.addClassCleanup(cls.secret.close)
        hidden = cls.secret.url
        where = hidden.replace("127.0.0.1", "localhost")
        sockets = [u.replace("http:", "ws:") + "/ws" for u in (hidden, where)]
        cls.site.pages = {
            "/": "<title>Allowed</title>allowed",
            "/redirect": redirect(hidden),
            "/metadata": redirect("http://169.254.169.254/latest"),
            "/file": redirect("file:///etc/passwd"),
            "/script": f"<script>location = '{hidden}'</script>",
            "/fetches": FETCHES % (
                json.dumps([hidden + "/f", where + "/f",
                            "http://169.254.169.254/", "http://[::1]:1/",
                            "http://2130706433:%d/" % cls.secret.port]),
                json.dumps(sockets), hidden + "/worker", hidden + "/img",
                hidden + "/frame"),
        }

    def setUp(self):
        super().setUp()
        self.configure(keep="session", started=True)
        self.secret.seen.clear()

    def refused(self, url, *words, denied=True):
        said = self.fail_to(self.stage, "open", url=url)
        for word in words:
            self.assertIn(word, said)
        if denied:
            self.assertTrue(self.step["denied"], self.step)

    def test_refused_and_allowed(self):
        self.stage = self.start_stage()
        for url in ("http://169.254.169.254/", "http://10.0.0.1/",
                    "https://10.0.0.1/", "http://[fd00::1]/",
                    self.secret.url, "http://0x7f.1:%d/" % self.secret.port,
                    f"http://localhost:{self.secret.port}/",
                    self.site.url + "/redirect",
                    self.site.url + "/metadata"):
            with self.subTest(url):
                self.refused(url, "tools.fetch.allow")
        for url in ("file:///etc/passwd", "chrome://version/",
                    "view-source:http://127.0.0.1/", "data:text/html,x",
                    "javascript:alert(1)", "http://user:pass@10.0.0.1/"):
            with self.subTest(url):
                self.refused(url)
        self.refused(self.site.url + "/file", denied=False)
        said, = self.ask(self.stage, cdp.call(
            "open", url=self.site.url + "/script"))
        self.assertNotIn("Secret", said["output"])
        self.do(self.stage, "open", url=self.site.url)
        self.ask(self.stage, cdp.call(
            "evaluate", expression="location='file:///etc/passwd'"))
        said, = self.ask(self.stage, cdp.call("text"))
        self.assertNotIn("root:", said["output"])
        self.assertEqual(self.secret.seen, [])

    def test_whatever_a_page_asks_for(self):
        self.stage = self.start_stage()
        self.do(self.stage, "open", url=self.site.url + "/fetches")
        self.do(self.stage, "wait", selector="body:not(:has(img))")
        text = self.do(self.stage, "text")
        # a refusal is an answer to a request that asks for no more
        self.assertEqual(text.split()[-3:-1], ["failed"] * 2)
        self.assertEqual(self.secret.seen, [])

    def test_webrtc(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.settimeout(0.5)
            where = "127.0.0.1:%d" % listener.getsockname()[1]
            self.site.pages["/rtc"] = WEBRTC % where
            for started in (True, False):
                self.configure(started=started)
                stage = self.start_stage()
                self.do(stage, "open", url=self.site.url + "/rtc")
                stage.wait(cdp.SLOW)
                with self.assertRaises(TimeoutError):
                    listener.recv(100)

    def test_allowed_by_the_configuration(self):
        self.configure(allow=[f"127.0.0.1:{self.site.port}",
                              f"localhost:{self.secret.port}"], started=True)
        self.stage = self.start_stage()
        self.do(self.stage, "open",
                url=f"http://localhost:{self.secret.port}/")
        self.refused(self.secret.url)


def members(request):
    if "session=s3cretvalue" in (request.headers.get("Cookie") or ""):
        return ("<title>Members</title><p>welcome, member</p>"
                "<p>your cookie is s3cretvalue</p>")
    return cdp.reply(request, "<title>Login</title>please log in")


class Cookies(cdp.TestCase):
    pages = {"/members": members}

    def write_cookies(self, text):
        path = self.place.folder / "cookies"
        fresh = self.place.folder / "cookies.new"
        fresh.write_text(text)
        os.rename(fresh, path)
        return str(path)

    def netscape(self, value="s3cretvalue", expires=0, domain="127.0.0.1"):
        return ("# Netscape HTTP Cookie File\n"
                f"{domain}\tFALSE\t/\tFALSE\t{expires}\tsession\t{value}\n")

    def title(self, stage, session="s"):
        return self.do(stage, "open", session=session,
                       url=self.site.url + "/members")

    def start(self, text, **browser_keys):
        self.configure(cookies=self.write_cookies(text), **browser_keys)
        return self.start_stage()

    def test_one_session_and_not_another(self):
        stage = self.start(self.netscape(), keep="session",
                           cookies_when='.session == "mine"')
        self.assertIn("Members", self.title(stage, "mine"))
        self.assertIn("Login", self.title(stage, "other"))
        text = self.do(stage, "text", session="mine")
        self.assertIn("welcome, member", text)
        self.assertIn("your cookie is [cookie]", text)
        self.assertEqual(self.do(stage, "evaluate", session="mine",
                                 expression="document.cookie"), "")
        result = stage.wait(cdp.SLOW)
        self.assert_no_secret("s3cretvalue", stage, self.place.state)
        self.assertEqual(result.out, b"")

    def test_json_and_domains(self):
        text = json.dumps([{"name": "session", "value": "s3cretvalue",
                            "domain": "127.0.0.1", "path": "/",
                            "expires": time.time() + 1000,
                            "sameSite": "lax", "httpOnly": False}])
        stage = self.start(text)
        self.assertIn("Members", self.title(stage))
        stage = self.start(text, cookies_domains=["example.com"])
        self.assertIn("Login", self.title(stage))

    def test_changed_and_expired(self):
        stage = self.start(self.netscape("wrong"), keep="session")
        self.assertIn("Login", self.title(stage))
        self.write_cookies(self.netscape())
        self.assertIn("Members", self.title(stage))
        self.write_cookies(self.netscape(expires=1000))
        said = self.title(stage)
        self.assertIn("the cookies for 127.0.0.1 have expired", said)
        stage.wait_stderr("have expired")

    def test_no_cookies(self):
        stage = self.start("nonsense\n")
        self.assertIn("Login", self.title(stage))
        stage.wait_stderr("holds no cookie")


if __name__ == "__main__":
    unittest.main()
