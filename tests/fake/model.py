#!/usr/bin/env python3
"""A model provider for tests: Gemini and any OpenAI-compatible server in one.

    tests/fake/model.py [--port N] [--script FILE] [--google-key K]
        [--openai-key K] [--log FILE]

prints its port and serves until its input ends or a signal comes.  In a test:

    with ModelServer({"gemini-2.5-flash": [{"text": "Hi"}]}) as model:
        ...                     # model.google_url, model.openai_url
    model.requests, model.complaints

It serves POST /v1beta/models/MODEL:generateContent and :streamGenerateContent,
POST /v1/chat/completions, GET /v1/models.  A request that the real provider
would refuse is answered with 400, and the reason is kept in `complaints`.

The script gives each model its answers in order; the last one is repeated, and
a model without any echoes.  An answer is an object with any of:

    text, thought       what it says; what it thought
    calls               [{"name", "args", "id"?, "signature"?, "arguments"?}];
                        arguments: the text for OpenAI, which need not be JSON
    usage               {"input", "output", "cached"?, "thoughts"?}; null: none
    finish              the reason, in the provider's words
    mode                "echo": says the person's text
    steps, calls        with "mode": "tools": these calls for so many steps,
                        then the text
    delay, gap          seconds before the answer; between two writes
    piece               characters of text in an event (8)
    write               bytes in a write: 1 is byte by byte (0: an event)
    newline, comments   what ends a line of the stream; comments in between
    status              of an error, and with it message, code, retry_after (a
                        header), retry_delay (Google's), body (instead of JSON)
    fault               see FAULTS
"""
import argparse
import json
import re
import select
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from fake import google, openai  # noqa: E402

FAULTS = {
    "never": "accepts, reads the request and never answers",
    "head": "answers with a head and nothing after it",
    "close": "closes before answering",
    "reset": "resets the connection before answering",
    "nothing": "answers with a body of no bytes",
    "empty": "answers in the right form, without text and calls",
    "cut_start": "breaks off before any event",
    "cut_text": "breaks off after the first piece of text",
    "cut_call": "breaks off in the midst of the first call",
    "cut_end": "breaks off before it says that it is finished",
    "unfinished": "ends a stream in good order before it is finished",
    "stall": "falls silent after the first piece of text",
    "malformed": "sends an event that is not JSON after the first text",
    "error": "sends an error inside the stream after the first text",
    "html": "answers with a page of HTML",
    "huge": "sends text without end",
    "drip": "sends a comment now and then, and never an answer",
}
PROVIDERS = {"google": google, "openai": openai}


class Gone(Exception):
    """The client has left, or the answer is to break off here."""


