"""The gateway with Telegram: a bot that is there."""
import os
import re
import signal
import unittest

import gateway
import support

RECEIVER = "oc-recv-telegra"  # the kernel keeps 15 characters


class Bot(gateway.GatewayCase):
    def setUp(self):
        super().setUp()
        support.need("oc-recv-telegram", "oc-send")
        from fake.telegram import Telegram
        self.telegram = Telegram()
        self.telegram.start()
        self.addCleanup(self.telegram.stop)
        self.bot(allow_from=["42"])

    def bot(self, **more):
        self.configure(channels={"telegram": {
            "enabled": True, "api_root": self.telegram.url,
            "poll_timeout_s": 1, **more}})

    def start(self, *options):
        return self.gateway(
            *options, TELEGRAM_BOT_TOKEN=self.telegram.token)

    def test_a_round_trip(self):
        stage = self.start()
        self.telegram.say("greet Ada")
        self.assertIn("hello Ada", self.telegram.wait_sent(1)[0]["text"])
        argv = ["openclaw", "gateway", "status"]
        support.wait_for(lambda: self.place.run(argv).status == 0,
                         what="a poll that is noted")
        self.assertIn(b"last poll answered", self.place.run(argv).out)
        self.assert_status(self.end(stage), 0)
        self.assert_no_secret(self.telegram.token, stage, self.place.state)

    def test_roles_of_two_containers(self):
        self.start("--role", "gateway")
        self.gateway("--role", "node")
        self.telegram.say("greet Ada")
        self.assertIn("hello Ada", self.telegram.wait_sent(1)[0]["text"])

    def test_the_poller_outlives_the_agent(self):
        stage = self.start()
        before = self.wait_programs(stage, RECEIVER, "oc-loop")
        os.kill(before["oc-loop"], signal.SIGKILL)
        self.telegram.say("greet Ada")
        self.telegram.wait_sent(1)
        now = self.wait_programs(stage, RECEIVER, "oc-loop")
        self.assertEqual(now[RECEIVER], before[RECEIVER])
        os.kill(now[RECEIVER], signal.SIGKILL)
        self.telegram.say("greet Bob")
        self.assertIn("hello Bob", self.telegram.wait_sent(2)[1]["text"])
        self.assertEqual(len(self.telegram.sent), 2)

    def test_pairing(self):
        self.bot(allow_from=[])
        self.start()
        self.telegram.say("greet Ada")
        text = self.telegram.wait_sent(1)[0]["text"]
        code = re.search(r"\b[A-HJ-NP-Z2-9]{8}\b", text)[0]
        result = self.place.run(
            ["openclaw", "pairing", "approve", "telegram", code])
        self.assert_status(result, 0)
        self.telegram.say("greet Ada")
        self.assertIn("hello Ada", self.telegram.wait_sent(2)[1]["text"])

    def test_a_message_by_hand(self):
        self.start()
        self.telegram.say("greet Ada")
        self.telegram.wait_sent(1)
        result = self.place.run(["openclaw", "send", "--channel", "telegram",
                                 "--to", "42", "the", "backup", "is", "done"])
        self.assert_status(result, 0)
        self.assertEqual(self.telegram.wait_sent(2)[1]["text"],
                         "the backup is done")

    def test_channels_add_and_a_reload(self):
        self.configure(channels={"telegram": {
            "api_root": self.telegram.url, "allow_from": ["42"],
            "poll_timeout_s": 1}})
        stage = self.start()
        self.assertIn("no Telegram", stage.stderr())
        result = self.place.run(
            ["openclaw", "channels", "add", "--channel", "telegram",
             "--use-env"], TELEGRAM_BOT_TOKEN=self.telegram.token)
        self.assert_status(result, 0)
        self.assertIn(b"SIGHUP", result.out)
        stage.signal(signal.SIGHUP)
        self.telegram.say("greet Ada")
        self.assertIn("hello Ada", self.telegram.wait_sent(1)[0]["text"])


if __name__ == "__main__":
    unittest.main()
