"""openclaw: channels, pairing, send, sessions, usage."""
import json
import time
import unittest

import support

TOKEN = "7001:AAF-secret_secret_secret_secret_secre"
ADD = ["openclaw", "channels", "add", "--channel", "telegram", "--use-env"]


class Channels(support.TestCase):
    def enabled(self):
        result = self.place.run(["openclaw", "config", "get",
                                 "channels.telegram.enabled"])
        self.assert_status(result, 0)
        return result.out == b"true\n"

    def test_add_needs_a_token(self):
        path = self.place.config("# mine\nprimary_model: local/runbook\n")
        before = path.read_text()
        result = self.place.run(ADD)
        self.assert_status(result, 1)
        self.assertIn("TELEGRAM_BOT_TOKEN", result.err)
        self.assertEqual(path.read_text(), before)

    def test_add_without_a_file_and_a_token_writes_nothing(self):
        self.assert_status(self.place.run(ADD), 1)
        self.assertFalse(
            (self.place.home / ".openclaw/openclaw.yaml").exists())

    def test_add_keeps_the_rest(self):
        path = self.place.config("# mine\nprimary_model: local/runbook # x\n")
        path.chmod(0o640)
        result = self.place.run(ADD, TELEGRAM_BOT_TOKEN=TOKEN)
        self.assert_status(result, 0)
        self.assertEqual(path.read_text(),
                         "# mine\nprimary_model: local/runbook # x\n"
                         "channels:\n  telegram:\n    enabled: true\n")
        self.assertEqual(path.stat().st_mode & 0o777, 0o640)
        self.assertTrue(self.enabled())
        self.assert_no_secret(TOKEN, result, self.place.home, path)

    def test_add_twice_changes_nothing(self):
        path = self.place.config("primary_model: local/runbook\n")
        self.place.run(ADD, TELEGRAM_BOT_TOKEN=TOKEN)
        before = path.read_text()
        self.assert_status(
            self.place.run(ADD, TELEGRAM_BOT_TOKEN=TOKEN), 0)
        self.assertEqual(path.read_text(), before)

    def test_add_without_a_file(self):
        self.assert_status(
            self.place.run(ADD, TELEGRAM_BOT_TOKEN=TOKEN), 0)
        self.assertTrue(self.enabled())

    def test_add_to_json_behind_a_link(self):
        real = self.place.folder / "real.json"
        real.write_text('{"primary_model": "local/runbook"}')
        link = self.place.home / ".openclaw/openclaw.json"
        link.symlink_to(real)
        token = self.place.folder / "token"
        token.write_text(TOKEN + "\n")
        result = self.place.run(ADD, TELEGRAM_BOT_TOKEN_FILE=str(token))
        self.assert_status(result, 0)
        self.assertTrue(link.is_symlink())
        json.loads(real.read_text())
        self.assertTrue(self.enabled())

    def test_a_file_that_cannot_be_changed(self):
        path = self.place.config(
            "x: &x {enabled: false}\nchannels: {telegram: *x}\n")
        before = path.read_text()
        self.assert_status(
            self.place.run(ADD, TELEGRAM_BOT_TOKEN=TOKEN), 78)
        self.assertEqual(path.read_text(), before)

    def test_remove(self):
        path = self.place.config("{}")
        self.place.run(ADD, TELEGRAM_BOT_TOKEN=TOKEN)
        result = self.place.run(["openclaw", "channels", "remove",
                                 "--channel", "telegram"])
        self.assert_status(result, 0)
        self.assertFalse(self.enabled())
        json.loads(path.read_text())

    def test_status(self):
        self.place.config({})
        argv = ["openclaw", "channels", "status"]
        self.assertIn(b"not enabled, has no token", self.place.run(argv).out)
        self.place.run(ADD, TELEGRAM_BOT_TOKEN=TOKEN)
        result = self.place.run([*argv, "--json"], TELEGRAM_BOT_TOKEN=TOKEN)
        self.assertEqual(
            result.records[0]["telegram"],
            {"enabled": True, "token": True, "dm_policy": "pairing",
             "poll": None})
        self.assert_no_secret(TOKEN, result)

    def test_wrong_usage(self):
        for argv in (["add"], ["add", "--channel", "telegram"],
                     ["add", "--channel", "x", "--use-env"], [], ["x"],
                     ["remove"]):
            result = self.place.run(["openclaw", "channels", *argv])
            self.assert_status(result, 64)


