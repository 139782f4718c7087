#!/usr/bin/env python3
"""A Telegram Bot API server for tests.

    tests/fake/telegram.py [--port N] [--token T] [--rates] [--log FILE]

prints its port and serves until its input ends.  Each line of its input is a
message: JSON (an update without its id), or else the text that user 42, Ada,
sends.  What the bot sends is printed, a line of JSON each.  In a test:

    with Telegram() as telegram:    # telegram.url, telegram.token
        telegram.say("hello")       # Ada to the bot; more keywords, see say
        telegram.wait_sent(1)[0]["text"]
        telegram.fail("getUpdates", status=409, times=3)

`calls` has every request: method, params, status of the answer.  `sent` has
the messages as the person sees them; `texts` of one that was edited has every
text that it had.  `complaints` has what the real server would let pass and
what is wrong all the same.
"""
import argparse
import email
import email.policy
import json
import re
import select
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from fake.telegram_methods import (  # noqa: E402
    PARAMETERS, Methods, Upload, integer, structure)
from fake.telegram_text import Refused  # noqa: E402
from fake.telegram_webhook import Webhook  # noqa: E402

TOKEN = "7001:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
ADA = {"id": 42, "is_bot": False, "first_name": "Ada", "username": "ada"}
FAULTS = {
    "before": "closes the connection and does nothing",
    "after": "does it, and closes the connection without an answer",
    "half": "does it, and breaks off in the middle of the answer",
    "hang": "does nothing and never answers",
    "html": "answers with a page, as a proxy in between would",
    "empty": "answers with no bytes",
}


class File:
    def __init__(self, data, path):
        self.data, self.path = data, path


class Call:
    """One request, and the status that it was answered with."""

    def __init__(self, method, params):
        self.method, self.params = method, params
        self.at = time.monotonic()
        self.status = None  # None while it waits, 0 when broken off

    def __repr__(self):
        return f"{self.method}({self.params}) = {self.status}"


