"""Models that fail: the reply comes from the next one, within the deadlines.

The fake provider (tests/fake/model.py) is both Gemini and LiteLLM here.
"""
import json
import socket
import time
import unittest

import support

KEYS = {"GEMINI_API_KEY": "google-s3cr3t", "LITELLM_API_KEY": "openai-s3cr3t"}
# Long enough for a fake in Python with thirty threads on a busy machine.
LIMITS = {"connect_s": 3, "first_byte_s": 3, "idle_s": 3, "call_s": 6}
AGENTS = """# Operations

## Say hello

Says hello to the world.

    echo hello
"""

# How a model fails, and how often it may be asked at most.
FAULTS = {
    "400": ({"status": 400}, 1),
    "401": ({"status": 401}, 1),
    "402": ({"status": 402}, 1),
    "403": ({"status": 403}, 1),
    "404": ({"status": 404}, 1),
    "429": ({"status": 429}, 2),
    "429-header": ({"status": 429, "retry_after": 120}, 1),
    "429-date": ({"status": 429,
                  "retry_after": "Fri, 31 Dec 2100 23:59:59 GMT"}, 1),
    "429-body": ({"status": 429, "retry_delay": "117s"}, 1),
    "500": ({"status": 500}, 2),
    "500-html": ({"status": 500, "body": "<html>Oops</html>"}, 2),
    "503": ({"status": 503}, 2),
    "529": ({"status": 529}, 2),
    "empty": ({"fault": "empty"}, 2),
    "nothing": ({"fault": "nothing"}, 2),
    "html": ({"fault": "html"}, 2),
    "close": ({"fault": "close"}, 2),
    "reset": ({"fault": "reset"}, 2),
    "cut-start": ({"fault": "cut_start"}, 2),
    "cut-text": ({"text": "half a", "fault": "cut_text"}, 2),
    "cut-call": ({"calls": [{"name": "exec", "args": {"command": "df"}}],
                  "fault": "cut_call"}, 2),
    "cut-end": ({"text": "nearly", "fault": "cut_end"}, 2),
    "unfinished": ({"text": "nearly", "fault": "unfinished"}, 2),
    "malformed": ({"text": "half a", "fault": "malformed"}, 2),
    "error": ({"text": "half a", "fault": "error"}, 2),
    "error-429": ({"text": "half a", "fault": "error", "code": 429}, 2),
    "never": ({"fault": "never"}, 1),
    "head": ({"fault": "head"}, 1),
    "stall": ({"text": "half a", "fault": "stall"}, 1),
    "drip": ({"fault": "drip"}, 1),
    "huge": ({"text": "half a", "fault": "huge"}, 1),
}
STREAMS_ONLY = ("unfinished",)  # a whole answer that is JSON is complete


