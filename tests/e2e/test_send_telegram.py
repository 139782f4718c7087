"""oc-send -c telegram: replies arrive, once, in order, whatever breaks.

The Bot API is tests/fake/telegram.py, as strict as the real one.
"""
import json
import os
import random
import signal
import time
import unittest

import support
from fake.telegram import TOKEN, Telegram

MARK = "(possibly a repeat)"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def turn(number, text="", chat="42", **more):
    reply = {"text": text, **more.pop("reply", {})}
    return {"type": "turn", "id": f"telegram-1-{number}", "text": "?",
            "session": f"telegram:{chat}", "channel": "telegram",
            "to": {"chat": chat, "thread": None, "message": None},
            "reply": reply, **more}


def plain(message):
    """The text of a message without the mark of a repeat."""
    text = message["text"]
    return text[len(MARK) + 1:] if text.startswith(MARK) else text


class SendTestCase(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-send")
        self.telegram = Telegram()
        self.telegram.start()
        self.addCleanup(self.telegram.stop)
        for chat in (42, 43, 44):
            self.telegram.add_chat(chat)
        self.configure()

    def tearDown(self):
        self.assertEqual(self.telegram.complaints, [])

    def configure(self, **telegram):
        limits = telegram.pop("limits", {"first_byte_s": 2})
        self.place.config({"limits": limits, "channels": {"telegram": {
            "enabled": True, "api_root": self.telegram.url, **telegram}}})
        self.place.env["TELEGRAM_BOT_TOKEN"] = TOKEN

    def send(self, *turns, status=0, **env):
        result = self.place.run(
            ["oc-send", "-c", "telegram"], list(turns), **env)
        self.assert_status(result, status)
        self.assert_no_secret(TOKEN, result, self.place.state)
        return result

    def start(self, *turns, **env):
        stage = self.place.start(["oc-send", "-c", "telegram"], **env)
        if turns:
            stage.send(list(turns))
        return stage

    def texts(self, chat=42):
        return [m.get("text", m.get("caption")) for m in self.telegram.sent
                if m["chat"]["id"] == chat]

    def ledger(self, number):
        path = self.place.state / "sent" / f"telegram-1-{number}"
        return [json.loads(line) for line in path.read_text().splitlines()]


class Plain(SendTestCase):
    def test_a_lost_growing_message_makes_a_repeat(self):
        folder = self.place.state / "sent"
        folder.mkdir(parents=True)
        begun = '{"at":1,"event":"begun"}\n'
        (folder / "telegram-1-1").write_text(begun)
        (folder / "telegram-1-2").write_text(
            begun + '{"at":2,"event":"not_sent"}\n')
        self.send(turn(1, "one"), turn(2, "two"))
        self.assertEqual(self.texts(), [f"{MARK}\none", "two"])

    def test_a_reply_and_its_receipt(self):
        result = self.send(turn(1, "Hello, **Ada**."))
        (receipt,) = result.records
        self.assertEqual(
            {k: receipt[k] for k in receipt if k != "at"},
            {"type": "receipt", "id": "telegram-1-1", "channel": "telegram",
             "status": "sent", "messages": ["1"]})
        (message,) = self.telegram.sent
        self.assertEqual(message["text"], "Hello, Ada.")
        self.assertEqual(message["entities"],
                         [{"type": "bold", "offset": 7, "length": 3}])
        (call,) = self.telegram.calls_of("sendMessage")
        self.assertTrue(call.params["link_preview_options"]["is_disabled"])

    def test_the_same_turn_again_is_not_sent_again(self):
        self.send(turn(1, "once"))
        result = self.send(turn(1, "once"))
        self.assertEqual(result.records[0]["status"], "sent")
        self.assertEqual(result.records[0]["messages"], ["1"])
        self.assertEqual(self.texts(), ["once"])

    def test_answers_the_message_in_its_thread(self):
        self.telegram.add_chat(-1001, threads=[7])
        self.telegram.say("?", chat=-1001)
        self.send(turn(1, "a", "-1001", to={
            "chat": "-1001", "thread": "7", "message": "1"}))
        (message,) = self.telegram.sent
        self.assertEqual(message["message_thread_id"], 7)
        self.assertEqual(message["reply_to_message"], {"message_id": 1})

    def test_general_topic_and_a_message_that_is_gone(self):
        self.telegram.add_chat(-1001, threads=[1])
        self.send(turn(1, "a", "-1001", to={
            "chat": "-1001", "thread": "1", "message": "999"}))
        self.assertEqual(self.texts(-1001), ["a"])

    def test_a_thread_that_is_gone(self):
        self.send(turn(1, "a", to={
            "chat": "42", "thread": "5", "message": None}))
        self.assertEqual(self.texts(), ["a"])

    def test_order_within_a_chat(self):
        result = self.send(*[turn(i, f"no {i}") for i in range(4)])
        self.assertEqual(self.texts(), [f"no {i}" for i in range(4)])
        self.assertEqual([r["id"][-1] for r in result.records],
                         ["0", "1", "2", "3"])

    def test_a_stuck_chat_holds_up_no_other(self):
        self.telegram.fail("sendMessage", status=429, retry_after=3)
        stage = self.start(turn(1, "slow"))
        self.telegram.wait_calls("sendMessage")
        stage.send(turn(2, "quick", "43"))
        self.assertEqual(stage.read()["id"], "telegram-1-2")
        self.assertEqual(stage.read()["id"], "telegram-1-1")

    def test_the_queue_entry_is_finished(self):
        support.need("oc-spool")
        put = self.place.run(["oc-spool", "put", "out/telegram"],
                             [turn(i, f"t{i}", str(42 + i)) for i in range(3)])
        self.assert_status(put, 0)
        result = self.place.shell(
            "oc-spool take -e out/telegram | oc-send -c telegram"
            if self.takes_until_empty() else
            "timeout 3 oc-spool take out/telegram | oc-send -c telegram")
        self.assertEqual(len(result.records), 3, result)
        out = self.place.state / "out" / "telegram"
        self.assertEqual(list((out / "cur").iterdir()), [])
        self.assertEqual(list((out / "new").iterdir()), [])
        self.assertEqual(len(list((out / "done").iterdir())), 3)

    def takes_until_empty(self):
        return "  -e" in self.place.run(["oc-spool", "-h"]).out.decode()

    def test_what_nobody_can_deliver(self):
        bad = [{**turn(1, "a"), "to": {}}, {**turn(2, "a"), "reply": None},
               {**turn(3, "a"), "channel": "http"}]
        result = self.send(*bad, turn(4, "good"), status=65)
        self.assertEqual([r["status"] for r in result.records],
                         ["failed"] * 3 + ["sent"])
        self.assertEqual(self.texts(), ["good"])

    def test_no_token(self):
        result = self.place.run(["oc-send", "-c", "telegram"], turn(1, "a"),
                                TELEGRAM_BOT_TOKEN="")
        self.assert_status(result, 78)
        self.assertIn("TELEGRAM_BOT_TOKEN", result.err)

    def test_token_from_a_file_and_not_in_the_environment(self):
        path = self.place.folder / "token"
        path.write_text(TOKEN + "\n")
        stage = self.start(turn(1, "a"), TELEGRAM_BOT_TOKEN="",
                           TELEGRAM_BOT_TOKEN_FILE=str(path))
        self.assertEqual(stage.read()["status"], "sent")
        self.assert_status(stage.wait(), 0)


class Text(SendTestCase):
    def test_hostile_and_broken_text(self):
        replies = {
            "literal": ("a <x> & &lt;b&gt; <b>no</b>",
                        "a <x> & <b> <b>no</b>"),
            "broken": ("**bold *and ~~ [x](", "**bold *and ~~ [x]("),
            "rtl": ("\u200f\u0634\u0644\u0648\u0645 **\u05e9**", None),
            "emoji": ("\U0001f468\u200d\U0001f469\u200d\U0001f467 ok", None),
            "list": ("- a\n- b\n  1. c\n", "\u2022 a\n\u2022 b\n  1. c"),
            "heading": ("# T\n\ntext", "T\n\ntext"),
            "table": ("|a|b|\n|---|---|\n|10|2|", "a  | b\n---+--\n10 | 2"),
        }
        for number, (name, (text, expected)) in enumerate(replies.items()):
            with self.subTest(name):
                chat = str(100 + number)
                self.telegram.add_chat(100 + number)
                self.send(turn(number, text, chat))
                (got,) = self.texts(100 + number)
                self.assertEqual(got, expected or text.replace("**", ""))

    def test_only_blanks_is_told_and_not_sent(self):
        self.send(turn(1, " \n\t \u200b\u2800"))
        self.assertEqual(self.texts(), ["(The reply is empty.)"])

    def test_a_long_reply_with_a_code_block(self):
        words = " ".join(f"w{i}" for i in range(1200))
        code = "\n".join(f"line {i} <&>" for i in range(700))
        text = f"{words}\n\n```python\n{code}\n```\n\n{words}"
        self.assertGreater(len(text), 20000)
        self.send(turn(1, text))
        sent = self.telegram.sent
        self.assertEqual(" ".join(m["text"] for m in sent).split(),
                         f"{words} {code} {words}".split())
        for message in sent:
            self.assertLessEqual(
                len(message["text"].encode("utf-16-le")) // 2, 4096)
        inside = [m for m in sent if "line 300" in m["text"]]
        self.assertIn("python", [e.get("language") for m in inside
                                 for e in m["entities"]])

    def test_one_long_word_and_emoji(self):
        for number, text in enumerate(("x" * 10000, "\U0001f600" * 5000)):
            self.telegram.add_chat(100 + number)
            self.send(turn(number, text, str(100 + number)))
            self.assertEqual("".join(self.texts(100 + number)), text)

    def test_refused_entities_are_sent_as_plain_text(self):
        self.telegram.fail("sendMessage", status=400,
                           description="can't parse entities: made to fail")
        self.send(turn(1, "**a** <b>"))
        self.assertEqual(self.texts(), ["a <b>"])
        last = self.telegram.calls_of("sendMessage")[-1]
        self.assertNotIn("parse_mode", last.params)


class Files(SendTestCase):
    def file(self, name, data):
        path = self.place.workspace / name
        path.write_bytes(data)
        mime = "image/png" if name.endswith("png") else "text/plain"
        return {"path": str(path), "mime": mime, "bytes": len(data)}

    def test_an_image_with_a_caption(self):
        media = [self.file("a.png", PNG)]
        self.send(turn(1, "*Look*", reply={"media": media}))
        (message,) = self.telegram.sent
        self.assertEqual(message["caption"], "Look")
        self.assertIn("photo", message)

    def test_a_long_text_and_files(self):
        media = [self.file("a.png", PNG), self.file("b.png", PNG),
                 self.file('c "x".txt', b"c" * 3_000_000)]
        result = self.send(turn(1, "word " * 300, reply={"media": media}))
        kinds = [[k for k in ("text", "photo", "document") if k in m]
                 for m in self.telegram.sent]
        self.assertEqual(kinds, [["text"], ["photo"], ["photo"],
                                 ["document"]])
        self.assertEqual(result.records[0]["messages"],
                         ["1", "2", "3", "4"])
        (uploaded,) = [f.data for f in self.telegram.files.values()
                       if f.path.endswith(".txt")]
        self.assertEqual(uploaded, b"c" * 3_000_000)

    def test_an_image_that_is_none_goes_as_a_file(self):
        media = [self.file("a.png", PNG), self.file("b.png", b"no image")]
        self.send(turn(1, "two", reply={"media": media}))
        self.assertEqual(["document" in m for m in self.telegram.sent],
                         [True, True])
        self.assertEqual(self.texts(), ["two", None])

    def test_what_cannot_be_sent_is_told(self):
        secret = self.place.folder / "secret"
        secret.write_text("s")
        (self.place.workspace / "link").symlink_to(secret)
        media = [self.file("empty.txt", b""), {"path": str(secret)},
                 {"path": str(self.place.workspace / "link")},
                 {"path": "../../../secret"}]
        self.send(turn(1, "text", reply={"media": media}))
        (text,) = self.texts()
        self.assertEqual(text.count("could not be sent"), 4)
        self.assertEqual(self.telegram.files, {})


class Faults(SendTestCase):
    def test_surely_not_arrived(self):
        """Repeated without a mark."""
        faults = [{"status": 500}, {"status": 502}, {"fault": "html"},
                  {"status": 429, "retry_after": 1}]
        for number, fault in enumerate(faults):
            with self.subTest(fault):
                self.telegram.sent.clear()
                self.telegram.fail("sendMessage", **fault)
                result = self.send(turn(number, "hello"))
                self.assertEqual(result.records[0]["status"], "sent")
                self.assertEqual(self.texts(), ["hello"])

    def test_maybe_arrived_and_did(self):
        for number, fault in enumerate(("after", "half")):
            with self.subTest(fault):
                self.telegram.sent.clear()
                self.telegram.fail("sendMessage", fault=fault)
                self.send(turn(number, "hello"))
                self.assertEqual(self.texts(), ["hello", MARK + "\nhello"])

    def test_maybe_arrived_and_did_not(self):
        for number, fault in enumerate(("before", "empty", "hang")):
            with self.subTest(fault):
                self.telegram.sent.clear()
                self.telegram.fail("sendMessage", fault=fault)
                self.send(turn(number, "hello"))
                self.assertEqual(self.texts(), [MARK + "\nhello"])

    def test_at_most_once(self):
        self.configure(delivery="at_most_once")
        self.telegram.fail("sendMessage", fault="after")
        result = self.send(turn(1, "hello"))
        self.assertEqual(result.records[0]["status"], "unknown")
        self.assertEqual(self.texts(), ["hello"])

    def test_in_doubt_again_and_again(self):
        self.send(turn(1, "hello"))
        path = self.place.state / "sent" / "telegram-1-1"
        plan, intent = path.read_text().splitlines(keepends=True)[:2]
        self.telegram.sent.clear()
        # as if it had been killed so often
        path.write_text(plan + 20 * intent)
        self.telegram.fail("sendMessage", fault="before", times=2)
        result = self.send(turn(1, "hello"))
        self.assertEqual(result.records[0]["status"], "sent")
        self.assertEqual(self.texts(), [MARK + "\nhello"])

    def test_an_edit_in_doubt_is_no_second_message(self):
        folder = self.place.state / "sent"
        folder.mkdir(exist_ok=True)
        sent = self.telegram.do_sendMessage(
            {"chat_id": 42, "text": "hel …"})
        (folder / "telegram-1-1").write_text("".join(
            json.dumps({"at": 1, "event": event, **more}) + "\n"
            for event, more in (
                ("begun", {}),
                ("draft", {"message": str(sent["message_id"])}))))
        self.telegram.fail("editMessageText", fault="after", times=2)
        result = self.send(turn(1, "hello"))
        self.assertEqual(result.records[0]["status"], "sent")
        self.assertEqual(self.texts(), ["hello"])

    def test_nobody_listens_yet(self):
        port = support.free_port()
        self.configure(api_root=f"http://127.0.0.1:{port}")
        stage = self.start(turn(1, "hello"))
        stage.wait_stderr("refused")
        late = Telegram(port=port)
        late.add_chat(42)
        with late:
            self.assertEqual(stage.read()["status"], "sent")
        self.assertEqual([m["text"] for m in late.sent], ["hello"])

    def test_blocked_and_unknown_chats(self):
        self.telegram.blocked.add(43)
        result = self.send(turn(1, "a", "43"), turn(2, "b", "999"),
                           turn(3, "c"))
        status = {r["id"][-1]: r["status"] for r in result.records}
        self.assertEqual(status, {"1": "failed", "2": "failed", "3": "sent"})
        self.assertEqual(len(self.telegram.calls_of("sendMessage")), 3)
        self.assertIn("blocked", result.err)

    def test_a_group_that_became_another(self):
        self.telegram.add_chat(-7)
        self.telegram.add_chat(-1007)
        self.telegram.migrated[-7] = -1007
        result = self.send(turn(1, "a", "-7"), turn(2, "b", "-7"))
        self.assertEqual([r["status"] for r in result.records], ["sent"] * 2)
        self.assertEqual(self.texts(-1007), ["a", "b"])
        self.assertEqual(len(self.telegram.calls_of("sendMessage")), 3)

    def test_a_wrong_token_loses_nothing(self):
        self.telegram.token = "1:other"
        stage = self.start(turn(1, "a"), turn(2, "b", "43"))
        stage.wait_stderr("the token is refused")
        time.sleep(2)
        calls = self.telegram.calls_of("sendMessage")
        self.assertLessEqual(len(calls), 4)
        self.telegram.token = TOKEN
        self.assertEqual({stage.read()["status"] for _ in "12"}, {"sent"})
        self.assertEqual(stage.stderr().count("the token is refused"), 1)
        self.assert_no_secret(TOKEN, stage)

    def test_rates(self):
        strict = Telegram(rates=True)
        strict.add_chat(42)
        with strict:
            self.configure(api_root=strict.url)
            self.send(*[turn(i, f"no {i}") for i in range(7)])
        self.assertEqual([c.status for c in strict.calls_of("sendMessage")],
                         [200] * 7)

    def test_a_chat_with_many_parts_lets_others_through(self):
        stage = self.start(turn(1, "x" * 30000), turn(2, "b", "43"))
        self.assertEqual(stage.read()["id"], "telegram-1-2")


class Crashes(SendTestCase):
    def test_after_the_receipt_of_one_part(self):
        self.send(turn(1, "x" * 9000))
        before = len(self.telegram.sent)
        path = self.place.state / "sent" / "telegram-1-1"
        lines = path.read_text().splitlines(keepends=True)
        # as if it had been killed after the first part
        path.write_text("".join(lines[:3]))
        self.send(turn(1, "x" * 9000))
        self.assertEqual(len(self.telegram.sent), 2 * before - 1)
        self.assertFalse(any(MARK in t for t in self.texts()))

    def test_between_the_intent_and_the_receipt(self):
        self.send(turn(1, "hello"))
        path = self.place.state / "sent" / "telegram-1-1"
        lines = path.read_text().splitlines(keepends=True)
        for torn in ("", '{"at":1,"event":"sent","part":0,"mess'):
            with self.subTest(torn):
                self.telegram.sent.clear()
                path.write_text("".join(lines[:2]) + torn)
                result = self.send(turn(1, "hello"))
                self.assertEqual(result.records[0]["status"], "sent")
                self.assertEqual(self.texts(), [MARK + "\nhello"])

    def test_crash_with_at_most_once(self):
        self.send(turn(1, "hello"))
        path = self.place.state / "sent" / "telegram-1-1"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:2]))
        self.configure(delivery="at_most_once")
        result = self.send(turn(1, "hello"))
        self.assertEqual(result.records[0]["status"], "unknown")
        self.assertEqual(self.texts(), ["hello"])

    def test_killed_at_random(self):
        turns = [turn(i, f"reply {i}", str(42 + i % 3)) for i in range(12)]
        self.configure(progress=False)
        kills, random_ = 0, random.Random(7)
        while True:
            stage = self.start(*turns)
            done = set()
            # longer each time: on a busy machine a start alone takes as long
            until = time.monotonic() + \
                random_.uniform(0.01, 0.15) * (1 + kills / 10)
            while time.monotonic() < until and len(done) < len(turns):
                time.sleep(0.005)
                done = {i for i in range(12)
                        if self.is_done(i)}
            if len(done) == len(turns):
                break
            os.kill(stage.pid, signal.SIGKILL)
            stage.process.wait()
            kills += 1
        self.assertGreater(kills, 0)
        sent = [m["text"] for m in self.telegram.sent]
        for i in range(12):
            unmarked = [t for t in sent if t == f"reply {i}"]
            marked = [t for t in sent if t == f"{MARK}\nreply {i}"]
            self.assertLessEqual(len(unmarked), 1)
            self.assertEqual(self.ledger(i)[-1]["status"], "sent")
            self.assertGreaterEqual(len(unmarked) + len(marked), 1)

    def is_done(self, number):
        try:
            return self.ledger(number)[-1]["event"] == "done"
        except (OSError, ValueError, IndexError):
            return False

    def traced(self, inject, number):
        """Runs it with a system call that fails or kills: a Result."""
        return self.place.run(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e",
             "trace=" + inject.split(":")[0], "-e", "inject=" + inject,
             str(support.BIN / "oc-send"), "-c", "telegram"],
            turn(number, f"reply {number}", str(1000 + number)))

    @unittest.skipIf(support.SANITIZED, "LeakSanitizer and strace")
    def test_killed_at_each_step(self):
        """At the Nth call of what writes, syncs, sends and receives."""
        number = 0
        for call in ("fdatasync", "ftruncate", "fsync", "sendto",
                     "recvfrom", "write"):
            for when in range(1, 6):
                number += 1
                with self.subTest(call=call, when=when):
                    self.telegram.add_chat(1000 + number)
                    killed = self.traced(
                        f"{call}:signal=SIGKILL:when={when}", number)
                    self.send(turn(number, f"reply {number}",
                                   str(1000 + number)))
                    texts = self.texts(1000 + number)
                    again = f"{MARK}\nreply {number}"
                    self.assertIn(texts, (
                        [f"reply {number}"], [again],
                        [f"reply {number}", again]))
                if killed.status == 0:
                    break  # it has no more calls of this kind

    @unittest.skipIf(support.SANITIZED, "LeakSanitizer and strace")
    def test_disk_full(self):
        """The record is refused twice: nothing is sent until it is not."""
        for number, call in enumerate(("fdatasync", "ftruncate"), 1):
            with self.subTest(call):
                self.telegram.add_chat(1000 + number)
                result = self.traced(
                    f"{call}:error=ENOSPC:when=2..3", number)
                self.assert_status(result, 0)
                self.assertIn("No space left on device", result.err)
                self.assertEqual(self.texts(1000 + number),
                                 [f"reply {number}"])

    def test_sigterm_finishes_what_is_being_sent(self):
        self.telegram.fail("sendMessage", status=429, retry_after=30)
        stage = self.start(turn(1, "a"))
        self.telegram.wait_calls("sendMessage")
        stage.signal(signal.SIGTERM)
        self.assert_status(stage.wait(5), 0)
        self.send(turn(1, "a"))
        self.assertEqual(self.texts(), ["a"])

    def test_old_ledgers_are_removed(self):
        self.send(turn(1, "a"), turn(2, "b"))
        old = self.place.state / "sent" / "telegram-1-1"
        week = time.time() - 8 * 24 * 3600
        os.utime(old, (week, week))
        self.send(turn(3, "c"))
        self.assertEqual({p.name[-1] for p in old.parent.iterdir()},
                         {"2", "3"})

    def test_nothing_is_sent_that_cannot_be_recorded(self):
        (self.place.state / "sent").write_text("no directory")
        stage = self.start(turn(1, "a"))
        stage.wait_stderr("nothing is sent that cannot be recorded")
        self.assertEqual(self.telegram.calls, [])
        (self.place.state / "sent").unlink()
        self.assertEqual(stage.read()["status"], "sent")
        self.assertEqual(self.texts(), ["a"])


if __name__ == "__main__":
    unittest.main()
