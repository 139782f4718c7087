"""The HTTP API of a gateway, as a caller sees it."""
import http.client
import json
import signal

import support

TOKEN, HOOKS = "gateway-token-0123456789", "hooks-token-9876543210"
INNER = "oc-plan | oc-exec-tool"
AGENT = ("oc-spool take in | oc-session open | oc-route-model | "
         f"oc-loop -k -- '{INNER}' | oc-session close")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:2000]!r}"


class ApiCase(support.TestCase):
    """oc-recv-http and the chain that answers, in a place of its own."""

    config = {}

    def setUp(self):
        super().setUp()
        support.need("oc-recv-http", "oc-spool", "oc-session", "oc-loop",
                     "oc-route-model", "oc-plan", "oc-exec-tool")
        self.model_server = self.model()
        self.place.env.update(
            OPENCLAW_GATEWAY_TOKEN=TOKEN, OPENCLAW_HOOKS_TOKEN=HOOKS,
            GEMINI_API_KEY="model-key", OC_LOG="info")
        self.configure()

    def tearDown(self):
        super().tearDown()
        if getattr(self, "http", None) and self.http.process.poll() is None:
            self.http.signal(signal.SIGTERM)
            self.assert_status(self.http.wait(), 0)

    def configure(self, **more):
        self.place.config({
            "providers": {"google": {
                "base_url": self.model_server.google_url}},
            **self.config, **more})

    def start_http(self, *options, **env):
        where = self.place.state / "run" / "http.json"
        where.unlink(missing_ok=True)
        self.http = self.place.start(
            ["oc-recv-http", "--port", "0", *options, "--", "oc-spool",
             "put", "in"], **env)
        support.wait_for(where.exists, what="the port",
                         state=self.http.stderr)
        self.port = json.loads(where.read_text())["port"]
        return self.http

    def start_agent(self):
        self.agent = self.place.start(["sh", "-c", AGENT])
        return self.agent

    def request(self, method, path, body=None, token=TOKEN, headers=(),
                seconds=support.DEADLINE_S):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=seconds)
        fields = {"Content-Type": "application/json", **dict(headers)}
        if token is not None:
            fields["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def post(self, path, body, **keywords):
        return self.request("POST", path, body, **keywords)

    def hook(self, path="/hooks/agent", body=None, **keywords):
        keywords.setdefault("token", HOOKS)
        return self.post(path, body, **keywords)

    def queued(self, queue="in"):
        """The turns that wait, in order."""
        folder = self.place.state / queue / "new"
        return [json.loads(p.read_text()) for p in sorted(folder.glob("*"))]

    def archived(self):
        """The ids of the turns that are finished."""
        return sorted(p.name.removesuffix(".ndjson") for p in
                      (self.place.state / "archive").glob("*/*.ndjson"))