class Gone(Exception):
    """The connection is to be closed without another byte."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.handle_any(b"")

    def do_POST(self):
        self.handle_any(
            self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def handle_any(self, body):
        path = urlsplit(self.path)
        try:
            self.server.telegram.serve(self, path, body)
        except (Gone, BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, status, value):
        self.answer_bytes(status, json.dumps(value).encode())

    def answer_bytes(self, status, body, kind="application/json", half=False):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:len(body) // 2] if half else body)
        if half:
            raise Gone

    def is_gone(self):
        """Whether the client has closed the connection."""
        if not select.select([self.connection], [], [], 0)[0]:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        if isinstance(sys.exc_info()[1], ConnectionError):
            return  # a client that was killed
        self.telegram.complaints.append(repr(sys.exc_info()[1]))
        super().handle_error(request, client_address)


class Telegram(Webhook, Methods):
    def __init__(self, token=TOKEN, port=0, rates=False, username="claw_bot"):
        self.token, self.rates = token, rates
        self.me = {"id": int(token.partition(":")[0]), "is_bot": True,
                   "first_name": "Claw", "username": username}
        self.calls, self.sent, self.complaints = [], [], []
        self.pending, self.chats, self.files = [], {}, {}
        self.blocked, self.migrated, self.callbacks = set(), {}, set()
        self.commands, self.allowed = [], None
        self.faults, self.times = [], {}
        self.update_id, self.poller = 880000, None
        self.changed = threading.Condition()
        self.stopping = threading.Event()
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.telegram = self
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.serving = threading.Thread(
            target=self.server.serve_forever, args=(0.05,), daemon=True)

    def start(self):
        self.serving.start()
        self.start_webhook()
        return self

    def stop(self):
        self.stopping.set()
        with self.changed:
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # ---- what a test does

    def add_chat(self, chat=None, threads=(), **shown):
        """A chat that the bot may write to; Ada's by default."""
        with self.changed:
            return self._add_chat(chat or ADA["id"], threads, **shown)

    def _add_chat(self, chat, threads=(), **shown):
        kind = shown.pop("type", "private" if chat > 0 else "supergroup")
        known = self.chats.setdefault(chat, {
            "shown": {"id": chat, "type": kind, **shown}, "messages": {},
            "threads": set()})
        known["threads"].update(threads)
        return known

    def next_message(self, chat):
        return max(chat["messages"], default=0) + 1

    def say(self, text=None, sender=ADA, chat=None, kind="message", **fields):
        """A person's message: its update id.  `chat` is an id, negative for a
        group; fields are those of the Bot API (photo, reply_to_message, …)."""
        sender = {"is_bot": False, "first_name": f"User {sender}",
                  "id": sender} if isinstance(sender, int) else sender
        with self.changed:
            known = self._add_chat(chat or sender["id"])
            thread = fields.get("message_thread_id")
            if thread:
                known["threads"].add(thread)
                fields.setdefault("is_topic_message", True)
            message = {"message_id": self.next_message(known), "from": sender,
                       "chat": known["shown"], "date": int(time.time())}
            if text is not None:
                message["text"] = text
                if re.match(r"/\w", text):
                    message["entities"] = [{
                        "type": "bot_command", "offset": 0,
                        "length": len(text.split()[0])}]
            message.update(fields)
            known["messages"][message["message_id"]] = message
            return self._push({kind: message})

    def press(self, data, message, sender=ADA):
        """A person presses a button under a message of the bot."""
        with self.changed:
            query = f"q{self.update_id}"
            self.callbacks.add(query)
            return self._push({"callback_query": {
                "id": query, "from": sender, "message": message,
                "chat_instance": "1", "data": data}})

    def push(self, update):
        """An update as it is: its id."""
        with self.changed:
            return self._push(update)

    def _push(self, update):
        self.update_id += 1
        self.pending.append({"update_id": self.update_id, **update})
        self.changed.notify_all()
        return self.update_id

    def add_file(self, data, name="file.bin"):
        """A file that can be fetched: its file_id."""
        file_id = f"F{len(self.files):04}"
        self.files[file_id] = File(
            data, f"documents/file_{len(self.files)}{Path(name).suffix}")
        return file_id

    def fail(self, method, status=None, times=1, seconds=None, fault=None,
             description=None, retry_after=None):
        """The next `times` calls of the method (or all for so long) fail:
        with this status, or by one of FAULTS.  "file": the downloads."""
        if fault is not None and fault not in FAULTS:
            raise ValueError(f"no such fault: {fault}")
        until = time.monotonic() + seconds if seconds else None
        with self.changed:
            self.faults.append(dict(
                method=method, status=status, times=times, until=until,
                fault=fault, description=description,
                retry_after=retry_after))

    def calls_of(self, method):
        with self.changed:
            return [c for c in self.calls if c.method == method]

    def wait(self, condition, seconds=30, what="it"):
        """Waits until the condition holds and returns its value."""
        until = time.monotonic() + seconds
        with self.changed:
            while True:
                value = condition()
                if value:
                    return value
                left = until - time.monotonic()
                if left <= 0:
                    raise AssertionError(
                        f"waited {seconds} s for {what}; calls: "
                        f"{[c for c in self.calls][-10:]}")
                self.changed.wait(left)

    def wait_sent(self, count, seconds=30):
        """The messages, once there are so many."""
        return self.wait(lambda: len(self.sent) >= count and list(self.sent),
                         seconds, f"{count} messages")

    def wait_calls(self, method, count=1, seconds=30):
        """The answered calls of a method, once there are so many."""
        def enough():
            found = [c for c in self.calls
                     if c.method == method and c.status is not None]
            return len(found) >= count and found
        return self.wait(enough, seconds, f"{count} calls of {method}")

    def wait_confirmed(self, update_id, seconds=30):
        """Waits until the bot has confirmed this update."""
        self.wait(lambda: all(u["update_id"] > update_id
                              for u in self.pending) or None,
                  seconds, f"update {update_id} to be confirmed")

    # ---- serving

    def serve(self, handler, path, body):
        match = re.fullmatch(r"/(file/)?bot([^/]+)/(.+)", path.path)
        if not match:
            handler.answer(404, {"ok": False, "error_code": 404,
                                 "description": "Not Found"})
            return
        method = "file" if match[1] else match[3]
        call = Call(method, {})
        with self.changed:
            self.calls.append(call)
        try:
            if match[2] != self.token:
                raise Refused("Unauthorized", 401)
            if match[1]:
                self.serve_file(handler, call, match[3])
                return
            if method not in PARAMETERS:
                raise Refused("method not found", 404)
            call.params = self.read_params(handler, path, body)
            self.check_params(call)
            self.act(handler, call)
        except Refused as refused:
            self.refuse(handler, call, refused)
        except Gone:
            self.finish(call, 0)
            raise

    def read_params(self, handler, path, body):
        params = dict(parse_qsl(path.query))
        kind = handler.headers.get("Content-Type", "")
        if kind.startswith("application/json"):
            try:
                value = json.loads(body or b"{}")
            except ValueError:
                raise Refused("can't parse JSON object") from None
            params.update(value)
        elif kind.startswith("multipart/form-data"):
            message = email.message_from_bytes(
                b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body,
                policy=email.policy.HTTP)
            for part in message.iter_parts():
                name = part.get_param("name", header="content-disposition")
                data = part.get_payload(decode=True)
                params[name] = Upload(
                    part.get_filename(), part.get_content_type(), data) \
                    if part.get_filename() else data.decode()
        elif kind.startswith("application/x-www-form-urlencoded"):
            params.update(parse_qsl(body.decode()))
        elif body:
            raise Refused("unsupported Content-Type")
        return params

    def check_params(self, call):
        attached = {key for key, value in call.params.items()
                    if isinstance(value, Upload)}
        for key in set(call.params) - PARAMETERS[call.method] - attached:
            with self.changed:
                self.complaints.append(f"{call.method} has no {key}")

    def next_fault(self, method):
        with self.changed:
            now = time.monotonic()
            for fault in list(self.faults):
                if fault["until"] is not None and now > fault["until"]:
                    self.faults.remove(fault)
                elif fault["method"] in (method, "*"):
                    if fault["until"] is None:
                        fault["times"] -= 1
                        if fault["times"] == 0:
                            self.faults.remove(fault)
                    return fault
        return {}

    def fail_before(self, handler, fault):
        kind, status = fault.get("fault"), fault.get("status")
        if kind == "before":
            raise Gone
        if kind == "hang":
            while not handler.is_gone() and not self.stopping.wait(0.05):
                pass
            raise Gone
        if kind == "html":
            handler.answer_bytes(502, b"<html>Bad gateway</html>", "text/html")
        elif kind == "empty":
            handler.answer_bytes(200, b"")
        elif status is not None:
            extra = {"retry_after": fault["retry_after"]} \
                if fault["retry_after"] is not None else {}
            raise Refused(fault["description"] or "made to fail", status,
                          **extra)
        return kind in ("html", "empty")

    def act(self, handler, call):
        fault = self.next_fault(call.method)
        if self.fail_before(handler, fault):
            self.finish(call, 200 if fault["fault"] == "empty" else 502)
            return
        if call.method == "getUpdates":
            result = self.get_updates(handler, call.params)
        else:
            with self.changed:
                result = getattr(self, "do_" + call.method)(call.params)
                self.changed.notify_all()
        if fault.get("fault") == "after":
            raise Gone
        body = json.dumps({"ok": True, "result": result}).encode()
        if fault.get("fault") == "half":
            handler.answer_bytes(200, body, half=True)
        self.finish(call, 200)
        handler.answer_bytes(200, body)

    def refuse(self, handler, call, refused):
        body = {"ok": False, "error_code": refused.code,
                "description": refused.description}
        if refused.parameters:
            body["parameters"] = refused.parameters
        self.finish(call, refused.code)
        handler.answer(refused.code, body)

    def finish(self, call, status):
        with self.changed:
            call.status = status
            self.changed.notify_all()

    def serve_file(self, handler, call, path):
        fault = self.next_fault("file")
        self.fail_before(handler, fault)
        found = [f for f in self.files.values() if f.path == path]
        if not found:
            raise Refused("file not found", 404)
        if fault.get("fault") == "after":
            raise Gone
        if fault.get("fault") != "half":
            self.finish(call, 200)
        handler.answer_bytes(200, found[0].data, "application/octet-stream",
                             fault.get("fault") == "half")

    # ---- polling

    def get_updates(self, handler, params):
        """Confirms what is below the offset, and waits for what is there."""
        offset = integer(params, "offset", 0)
        limit = min(max(integer(params, "limit", 100) or 100, 1), 100)
        until = time.monotonic() + min(integer(params, "timeout", 0), 50)
        with self.changed:
            if self.webhook:
                raise Refused("can't use getUpdates method while webhook is "
                              "active; use deleteWebhook to delete the "
                              "webhook first", 409)
            allowed = structure(params, "allowed_updates", list)
            if allowed is not None:
                self.allowed = allowed
            me = self.poller = object()  # whoever polled before is sent away
            if offset < 0:
                offset = self.update_id + 1 + offset
            self.pending = [u for u in self.pending
                            if u["update_id"] >= offset]
            self.changed.notify_all()
            while True:
                if self.poller is not me:
                    raise Refused("terminated by other getUpdates request; "
                                  "make sure that only one bot instance is "
                                  "running", 409)
                found = [u for u in self.pending if not self.allowed
                         or set(u) & set(self.allowed)][:limit]
                left = until - time.monotonic()
                if found or left <= 0:
                    return found
                if handler.is_gone() or self.stopping.is_set():
                    raise Gone
                self.changed.wait(min(left, 0.1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--rates", action="store_true")
    parser.add_argument("--log", help="every call, a line each")
    options = parser.parse_args()
    with Telegram(options.token, options.port, options.rates) as telegram:
        print(telegram.port, flush=True)
        threading.Thread(
            target=show, args=(telegram, options.log), daemon=True).start()
        for line in sys.stdin:
            if line.startswith("{"):
                telegram.push(json.loads(line))
            elif line.strip():
                telegram.say(line.rstrip("\n"))


def show(telegram, log):
    """Prints each message that the bot sends, and logs its calls."""
    file = open(log, "a", buffering=1) if log else None
    shown = noted = 0
    while not telegram.stopping.is_set():
        with telegram.changed:
            telegram.changed.wait(1)
            sent, calls = telegram.sent[shown:], telegram.calls[noted:]
        for message in sent:
            print(json.dumps(message), flush=True)
        for call in calls:
            if file:
                file.write(f"{call}\n")
        shown, noted = shown + len(sent), noted + len(calls)


if __name__ == "__main__":
    main()
