"""No secret in a tool, in ps, in /proc, in a log, in a turn or in state."""
import unittest
from pathlib import Path

import support

PIPELINE = "oc-route-model | oc-loop -- 'oc-plan | oc-exec-tool'"
KEY = "s3cr3t-of-a-provider"
OTHERS = {
    "GEMINI_API_KEY": "s3cr3t-gemini", "MY_OWN_KEY": "s3cr3t-own",
    "TELEGRAM_BOT_TOKEN": "s3cr3t-telegram",
    "OPENCLAW_GATEWAY_TOKEN": "s3cr3t-gateway",
}
MARK = "s3cr3t"  # in every one of them
AGENTS = "## Say a word\n    say <word>\n"


class Secrets(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-route-model", "oc-loop", "oc-plan", "oc-exec-tool")
        self.place.agents(AGENTS)
        self.place.env.update(
            OTHERS, LITELLM_API_KEY=KEY, HARMLESS="stays", OC_LOG="debug")

    def configure(self, *answers, **exec_policy):
        model = self.model({"m": list(answers)}, openai_key=KEY)
        self.place.config({
            "primary_model": "openai/m", "fallbacks": [],
            "providers": {
                "openai": {"base_url": model.openai_url},
                "mine": {"kind": "openai", "key": "MY_OWN_KEY",
                         "base_url": "http://127.0.0.1:9/v1"}},
            "tools": {"exec": exec_policy}})
        return model

    def ask(self, **env):
        result = self.place.shell(PIPELINE, {"text": "hi"}, **env)
        self.assert_status(result, 0)
        self.assert_no_secret(MARK, result, self.place.state)
        return result.records[0]

    def exec(self, command):
        return {"calls": [{"name": "exec", "args": {"command": command}}]}

    def test_tool_has_none_in_its_environment(self):
        self.configure(self.exec("say hello"), {"text": "done"})
        self.place.fake("say", out="hello\n")
        record = self.ask()
        self.assertEqual(record["steps"][1]["output"].strip(), "hello")
        call, = self.place.calls("say")
        self.assert_no_secret(MARK, call)
        for name in [*OTHERS, "LITELLM_API_KEY"]:
            self.assertNotIn(name, call["env"])
            self.assertNotIn(name + "_FILE", call["env"])

    def test_shell_of_the_model_sees_none_of_its_own_chain(self):
        look = "env; tr '\\0' '\\n' </proc/self/environ; " \
               "tr '\\0' '\\n' </proc/$PPID/environ; echo seen"
        self.configure(self.exec(look), {"text": "done"}, policy="full")
        record = self.ask()
        self.assertIn("seen", record["steps"][1]["output"])

    def test_processes_have_wiped_theirs(self):
        model = self.configure({"text": "done", "delay": 1.5})
        running = self.place.start(["sh", "-c", PIPELINE])
        running.send({"text": "hi"})
        support.wait_for(lambda: model.requests)
        wiped = set()
        for pid in support.descendants(running.pid):
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            self.assert_no_secret(
                MARK, Path(f"/proc/{pid}/cmdline").read_bytes())
            if name in ("oc-plan", "oc-exec-tool", "oc-route-model"):
                wiped.add(name)
                self.assert_no_secret(
                    MARK, Path(f"/proc/{pid}/environ").read_bytes())
        self.assertEqual(wiped, {"oc-plan", "oc-exec-tool", "oc-route-model"})
        result = running.wait()
        self.assertEqual(result.records[0]["reply"]["text"], "done")
        self.assert_no_secret(MARK, result)

    def test_from_a_file(self):
        path = self.place.folder / "key"
        path.write_text(KEY + "\n")
        model = self.configure({"text": "done"})
        del self.place.env["LITELLM_API_KEY"]
        record = self.ask(LITELLM_API_KEY_FILE=str(path))
        self.assertEqual(record["reply"]["text"], "done")
        self.assertEqual(model.requests[0].headers["Authorization"],
                         f"Bearer {KEY}")

    def test_provider_that_repeats_the_key_in_its_error(self):
        self.configure({"status": 401,
                        "message": f"Incorrect API key provided: {KEY}."})
        record = self.ask()
        self.assertEqual(
            record["steps"][-1]["attempts"][0]["error"]["class"], "auth")

    def test_model_that_repeats_the_key(self):
        # It cannot know it, unless a page or a proxy told it.
        self.configure({"status": 500, "body": f"proxy: Bearer {KEY}"})
        self.ask()


if __name__ == "__main__":
    unittest.main()
