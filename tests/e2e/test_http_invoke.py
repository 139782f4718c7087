"""POST /tools/invoke: one tool, by the policy of the model's calls."""
import http.client
import json
import unittest

import support
from api import HOOKS, TOKEN, ApiCase

AGENTS = "# Ops\n\n## Greet\n\n    greet <name>\n\n## Rest\n\n    rest\n"


class Invoke(ApiCase):
    def setUp(self):
        super().setUp()
        self.place.agents(AGENTS)
        self.place.fake("greet", out="hello\n")
        self.start_http()
        self.start_agent()

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.model_server.requests, [], "a model was asked")

    def invoke(self, tool, args=None, **more):
        body = {"tool": tool, **more}
        if args is not None:
            body["args"] = args
        return self.post("/tools/invoke", body)

    def test_a_tool_is_run(self):
        answer = self.invoke("exec", {"command": "greet Ada"})
        self.assertEqual(answer.status, 200, answer)
        result = answer.json["result"]
        self.assertTrue(answer.json["ok"])
        self.assertEqual(result["content"],
                         [{"type": "text", "text": "hello\n"}])
        self.assertEqual(result["details"]["exit"], 0)
        self.assertNotIn("isError", result)
        self.assertEqual(self.place.calls("greet")[0]["argv"], ["Ada"])

    def test_the_files_of_the_workspace(self):
        self.assertEqual(self.invoke("write_file", {
            "path": "a.txt", "content": "x"}).status, 200)
        answer = self.invoke("read_file", {"path": "a.txt"})
        self.assertEqual(answer.json["result"]["content"][0]["text"], "x")
        answer = self.invoke("list_files")
        self.assertIn("a.txt", answer.json["result"]["content"][0]["text"])

    def test_a_tool_that_fails_has_a_result(self):
        self.place.fake("greet", out="no", status=3)
        for tool, args, text in (
                ("exec", {"command": "greet Ada"}, "exit status 3"),
                ("exec", {"comand": "greet"}, "comand"),
                ("read_file", {"path": "nowhere"}, "no such file")):
            answer = self.invoke(tool, args)
            self.assertEqual(answer.status, 200, answer)
            self.assertTrue(answer.json["result"]["isError"])
            self.assertIn(text, answer.json["result"]["content"][0]["text"])

    def test_denied_and_unknown_are_alike(self):
        answers = [self.invoke(tool, args) for tool, args in (
            ("no_such_tool", {}), ("exec", {"command": "rm -r x"}),
            ("exec", {"command": "greet Ada; id"}),
            ("read_file", {"path": "/etc/passwd"}),
            ("write_file", {"path": "AGENTS.md", "content": "x"}),
            ("fetch_url", {"url": "http://127.0.0.1:1/"}))]
        self.assertEqual([a.status for a in answers], [404] * len(answers),
                         answers)
        self.assertEqual(len({a.body for a in answers}), 1)
        self.assertEqual(answers[0].json["error"]["type"], "not_found")

    def test_a_dry_run(self):
        for tool, args, permitted in (
                ("exec", {"command": "greet Ada"}, True),
                ("exec", {"command": "rm -r x"}, False),
                ("write_file", {"path": "b", "content": "x"}, True),
                ("no_such_tool", {}, False)):
            answer = self.invoke(tool, args, dryRun=True)
            self.assertEqual(answer.json, {
                "ok": True, "dryRun": True, "permitted": permitted})
        self.assertEqual(self.place.calls("greet"), [])
        self.assertFalse((self.place.workspace / "b").exists())

    def test_rules_see_the_session(self):
        self.agent.kill()
        self.configure(tools={"exec": {
            "deny": ['.turn.session != "ops"']}})
        self.start_agent()
        args = {"command": "greet Ada"}
        self.assertEqual(self.invoke("exec", args).status, 404)
        self.assertEqual(
            self.invoke("exec", args, sessionKey="ops").status, 200)

    def test_what_is_wrong_is_told(self):
        for body in ("{", {}, {"tool": 5}, {"tool": ""},
                     {"tool": "dry_run:exec"}, {"tool": "a\0b"},
                     {"tool": "exec", "args": []},
                     {"tool": "exec", "dryRun": 1},
                     {"tool": "exec", "sessionKey": ""}):
            answer = self.post("/tools/invoke", body)
            self.assertEqual(answer.status, 400, answer)
            self.assertEqual(answer.json["error"]["type"],
                             "invalid_request_error")

    def test_who_may(self):
        body = {"tool": "exec", "args": {"command": "greet Ada"}}
        for token in (None, "wrong", HOOKS):
            answer = self.post("/tools/invoke", body, token=token)
            self.assertEqual(answer.status, 401)
        self.assertEqual(self.place.calls("greet"), [])

    def test_nothing_is_left_in_a_transcript(self):
        self.invoke("exec", {"command": "greet Ada"}, sessionKey="s")
        sessions = self.place.state / "sessions"
        self.assertEqual(list(sessions.glob("*.ndjson")), [])

    def test_whoever_leaves_stops_it(self):
        pid = self.place.folder / "pid"
        self.place.script("rest", f"#!/bin/sh\necho $$ >{pid}\n"
                          "exec sleep 60\n")
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(
            "POST", "/tools/invoke", json.dumps({
                "tool": "exec", "args": {"command": "rest"}}),
            {"Authorization": f"Bearer {TOKEN}"})
        support.wait_for(lambda: pid.exists() and pid.read_text(),
                         what="the command")
        connection.close()
        support.wait_for(self.archived, what="the end of the turn")


if __name__ == "__main__":
    unittest.main()
