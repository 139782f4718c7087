"""The npm package openclaw itself, unmodified, against our gateway."""
import json
import subprocess
import unittest

import npm
import support
import terminal
import websocket

PACKAGE = "openclaw@2026.9.6"
SECONDS = 100  # it loads thousands of files before it does anything


class OpenClaw(websocket.WebSocketCase):
    @classmethod
    def setUpClass(cls):
        if support.SANITIZED:
            raise unittest.SkipTest("test_ws does for this build")
        cls.node, cls.modules = npm.install(PACKAGE)

    def setUp(self):
        super().setUp()
        self.serve()
        self.home = self.place.folder / "person"
        settings = self.home / ".openclaw" / "openclaw.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"gateway": {
            "mode": "remote", "remote": {
                "url": f"ws://127.0.0.1:{self.port}",
                "token": websocket.TOKEN}}}))
        self.person = {
            "HOME": str(self.home), "LANG": "C.UTF-8", "TZ": "UTC",
            "PATH": f"{self.node.parent}:/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": str(self.place.folder),
            "NODE_COMPILE_CACHE": str(npm.FOLDER / "compiled")}

    def argv(self, *arguments):
        return [str(self.node),
                str(self.modules / "openclaw" / "openclaw.mjs"), *arguments]

    def openclaw(self, *arguments):
        return subprocess.run(
            self.argv(*arguments), env=self.person, cwd=self.home,
            timeout=SECONDS, stdin=subprocess.DEVNULL, capture_output=True,
            text=True)

    def test_health(self):
        result = self.openclaw("health")
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("Agents: main (default)", result.stdout)

    def test_agent(self):
        result = self.openclaw("agent", "--message", "greet Ada")
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("hello Ada", result.stdout)
        result = self.openclaw("agent", "--session-key", "agent:main:other",
                               "--message", "greet Bob", "--json")
        answer = json.loads(result.stdout)
        self.assertEqual(answer["status"], "ok")
        self.assertIn("hello Bob", answer["result"]["payloads"][0]["text"])
        self.assertEqual(
            answer["result"]["meta"]["agentMeta"]["model"], "runbook")

    def test_wrong_token(self):
        settings = self.home / ".openclaw" / "openclaw.json"
        settings.write_text(
            settings.read_text().replace(websocket.TOKEN, "wrong"))
        result = self.openclaw("agent", "--message", "greet Ada")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("token mismatch", result.stdout + result.stderr)

    def test_tui(self):
        screen = terminal.Terminal(self.argv("tui"), self.person, self.home)
        self.addCleanup(screen.close)
        at = screen.wait("connected | idle", SECONDS)
        screen.type("greet Ada")
        at = screen.wait("greet Ada", SECONDS, at)
        screen.type("\r")
        at = screen.wait("hello Ada", SECONDS, at)
        at = screen.wait("| idle", SECONDS, at)
        screen.type("take a rest")
        at = screen.wait("take a rest", SECONDS, at)
        screen.type("\r")
        support.wait_for(self.rest.exists, SECONDS, "the tool",
                         lambda: screen.plain[-2000:])
        screen.type("\x1b")  # Escape: chat.abort
        at = screen.wait("aborted", SECONDS, at)
        screen.type("\x03")
        screen.wait("ctrl+c again", SECONDS, at)
        screen.type("\x03")


if __name__ == "__main__":
    unittest.main()