class Request:
    """One request as it came in, and what was answered."""

    def __init__(self, kind, path, headers, body):
        self.kind, self.path, self.headers = kind, path, headers
        self.raw, self.body, self.model = body, None, None
        self.stream = False
        self.at = time.monotonic()
        self.answer = None
        self.left = False  # the client left before the end

    @property
    def text(self):
        return PROVIDERS[self.kind].last_text(self.body)[0]

    @property
    def results(self):
        return PROVIDERS[self.kind].results(self.body)

    def record(self):
        return {"kind": self.kind, "path": self.path, "model": self.model,
                "stream": self.stream, "headers": dict(self.headers),
                "body": self.body, "answer": self.answer}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path.startswith("/v1/models"):
            self.send_json(200, {"object": "list", "data": [
                {"id": name, "object": "model"}
                for name in self.server.model.scripts]})
        else:
            self.send_json(404, {"error": {"message": "not found"}})

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        kind = "openai" if self.path.startswith("/v1/chat/") else "google"
        request = Request(kind, self.path, self.headers, body)
        try:
            self.server.model.serve(self, request)
        except (Gone, BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    # What an answer is made of.

    def send_json(self, status, value, headers=()):
        self.send_body(status, json.dumps(value).encode(), headers)

    def send_body(self, status, body, headers=(), kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_stream(self, data, answer):
        """One event's bytes, in as many writes as the answer wants."""
        size = answer.get("write") or len(data)
        for i in range(0, len(data), size):
            piece = data[i:i + size]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.pause(answer.get("gap", 0))

    def end_stream(self):
        self.wfile.write(b"0\r\n\r\n")

    def pause(self, seconds):
        if seconds and self.server.model.stopping.wait(seconds):
            raise Gone

    def hang(self, request):
        """Says nothing until the client leaves or the server stops."""
        while not self.server.model.stopping.is_set():
            if select.select([self.connection], [], [], 0.1)[0]:
                if not self.connection.recv(1):
                    request.left = True
                    break
        raise Gone

    def break_off(self, reset=False):
        if reset:
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raise Gone


def sse(data, answer):
    newline = answer.get("newline", "\n")
    text = f"data: {data}{newline}{newline}"
    if answer.get("comments"):
        text = f": keep-alive{newline}{newline}{text}: more{newline}"
    return text.encode()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        if isinstance(sys.exc_info()[1], OSError):
            return  # a client that left, or that does not trust us
        self.model.complaints.append(repr(sys.exc_info()[1]))
        super().handle_error(request, client_address)


class ModelServer:
    def __init__(self, scripts=None, google_key=None, openai_key=None,
                 port=0, log=None, tls=None):
        self.scripts = {k: list(v) for k, v in (scripts or {}).items()}
        self.keys = {"google": google_key, "openai": openai_key}
        self.requests, self.complaints = [], []
        self.signatures = {}  # of calls that were made: the ones they had
        self.calls = 0
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.log = open(log, "a", buffering=1) if log else None
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.model = self
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        if tls:  # files of the certificate for localhost and of its key
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True,
                do_handshake_on_connect=False)
            self.url = f"https://localhost:{self.port}"
        self.google_url = self.url + "/v1beta"
        self.openai_url = self.url + "/v1"
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.05,), daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        if self.log:
            self.log.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def script(self, model, *answers):
        """From now on the model gives these answers."""
        with self.lock:
            self.scripts[model] = list(answers)

    def requests_to(self, model):
        with self.lock:
            return [r for r in self.requests if r.model == model]

    # ---- one request

    def serve(self, handler, request):
        provider = PROVIDERS[request.kind]
        try:
            self.read(provider, request)
        except (google.Wrong, KeyError, TypeError, ValueError) as error:
            self.note(request)
            with self.lock:
                self.complaints.append(f"{request.kind}: {error!r}")
            handler.send_json(400, provider.error(400, str(error), {}))
            return
        answer = self.next_answer(provider, request)
        request.answer = answer
        self.note(request)
        if not self.admit(handler, provider, request):
            return
        handler.pause(answer.get("delay", 0))
        if "status" in answer:
            self.send_error(handler, provider, answer)
        elif request.stream:
            self.send_stream(handler, provider, request, answer)
        else:
            self.send_whole(handler, provider, request, answer)

    def note(self, request):
        with self.lock:
            self.requests.append(request)
            if self.log:
                self.log.write(json.dumps(request.record()) + "\n")

    def read(self, provider, request):
        """Takes the request apart, and refuses what a provider would."""
        request.body = json.loads(request.raw)
        google.need("application/json" in
                    request.headers.get("Content-Type", ""),
                    "Content-Type is not application/json")
        google.need("key=" not in request.path, "the key is in the URL")
        if request.kind == "google":
            match = re.fullmatch(
                r"/v1beta/models/([^/:?]+):(generateContent|"
                r"streamGenerateContent\?alt=sse)", request.path)
            google.need(match, f"no such method: {request.path}")
            request.model = match[1]
            request.stream = match[2].startswith("stream")
        else:
            google.need(request.path == "/v1/chat/completions",
                        f"no such path: {request.path}")
            request.model = request.body["model"]
            request.stream = request.body.get("stream", False)
        provider.check(request.body)
        with self.lock:
            provider.check_signatures(request.body, self.signatures)

    def admit(self, handler, provider, request):
        """Checks the key; a wrong one is answered as the provider does."""
        wanted = self.keys[request.kind]
        if request.kind == "google":
            given = request.headers.get("x-goog-api-key")
            status, text = 400, ("API key not valid. Please pass a valid "
                                 "API key.")
        else:
            given = request.headers.get("Authorization", "")
            given = given[7:] if given.startswith("Bearer ") else None
            status, text = 401, "Authentication Error, Invalid key"
        if wanted is None or given == wanted:
            return True
        handler.send_json(status, provider.error(status, text, {}))
        return False

    def next_answer(self, provider, request):
        with self.lock:
            script = self.scripts.get(request.model, [{"mode": "echo"}])
            answer = dict(script.pop(0) if len(script) > 1 else script[0])
        text, steps = provider.last_text(request.body)
        if answer.get("mode") == "echo":
            answer["text"] = f"echo: {text}"
        if answer.get("mode") == "tools" and steps >= answer["steps"]:
            del answer["calls"]
        elif answer.get("mode") == "tools":
            answer.pop("text", None)
        if answer.get("fault") == "empty":
            answer["text"], answer["calls"] = "", []
        answer["calls"] = [self.new_call(provider, request, call)
                           for call in answer.get("calls", [])]
        return answer

    def new_call(self, provider, request, call):
        call = dict(call)
        with self.lock:
            self.calls += 1
            if request.kind == "openai":
                call.setdefault("id", f"call_{self.calls}")
            known = self.signatures.setdefault(provider.call_key(call), set())
            known.add(call.get("signature"))
        return call

    # ---- answers

    def send_error(self, handler, provider, answer):
        headers = [("Retry-After", str(answer["retry_after"]))] \
            if "retry_after" in answer else []
        if "body" in answer:
            handler.send_body(answer["status"], answer["body"].encode(),
                              headers, "text/plain")
            return
        message = answer.get("message", f"made to fail: {answer['status']}")
        handler.send_json(answer["status"], provider.error(
            answer["status"], message, answer), headers)

    def fail_early(self, handler, request, answer):
        """The faults before an answer begins; true if it is over."""
        fault = answer.get("fault")
        if fault is not None and fault not in FAULTS:
            raise ValueError(f"no such fault: {fault}")
        if fault == "never":
            handler.hang(request)
        if fault in ("close", "reset"):
            handler.break_off(fault == "reset")
        if fault == "nothing":
            handler.send_body(200, b"", (), "text/event-stream")
        if fault == "html":
            handler.send_body(200, b"<html><body>Welcome</body></html>", (),
                              "text/html")
        return fault in ("nothing", "html")

    def send_whole(self, handler, provider, request, answer):
        if self.fail_early(handler, request, answer):
            return
        fault = answer.get("fault", "")
        body = json.dumps(
            provider.whole(request.model, answer, request.body)).encode()
        if fault == "malformed":
            body = body[:-1] + b",,}"
        if fault == "huge":
            body = b'{"x":"' + b"x" * (64 << 20) + b'"}'
        if fault == "error":
            body = json.dumps(provider.error(
                answer.get("code", 503), "overloaded", answer)).encode()
        if fault.startswith("cut") or fault in ("head", "stall", "drip"):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            if fault not in ("head", "cut_start"):
                handler.wfile.write(body[:len(body) // 2])
            if fault.startswith("cut"):
                handler.break_off()
            handler.hang(request)
        handler.send_body(200, body)

    def send_stream(self, handler, provider, request, answer):
        if self.fail_early(handler, request, answer):
            return
        fault = answer.get("fault", "")
        handler.begin_stream()
        if fault == "cut_start":
            handler.break_off()
        if fault == "head":
            handler.hang(request)
        if fault == "drip":
            while True:
                handler.send_stream(b": wait\n\n", answer)
                handler.pause(0.02)
        said = set()
        for kind, data in provider.stream(
                request.model, answer, pieces(answer), request.body):
            if fault == "unfinished" and kind == "end":
                break
            if fault == "cut_end" and kind == "end":
                handler.break_off()
            if fault == "cut_call" and kind == "call":
                cut = sse(data, answer)
                handler.send_stream(cut[:len(cut) * 2 // 3], answer)
                handler.break_off()
            handler.send_stream(sse(data, answer), answer)
            if kind == "text" and kind not in said:
                self.fail_inside(handler, provider, request, answer)
            said.add(kind)
        handler.end_stream()

    def fail_inside(self, handler, provider, request, answer):
        """The faults after the first piece of text."""
        fault = answer.get("fault")
        if fault == "cut_text":
            handler.break_off()
        if fault == "stall":
            handler.hang(request)
        if fault == "malformed":
            handler.send_stream(sse('{"candidates":[{,}', answer), answer)
        if fault == "error":
            code = answer.get("code", 503)
            handler.send_stream(sse(json.dumps(provider.error(
                code, "overloaded", answer)), answer), answer)
            handler.end_stream()
            handler.break_off()
        while fault == "huge":
            for _, data in provider.stream(
                    request.model, answer, ["x" * 8192], request.body):
                handler.send_stream(sse(data, answer), answer)
                break


def pieces(answer):
    """The answer's text as the stream's events hold it."""
    text, size = answer.get("text", ""), answer.get("piece", 8)
    return [text[i:i + size] for i in range(0, len(text), size)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script")
    parser.add_argument("--google-key")
    parser.add_argument("--openai-key")
    parser.add_argument("--log")
    options = parser.parse_args()
    scripts = None
    if options.script:
        scripts = json.loads(Path(options.script).read_text())
    with ModelServer(scripts, options.google_key, options.openai_key,
               options.port, options.log) as model:
        print(model.port, flush=True)
        try:
            sys.stdin.read()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
