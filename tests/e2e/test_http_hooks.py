"""Hooks: POST /hooks/agent, /hooks/wake and those that are mapped."""
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import re
import shutil
import time
import unittest

import support
from api import HOOKS, TOKEN, ApiCase

EXAMPLES = support.SOURCE / "share" / "examples" / "hooks"
SECRET = "github's secret"


def signed(body, secret=SECRET):
    mac = hmac.new(secret.encode(), body.encode(), hashlib.sha256)
    return {"X-Hub-Signature-256": "sha256=" + mac.hexdigest()}


class Agent(ApiCase):
    """What is put; nobody answers."""

    config = {"hooks": {"sessions": ["team:"], "to": "77"},
              "channels": {"telegram": {"enabled": True}}}

    def setUp(self):
        super().setUp()
        self.start_http()

    def test_a_hook_is_on_disk_when_it_is_answered(self):
        answer = self.hook(body={"message": "look at the disks",
                                 "name": "Cron"})
        self.assertEqual(answer.status, 200, answer)
        turn, = self.queued()
        self.assert_valid(turn)
        self.assertEqual(answer.json, {"ok": True, "runId": turn["id"]})
        self.assertIn("look at the disks", turn["text"])
        self.assertIn('"Cron"', turn["text"])
        self.assertEqual(turn["taint"], ["hook"])
        self.assertEqual(turn["channel"], "http")
        self.assertEqual(turn["from"], {"id": "hook", "name": "Cron"})
        self.assertTrue(turn["session"].startswith("hook:"), turn)

    def test_every_field(self):
        answer = self.hook(body={
            "message": "m", "sessionKey": "nightly", "deliver": True,
            "channel": "telegram", "to": "-10042:topic:7",
            "model": "google/gemini-2.5-pro", "timeoutSeconds": 30,
            "idempotencyKey": "k-1", "thinking": "high"})
        self.assertEqual(answer.status, 200, answer)
        turn, = self.queued()
        self.assertEqual(turn["id"], "hook-agent-k-1")
        self.assertEqual(turn["session"], "hook:nightly")
        self.assertEqual(turn["channel"], "telegram")
        self.assertEqual((turn["to"]["chat"], turn["to"]["thread"]),
                         ("-10042", "7"))
        self.assertEqual(turn["model"], "google/gemini-2.5-pro")
        self.assertEqual(turn["timeout_s"], 30)

    def test_delivery(self):
        for body, chat in (({}, None), ({"deliver": True}, "77"),
                           ({"channel": "last"}, "77"), ({"to": "5"}, "5"),
                           ({"deliver": False, "to": "5"}, None)):
            with self.subTest(body):
                run = self.hook(body={"message": "m", **body}).json["runId"]
                turn = [t for t in self.queued() if t["id"] == run][0]
                self.assertEqual(turn["to"].get("chat"), chat)
                self.assertEqual(turn["channel"],
                                 "telegram" if chat else "http")

    def test_the_same_key_twice_is_one_turn(self):
        first = self.hook(body={"message": "m", "idempotencyKey": "k"})
        again = self.hook(body={"message": "m", "idempotencyKey": "k"})
        header = self.hook(body={"message": "m"},
                           headers={"Idempotency-Key": "k"})
        self.assertEqual(first.json, again.json)
        self.assertEqual(first.json, header.json)
        self.assertEqual(len(self.queued()), 1)

    def test_two_of_one_session_are_two_turns(self):
        for text in ("one", "two"):
            self.hook(body={"message": text, "sessionKey": "s"})
        out = self.place.start(["oc-spool", "take", "in"])
        self.assertNotIn("ids", out.read())

    def test_no_hook_writes_into_a_persons_session(self):
        for asked, made in (("telegram:42", "hook:telegram:42"),
                            ("hook:x", "hook:x"), ("team:ops", "team:ops")):
            run = self.hook(body={"message": "m",
                                  "sessionKey": asked}).json["runId"]
            self.assertEqual([t["session"] for t in self.queued()
                              if t["id"] == run], [made])

    def test_wake(self):
        answer = self.hook("/hooks/wake", {"text": "the door is open",
                                           "mode": "now"})
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.json["ok"])
        turn, = self.queued()
        self.assertEqual(turn["session"], "hook:wake")
        self.assertEqual(turn["to"]["chat"], "77")
        self.assertIn("the door is open", turn["text"])
        self.assertEqual(self.hook("/hooks/wake", {
            "text": "x", "mode": "next-heartbeat"}).status, 200)
        self.assertEqual(self.hook("/hooks/wake", {
            "text": "x", "mode": "later"}).status, 400)

    def test_who_may(self):
        body = {"message": "m"}
        for token, headers, status in (
                (HOOKS, {}, 200), (None, {"X-OpenClaw-Token": HOOKS}, 200),
                (TOKEN, {}, 401), ("wrong", {}, 401), (None, {}, 401)):
            with self.subTest(token=token, **headers):
                answer = self.hook(body=body, token=token, headers=headers)
                self.assertEqual(answer.status, status, answer)
        answer = self.hook("/hooks/agent?token=" + HOOKS, body, token=None)
        self.assertEqual(answer.status, 400)
        self.assertEqual(self.request("GET", "/hooks/agent",
                                      token=HOOKS).status, 405)
        self.assertEqual(self.hook("/hooks/other", body).status, 404)
        self.assertEqual(len(self.queued()), 2)

    def test_what_is_wrong_is_told(self):
        for body, status in (
                ("{", 400), ("[]", 400), ({}, 400), ({"message": ""}, 400),
                ({"message": 5}, 400), ({"message": "m", "to": "@ada"}, 400),
                ({"message": "m", "to": 42}, 400),
                ({"message": "m", "channel": "pigeon"}, 400),
                ({"message": "m", "deliver": "yes"}, 400),
                ({"message": "m", "timeoutSeconds": 0}, 400),
                ({"message": "m", "timeoutSeconds": "5"}, 400),
                ({"message": "m", "idempotencyKey": "a\nb"}, 400),
                ({"message": "m", "idempotencyKey": "a\0b"}, 400),
                ({"message": "m", "idempotencyKey": "k" * 257}, 400),
                ({"message": "m", "sessionKey": "a\x1bb"}, 400),
                ({"message": "m", "model": "no-provider"}, 400),
                ({"message": "m" * (256 * 1024 + 1)}, 413)):
            with self.subTest(str(body)[:60]):
                answer = self.hook(body=body)
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(answer.json["error"]["type"],
                                 "invalid_request_error")
        self.assertEqual(self.queued(), [])

    def test_the_token_is_nowhere(self):
        self.hook(body={"message": "m"})
        self.hook(body={"message": "m"}, token="wrong-" + HOOKS)
        self.assert_no_secret(HOOKS, self.http, self.place.state)
        self.assert_no_secret_in_processes(HOOKS, self.http.pid)


