"""What the tests of oc-cdp share: a Chromium, and a site with strange pages."""
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import support

STAGE = "oc-cdp"
# Debian's wrapper does not exec, so it would leave the browser behind.
CHROMIUM = next((path for path in (
    "/usr/lib/chromium/chromium-headless-shell", "/usr/lib/chromium/chromium",
    "/usr/lib/chromium-browser/chromium-browser") if os.access(path, os.X_OK)),
    None)
SLOW = 120  # seconds; a machine that runs many things at once


def call(name, call_id="c1", /, **args):
    return {"id": call_id, "name": "browser_" + name, "args": args}


def turn(*calls, session="s", id="t1", **keys):
    return {"type": "turn", "id": id, "session": session, "channel": "stdout",
            "text": "do it",
            "steps": [{"role": "assistant", "text": "", "calls": list(calls)}],
            **keys}


class Site:
    """Pages on loopback: a path and what is answered, or a function."""

    def __init__(self, pages):
        self.pages, self.seen = dict(pages), []
        self.ending = threading.Event()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                site.answer(self)

            do_POST = do_GET

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args):
                pass  # a browser that was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        request.body = request.rfile.read(length).decode()
        self.seen.append((request.path, dict(request.headers), request.body))
        page = self.pages.get(request.path.partition("?")[0])
        if callable(page):
            page = page(request)
        if page is None:
            reply(request, "nothing here", 404)
        elif page is not True:
            reply(request, page)

    def paths(self):
        return [path for path, _, _ in self.seen]

    def close(self):
        self.ending.set()
        self.server.shutdown()
        self.server.server_close()


def reply(request, text, status=200, **headers):
    data = text.encode() if isinstance(text, str) else text
    request.send_response(status)
    headers.setdefault("Content-Type", "text/html; charset=utf-8")
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)
    return True


class Chromium:
    """One that listens, as the sidecar does."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="oc-chromium-")
        self.process = subprocess.Popen(
            [CHROMIUM, "--headless", "--remote-debugging-port=0",
             "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--disable-breakpad",
             "--disable-crash-reporter", "--disable-dev-shm-usage",
             f"--user-data-dir={self.folder}/profile",
             *(["--no-sandbox"] if os.getuid() == 0 else []), "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "HOME": self.folder})
        port = Path(self.folder, "profile", "DevToolsActivePort")
        support.wait_for(lambda: port.exists() and port.read_text(), SLOW,
                         "Chromium's port")
        self.port = int(port.read_text().split()[0])
        self.url = f"http://127.0.0.1:{self.port}"

    def targets(self):
        import urllib.request
        with urllib.request.urlopen(self.url + "/json/list") as answer:
            return [t for t in json.load(answer) if t["type"] == "page"]

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for _ in range(50):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not os.path.exists(self.folder):
                break
            time.sleep(0.1)


def chromiums_of(pid):
    """Processes of a browser below a process."""
    found = []
    for one in support.descendants(pid):
        try:
            if b"chrom" in Path(f"/proc/{one}/cmdline").read_bytes():
                found.append(one)
        except OSError:
            pass
    return found


class TestCase(support.TestCase):
    pages = {}
    chromium = None

    @classmethod
    def setUpClass(cls):
        support.need(STAGE)
        if CHROMIUM is None:
            raise unittest.SkipTest("no Chromium is installed")
        cls.site = Site(cls.pages)
        cls.addClassCleanup(cls.site.close)

    @classmethod
    def shared_chromium(cls):
        if cls.chromium is None:
            cls.chromium = Chromium()
            cls.addClassCleanup(cls.chromium.close)
        return cls.chromium

    def configure(self, allow=None, started=False, url=None, **browser):
        if allow is None:
            allow = [f"127.0.0.1:{self.site.port}"]
        if started:
            browser["command"] = [CHROMIUM]
        else:
            browser["url"] = url or self.shared_chromium().url
        browser.setdefault("timeout_s", 60)
        return self.place.config(
            {"browser": browser, "tools": {"fetch": {"allow": allow}}})

    def start_stage(self, **env):
        return self.place.start([STAGE], **env)

    def ask(self, stage, *calls, session="s", id="t1", **keys):
        """The tool steps that the calls of one turn get."""
        stage.send(turn(*calls, session=session, id=id, **keys))
        record = stage.read(SLOW)
        self.assertIsNotNone(record, stage.stderr())
        self.assert_valid(record)
        self.turn = record
        return record["steps"][1:]

    def do(self, stage, name, /, session="s", **args):
        """The result of one call that must go well."""
        step, = self.ask(stage, call(name, **args), session=session)
        self.assertTrue(step["ok"], step)
        self.step = step
        return step["output"]

    def fail_to(self, stage, name, /, session="s", **args):
        step, = self.ask(stage, call(name, **args), session=session)
        self.assertFalse(step["ok"], step)
        self.step = step
        return step["output"]

    def reference(self, snapshot, words):
        """The reference in the line that holds these words."""
        line, = [one for one in snapshot.splitlines() if words in one]
        self.assertIn("[e", line)
        return line.partition("[")[2].partition("]")[0]

    def by_hand(self, *args, records=b"", seconds=SLOW, **env):
        return self.place.run([STAGE, *args], records, seconds, **env)


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
