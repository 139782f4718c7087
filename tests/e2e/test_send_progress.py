"""oc-send -c telegram while a turn runs: typing, and the growing reply."""
import json
import os
import shutil
import signal
import time
import unittest

import support
from fake.telegram import Telegram
from test_send_telegram import MARK, SendTestCase, turn


class Progress(SendTestCase):
    def begin(self, number=1, chat="42", **more):
        """What oc-session open does for a turn."""
        one = turn(number, chat=chat, **more)
        del one["reply"]
        folder = self.place.state / "turns" / one["id"]
        folder.mkdir(parents=True)
        (folder / "new").write_text(json.dumps(one))
        (folder / "new").rename(folder / "turn.json")
        return folder

    def event(self, folder, event, **details):
        with open(folder / "events.ndjson", "a", encoding="utf-8") as file:
            file.write(json.dumps(
                {"at": 1, "event": event, **details}) + "\n")

    def text(self, folder, delta):
        self.event(folder, "text", delta=delta)

    def shown(self, text, chat=42):
        """Waits until a message of the chat says this: the message."""
        return self.telegram.wait(lambda: next(
            (m for m in self.telegram.sent if m["chat"]["id"] == chat
             and m.get("text") == text), None), 15, repr(text))

    def test_typing_and_a_growing_message(self):
        stage = self.start()
        folder = self.begin()
        self.telegram.wait_calls("sendChatAction", 1)
        self.text(folder, "Once upon")
        self.shown("Once upon …")
        self.text(folder, " a time")
        self.shown("Once upon a time …")
        self.telegram.wait_calls("sendChatAction", 2)
        stage.send(turn(1, "**Once** upon a time."))
        receipt = stage.read()
        self.assertEqual((receipt["status"], receipt["messages"]),
                         ("sent", ["1"]))
        self.assertEqual(self.texts(), ["Once upon a time."])
        shutil.rmtree(folder)
        typed = len(self.telegram.calls_of("sendChatAction"))
        self.assert_status(stage.wait(), 0)
        self.assertEqual(
            len(self.telegram.calls_of("sendChatAction")), typed)

    def test_tools_failures_and_the_rest_of_a_long_reply(self):
        stage = self.start()
        folder = self.begin(to={"chat": "42", "thread": None, "message": "9"})
        self.text(folder, "bad start")
        self.event(folder, "failed", model="m", message="x")
        self.event(folder, "attempt", model="n")
        self.text(folder, "Looking.")
        self.event(folder, "tool_start", name="exec",
                   args={"command": "kubectl get jobs"})
        self.shown("Looking.\nrunning exec: kubectl get jobs …")
        self.event(folder, "tool_end", name="exec", ok=True, ms=3)
        self.event(folder, "attempt", model="n")
        self.text(folder, "All is")
        self.shown("All is …")
        stage.send(turn(1, "well " * 1200))
        self.assertEqual(stage.read()["messages"], ["1", "2"])
        self.assertEqual(" ".join(self.texts()).split(), ["well"] * 1200)

    def test_a_quick_reply_has_no_message_before(self):
        stage = self.start()
        folder = self.begin()
        self.text(folder, "quick")
        self.telegram.wait_calls("sendChatAction")
        stage.send(turn(1, "quick"))
        stage.read()
        self.assertEqual(self.telegram.calls_of("editMessageText"), [])
        self.assertEqual(self.texts(), ["quick"])

    def test_after_a_crash_the_same_message_goes_on(self):
        stage = self.start()
        folder = self.begin()
        self.text(folder, "one")
        self.shown("one …")
        support.wait_for(lambda: "draft" in [
            line["event"] for line in self.ledger(1)])
        os.kill(stage.pid, signal.SIGKILL)
        stage.process.wait()
        stage = self.start()
        self.text(folder, " two")
        self.shown("one two …")
        os.kill(stage.pid, signal.SIGKILL)
        stage.process.wait()
        self.send(turn(1, "one two three"))
        self.assertEqual(self.texts(), ["one two three"])

    def test_the_reply_is_the_same_as_what_is_shown(self):
        stage = self.start()
        folder = self.begin()
        self.text(folder, "done")
        self.shown("done …")
        stage.send(turn(1, "done …"))
        self.assertEqual(stage.read()["messages"], ["1"])

    def test_a_reply_of_files_leaves_no_half_text(self):
        (self.place.workspace / "a.txt").write_text("a")
        stage = self.start()
        folder = self.begin()
        self.text(folder, "one")
        self.shown("one …")
        stage.send(turn(1, reply={"media": [
            {"path": str(self.place.workspace / "a.txt")}]}))
        self.assertEqual(stage.read()["status"], "sent")
        self.telegram.wait_calls("deleteMessage")
        left = self.telegram.chats[42]["messages"].values()
        self.assertEqual([list(m.get("document", {})) != [] for m in left],
                         [True])

    def test_the_message_was_deleted_by_the_person(self):
        stage = self.start()
        folder = self.begin()
        self.text(folder, "one")
        self.shown("one …")
        self.telegram.chats[42]["messages"].clear()
        self.telegram.sent.clear()
        stage.send(turn(1, "one two"))
        self.assertEqual(stage.read()["status"], "sent")
        self.assertEqual(self.texts(), ["one two"])

    def test_progress_that_fails_delays_nothing(self):
        self.telegram.fail("sendChatAction", status=500, times=100)
        self.telegram.fail("sendMessage", fault="hang")
        self.configure(limits={"first_byte_s": 20})
        stage = self.start()
        folder = self.begin()
        self.text(folder, "one")
        self.telegram.wait(
            lambda: self.telegram.calls_of("sendMessage"), 10)
        began = time.monotonic()
        stage.send(turn(1, "the reply"))
        self.assertEqual(stage.read()["status"], "sent")
        self.assertLess(time.monotonic() - began, 10)
        # nobody knows what became of the growing message
        self.assertEqual(self.texts(), ["(possibly a repeat)\nthe reply"])

    def test_what_is_shown_of_a_turn_that_is_given_up_goes(self):
        stage = self.start()
        folder = self.begin()
        self.text(folder, "one")
        self.shown("one …")
        support.wait_for(lambda: "draft" in [
            line["event"] for line in self.ledger(1)])
        os.kill(stage.pid, signal.SIGKILL)
        stage.process.wait()
        dead = self.place.state / "in" / "dead"
        (dead / f"00000000000000000001.{folder.name}").write_text("{}")
        stage = self.start()
        self.telegram.wait_calls("deleteMessage")
        support.wait_for(lambda: "removed" in [
            line["event"] for line in self.ledger(1)])
        self.assertEqual(self.telegram.chats[42]["messages"], {})
        calls = len(self.telegram.calls)
        os.kill(stage.pid, signal.SIGKILL)
        stage.process.wait()
        stage = self.start()
        self.assertTrue(stage.silent(3))
        self.assertEqual(len(self.telegram.calls), calls)

    def test_other_channels_and_no_progress(self):
        self.configure(progress=False)
        stage = self.start()
        self.begin()
        self.assertTrue(stage.silent(1))
        self.assertEqual(self.telegram.calls, [])
        stage.kill()
        self.configure()
        stage = self.start()
        self.begin(2, channel="http")
        folder = self.place.state / "turns" / "broken"
        folder.mkdir()
        (folder / "turn.json").write_text("{")
        self.assertTrue(stage.silent(1))
        chats = {c.params["chat_id"] for c in self.telegram.calls}
        self.assertEqual(len(self.telegram.calls), 1, chats)

    def test_general_topic_and_group(self):
        self.telegram.add_chat(-1001, threads=[1])
        stage = self.start()
        folder = self.begin(1, "-1001", to={
            "chat": "-1001", "thread": "1", "message": None})
        self.text(folder, "hello")
        self.shown("hello …", -1001)
        call = self.telegram.wait_calls("sendChatAction")[0]
        self.assertEqual(call.params["message_thread_id"], 1)
        stage.send(turn(1, "hello all", "-1001"))
        stage.read()
        self.assertEqual(self.texts(-1001), ["hello all"])

    def test_within_the_rates(self):
        strict = Telegram(rates=True)
        strict.add_chat(42)
        with strict:
            self.configure(api_root=strict.url)
            stage = self.start()
            folder = self.begin()
            for i in range(25):
                self.text(folder, f"word{i} ")
                time.sleep(0.2)
            stage.send(turn(1, "x" * 9000))
            self.assertEqual(stage.read()["status"], "sent")
        status = [c.status for c in strict.calls]
        self.assertNotIn(429, status)
        edits = len(strict.calls_of("editMessageText"))
        self.assertGreater(edits, 1)
        self.assertFalse(any(MARK in m["text"] for m in strict.sent))


del SendTestCase  # its tests run in their own file

if __name__ == "__main__":
    unittest.main()