class Answered(ApiCase):
    """With the whole chain behind it."""

    def setUp(self):
        super().setUp()
        self.start_http()

    def ask(self, **fields):
        return self.hook(body={"message": "how are you?",
                               "waitForCompletion": True, **fields})

    def test_waiting_for_the_result(self):
        self.start_agent()
        self.model_server.script("gemini-2.5-flash", {"text": "All is well."})
        answer = self.ask(idempotencyKey="k")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json, {
            "ok": True, "runId": "hook-agent-k", "status": "ok",
            "result": {"text": "All is well."}})
        # the same again has the same answer, and no model is asked
        self.assertEqual(self.ask(idempotencyKey="k").json, answer.json)
        self.assertEqual(len(self.model_server.requests), 1)

    def test_the_model_sees_data_and_not_orders(self):
        self.start_agent()
        self.ask()
        text = json.dumps(self.model_server.requests[0].body)
        self.assertRegex(text, r"--- begin (\w{26}) ---.*how are you\?.*"
                               r"--- end \1 ---")
        self.assertIn("came from outside", text)

    def test_waiting_for_what_is_delivered(self):
        self.configure(channels={"telegram": {"enabled": True}})
        self.http.kill()
        self.start_http()
        self.start_agent()
        self.model_server.script("gemini-2.5-flash", {"text": "Told."})
        answer = self.ask(to="42")
        self.assertEqual(answer.json["result"], {"text": "Told."})
        sent, = self.queued("out/telegram")
        self.assertEqual(sent["reply"]["text"], "Told.")
        self.assertEqual(sent["to"]["chat"], "42")

    def test_a_turn_that_fails(self):
        self.start_agent()
        self.model_server.script("gemini-2.5-flash", {"fault": "never"})
        answer = self.ask(timeoutSeconds=1)
        self.assertEqual(answer.status, 500, answer)
        self.assertEqual((answer.json["ok"], answer.json["status"]),
                         (False, "error"))
        self.assertIn("1 seconds", answer.json["result"]["text"])

    def test_a_deny_rule_sees_that_it_came_by_a_hook(self):
        self.configure(tools={"exec": {
            "deny": ['.turn.taint // [] | index("hook")']}})
        self.place.agents("# Ops\n\n## Greet\n\n    greet <name>\n")
        self.place.fake("greet", out="hello")
        self.start_agent()
        self.model_server.script(
            "gemini-2.5-flash",
            {"calls": [{"name": "exec", "args": {"command": "greet Ada"}}]},
            {"text": "done"})
        self.ask()
        self.assertEqual(self.place.calls("greet"), [])
        self.assertIn("denies this command",
                      json.dumps(self.model_server.requests[1].body))

    def test_whoever_leaves_ends_nothing(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(
            "POST", "/hooks/agent", json.dumps({
                "message": "m", "idempotencyKey": "gone",
                "waitForCompletion": True}),
            {"Authorization": f"Bearer {HOOKS}"})
        support.wait_for(self.queued, what="the turn")
        connection.close()
        self.start_agent()
        support.wait_for(lambda: self.archived() == ["hook-agent-gone"],
                         what="the end of the turn")


class Full(ApiCase):
    def test_a_full_disk_is_503_and_the_same_key_is_taken_later(self):
        self.place.script("oc-put-slowly", "#!/bin/sh\n"
                          "while [ -e full ]; do sleep 0.05; done\n"
                          "exec oc-spool put in\n")
        full = self.place.folder / "full"
        full.touch()
        where = self.place.state / "run" / "http.json"
        self.http = self.place.start(
            ["oc-recv-http", "--port", "0", "--", "oc-put-slowly"])
        support.wait_for(where.exists, what="the port")
        self.port = json.loads(where.read_text())["port"]
        body = {"message": "m", "idempotencyKey": "k"}
        answer = self.hook(body=body)
        self.assertEqual(answer.status, 503, answer)
        self.assertIn("Retry-After", answer.headers)
        full.unlink()
        self.assertEqual(self.hook(body=body).status, 200)
        self.assertEqual([t.get("type") for t in self.queued()], ["turn"])


class Mapped(ApiCase):
    """The examples, with what these programs really send."""

    def setUp(self):
        super().setUp()
        shutil.copy(EXAMPLES / "openclaw.yaml", self.place.folder)
        self.place.env["OC_CONFIG"] = str(
            self.place.folder / "openclaw.yaml")
        self.place.env["GITHUB_WEBHOOK_SECRET"] = SECRET

    def sample(self, name):
        return (EXAMPLES / name).read_text()

    def test_the_example_is_right(self):
        self.assert_status(
            self.place.run(["openclaw", "config", "check"]), 0)

    def test_alertmanager(self):
        self.start_http()
        body = self.sample("alertmanager.json")
        answer = self.hook("/hooks/alertmanager", body)
        self.assertEqual(answer.status, 200, answer)
        # the same notification again, as after a lost answer
        again = self.hook("/hooks/alertmanager", body)
        self.assertEqual(again.json, answer.json)
        turn, = self.queued()
        self.assert_valid(turn)
        self.assertEqual(turn["session"], "hook:alertmanager")
        self.assertTrue(turn["text"].startswith("These alerts fire"))
        self.assertIn("critical: KubePodCrashLooping namespace=llama "
                      "pod=ollama-0", turn["text"])
        self.assertIn("pod=litellm-7d9c", turn["text"])
        self.assertNotIn("redis-0", turn["text"])
        resolved = json.loads(body)
        resolved["status"] = "resolved"
        answer = self.hook("/hooks/alertmanager", resolved)
        self.assertEqual(answer.json, {"ok": True, "skipped": True})
        self.assertEqual(len(self.queued()), 1)
        self.assertEqual(
            self.hook("/hooks/alertmanager", body, token="x").status, 401)

    def test_github(self):
        self.start_http()
        body = self.sample("github-issue.json")
        headers = {"X-GitHub-Event": "issues", "X-GitHub-Delivery": "d-1",
                   "User-Agent": "GitHub-Hookshot/044aadd", **signed(body)}
        answer = self.hook("/hooks/github", body, token=None,
                           headers=headers)
        self.assertEqual(answer.status, 200, answer)
        turn, = self.queued()
        self.assertEqual(turn["id"], "hook-github-d-1")
        self.assertEqual(turn["session"], "hook:github:octocat/homelab")
        fenced = re.search(r"--- begin (\w+) ---\n(.*)\n--- end \1 ---$",
                           turn["text"], re.S)[2]
        self.assertIn("issue #1347 by mallory: The dashboard is down",
                      fenced)
        self.assertIn("delete the namespace", fenced)

        body = self.sample("github-push.json")
        headers.update({"X-GitHub-Event": "push", "X-GitHub-Delivery": "d-2",
                        **signed(body)})
        self.assertEqual(self.hook("/hooks/github", body, token=None,
                                   headers=headers).status, 200)
        self.assertIn("- grafana: more memory\n- readme: a typo",
                      self.queued()[1]["text"])
        headers["X-GitHub-Event"] = "ping"
        self.assertTrue(self.hook("/hooks/github", body, token=None,
                                  headers=headers).json["skipped"])

    def test_a_signature_that_is_wrong(self):
        self.start_http()
        body = self.sample("github-issue.json")
        for token, headers in (
                (None, {}), (HOOKS, {}), (TOKEN, {}),
                (None, signed(body, "other")), (None, signed(body + " ")),
                (None, {"X-Hub-Signature-256": "sha256="})):
            answer = self.hook("/hooks/github", body, token=token, headers={
                "X-GitHub-Event": "issues", **headers})
            self.assertEqual(answer.status, 401, answer)
        self.assertEqual(self.queued(), [])
        self.assert_no_secret(SECRET, self.http, self.place.state)

    def test_what_no_rule_thought_of_is_not_lost(self):
        self.start_http()
        answer = self.hook("/hooks/alertmanager", {
            "status": "firing", "alerts": "changed their format"})
        self.assertEqual(answer.status, 200)
        self.assertIn("changed their format", self.queued()[0]["text"])
        self.assertIn("the rule message failed", self.http.stderr())

    def test_cronjob(self):
        if not shutil.which("curl"):
            self.skipTest("there is no curl")
        self.place.config({"providers": {"google": {
            "base_url": self.model_server.google_url}}})
        self.start_http()
        self.start_agent()
        self.model_server.script("gemini-2.5-flash", {"text": "40% full."})
        for _ in range(2):
            result = self.place.run(
                [EXAMPLES / "cronjob.sh", "how full are the disks?", "job-7"],
                OPENCLAW_URL=f"http://127.0.0.1:{self.port}")
            self.assert_status(result, 0)
            self.assertEqual(result.out, b"40% full.\n")
        self.assertEqual(len(self.model_server.requests), 1)


class Refused(ApiCase):
    """Mappings that cannot be are refused at the start, with their place."""

    def refuse(self, mapping, said, place="6:"):
        self.place.config("hooks:\n  mappings:\n    - path: one\n"
                          "      message: .body\n"
                          f"    - path: {mapping}\n")
        result = self.place.run(["oc-recv-http", "--port", "0"])
        self.assert_status(result, 78)
        self.assertIn(f"openclaw.yaml:{place}", result.err)
        self.assertIn(said, result.err)

    def test_they_are_refused(self):
        self.refuse("two\n      message: '.body | ('", "hooks.mappings[1]")
        self.refuse("two\n      message: env.HOME", "reaches outside")
        self.refuse("one\n      message: .body", "another mapping", "5:")
        self.refuse("agent\n      message: .body", "built in", "5:")
        self.refuse("a/b\n      message: .body", "letters", "5:")
        self.refuse("two\n      message: .body\n      secret: NOT_SET",
                    "not set", "7:")

    def test_config_check_tells_all(self):
        self.place.config("hooks:\n  mappings:\n    - path: one\n"
                          "      message: '('\n      when: ')'\n")
        result = self.place.run(["openclaw", "config", "check"])
        self.assert_status(result, 78)
        self.assertIn("openclaw.yaml:4:", result.err)
        self.assertIn("openclaw.yaml:5:", result.err)

    def test_a_secret_is_no_tools_business(self):
        self.place.config({
            "hooks": {"mappings": [{"path": "x", "message": ".body",
                                    "secret": "MY_SECRET"}]},
            "tools": {"exec": {"env": ["MY_SECRET"]}}})
        result = self.place.run(["openclaw", "config", "check"])
        self.assert_status(result, 78)
        self.assertIn("holds a secret", result.err)


class Killed(ApiCase):
    """Nothing that was accepted is lost, and nothing is done twice."""

    COUNT = 100

    def send(self, number):
        """Until it is accepted, as a careful caller does."""
        body = {"message": f"hook number {number}.", "to": "42",
                "idempotencyKey": f"k{number}"}
        until = time.monotonic() + support.DEADLINE_S
        while time.monotonic() < until:
            try:
                answer = self.hook(body=body, seconds=10)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            if answer.status == 200:
                return answer.json["runId"]
        raise AssertionError(f"hook {number} was never accepted")

    def test_kill_in_the_middle_of_100_hooks(self):
        self.configure(channels={"telegram": {"enabled": True}})
        self.start_http()
        self.start_agent()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            runs = [pool.submit(self.send, i) for i in range(self.COUNT)]
            for share in (0.2, 0.5, 0.8):
                support.wait_for(
                    lambda: sum(r.done() for r in runs) >=
                    share * self.COUNT, what="hooks")
                self.http.kill()
                port = self.port
                self.start_http("--port", str(port))
                if share == 0.5:
                    self.agent.kill()
                    self.start_agent()
            accepted = {r.result() for r in runs}
        self.assertEqual(len(accepted), self.COUNT)
        support.wait_for(
            lambda: len(self.queued("out/telegram")) >= self.COUNT,
            what="all replies",
            state=lambda: (len(self.queued("out/telegram")),
                           self.agent.stderr()[-2000:]))
        replies = self.queued("out/telegram")
        self.assertEqual(sorted(t["id"] for t in replies), sorted(accepted))
        self.assertEqual(self.queued(), [])
        for turn in replies:
            number = turn["id"].removeprefix("hook-agent-k")
            self.assertIn(f"hook number {number}.", turn["reply"]["text"])
            self.assertNotIn("ids", turn)


if __name__ == "__main__":
    unittest.main()
