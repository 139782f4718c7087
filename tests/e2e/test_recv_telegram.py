"""oc-recv-telegram against a fake Bot API."""
import contextlib
import json
import os
import signal
import time
import unittest
from pathlib import Path

import support
from fake.telegram import ADA, TOKEN, Telegram

PUT = """#!/usr/bin/env python3
# Stands in for oc-spool: notes each line, then answers with its id.
import json, os, sys, time
log = open(os.environ["PUT_LOG"], "a", buffering=1)
for line in sys.stdin:
    while os.path.exists(os.environ["PUT_LOG"] + ".full"):
        time.sleep(0.01)
    log.write(line)
    print(json.loads(line)["id"], flush=True)
    if os.path.exists(os.environ["PUT_LOG"] + ".die"):
        os.unlink(os.environ["PUT_LOG"] + ".die")
        sys.exit(3)
"""
BOB = {"id": 43, "is_bot": False, "first_name": "Bob", "last_name": "B"}
GROUP = -100200
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 1000


class ReceiverCase(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-recv-telegram")
        self.telegram = Telegram().start()
        self.addCleanup(self.telegram.stop)
        self.place.script("fake-put", PUT)
        self.log = self.place.folder / "put.log"
        self.place.env.update(PUT_LOG=str(self.log), OC_LOG="info",
                              TELEGRAM_BOT_TOKEN=TOKEN)
        self.configure()

    def configure(self, **telegram):
        self.place.config({"channels": {"telegram": {
            "api_root": self.telegram.url, "allow_from": ["42"],
            "poll_timeout_s": 2, **telegram}}})

    def start(self, *argv, **env):
        self.receiver = self.place.start(
            ["oc-recv-telegram", *(argv or ("--", "fake-put"))], **env)
        return self.receiver

    def turns(self, count=None):
        """The turns that were put, once there are so many."""
        def read():
            if not self.log.exists():
                return []
            text = self.log.read_text()
            return [json.loads(line)
                    for line in text[:text.rfind("\n") + 1].splitlines()]
        if count is not None:
            support.wait_for(lambda: len(read()) >= count,
                             what=f"{count} turns", state=self.state)
        turns = read()
        for turn in turns:
            self.assert_valid(turn)
        if count is not None:
            self.assertEqual(len(turns), count, turns)
        return turns

    def state(self):
        return f"{self.receiver.stderr()} {self.telegram.calls[-5:]}"

    def stop(self, status=0):
        self.receiver.signal(signal.SIGTERM)
        result = self.receiver.wait()
        self.assert_status(result, status)
        self.assertEqual(self.telegram.complaints, [])
        self.assert_no_secret(TOKEN, result, self.receiver, self.place.state)
        return result

    def settle(self):
        """Waits until all that was said is confirmed to Telegram."""
        self.telegram.wait_confirmed(self.telegram.update_id)


class Start(ReceiverCase):
    def test_a_message_becomes_a_turn(self):
        update = self.telegram.say("how full are the disks?")
        self.start()
        turn = self.turns(1)[0]
        self.assertEqual(turn, {
            "type": "turn", "id": f"telegram-7001-{update}",
            "session": "telegram:42", "channel": "telegram",
            "to": {"chat": "42", "thread": None, "message": "1"},
            "from": {"id": "42", "name": "Ada", "username": "ada"},
            "text": "how full are the disks?"})
        self.settle()
        self.assertEqual([c.method for c in self.telegram.calls][:4],
                         ["getMe", "deleteWebhook", "setMyCommands",
                          "getUpdates"])
        self.assertIn("stop", [c["command"] for c in self.telegram.commands])
        self.stop()

    def test_polls_long_once_all_is_safe(self):
        self.telegram.say("one")
        self.start()
        self.settle()
        timeouts = [c.params["timeout"]
                    for c in self.telegram.calls_of("getUpdates")]
        self.assertEqual(timeouts[0], 0)
        self.assertEqual(timeouts[-1], 2)
        self.assertLessEqual(len(timeouts), 4)
        update = self.telegram.say("two")
        self.turns(2)
        self.telegram.wait_confirmed(update)
        self.stop()

    def test_without_a_program_turns_go_to_stdout(self):
        self.telegram.say("hi")
        stage = self.start("-c", self.place.env["OC_CONFIG"])
        self.assertEqual(stage.read()["text"], "hi")
        self.settle()
        self.stop()

    def test_no_token(self):
        result = self.place.run(["oc-recv-telegram"], TELEGRAM_BOT_TOKEN="")
        self.assert_status(result, 78)
        self.assertIn("TELEGRAM_BOT_TOKEN", result.err)

    def test_the_token_from_a_file(self):
        path = self.place.folder / "token"
        path.write_text(TOKEN + "\n")
        self.telegram.say("hi")
        self.start(TELEGRAM_BOT_TOKEN="", TELEGRAM_BOT_TOKEN_FILE=str(path))
        self.turns(1)
        self.stop()

    def test_the_token_is_nowhere(self):
        self.telegram.fail("getUpdates", status=500, times=2)
        self.telegram.fail("getUpdates", fault="before")
        self.start(OC_LOG="debug")
        self.telegram.wait_calls("getUpdates", 3)
        self.assert_no_secret_in_processes(TOKEN, self.receiver.pid)
        self.stop()

    def test_wrong_usage(self):
        for argv in (["-x"], ["program"], ["-c"]):
            result = self.place.run(["oc-recv-telegram", *argv])
            self.assert_status(result, 64)
        self.assert_status(self.place.run(["oc-recv-telegram", "-h"]), 0)

    def test_a_program_that_cannot_be_run(self):
        result = self.place.run(["oc-recv-telegram", "--", "no-such-program"])
        self.assert_status(result, 69)


class Durable(ReceiverCase):
    def hold(self):
        Path(f"{self.log}.full").touch()

    def release(self):
        Path(f"{self.log}.full").unlink()

    def test_nothing_is_confirmed_that_is_not_safe(self):
        self.hold()
        update = self.telegram.say("one")
        self.start()
        self.telegram.wait_calls("getUpdates", 4)
        self.assertEqual(self.turns(), [])
        self.assertEqual(self.telegram.pending[0]["update_id"], update)
        second = self.telegram.say("two", sender=ADA)
        self.release()
        self.turns(2)
        self.telegram.wait_confirmed(second)
        self.stop()

    def test_a_kill_loses_nothing(self):
        self.hold()
        ids = [self.telegram.say(f"m{i}") for i in range(5)]
        self.start()
        self.telegram.wait_calls("getUpdates", 2)
        left = support.descendants(self.receiver.pid)
        self.receiver.kill()
        for pid in left:  # or the put of the first would write yet
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.assertEqual(len(self.telegram.pending), 5)
        self.release()
        self.log.unlink(missing_ok=True)
        self.start()
        wanted = [f"telegram-7001-{i}" for i in ids]
        # one may come again by the same id, which a queue knows
        support.wait_for(lambda: list(dict.fromkeys(
            t["id"] for t in self.turns(5))) == wanted, what="all turns")
        self.stop()

    def test_a_restart_does_not_repeat(self):
        self.telegram.say("one")
        self.start()
        self.turns(1)
        self.stop()
        self.telegram.say("two")
        self.start()
        self.assertEqual([t["text"] for t in self.turns(2)], ["one", "two"])
        self.stop()

    def test_the_offset_belongs_to_one_bot(self):
        (self.place.state / "telegram.json").write_text(json.dumps(
            {"bot": "9999", "offset": 99999999,
             "offset_at": int(time.time() * 1000)}))
        self.telegram.say("one")
        self.start()
        self.turns(1)
        self.assertNotIn("offset", self.telegram.calls_of("getUpdates")[0]
                         .params)
        self.stop()
        saved = json.loads((self.place.state / "telegram.json").read_text())
        self.assertEqual(saved["bot"], "7001")
        self.assertGreater(saved["polled_at"], 0)

    def test_an_old_offset_is_not_used(self):
        (self.place.state / "telegram.json").write_text(json.dumps(
            {"bot": "7001", "offset": 99999999,
             "offset_at": int(time.time() * 1000) - 6 * 24 * 3600 * 1000}))
        self.telegram.say("one")
        self.start()
        self.turns(1)
        self.stop()

    def test_a_broken_state_is_no_reason_to_stop(self):
        (self.place.state / "telegram.json").write_text("{\"bot\":")
        self.telegram.say("one")
        self.start()
        self.turns(1)
        self.stop()

    def test_the_program_ends(self):
        Path(f"{self.log}.die").touch()
        self.telegram.say("one")
        self.telegram.say("two", sender=ADA)
        self.start()
        result = self.receiver.wait()
        self.assert_status(result, 69)
        self.assertIn("status 3", result.err)
        self.start()
        # the first may come again: the queue knows it by its id
        support.wait_for(lambda: {t["text"] for t in self.turns()} == {
            "one", "two"}, what="both", state=self.state)
        self.settle()
        self.stop()

    def test_many_messages(self):
        ids = [self.telegram.say(f"m{i}", sender=ADA) for i in range(350)]
        self.start()
        turns = self.turns(350)
        self.assertEqual([t["text"] for t in turns],
                         [f"m{i}" for i in range(350)])
        self.telegram.wait_confirmed(ids[-1])
        self.stop()

    def test_stopping_waits_for_what_was_handed_on(self):
        self.hold()
        self.telegram.say("one")
        self.start()
        self.telegram.wait_calls("getUpdates", 2)
        self.receiver.signal(signal.SIGTERM)
        time.sleep(0.2)
        self.release()
        self.assert_status(self.receiver.wait(), 0)
        self.turns(1)
        saved = json.loads((self.place.state / "telegram.json").read_text())
        self.assertEqual(saved["offset"], self.telegram.update_id + 1)


class Faults(ReceiverCase):
    def recovers(self, seconds=30, **fault):
        self.telegram.say("before")
        self.start()
        self.turns(1)
        self.settle()
        self.telegram.fail("getUpdates", **fault)
        # the poll that is under way ends with this one
        self.telegram.say("meanwhile")
        self.turns(2)
        self.telegram.wait_calls("getUpdates", 5, seconds)
        update = self.telegram.say("after")
        self.assertEqual([t["text"] for t in self.turns(3)],
                         ["before", "meanwhile", "after"])
        self.telegram.wait_confirmed(update)
        return self.stop()

    def test_500(self):
        self.assertIn("500", self.recovers(status=500).err)

    def test_a_connection_that_is_closed_before(self):
        self.recovers(fault="before")

    def test_a_connection_that_is_closed_after(self):
        self.recovers(fault="after")

    def test_half_an_answer(self):
        self.recovers(fault="half")

    def test_a_page_instead_of_json(self):
        self.assertIn("502", self.recovers(fault="html").err)

    def test_no_bytes(self):
        self.assertIn("not with JSON", self.recovers(fault="empty").err)

    def test_429_is_waited_out(self):
        start = time.monotonic()
        self.recovers(status=429, retry_after=3)
        self.assertGreaterEqual(time.monotonic() - start, 3)

    def test_409_until_the_other_has_ended(self):
        result = self.recovers(status=409, times=2, description=(
            "Conflict: terminated by other getUpdates request"))
        lines = [s for s in result.err_lines if "whoever else" in s]
        self.assertEqual(len(lines), 1, result)

    def test_a_webhook_that_is_set_meanwhile(self):
        self.start()
        self.telegram.wait_calls("getUpdates", 1)
        self.telegram.webhook = "https://elsewhere.example/"
        self.telegram.say("hello")
        self.turns(1)
        self.assertEqual(self.telegram.webhook, "")
        self.stop()

    def test_401_is_told_once_and_not_hammered(self):
        self.telegram.token = "7001:other"
        self.start()
        self.telegram.wait_calls("getMe", 3)
        calls = self.telegram.calls_of("getMe")
        self.assertGreater(calls[2].at - calls[1].at,
                           calls[1].at - calls[0].at)
        lines = [s for s in self.receiver.stderr().splitlines()
                 if "TELEGRAM_BOT_TOKEN" in s]
        self.assertEqual(len(lines), 1, lines)
        self.telegram.token = TOKEN
        self.telegram.say("hello")
        self.turns(1)
        self.stop()

    def test_a_server_that_is_not_there_yet(self):
        port = support.free_port()
        self.place.config({"channels": {"telegram": {
            "api_root": f"http://127.0.0.1:{port}", "allow_from": ["42"]}}})
        self.start()
        self.receiver.wait_stderr("getMe")
        with Telegram(port=port) as late:
            late.say("hello")
            self.turns(1)
            self.stop()

    def test_updates_that_make_no_sense(self):
        deep = {"x": 1}
        for _ in range(40):
            deep = {"x": deep}
        for update in ({}, {"message": None}, {"message": 5},
                       {"message": {"chat": 5, "from": [], "text": {}}},
                       {"message": {"text": "no chat"}},
                       {"message": {"chat": {"id": 42}, "text": "no from"}},
                       {"callback_query": {"id": 7}}, {"message": deep},
                       {"poll_answer": {}}, {"message": {
                           "chat": {"id": 42, "type": "private"},
                           "from": {"id": 42}, "entities": [
                               {"type": "mention", "offset": -5,
                                "length": 1e300}, 5, {}],
                           "text": "odd \ud800 \u0000 text"}}):
            self.telegram.push(update)
        self.telegram.say("sense")
        self.start()
        turns = self.turns(2)
        self.assertEqual(turns[0]["text"], "odd \ufffd \ufffd text")
        self.assertEqual(turns[1]["text"], "sense")
        self.stop()


class Senders(ReceiverCase):
    def saved(self):
        return json.loads((self.place.state / "senders.json").read_text())

    def test_a_stranger_gets_a_code_once(self):
        self.telegram.say("let me in", sender=BOB)
        self.start()
        text = self.telegram.wait_sent(1)[0]["text"]
        code = self.saved()["telegram"]["waiting"]["43"]["code"]
        self.assertRegex(code, "^[A-HJ-NP-Z2-9]{8}$")
        self.assertIn("43", text)
        self.assertIn(f"openclaw pairing approve telegram {code}", text)
        self.telegram.say("please", sender=BOB)
        self.telegram.say("hello")
        self.settle()
        self.assertEqual([t["from"]["id"] for t in self.turns(1)], ["42"])
        self.assertEqual(len(self.telegram.sent), 1)
        self.assertNotIn("let me in", self.stop().err)

    def test_at_most_three_wait(self):
        self.start()
        for person in range(100, 106):
            self.telegram.say("hi", sender=person)
        self.settle()
        self.telegram.wait_sent(3)
        time.sleep(0.2)
        self.assertEqual(len(self.telegram.sent), 3)
        self.assertEqual(len(self.saved()["telegram"]["waiting"]), 3)
        self.stop()

    def test_approved_while_it_runs(self):
        self.telegram.say("let me in", sender=BOB)
        self.start()
        self.telegram.wait_sent(1)
        senders = self.saved()
        person = senders["telegram"]["waiting"].pop("43")
        senders["telegram"]["approved"] = {"43": person}
        (self.place.state / "senders.json").write_text(json.dumps(senders))
        self.telegram.say("thanks", sender=BOB)
        turn = self.turns(1)[0]
        self.assertEqual((turn["text"], turn["session"]),
                         ("thanks", "telegram:43"))
        self.assertEqual(turn["from"], {"id": "43", "name": "Bob B"})
        self.stop()

    def test_a_code_that_could_not_be_told_is_taken_back(self):
        self.telegram.add_chat(43)
        self.telegram.fail("sendMessage", status=403,
                           description="Forbidden: bot was blocked")
        self.telegram.say("let me in", sender=BOB)
        self.start()
        self.telegram.wait_calls("sendMessage", 1)
        support.wait_for(
            lambda: not self.saved()["telegram"]["waiting"], what="withdrawal")
        self.telegram.say("again", sender=BOB)
        self.telegram.wait_sent(1)
        self.stop()

    def test_a_code_that_may_have_arrived_is_not_told_again(self):
        self.telegram.fail("sendMessage", fault="after")
        self.telegram.say("let me in", sender=BOB)
        self.start()
        self.telegram.wait_sent(1)
        self.telegram.say("again", sender=BOB)
        self.settle()
        self.assertEqual(len(self.telegram.sent), 1)
        self.stop()

    def test_policies(self):
        named = dict(BOB, id=99, username="ada")  # a name is nothing
        for policy, allowed, expected in (
                ("allowlist", ["42"], ["42"]), ("allowlist", [], []),
                ("disabled", ["42"], []), ("open", [], ["42", "43", "99"]),
                ("pairing", [], [])):
            with self.subTest(policy=policy, allowed=allowed):
                self.log.unlink(missing_ok=True)
                self.configure(dm_policy=policy, allow_from=allowed)
                self.telegram.say("hi")
                self.telegram.say("hi", sender=BOB)
                self.telegram.say("hi", sender=named)
                self.start()
                self.settle()
                self.assertEqual(
                    [t["from"]["id"] for t in self.turns(len(expected))],
                    expected)
                if policy != "pairing":
                    self.assertEqual(self.telegram.sent, [])
                self.stop()

    def test_a_file_of_senders_that_is_broken_lets_nobody_in(self):
        (self.place.state / "senders.json").write_text("{")
        self.telegram.say("hi", sender=BOB)
        self.start()
        self.settle()
        self.assertEqual(self.turns(), [])
        self.assertEqual(self.telegram.sent, [])
        self.assertEqual((self.place.state / "senders.json").read_text(), "{")
        self.stop()


class Groups(ReceiverCase):
    def setUp(self):
        super().setUp()
        self.configure(group_allow_from=["42"])

    def group(self, text, **fields):
        return self.telegram.say(text, chat=GROUP, **fields)

    def mention(self, text, **fields):
        at = text.index("@")
        name = text[at:].split()[0]
        units = len(text[:at].encode("utf-16-le")) // 2
        return self.group(text, entities=[
            {"type": "mention", "offset": units, "length": len(name)}],
            **fields)

    def texts(self, count):
        return [t["text"] for t in self.turns(count)]

    def test_only_what_is_addressed_to_us(self):
        self.group("just talk")
        self.mention("@claw_bot how full?")
        self.mention("\U0001f600\U0001f600 hey @Claw_Bot what now?")
        self.mention("@other_bot not you")
        self.group("/status")
        self.group("/status@claw_bot")
        self.group("/status@other_bot")
        self.group("an answer", reply_to_message={
            "message_id": 1, "from": self.telegram.me, "text": "question"})
        self.start()
        self.settle()
        self.assertEqual(self.texts(4), [
            "how full?", "\U0001f600\U0001f600 hey @Claw_Bot what now?",
            "/status", "> You wrote:\n> question\n\nan answer"])
        turn = self.turns()[0]
        self.assertEqual(turn["session"], f"telegram:{GROUP}:42")
        self.assertEqual(turn["to"]["chat"], str(GROUP))
        self.stop()

    def test_without_mention_where_that_is_configured(self):
        self.configure(group_allow_from=["42"],
                       groups={str(GROUP): {"require_mention": False}})
        self.group("just talk")
        self.group("/stop@other_bot")
        self.telegram.say("elsewhere", chat=-100999)
        self.start()
        self.settle()
        self.assertEqual(self.texts(1), ["just talk"])
        self.stop()

    def test_everyone_has_a_session_and_is_checked(self):
        self.configure(group_allow_from=["42", "43"])
        self.mention("@claw_bot a")
        self.mention("@claw_bot b", sender=BOB)
        self.mention("@claw_bot c", sender=44)
        self.start()
        self.settle()
        self.assertEqual([t["session"] for t in self.turns(2)],
                         [f"telegram:{GROUP}:42", f"telegram:{GROUP}:43"])
        self.assertEqual(self.telegram.sent, [])  # no code in a group
        self.stop()

    def test_shared_sessions(self):
        self.place.config({
            "sessions": {"dm": "shared", "group": "shared"},
            "channels": {"telegram": {
                "api_root": self.telegram.url, "dm_policy": "open",
                "group_policy": "open", "poll_timeout_s": 2}}})
        for sender in (ADA, BOB):
            self.telegram.say("hi", sender=sender)
            self.mention("@claw_bot a", sender=sender)
            self.mention("@claw_bot b", sender=sender, message_thread_id=5)
        self.start()
        self.settle()
        self.assertEqual([t["session"] for t in self.turns(6)], [
            "telegram:direct", f"telegram:{GROUP}", f"telegram:{GROUP}:5"] * 2)
        self.stop()

    def test_policies(self):
        for telegram, expected in (
                ({}, []),
                ({"group_allow_from": []}, []),
                ({"group_policy": "open"}, ["42", "43"]),
                ({"group_policy": "disabled", "group_allow_from": ["42"]}, []),
                ({"groups": {str(GROUP): {"allow_from": ["43"]}},
                  "group_allow_from": ["42"]}, ["43"]),
                ({"groups": {str(GROUP): {"allow_from": []}},
                  "group_allow_from": ["42"]}, []),
                ({"groups": {str(GROUP): {"policy": "open"}}}, ["42", "43"]),
                ({"groups": {str(GROUP): {"policy": "disabled"}},
                  "group_policy": "open"}, [])):
            with self.subTest(telegram=telegram):
                self.log.unlink(missing_ok=True)
                self.configure(**telegram)
                self.mention("@claw_bot a")
                self.mention("@claw_bot b", sender=BOB)
                self.start()
                self.settle()
                self.assertEqual([t["from"]["id"] for t in
                                  self.turns(len(expected))], expected)
                self.stop()

    def test_topics(self):
        self.mention("@claw_bot a", message_thread_id=5)
        self.mention("@claw_bot b", message_thread_id=5, sender=ADA,
                     reply_to_message={"message_id": 5, "from":
                                       self.telegram.me,
                                       "forum_topic_created": {"name": "x"}})
        self.group("not to us", message_thread_id=5, reply_to_message={
            "message_id": 5, "from": self.telegram.me,
            "forum_topic_created": {"name": "x"}})
        self.mention("@claw_bot c", message_thread_id=1)
        self.mention("@claw_bot d", message_thread_id=9,
                     is_topic_message=False)
        self.start()
        self.settle()
        self.assertEqual(
            [(t["session"], t["to"]["thread"]) for t in self.turns(4)],
            [(f"telegram:{GROUP}:5:42", "5"), (f"telegram:{GROUP}:5:42", "5"),
             (f"telegram:{GROUP}:42", None), (f"telegram:{GROUP}:42", None)])
        self.stop()

    def test_a_group_that_becomes_a_supergroup(self):
        self.configure(groups={"-300": {"allow_from": ["42"],
                                        "require_mention": False}})
        self.telegram.say("before", chat=-300)
        self.telegram.say(chat=-300, migrate_to_chat_id=GROUP)
        self.telegram.say(chat=GROUP, migrate_from_chat_id=-300)
        self.telegram.say("after", chat=GROUP)
        self.start()
        self.turns(2)
        self.stop()
        self.telegram.say("after a restart", chat=GROUP)
        self.start()
        turns = self.turns(3)
        self.assertEqual({t["session"] for t in turns}, {"telegram:-300:42"})
        self.assertEqual([t["to"]["chat"] for t in turns],
                         ["-300", str(GROUP), str(GROUP)])
        self.stop()

    def test_bots_and_channels(self):
        self.configure(group_policy="open", dm_policy="open")
        robot = {"id": 77, "is_bot": True, "first_name": "Robot"}
        self.mention("@claw_bot loop", sender=robot)
        self.telegram.push({"channel_post": {
            "message_id": 1, "date": 0, "text": "@claw_bot news",
            "chat": {"id": -100777, "type": "channel", "title": "News"},
            "entities": [{"type": "mention", "offset": 0, "length": 9}]}})
        self.telegram.push({"my_chat_member": {
            "chat": {"id": GROUP, "type": "supergroup"}, "from": ADA,
            "new_chat_member": {"status": "kicked"}}})
        self.start()
        self.settle()
        turn = self.turns(1)[0]
        self.assertEqual(turn["from"], {"id": "-100777", "name": "News"})
        self.assertIn("'kicked'", self.stop().err)


class Content(ReceiverCase):
    def texts(self, count):
        return [t["text"] for t in self.turns(count)]

    def test_a_photo_with_a_caption(self):
        small, large = (self.telegram.add_file(d, "p.jpg")
                        for d in (b"small", PNG))
        update = self.telegram.say(caption="what is this?", photo=[
            {"file_id": small, "file_size": 5},
            {"file_id": large, "file_size": len(PNG)}])
        self.start()
        turn = self.turns(1)[0]
        self.assertEqual(turn["text"], "what is this?")
        media = turn["media"]
        self.assertEqual(len(media), 1)
        self.assertEqual((media[0]["mime"], media[0]["bytes"]),
                         ("image/jpeg", len(PNG)))
        path = Path(media[0]["path"])
        self.assertEqual(path.read_bytes(), PNG)
        self.assertEqual(path.parent.parent, self.place.workspace / "inbox")
        self.assertEqual(path.name, f"{update}-1-photo.jpg")
        self.stop()

    def test_a_document_with_a_hostile_name(self):
        for name, expected in (
                ("../../.ssh/authorized keys", "_.._.ssh_authorized_keys"),
                ("-rf", "rf"), ("", "file"), ("..", "file"),
                ("a\x00\nb'\"$(x).txt", None), ("ü.pdf", "ü.pdf"),
                ("x" * 300 + ".tar", "x" * 76 + ".tar")):
            with self.subTest(name=name):
                self.log.unlink(missing_ok=True)
                self.telegram.say(document={
                    "file_id": self.telegram.add_file(b"data"),
                    "file_name": name, "mime_type": "text/plain"})
                self.start()
                path = Path(self.turns(1)[0]["media"][0]["path"])
                self.assertEqual(path.parent.parent,
                                 self.place.workspace / "inbox")
                self.assertEqual(path.read_bytes(), b"data")
                if expected:
                    self.assertEqual(path.name.split("-", 2)[2], expected)
                self.stop()

    def test_voice_and_others(self):
        for kind, mime in (("voice", "audio/ogg"), ("audio", "audio/mpeg"),
                           ("video", "video/mp4"),
                           ("video_note", "video/mp4")):
            self.telegram.say(**{"kind": "message", kind: {
                "file_id": self.telegram.add_file(b"x")}})
        self.start()
        self.assertEqual([t["media"][0]["mime"] for t in self.turns(4)],
                         ["audio/ogg", "audio/mpeg", "video/mp4",
                          "video/mp4"])
        self.stop()

    def test_a_file_that_is_too_large(self):
        self.configure(media_bytes=100)
        big = self.telegram.add_file(b"x" * 101)
        self.telegram.say(caption="announced", document={
            "file_id": big, "file_name": "a.bin", "file_size": 101})
        self.telegram.say(caption="not announced", document={
            "file_id": big, "file_name": "b.bin"})
        self.start()
        for turn, name in zip(self.turns(2), ("a.bin", "b.bin")):
            self.assertNotIn("media", turn)
            self.assertIn(f"[the file {name} could not be taken: it is "
                          "larger than 100 bytes]", turn["text"])
        self.assertFalse((self.place.workspace / "inbox").exists())
        self.stop()

    def test_a_file_that_comes_at_the_second_attempt(self):
        self.telegram.fail("getFile", status=500)
        self.telegram.fail("file", fault="half")
        self.telegram.say(caption="c", document={
            "file_id": self.telegram.add_file(b"data")})
        self.start()
        self.assertEqual(
            Path(self.turns(1)[0]["media"][0]["path"]).read_bytes(), b"data")
        self.stop()

    def test_a_file_that_never_comes(self):
        self.telegram.say(caption="c", document={
            "file_id": "gone", "file_name": "x.txt"})
        self.start()
        turn = self.turns(1)[0]
        self.assertTrue(turn["text"].startswith("c\n[the file x.txt"), turn)
        self.settle()
        self.stop()

    def test_an_album_is_one_turn(self):
        for i in range(4):
            self.telegram.say(
                media_group_id="g1", **({"caption": "four"} if i == 1 else {}),
                photo=[{"file_id": self.telegram.add_file(b"%d" % i)}])
        last = self.telegram.say(
            media_group_id="g2",
            photo=[{"file_id": self.telegram.add_file(b"x")}])
        self.start()
        one, two = self.turns(2)
        self.assertEqual(one["text"], "four")
        self.assertEqual([Path(m["path"]).read_bytes() for m in one["media"]],
                         [b"0", b"1", b"2", b"3"])
        self.assertEqual(one["id"], f"telegram-7001-{last - 1}")
        self.assertEqual(len(two["media"]), 1)
        self.settle()
        self.stop()

    def test_a_long_paste_is_one_turn(self):
        parts = ["a" * 4096, "b" * 4000, "c" * 10]
        for part in parts:
            self.telegram.say(part)
        self.telegram.say("by itself")
        self.telegram.say("d" * 4096, sender=ADA)
        self.start()
        texts = self.texts(3)
        self.assertEqual(texts[0], parts[0] + parts[1] + "\n" + parts[2])
        self.assertEqual(texts[1:], ["by itself", "d" * 4096])
        self.settle()
        self.stop()

    def test_long_messages_hours_apart_are_two_turns(self):
        now = int(time.time())
        self.telegram.say("a" * 4096, date=now - 7200)
        self.telegram.say("b", date=now)
        self.start()
        self.assertEqual(self.texts(2), ["a" * 4096, "b"])
        self.stop()

    def test_stop_and_status_wait_for_nothing(self):
        self.telegram.fail("getFile", fault="hang")
        self.telegram.say(caption="slow", document={
            "file_id": self.telegram.add_file(b"x")})
        self.telegram.say("/stop")
        self.telegram.say("/status@claw_bot")
        self.telegram.say("waits behind the file")
        self.start()
        self.assertEqual(self.texts(2), ["/stop", "/status"])
        self.assertEqual({t["session"] for t in self.turns()},
                         {"telegram:42"})
        self.stop()

    def test_what_is_answered_and_quoted(self):
        self.telegram.say("and this?", reply_to_message={
            "message_id": 9, "from": BOB, "text": "line one\nline two"})
        self.telegram.say("that", quote={"text": "one"}, reply_to_message={
            "message_id": 9, "from": self.telegram.me,
            "text": "zero one two"})
        self.telegram.say("what is it?", reply_to_message={
            "message_id": 9, "from": BOB, "caption": "see", "photo": [
                {"file_id": self.telegram.add_file(PNG)}]})
        self.telegram.say("/status", reply_to_message={
            "message_id": 9, "from": BOB, "text": "x"})
        self.telegram.say("long", reply_to_message={
            "message_id": 9, "from": BOB, "text": "é" * 4000})
        self.telegram.say("look", forward_origin={
            "type": "user", "sender_user": BOB})
        self.start()
        # a command does not wait for the photo
        texts = {t["to"]["message"]: t for t in self.turns(6)}
        self.assertEqual(texts["1"]["text"],
                         "> Bob B wrote:\n> line one\n> line two\n\nand this?")
        self.assertEqual(texts["2"]["text"],
                         "> You wrote:\n> one\n\nthat")
        self.assertEqual(len(texts["3"]["media"]), 1)
        self.assertEqual(texts["4"]["text"], "/status")
        self.assertLess(len(texts["5"]["text"]), 1000)
        self.assertEqual(texts["6"]["text"], "[Forwarded from Bob B]\nlook")
        self.stop()

    def test_edits(self):
        self.telegram.say("first", message_id=50)
        self.telegram.say("first", message_id=50, kind="edited_message")
        self.telegram.say("second", message_id=50, kind="edited_message",
                          edit_date=1)
        self.start()
        self.settle()
        self.assertEqual(self.texts(2), ["first", "[Edited message]\nsecond"])
        self.stop()

    def test_what_is_neither_text_nor_a_file(self):
        self.telegram.say(location={"latitude": 52.5, "longitude": 13.25})
        self.telegram.say(contact={"first_name": "Eve", "phone_number": "+1"})
        self.telegram.say(sticker={"emoji": "\U0001f600", "file_id": "x"})
        self.telegram.say(poll={"question": "Tea?", "options": [
            {"text": "yes"}, {"text": "no"}]})
        self.telegram.say("see here", entities=[
            {"type": "text_link", "offset": 4, "length": 4,
             "url": "https://example.org/"}])
        self.telegram.say(new_chat_title="news of the chat")
        self.start()
        self.settle()
        self.assertEqual(self.texts(5), [
            "[Location: 52.500000, 13.250000]", "[Contact: Eve, +1]",
            "[Sticker: \U0001f600]", "[Poll: Tea?]\n- yes\n- no",
            "see here (https://example.org/)"])
        self.stop()

    def test_a_reaction(self):
        self.telegram.add_chat()
        self.configure(reactions=True)
        chat = {"id": 42, "type": "private"}

        def react(new, old=(), **more):
            return self.telegram.push({"message_reaction": {
                "chat": chat, "message_id": 3, "date": 1, "user": ADA,
                "old_reaction": [{"type": "emoji", "emoji": e} for e in old],
                "new_reaction": [{"type": "emoji", "emoji": e} for e in new],
                **more}})

        react("\U0001f44d")
        react("", "\U0001f44d")
        react("\U0001f44d", chat={"id": -5, "type": "group"})
        react("\U0001f44d", user=BOB)
        self.start()
        turn = self.turns(1)[0]
        self.assertEqual(turn["text"], "[Reacted to your message: \U0001f44d]")
        self.assertEqual(turn["to"]["message"], "3")
        self.settle()
        self.stop()

    def test_a_button(self):
        self.telegram.add_chat()
        message = {"message_id": 3, "chat": {"id": 42, "type": "private"},
                   "from": self.telegram.me, "text": "Allow?"}
        self.telegram.press("/approve a1", message)
        self.telegram.press("/approve a1", message, sender=BOB)
        self.start()
        turn = self.turns(1)[0]
        self.assertEqual((turn["text"], turn["from"]["id"]),
                         ("/approve a1", "42"))
        self.assertEqual(turn["to"]["message"], "3")
        self.telegram.wait_calls("answerCallbackQuery", 1)
        self.settle()
        self.stop()


if __name__ == "__main__":
    unittest.main()
