"""openclaw doctor: what it finds wrong, and its exit status."""
import socket
import unittest

import support

TOKEN = "7001:AAF-secret_secret_secret_secret_secre"
KEY = "gemini-key-5ecret"


class Doctor(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-session", "oc-gateway")
        self.place.agents("# Disks\n\n    df -h\n")
        self.place.config({"primary_model": "local/runbook"})
        self.place.state.chmod(0o700)

    def doctor(self, status, *argv, **env):
        """The levels and texts by name."""
        result = self.place.run(
            ["openclaw", "doctor", "--offline", "--json", *argv], **env)
        self.assert_status(result, status)
        self.assert_no_secret(TOKEN, result)
        self.assert_no_secret(KEY, result)
        found = {}
        for check in result.records[0]["checks"]:
            found.setdefault(check["name"], []).append(
                (check["level"], check["text"]))
        return found

    def assert_told(self, found, name, level, *texts):
        for one, text in found[name]:
            if one == level and all(t in text for t in texts):
                return
        self.fail(f"no {level} with {texts} among {found[name]}")

    def test_well(self):
        found = self.doctor(0)
        self.assert_told(found, "workspace", "ok", "permits 1 commands")
        self.assertNotIn("network", found)

    def test_text(self):
        result = self.place.run(["openclaw", "doctor", "--offline"])
        self.assert_status(result, 0)
        self.assertIn(b"All is well.", result.out)

    def test_a_wrong_configuration(self):
        self.place.config("no_such_key: 1\n")
        self.assert_told(self.doctor(2), "configuration", "error",
                         "openclaw.yaml:1:1", "no_such_key")

    def test_a_wrong_rule(self):
        self.place.config(
            {"primary_model": "local/runbook", "routes": [
                {"name": "x", "when": ".text |", "model": "local/runbook"}]})
        self.assert_told(self.doctor(2), "configuration", "error", "routes")

    def test_no_key(self):
        self.place.config({})
        self.assert_told(self.doctor(1), "secrets", "warning",
                         "GEMINI_API_KEY")
        self.assert_told(self.doctor(0, GEMINI_API_KEY=KEY), "secrets", "ok",
                         "GEMINI_API_KEY")

    def test_a_key_in_a_file(self):
        self.place.config({})
        path = self.place.folder / "key"
        path.write_text(KEY + "\n")
        path.chmod(0o644)
        env = {"GEMINI_API_KEY_FILE": str(path)}
        self.assert_told(self.doctor(1, **env), "secrets", "warning",
                         "chmod 600")
        path.chmod(0o600)
        self.doctor(0, **env)
        path.write_text(KEY + "\nmore\n")
        self.assert_told(self.doctor(2, **env), "secrets", "error",
                         "control byte")
        path.unlink()
        self.assert_told(self.doctor(2, **env), "secrets", "error",
                         str(path))

    def test_telegram_token(self):
        self.place.config({"primary_model": "local/runbook",
                           "channels": {"telegram": {"enabled": True}}})
        self.assert_told(self.doctor(2), "secrets", "error",
                         "TELEGRAM_BOT_TOKEN")
        self.doctor(0, TELEGRAM_BOT_TOKEN=TOKEN)
        for wrong in ("abc", "x" + TOKEN, "7001:short"):
            self.assert_told(self.doctor(2, TELEGRAM_BOT_TOKEN=wrong),
                             "secrets", "error", "BotFather")

    def test_state(self):
        self.place.state.chmod(0o755)
        self.assert_told(self.doctor(1), "state", "warning", "chmod 700")
        self.place.state.chmod(0o700)
        (self.place.state / "format").write_text("999\n")
        self.assert_told(self.doctor(2), "state", "error", "999")
        self.assert_told(self.doctor(2, OC_STATE="/dev/null"), "state",
                         "error", "/dev/null")
        self.assert_told(
            self.doctor(0, OC_STATE=str(self.place.folder / "new")), "state",
            "ok", "not there yet")

    def test_workspace(self):
        self.place.agents("nothing here\n")
        self.assert_told(self.doctor(1), "workspace", "warning", "0 commands")
        (self.place.workspace / "AGENTS.md").unlink()
        self.assert_told(self.doctor(1), "workspace", "warning", "AGENTS.md")
        self.place.workspace.rmdir()
        self.assert_told(self.doctor(1), "workspace", "warning", "make it")

    def test_a_missing_stage(self):
        self.place.config({"primary_model": "local/runbook",
                           "tools": {"stages": ["no-such-stage"]}})
        self.assert_told(self.doctor(2), "programs", "error",
                         "no-such-stage")

    def test_dead_letters(self):
        dead = self.place.state / "in" / "dead"
        dead.mkdir(parents=True)
        (dead / "00001795409093000000.x").write_text("{}")
        self.assert_told(self.doctor(1), "gateway", "warning", "given up")

    def test_network(self):
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            good = listening.getsockname()[1]
            self.place.config({
                "primary_model": "openai/x",
                "fallbacks": ["other/y", "third/z"],
                "litellm_base_url": f"http://127.0.0.1:{good}",
                "providers": {
                    "other": {"base_url":
                              f"http://127.0.0.1:{support.free_port()}"},
                    "third": {"base_url": "http://no-such-name.invalid"}}})
            result = self.place.run(["openclaw", "doctor"],
                                    LITELLM_API_KEY=KEY)
        out = result.out.decode()
        self.assert_status(result, 1)
        self.assertIn(f"openai: 127.0.0.1:{good} answers", out)
        self.assertIn("refuses connections", out)
        self.assertIn("third: no-such-name.invalid:80", out)


if __name__ == "__main__":
    unittest.main()
