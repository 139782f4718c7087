"""tools.exec.policy ask: nothing of it runs before the person approves it."""
import json
import os
import re
import signal
import unittest

import gateway
import support

ASKED = re.compile(r"/approve ([A-Z2-9]{8})")
BOB = {"id": 43, "is_bot": False, "first_name": "Bob"}


class Approval(gateway.GatewayCase):
    def setUp(self):
        super().setUp()
        support.need("oc-recv-telegram", "oc-send")
        from fake.telegram import Telegram
        self.telegram = Telegram()
        self.telegram.start()
        self.addCleanup(self.telegram.stop)
        self.telegram.add_chat(43)
        self.marks = self.place.folder / "marks"
        self.place.script(
            "mark", f'#!/bin/sh\necho "$@" >>{self.marks}\n'
            '[ -z "$2" ] || sleep "$2"\necho "marked $1"\n')

    def script(self, *answers, **exec_keys):
        """What the model says, one after the other, and the gateway up."""
        self.server = self.model({"m": list(answers)})
        self.place.config({
            "primary_model": "openai/m",
            "litellm_base_url": self.server.url,
            "tools": {"exec": {"policy": "ask", **exec_keys}},
            "channels": {"telegram": {
                "enabled": True, "api_root": self.telegram.url,
                "dm_policy": "open", "poll_timeout_s": 1}}})
        return self.start()

    def start(self):
        return self.gateway(TELEGRAM_BOT_TOKEN=self.telegram.token,
                            LITELLM_API_KEY="k")

    def marked(self):
        return self.marks.read_text().splitlines() \
            if self.marks.exists() else []

    def asked(self, number=1):
        """The id in the bot's Nth message."""
        message = self.telegram.wait_sent(number)[number - 1]
        found = ASKED.search(message["text"])
        self.assertTrue(found, message)
        return found[1], message

    def answer(self, number):
        return self.telegram.wait_sent(number)[number - 1]["text"]

    def test_asked_approved_and_run_once(self):
        self.script(call("mark now; mark '<b>later'"),
                    {"text": "It marks."}, {"text": "Marked it is."})
        self.telegram.say("mark it")
        id, message = self.asked()
        self.assertIn("It marks.", message["text"])
        self.assertIn("mark now; mark '<b>later'", message["text"])
        buttons = message["reply_markup"]["inline_keyboard"]
        self.assertEqual([b["callback_data"] for b in buttons[0]],
                         [f"/approve {id}", f"/deny {id}"])
        self.assertEqual(self.marked(), [])
        self.telegram.press(f"/approve {id}", message)
        self.assertEqual(self.answer(2), "Marked it is.")
        self.assertEqual(self.marked(), ["now", "<b>later"])
        result = json.dumps(self.server.requests[-1].body)
        self.assertIn("marked now", result)
        self.telegram.say(f"/approve {id}")
        self.assertIn("decided before: approved", self.answer(3))
        self.telegram.say("/approve")
        self.assertIn("Nothing waits", self.answer(4))
        self.assertEqual(len(self.marked()), 2)

    def test_denied(self):
        self.script(call("mark now"), {"text": "It marks."})
        self.telegram.say("mark it")
        id, _ = self.asked()
        self.telegram.say("/approve")
        self.assertEqual(self.answer(2), f"{id}: mark now")
        self.telegram.say(f"/deny {id.lower()}")
        self.assertIn("not run", self.answer(3))
        self.telegram.say(f"/approve {id}")
        self.assertIn("decided before: denied", self.answer(4))
        self.assertEqual(self.marked(), [])

    def test_nobody_else_approves(self):
        self.script(call("mark now"), {"text": "It marks."})
        self.telegram.say("mark it")
        id, _ = self.asked()
        for number, text in enumerate(
                (f"/approve {id}", f"/deny {id}", "/approve", "/approve ../x",
                 "/approve AAAAAAAA"), 2):
            self.telegram.say(text, sender=BOB)
            self.answer(number)
        self.assertEqual(self.marked(), [])
        for number in (2, 3):
            self.assertIn("Only the person", self.answer(number))
        self.telegram.say(f"/approve {id}")
        self.answer(7)
        self.assertEqual(self.marked(), ["now"])

    def test_an_approver_from_elsewhere(self):
        self.script(call("mark now"), {"text": "It marks."},
                    {"text": "Done."}, approvers=["telegram:43"])
        self.telegram.say("mark it")
        id, _ = self.asked()
        self.telegram.say(f"/approve {id}", sender=BOB)
        self.telegram.wait_sent(3)
        texts = {(m["chat"]["id"], m["text"]) for m in self.telegram.sent[1:]}
        self.assertEqual(texts, {
            (43, "Approved: it is run where it was asked for."),
            (42, "Done.")})
        self.assertEqual(self.marked(), ["now"])

    def test_what_is_never_asked(self):
        self.script(call("mark denied", "greet Ada", "mark \u202etxt",
                         "mark " + "x" * 2000),
                    {"text": "Done."},
                    deny=['.call.args.command | test("denied")'])
        self.telegram.say("mark it")
        self.assertEqual(self.answer(1), "Done.")
        self.assertEqual(self.marked(), [])
        self.assertIn("hello Ada", json.dumps(self.server.requests[-1].body))

    def test_too_late(self):
        self.script(call("mark now"), {"text": "It marks."})
        self.telegram.say("mark it")
        id, _ = self.asked()
        path = self.place.state / "approvals" / f"{id}.json"
        approval = json.loads(path.read_text())
        approval["at"] -= 3601 * 1000
        path.write_text(json.dumps(approval))
        self.telegram.say(f"/approve {id}")
        self.assertIn("too long ago", self.answer(2))
        self.assertEqual(self.marked(), [])

    def test_killed_while_it_runs(self):
        stage = self.script(call("mark now 3"), {"text": "It marks."},
                            {"text": "I do not know."})
        self.telegram.say("mark it")
        id, _ = self.asked()
        self.telegram.say(f"/approve {id}")
        support.wait_for(self.marked, what="the command")
        for _, pid in self.programs(stage):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.assertEqual(self.answer(2), "I do not know.")
        self.assertEqual(self.marked(), ["now 3"])
        self.assertIn("outcome unknown",
                      json.dumps(self.server.requests[-1].body))

    def test_by_hand_nobody_can_be_asked(self):
        self.place.config({"tools": {"exec": {"policy": "ask"}}})
        step = {"role": "assistant", "text": "", "calls": [
            {"id": "c1", "name": "exec", "args": {"command": "mark now"}}]}
        result = self.place.run(["oc-exec-tool"], {
            "id": "t", "text": "x", "approval": "AAAAAAAA", "steps": [step]})
        self.assertIn("cannot be asked for from here",
                      result.records[0]["steps"][1]["output"])
        self.assertEqual(self.marked(), [])


def call(*commands):
    return {"calls": [{"name": "exec", "args": {"command": command}}
                      for command in commands]}


if __name__ == "__main__":
    unittest.main()
