"""A headless Chromium, driven over WebDriver with the standard library."""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import support

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars",
         "--force-color-profile=srgb", "--lang=en-US"]
DESKTOP = (1280, 800)
PHONE = (390, 844)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
SHOTS = support.BUILD / "screenshots"


class WebDriverError(Exception):
    pass


class Browser:
    """Close it.  Every wait has a deadline."""

    def __init__(self):
        if not shutil.which("chromedriver") or not shutil.which("chromium"):
            raise unittest.SkipTest("there is no chromium with chromedriver")
        self.folder = tempfile.mkdtemp(prefix="oc-browser-")
        self.log = open(os.path.join(self.folder, "driver.log"), "w+b")
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0", "--log-level=WARNING"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            start_new_session=True, env={**os.environ, "HOME": self.folder})
        self.session = None
        try:
            self.url = "http://127.0.0.1:" + support.wait_for(
                self._port, what="chromedriver's port", state=self._said)
            self.session = self._begin()
        except BaseException:
            self.close()
            raise

    def _said(self):
        with open(self.log.name, "rb") as log:
            return log.read().decode(errors="replace")

    def _port(self):
        found = re.search(r"successfully on port (\d+)", self._said())
        return found and found.group(1)

    def _begin(self):
        profile = os.path.join(self.folder, "profile")
        value = self._call("POST", "/session", {"capabilities": {
            "alwaysMatch": {
                "browserName": "chrome",
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {
                    "binary": shutil.which("chromium"),
                    "args": FLAGS + [f"--user-data-dir={profile}"]}}}})
        return "/session/" + value["sessionId"]

    def _call(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=support.DEADLINE_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise WebDriverError(
                f"{value['error']}: {value['message']:.500}") from None

    def close(self):
        try:
            if self.session:
                self._call("DELETE", self.session)
        except (OSError, WebDriverError):
            pass
        self.driver.terminate()
        self.driver.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What a person does and sees.

    def go(self, url):
        self._call("POST", self.session + "/url", {"url": url})

    def js(self, script, *args):
        return self._call("POST", self.session + "/execute/sync",
                          {"script": script, "args": list(args)})

    def cdp(self, command, **parameters):
        return self._call("POST", self.session + "/goog/cdp/execute",
                          {"cmd": command, "params": parameters})

    def all(self, css):
        found = self._call("POST", self.session + "/elements",
                           {"using": "css selector", "value": css})
        return [one[ELEMENT] for one in found]

    def wait(self, css, seconds=support.DEADLINE_S):
        """The first element that fits, once it is there."""
        return support.wait_for(lambda: self.all(css), seconds, css,
                                self.text)[0]

    def wait_text(self, text, css="body", seconds=support.DEADLINE_S):
        support.wait_for(lambda: text in self.text(css), seconds,
                         f"{text!r} in {css}", self.text)

    def text(self, css="body"):
        """What can be seen of it."""
        return self.js("const e = document.querySelector(arguments[0]);"
                       "return e ? e.innerText : ''", css)

    def click(self, css):
        self._call("POST", f"{self.session}/element/{self.wait(css)}/click",
                   {})

    def type(self, css, text):
        """Enter is "\\ue007", Tab "\\ue004", Escape "\\ue00c"."""
        self._call("POST", f"{self.session}/element/{self.wait(css)}/value",
                   {"text": text})

    def keys(self, text):
        """To what has the focus."""
        actions = [{"type": kind, "value": c} for c in text
                   for kind in ("keyDown", "keyUp")]
        self._call("POST", self.session + "/actions", {"actions": [
            {"type": "key", "id": "keys", "actions": actions}]})

    def size(self, size, mobile=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=size[0],
                 height=size[1], deviceScaleFactor=2 if mobile else 1,
                 mobile=mobile)

    def dark(self, on):
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if on else "light"}])

    def screenshot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        data = self._call("GET", self.session + "/screenshot")
        path = SHOTS / (name + ".png")
        path.write_bytes(base64.b64decode(data))
        return path

    def complaints(self):
        """What the page's console says is wrong."""
        return [one["message"] for one in
                self._call("POST", self.session + "/se/log",
                           {"type": "browser"})
                if one["level"] in ("WARNING", "SEVERE")]