class Fallback(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-plan")
        self.server = self.model(
            google_key=KEYS["GEMINI_API_KEY"],
            openai_key=KEYS["LITELLM_API_KEY"])
        self.server.script("second", {"text": "from the second"})
        self.configure()

    def configure(self, stream=True, **limits):
        self.place.env.update(KEYS)
        self.place.agents(AGENTS)
        self.place.config({
            "primary_model": "google/first",
            "fallbacks": ["openai/second", "local/runbook"],
            "litellm_base_url": self.server.url,
            "providers": {
                "google": {"base_url": self.server.google_url,
                           "stream": stream},
                "openai": {"stream": stream}},
            "workspace": str(self.place.workspace),
            "limits": LIMITS | limits})

    def turn(self, name, *models, **more):
        return {"type": "turn", "id": name, "session": f"test:{name}",
                "channel": "stdout", "text": "how are you?",
                "route": {"models": list(models)}, **more}

    def plan(self, *turns, seconds=support.DEADLINE_S):
        """The finished turns by their ids."""
        result = self.place.run(["oc-plan"], list(turns), seconds)
        self.assert_status(result, 0)
        self.assertEqual(self.server.complaints, [])
        for secret in KEYS.values():
            self.assert_no_secret(secret, result, self.place.state)
        records = {r["id"]: r for r in result.records}
        self.assertEqual(len(result.records), len(turns), result)
        for record in records.values():
            self.assert_valid(record)
        return records

    def assert_replied_by(self, record, model, text):
        self.assertIsNone(record.get("error"), record)
        self.assertEqual(record["reply"]["text"], text, record)
        self.assertEqual(record["steps"][-1]["model"], model, record)

    def each_fault(self, provider, without=()):
        """All at once, so that they also may not disturb each other."""
        turns, faults = [], {
            k: v for k, v in FAULTS.items() if k not in without}
        for name, (answer, _) in faults.items():
            self.server.script(name, answer)
            turns.append(self.turn(name, f"{provider}/{name}",
                                   "openai/second"))
        records = self.plan(*turns)
        for name, (_, most) in faults.items():
            with self.subTest(name):
                self.assert_replied_by(
                    records[name], "openai/second", "from the second")
                asked = len(self.server.requests_to(name))
                self.assertTrue(1 <= asked <= most, f"asked {asked} times")

    def test_each_fault_of_gemini(self):
        self.each_fault("google")

    def test_each_fault_of_litellm(self):
        self.each_fault("openai")

    def test_each_fault_without_streams(self):
        self.configure(stream=False)
        self.each_fault("google", STREAMS_ONLY)
        self.assertFalse(any(r.stream for r in self.server.requests))

    def test_each_fault_of_litellm_without_streams(self):
        self.configure(stream=False)
        self.each_fault("openai", STREAMS_ONLY)

    def test_no_address_and_nobody_listening(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for base in (f"http://127.0.0.1:{port}/v1beta",
                     "http://model.invalid/v1beta",
                     "https://127.0.0.1:%d/v1beta" % self.server.port):
            with self.subTest(base):
                self.place.config({
                    "primary_model": "google/first",
                    "litellm_base_url": self.server.url,
                    "providers": {"google": {"base_url": base}},
                    "limits": LIMITS})
                name = base.replace("/", "-").replace(":", "-")
                record = self.plan(self.turn(
                    name, "google/first", "openai/second"))[name]
                self.assert_replied_by(
                    record, "openai/second", "from the second")

    def test_retry_after_of_a_moment_is_honoured(self):
        self.server.script("busy", {"status": 429, "retry_after": 1},
                           {"text": "free again"})
        record = self.plan(self.turn(
            "busy", "google/busy", "openai/second"))["busy"]
        self.assertIn(record["reply"]["text"],
                      ("free again", "from the second"))
        self.assertLessEqual(len(self.server.requests_to("busy")), 2)
        first, *again = self.server.requests_to("busy")
        for request in again:
            self.assertGreaterEqual(request.at - first.at, 0.99)

    def test_text_of_a_failed_model_is_not_in_the_reply(self):
        self.server.script("first", {"text": "half a", "fault": "cut_text"})
        record = self.plan(self.turn(
            "cut", "google/first", "openai/second"))["cut"]
        self.assertNotIn("half", json.dumps(record["reply"]))
        said = [s.get("text") for s in record["steps"]
                if s["role"] == "assistant"]
        self.assertEqual(said, ["from the second"])

    def test_failed_attempts_are_counted(self):
        self.server.script("first", {"status": 500})
        record = self.plan(self.turn(
            "count", "google/first", "openai/second"))["count"]
        self.assertIn("google/first", json.dumps(record["steps"]))

    def test_others_are_not_delayed(self):
        self.configure(first_byte_s=20, call_s=20)
        self.server.script("first", {"fault": "never"})
        stage = self.place.start(["oc-plan"])
        stage.send([self.turn(f"stuck{i}", "google/first", "openai/second")
                    for i in range(20)])
        support.wait_for(lambda: len(self.server.requests_to("first")) == 20,
                         what="the stuck turns to ask")
        stage.send(self.turn("quick", "openai/second"))
        record = stage.read(10)
        self.assertEqual(record["id"], "quick")
        self.assertEqual(record["reply"]["text"], "from the second")

    def test_all_down_the_runbook_serves(self):
        self.server.script("first", {"status": 503})
        self.server.script("second", {"fault": "close"})
        record = self.plan(self.turn(
            "down", "google/first", "openai/second", "local/runbook",
            text="say hello to the world"))["down"]
        step = record["steps"][-1]
        self.assertEqual(step["model"], "local/runbook")
        self.assertTrue(step.get("calls") or record.get("reply"), record)

    def test_all_down_and_no_runbook_the_person_is_told(self):
        self.server.script("first", {"status": 503})
        self.server.script("second", {"fault": "never"})
        record = self.plan(self.turn(
            "down", "google/first", "openai/second"))["down"]
        self.assertIsNotNone(record["error"])
        for model in ("google/first", "openai/second"):
            self.assertIn(model, record["reply"]["text"])

    def test_one_model_asked_for_by_name_gives_no_other(self):
        self.server.script("first", {"status": 503})
        record = self.plan(self.turn("named", "google/first"))["named"]
        self.assertIsNotNone(record["error"])
        self.assertIn("google/first", record["reply"]["text"])
        self.assertEqual(self.server.requests_to("second"), [])

    def test_a_restart_remembers_an_open_breaker(self):
        self.server.script("first", {"status": 401})
        for name in ("one", "two"):
            record = self.plan(self.turn(
                name, "google/first", "openai/second"))[name]
            self.assert_replied_by(
                record, "openai/second", "from the second")
        self.assertEqual(len(self.server.requests_to("first")), 1)

    def test_three_failures_open_the_breaker(self):
        self.server.script("first", {"status": 500})
        for i in range(5):
            self.plan(self.turn(f"t{i}", "google/first", "openai/second"))
        self.assertLessEqual(len(self.server.requests_to("first")), 4)

    def test_a_breaker_does_not_make_a_turn_wait(self):
        self.configure(first_byte_s=1)
        self.server.script("first", {"fault": "never"})
        for i in range(3):
            self.plan(self.turn(f"t{i}", "google/first", "openai/second"))
        asked = len(self.server.requests_to("first"))
        start = time.monotonic()
        self.plan(self.turn("after", "google/first", "openai/second"))
        self.assertLess(time.monotonic() - start, 1)
        self.assertEqual(len(self.server.requests_to("first")), asked)

    def test_a_person_s_stop_ends_the_attempt(self):
        self.configure(first_byte_s=25, call_s=25)
        self.server.script("first", {"fault": "never"})
        stage = self.place.start(["oc-plan"])
        stage.send(self.turn("stop", "google/first", "openai/second"))
        support.wait_for(lambda: self.server.requests_to("first"),
                         what="the request")
        stage.send({"type": "stop", "session": "test:stop"})
        kinds = {}
        for _ in range(2):
            record = stage.read(10)
            kinds[record["type"]] = record
        self.assertEqual(set(kinds), {"turn", "stop"})
        self.assertEqual(self.server.requests_to("second"), [])
        support.wait_for(lambda: self.server.requests_to("first")[0].left,
                         what="the connection to be closed")

    def test_wrong_keys(self):
        self.place.env.update(GEMINI_API_KEY="wrong")
        record = self.plan(self.turn(
            "keys", "google/first", "openai/second"))["keys"]
        self.assert_replied_by(record, "openai/second", "from the second")


if __name__ == "__main__":
    unittest.main()