class Pairing(support.TestCase):
    def setUp(self):
        super().setUp()
        self.senders = self.place.state / "senders.json"
        now = int(time.time() * 1000)
        self.senders.write_text(json.dumps({"telegram": {
            "approved": {"42": {"name": "Ada", "at": now}},
            "waiting": {"43": {"name": "Bob\u001b[31m", "at": now,
                               "code": "ABCDEFGH"}}}}))

    def pairing(self, *argv):
        return self.place.run(["openclaw", "pairing", *argv])

    def approved(self):
        senders = json.loads(self.senders.read_text())
        return sorted(senders["telegram"]["approved"])

    def test_list(self):
        text = self.pairing("list")
        self.assert_status(text, 0)
        self.assertIn(b"ABCDEFGH  43  Bob", text.out)
        self.assertNotIn(b"\x1b", text.out)
        record = self.pairing("list", "telegram", "--json").records[0]
        self.assertEqual(record["telegram"][0]["code"], "ABCDEFGH")

    def test_approve_and_revoke(self):
        self.assert_status(self.pairing("approve", "telegram", "abcdefgh"), 0)
        self.assertEqual(self.approved(), ["42", "43"])
        self.assertIn(b"nobody waits", self.pairing("list").out)
        self.assert_status(self.pairing("revoke", "telegram", "42"), 0)
        self.assertEqual(self.approved(), ["43"])

    def test_a_wrong_code(self):
        self.assert_status(self.pairing("approve", "telegram", "ABCDEFGX"), 1)
        self.assert_status(self.pairing("revoke", "telegram", "99"), 1)
        self.assertEqual(self.approved(), ["42"])

    def test_wrong_usage(self):
        for argv in ([], ["approve"], ["approve", "telegram"],
                     ["list", "x"], ["x"]):
            self.assert_status(self.pairing(*argv), 64)


class Send(support.TestCase):
    def send(self, *argv):
        return self.place.run(["openclaw", "send", *argv])

    def test_into_the_queue(self):
        result = self.send("--channel", "telegram", "--to", "-1005",
                           "--thread", "7", "the", "disks", "--are full")
        self.assert_status(result, 0)
        self.assertIn("no gateway", result.err)
        files = list((self.place.state / "out/telegram/new").iterdir())
        record = json.loads(files[0].read_text())
        self.assertEqual(record["id"], result.out.decode().strip())
        self.assertEqual(record["to"], {"chat": "-1005", "thread": "7"})
        self.assertEqual(record["reply"]["text"], "the disks --are full")
        self.assertEqual(len(files), 1)

    def test_json(self):
        result = self.send("--channel", "telegram", "--to", "5", "--json",
                           "hello")
        self.assertIn("id", result.records[0])

    def test_wrong_usage(self):
        for argv in (["--to", "5", "x"], ["--channel", "telegram", "x"],
                     ["--channel", "telegram", "--to", "ada", "x"],
                     ["--channel", "telegram", "--to", "5"],
                     ["--channel", "x", "--to", "5", "x"]):
            self.assert_status(self.send(*argv), 64)

    def test_the_program_of_that_name(self):
        result = self.place.run(["openclaw", "send", "-c", "stdout"],
                                {"text": "x", "reply": {"text": "Hello."}})
        self.assertEqual(result.out, b"Hello.\n")


class Sessions(support.TestCase):
    def test_are_oc_session(self):
        self.place.fake("oc-session")
        fakes = self.place.fakes
        (fakes / "openclaw").symlink_to(support.BIN / "openclaw")
        if (support.BIN / "oc-session").exists():
            self.skipTest("the real one is found first")
        for argv in (["sessions"], ["sessions", "--json"],
                     ["sessions", "show", "a"], ["usage", "--json"]):
            self.place.run(["openclaw", *argv])
        self.assertEqual([c["argv"] for c in self.place.calls("oc-session")],
                         [["ls"], ["ls", "-j"], ["show", "a"],
                          ["usage", "-j"]])

    def test_nothing_yet(self):
        support.need("oc-session")
        for argv in (["sessions"], ["sessions", "ls", "--json"], ["usage"]):
            self.assert_status(self.place.run(["openclaw", *argv]), 0)


if __name__ == "__main__":
    unittest.main()
