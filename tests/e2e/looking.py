"""oc-recv-http in a test's place, and a state to look at."""
import http.client
import json
import os
import re
import signal
import time
import urllib.parse

import support

TOKEN = "a-token-of-the-gateway-1234567890"


class LookingCase(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-recv-http", "oc-spool")
        self.place.env["OPENCLAW_GATEWAY_TOKEN"] = TOKEN
        self.place.config({"primary_model": "local/runbook"})

    def serve(self, *options, **env):
        """Starts it and waits until it listens."""
        stage = self.place.start(
            ["oc-recv-http", "--port", "0", *options, "--", "oc-spool",
             "put", "in"], OC_LOG="info", **env)
        self.addCleanup(self.end, stage)
        self.port = self.port_of(stage)
        self.get("/healthz")  # the state was looked at before
        return stage

    def port_of(self, stage):
        return int(support.wait_for(
            lambda: re.search(r"listens on .*port (\d+)", stage.stderr()),
            what="the port", state=stage.stderr).group(1))

    def end(self, stage):
        """It ends in good order, and has lost no memory."""
        if stage.process.poll() is None:
            stage.signal(signal.SIGTERM)
            self.assert_status(stage.wait(), 0)

    def open(self, path, token=TOKEN, method="GET", **headers):
        """The answer, its body not read yet."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=support.DEADLINE_S)
        self.addCleanup(connection.close)
        if token:
            headers["Authorization"] = "Bearer " + token
        connection.request(method, path, headers=headers)
        return connection.getresponse()

    def get(self, path, token=TOKEN, status=200):
        """The JSON of an answer with this status."""
        answer = self.open(path, token, Connection="close")
        body = answer.read()
        self.assertEqual(answer.status, status, body[:500])
        return json.loads(body)

    # What other programs would leave in the state.

    def write(self, path, lines):
        file = self.place.state / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "a") as out:
            for line in lines:
                out.write(json.dumps(line) + "\n")
        return file

    def run_turn(self, id, lines):
        return self.write(f"turns/{name_of(id)}/journal.ndjson", lines)

    def finish_turn(self, id, day=None):
        """Moves its journal to the archive, as oc-session close does."""
        folder = self.place.state / "turns" / name_of(id)
        day = day or time.strftime("%Y-%m-%d", time.gmtime())
        to = self.place.state / "archive" / day
        to.mkdir(parents=True, exist_ok=True)
        os.rename(folder / "journal.ndjson", to / (name_of(id) + ".ndjson"))
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()


def name_of(id):
    return urllib.parse.quote(id, safe="_:@+=,.-")


def now_ms():
    return int(time.time() * 1000)


def journal(id, session="s", channel="telegram", text="greet Ada", at=None,
            error=None):
    """A turn with a fallback, two calls and an answer."""
    at = at or now_ms() - 5000
    end = {"event": "end", "at": at + 3000, "reply": {"text": "It is done."},
           "route": {"models": ["a/b", "c/d"], "rule": "default"}}
    if error:
        end["error"] = error
    return [
        {"event": "begin", "at": at, "run": 1, "turn": {
            "id": id, "session": session, "channel": channel, "text": text,
            "from": {"id": "7", "name": "Ada"}}},
        {"event": "step", "at": at + 1000, "step": {
            "role": "assistant", "model": "c/d", "ms": 400, "text": "",
            "calls": [{"id": "1", "name": "exec",
                       "args": {"command": "greet Ada"}},
                      {"id": "2", "name": "read_file",
                       "args": {"path": "x"}}],
            "usage": {"input": 100, "output": 10, "cached": 40},
            "cost": 0.25,
            "attempts": [{"model": "a/b", "ms": 300, "error": {
                "class": "overloaded", "message": "HTTP 503",
                "status": 503}}]}},
        {"event": "call", "at": at + 1001, "call": {
            "id": "1", "name": "exec", "args": {"command": "greet Ada"}}},
        {"event": "step", "at": at + 1050, "step": {
            "role": "tool", "call": "2", "ok": False, "ms": 2,
            "output": "no such file"}},
        {"event": "step", "at": at + 1500, "step": {
            "role": "tool", "call": "1", "ok": True, "exit": 0, "ms": 490,
            "output": "hello Ada\n"}},
        {"event": "step", "at": at + 2990, "step": {
            "role": "assistant", "model": "a/b", "ms": 1480,
            "text": "It is done.",
            "usage": {"input": 200, "output": 20}}},
        end]


class Events:
    """The events of a stream, one after the other."""

    def __init__(self, answer):
        self.answer = answer

    def next(self):
        """(event, data), or None at the end."""
        event, data = "message", ""
        while True:
            line = self.answer.readline().decode()
            if not line:
                return None
            line = line.rstrip("\n")
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                data += line[6:]
            elif not line and data:
                return event, json.loads(data)

    def until(self, wanted):
        """Everything up to the first event of this kind, it included."""
        found = []
        while True:
            one = self.next()
            if one is None:
                raise AssertionError(f"no {wanted}; there were {found}")
            found.append(one)
            if one[0] == wanted:
                return found
