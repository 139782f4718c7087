"""A gateway's HTTP API in a test's place, and clients of it."""
import http.client
import json
import re
import socket

import gateway
import support

TOKEN = "token-5d1f0a77c2"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:2000]!r}"


class ApiCase(gateway.GatewayCase):
    """`self.port` is there after start() or serve()."""

    token = TOKEN

    def configure(self, **more):
        self.place.env["OPENCLAW_GATEWAY_TOKEN"] = self.token
        super().configure(**more)

    def with_model(self, scripts=None, **more):
        """A fake model server, and a configuration that asks it."""
        server = self.model(scripts or {})
        self.configure(**{
            "primary_model": "openai/m", "fallbacks": [],
            "litellm_base_url": server.openai_url, **more})
        self.place.env["LITELLM_API_KEY"] = "k"
        return server

    def start(self, *options, **env):
        """A whole gateway."""
        stage = self.gateway(*options, **env)
        self.read_port(stage)
        return stage

    def serve(self, *options, program=("oc-spool", "put", "in"), **env):
        """The HTTP stage alone.  It ends by itself, and what it runs."""
        stage = self.place.start(
            ["oc-recv-http", "-d", "0", *options, "--", *program], **env)
        self.addCleanup(self.end_stage, stage)
        self.read_port(stage)
        return stage

    def end_stage(self, stage):
        if stage.process.poll() is None:
            self.assert_status(self.end(stage), 0)

    def read_port(self, stage):
        stage.wait_stderr("listens on ")
        self.port = int(re.findall(r"listens on \S+ port (\d+)",
                                   stage.stderr())[-1])

    def connect(self, timeout=support.DEADLINE_S):
        return http.client.HTTPConnection("127.0.0.1", self.port,
                                          timeout=timeout)

    def ask(self, method, path, body=None, token=TOKEN, connection=None,
            headers=()):
        """One request: an Answer."""
        own = connection or self.connect()
        headers = dict(headers)
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        own.request(method, path, body, headers)
        response = own.getresponse()
        answer = Answer(response.status, dict(response.getheaders()),
                        response.read())
        if connection is None:
            own.close()
        return answer

    def complete(self, text="hello", headers=(), **more):
        """A chat completion that is not streamed."""
        return self.ask("POST", "/v1/chat/completions", {
            "model": "openclaw",
            "messages": [{"role": "user", "content": text}], **more},
            headers=headers)

    def stream(self, path, body, headers=(), token=TOKEN):
        """Yields the lines of a stream as they come."""
        connection = self.connect()
        connection.request(
            "POST", path, json.dumps({**body, "stream": True}),
            {"Authorization": "Bearer " + token, **dict(headers)})
        response = connection.getresponse()
        self.assertEqual(response.status, 200, response.read(500)
                         if response.status != 200 else "")
        self.stream_headers = dict(response.getheaders())
        try:
            for line in response:
                yield line.decode().rstrip("\n")
        finally:
            response.close()
            connection.close()

    def raw(self, *pieces, seconds=support.DEADLINE_S, half_close=False):
        """Bytes as they are; all that comes back until the end."""
        with socket.create_connection(
                ("127.0.0.1", self.port), timeout=seconds) as s:
            for piece in pieces:
                s.sendall(piece)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            return read_all(s)


def read_all(s):
    data = b""
    while True:
        try:
            piece = s.recv(1 << 16)
        except (ConnectionResetError, socket.timeout):
            return data
        if not piece:
            return data
        data += piece


def events(lines):
    """The data of a stream of events, as JSON; DONE as it is."""
    for line in lines:
        if line.startswith("data: "):
            data = line[6:]
            yield data if data == "[DONE]" else json.loads(data)
