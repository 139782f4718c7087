"""Turns that ask for a tool and for no model."""
import json
import unittest

import support

LOOP = ["oc-loop", "--", "oc-plan | oc-exec-tool"]
AGENTS = "# Operations\n\n## Greet\n\n    greet <name>\n"


def turn(tool, **args):
    return {"id": "i1", "session": "s", "text": "", "invoke": True,
            "steps": [{"role": "assistant", "calls": [
                {"id": "c1", "name": tool, "args": args}]}]}


class Invoked(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-loop", "oc-plan", "oc-exec-tool", "oc-session")
        self.server = self.model()
        self.place.env["GEMINI_API_KEY"] = "k"
        self.place.config({"providers": {"google": {
            "base_url": self.server.url + "/v1beta"}}})
        self.place.agents(AGENTS)
        self.place.fake("greet", out="hello\n")

    def ask(self, tool, **args):
        result = self.place.run(LOOP, turn(tool, **args))
        self.assert_status(result, 0)
        self.assert_valid(result.records[0])
        self.assertEqual(self.server.requests, [], "a model was asked")
        return result.records[0]["reply"]

    def test_the_result_is_the_reply(self):
        reply = self.ask("exec", command="greet Ada")
        self.assertEqual(reply["text"], "hello\n")
        self.assertEqual(reply["results"][0]["exit"], 0)
        self.assertEqual(len(self.place.calls("greet")), 1)

    def test_what_is_denied_says_so(self):
        for tool, args in (("exec", {"command": "rm -r x"}),
                           ("read_file", {"path": "/etc/passwd"}),
                           ("write_file", {"path": "AGENTS.md",
                                           "content": "x"}),
                           ("no_such_tool", {})):
            with self.subTest(tool):
                result = self.ask(tool, **args)["results"][0]
                self.assertEqual((result["ok"], result.get("denied")),
                                 (False, True))
        result = self.ask("read_file", path="not-there")["results"][0]
        self.assertNotIn("denied", result)

    def test_a_dry_run_does_nothing(self):
        for tool, args, permitted in (
                ("exec", {"command": "greet Ada"}, True),
                ("exec", {"command": "greet Ada; greet Bob"}, False),
                ("write_file", {"path": "new/a", "content": "x"}, True),
                ("write_file", {"path": "AGENTS.md", "content": "x"}, False),
                ("edit_file", {"path": "/etc/a", "old": "a", "new": "b"},
                 False),
                ("read_file", {"path": "AGENTS.md"}, True),
                ("list_files", {"path": "/etc"}, False),
                ("fetch_url", {"url": "http://127.0.0.1:1/"}, True),
                ("no_such_tool", {}, False)):
            with self.subTest(tool, **args):
                result = self.ask("dry_run:" + tool, **args)["results"][0]
                self.assertEqual(result["ok"], permitted, result)
                self.assertEqual(result.get("denied", False), not permitted)
        self.assertEqual(self.place.calls("greet"), [])
        self.assertEqual([p.name for p in self.place.workspace.iterdir()],
                         ["AGENTS.md"])

    def test_deny_rules_see_the_call_of_a_dry_run_as_it_would_be(self):
        self.place.config({"tools": {"exec": {
            "deny": ['.call.name == "exec"']}}})
        result = self.ask("dry_run:exec", command="greet Ada")["results"][0]
        self.assertTrue(result["denied"])

    def test_after_a_crash_no_model_is_asked_either(self):
        self.assert_status(self.place.run(["oc-spool", "put", "in"],
                                          turn("exec", command="greet Ada")),
                           0)
        inner = LOOP[-1]
        # the first run ends behind the tool, before the turn is closed
        take = self.place.start(["oc-spool", "take", "in"])
        taken = take.read()
        take.kill()
        self.place.shell(f"oc-session open | {inner} >/dev/null", taken)
        self.assertEqual(len(self.place.calls("greet")), 1)
        self.place.shell(f"oc-spool take -e in | oc-session open | "
                         f"oc-loop -- '{inner}' | oc-session close")
        sent = [json.loads(p.read_text()) for p in
                (self.place.state / "out" / "stdout" / "new").iterdir()]
        self.assertEqual([t["reply"]["text"] for t in sent], ["hello\n"])
        self.assertEqual(len(self.place.calls("greet")), 1)
        self.assertEqual(self.server.requests, [])
        self.assertFalse((self.place.state / "sessions").exists()
                         and list((self.place.state / "sessions").iterdir()),
                         "it is in the transcript")


if __name__ == "__main__":
    unittest.main()
