"""oc-session: journals, transcripts, commands, and what a kill -9 leaves."""
import json
import os
import shutil
import time
import unittest

import crash
import support

ANSWER = {"role": "assistant", "model": "google/x", "text": "done",
          "usage": {"input": 10, "output": 5}, "cost": 0.25}
CALL = {"role": "assistant", "model": "google/x", "text": "",
        "calls": [{"id": "c1", "name": "exec", "args": {"command": "a"}},
                  {"id": "c2", "name": "exec", "args": {"command": "b"}}],
        "google": {"parts": [{"thoughtSignature": "s"}]},
        "usage": {"input": 1, "output": 2}}


class SessionCase(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-spool", "oc-session")

    # ---- the parts of a gateway, one by one

    def put(self, *turns):
        result = self.place.run(["oc-spool", "put", "in"], list(turns))
        self.assert_status(result, 0)

    def take(self, count):
        """Takes so many turns; the taker is killed after."""
        take = self.place.start(["oc-spool", "take", "in"])
        turns = [take.read() for _ in range(count)]
        take.kill()
        return turns

    def open(self, turns):
        result = self.place.run(["oc-session", "open"], turns)
        self.assert_status(result, 0)
        return result.records

    def close(self, turns):
        result = self.place.run(["oc-session", "close"], turns)
        self.assert_status(result, 0)
        self.assertEqual(result.out, b"")
        return result

    def begin(self, **turn):
        """A turn that was put, taken and opened."""
        self.put({"id": "t1", "session": "s", "text": "hello",
                  "channel": "telegram", "to": {"chat": "7"}, **turn})
        return self.open(self.take(1))[0]

    def journal_line(self, id, event, **more):
        """What a stage writes."""
        path = self.place.state / "turns" / id / "journal.ndjson"
        with open(path, "a") as file:
            file.write(json.dumps({"at": 1, "event": event, **more}) + "\n")

    # ---- what is on disk

    def lines(self, *path):
        file = self.place.state.joinpath(*path)
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text().splitlines()]

    def names(self, *path):
        folder = self.place.state.joinpath(*path)
        return sorted(os.listdir(folder)) if folder.exists() else []

    def transcript(self, session="s"):
        return self.lines("sessions", session + ".ndjson")

    def replies(self, channel="telegram"):
        return [self.lines("out", channel, "new", name)[0]
                for name in self.names("out", channel, "new")]

    def archived(self):
        return [name for day in self.names("archive")
                for name in self.names("archive", day)]

    def assert_closed(self, *ids, text="done"):
        self.assertEqual(self.names("in", "done"), sorted(ids))
        self.assertEqual(self.names("in", "cur") + self.names("in", "new"), [])
        self.assertEqual(self.names("turns"), [])


class Open(SessionCase):
    def test_makes_a_journal(self):
        turn = self.begin()
        self.assertEqual((turn["journal"], turn["attempt"]), (1, 1))
        journal = self.lines("turns", "t1", "journal.ndjson")
        self.assertEqual([line["event"] for line in journal], ["begin"])
        self.assertEqual(journal[0]["turn"]["text"], "hello")

    def test_passes_on_what_it_need_not_touch(self):
        lines = (b'{"type":"stop", "session":"s"}\n'
                 b'{"type":"other","x":1.50}\n'
                 b'{"id":"a","text":"x","reply":{"text":"y"}}\n')
        self.assertEqual(
            self.place.run(["oc-session", "open"], lines).out, lines)
        self.assertEqual(self.names("turns"), [])

    def test_goes_on_after_a_crash(self):
        """A call with a result, one that was started, one that was not."""
        self.begin(text="hello")
        call = {"role": "assistant", "text": "", "model": "m",
                "calls": [{"id": i, "name": "exec", "args": {}}
                          for i in ("c1", "c2", "c3")]}
        result = {"role": "tool", "call": "c1", "ok": True, "output": "fine"}
        self.journal_line("t1", "step", step=call)
        self.journal_line("t1", "call", call=call["calls"][0])
        self.journal_line("t1", "call", call=call["calls"][1])
        self.journal_line("t1", "step", step=result, taint=["web"])
        turn = self.open(self.take(1))[0]
        self.assertEqual((turn["journal"], turn["attempt"]), (2, 2))
        self.assertEqual(turn["steps"][:2], [call, result])
        unknown = turn["steps"][2]
        self.assertEqual((unknown["call"], unknown["ok"]), ("c2", False))
        self.assertIn("outcome unknown", unknown["output"])
        self.assertEqual(len(turn["steps"]), 3)
        self.assertEqual(turn["taint"], ["web"])
        # and once more: the answer is in the journal too
        again = self.open(self.take(1))[0]
        self.assertEqual(again["steps"], turn["steps"])
        self.assertEqual((again["journal"], again["attempt"]), (3, 3))

    def test_call_of_an_earlier_step_with_the_same_id(self):
        self.begin()
        call = {"role": "assistant", "text": "", "model": "m",
                "calls": [{"id": "c", "name": "exec", "args": {}}]}
        self.journal_line("t1", "step", step=call)
        self.journal_line("t1", "call", call=call["calls"][0])
        self.journal_line("t1", "step", step={
            "role": "tool", "call": "c", "ok": True, "output": "x"})
        self.journal_line("t1", "step", step=call)
        turn = self.open(self.take(1))[0]
        self.assertEqual(len(turn["steps"]), 3)  # it is still to be run

    def test_half_a_line_in_the_journal(self):
        self.begin()
        path = self.place.state / "turns" / "t1" / "journal.ndjson"
        with open(path, "a") as file:
            file.write('{"event":"step","step":{"role":"assis')
        turn = self.open(self.take(1))[0]
        self.assertNotIn("steps", turn)
        self.assertEqual(turn["text"], "hello")

    def test_empty_journal(self):
        self.put({"id": "t1", "session": "s", "text": "hello"})
        folder = self.place.state / "turns" / "t1"
        folder.mkdir(parents=True)
        (folder / "journal.ndjson").write_text("")
        turn = self.open(self.take(1))[0]
        self.assertEqual((turn["journal"], turn["text"]), (2, "hello"))

    def test_reply_in_the_journal_is_not_asked_again(self):
        self.begin()
        self.journal_line("t1", "end", reply={"text": "done"})
        turn = self.open(self.take(1))[0]
        self.assertEqual(turn["reply"], {"text": "done"})
        self.close([turn])
        self.assert_closed("t1")

    def test_bad_lines(self):
        result = self.place.run(["oc-session", "open"],
                                b'nonsense\n{"text":"a"}\n')
        self.assert_status(result, 65)
        self.assertEqual(len(result.records), 1)


class Close(SessionCase):
    def test_brings_a_turn_to_its_end(self):
        turn = self.begin()
        turn["steps"] = [CALL, {"role": "tool", "call": "c1", "ok": True,
                                "output": "1"},
                         {"role": "tool", "call": "c2", "ok": True,
                          "output": "2"}, ANSWER]
        turn["reply"] = {"text": "done"}
        self.close([turn])
        self.assert_closed("t1")
        self.assertEqual(
            [(e["role"], e.get("text", e.get("output")))
             for e in self.transcript()],
            [("user", "hello"), ("assistant", ""), ("tool", "1"),
             ("tool", "2"), ("assistant", "done")])
        self.assertEqual(self.transcript()[1]["google"], CALL["google"])
        self.assertTrue(all(e["turn"] == "t1" for e in self.transcript()))
        (reply,) = self.replies()
        self.assertEqual((reply["id"], reply["reply"], reply["to"]),
                         ("t1", {"text": "done"}, {"chat": "7"}))
        self.assertNotIn("steps", reply)
        self.assertEqual(self.archived(), ["t1.ndjson"])
        journal = self.lines("archive", self.names("archive")[0], "t1.ndjson")
        self.assertEqual(journal[-1]["event"], "end")

    def test_joined_messages_are_finished_together(self):
        self.put({"id": "a", "session": "s", "text": "1"},
                 {"id": "b", "session": "s", "text": "2"})
        (turn,) = self.open(self.take(1))
        route = {"models": ["a/b"], "rule": "default"}
        self.close([{**turn, "reply": {"text": "done"}, "route": route}])
        self.assert_closed("a", "b")
        journal = self.lines("archive", self.names("archive")[0], "a.ndjson")
        self.assertEqual(journal[-1]["route"], route)
        self.assertEqual(self.transcript()[0]["text"], "1\n\n2")

    def test_nothing_of_a_turn_is_left(self):
        turn = self.begin()
        left = self.place.state / "turns" / "t1" / "run.new~"
        left.write_text("a crash left this")
        self.close([{**turn, "reply": {"text": "done"}}])
        self.assert_closed("t1")

    def test_reply_that_no_step_said(self):
        turn = self.begin()
        self.close([{**turn, "reply": {"text": "out of time"},
                     "error": {"class": "deadline", "message": "m"}}])
        self.assertEqual([e["text"] for e in self.transcript()],
                         ["hello", "out of time"])

    def test_turn_without_a_reply_gets_one(self):
        turn = self.begin()
        result = self.close([turn])
        self.assertIn("without a reply", result.err)
        self.assert_closed("t1")
        self.assertEqual(len(self.replies()), 1)

    def test_stale_run_is_dropped(self):
        first = self.begin()
        second = self.open(self.take(1))[0]
        self.assertEqual(second["journal"], 2)
        self.close([{**first, "reply": {"text": "old"}}])
        self.assertEqual(self.replies(), [])
        self.close([{**second, "reply": {"text": "new"}}])
        self.close([{**first, "reply": {"text": "old"}}])
        self.assertEqual([r["reply"]["text"] for r in self.replies()], ["new"])
        self.assertEqual(len(self.transcript()), 2)
        self.assert_closed("t1")

    def test_many_at_once(self):
        self.put(*[{"id": f"t{i}", "session": f"s{i}", "text": "x",
                    "channel": "telegram" if i % 2 else "other"}
                   for i in range(60)])
        turns = self.open(self.take(60))
        self.close([{**t, "reply": {"text": t["id"]}} for t in turns])
        self.assert_closed(*[f"t{i}" for i in range(60)])
        self.assertEqual(len(self.replies()), 30)
        self.assertEqual(len(self.replies("other")), 30)
        self.assertEqual(len(self.names("sessions")), 60)

    def test_half_a_line_in_the_transcript(self):
        turn = self.begin()
        (self.place.state / "sessions").mkdir()
        path = self.place.state / "sessions" / "s.ndjson"
        path.write_text('{"role":"user","text":"old","turn":"t0"}\n'
                        '{"turn":"t0","ro')
        self.close([{**turn, "reply": {"text": "done"}}])
        self.assertEqual([e["text"] for e in self.transcript()],
                         ["old", "hello", "done"])

    def test_summary_that_never_comes(self):
        """It grows to twice the limit and loses its older half."""
        self.place.config({"sessions": {"compact_tokens": 2000}})
        for i in range(20):
            turn = self.begin(id=f"t{i}", text=f"{i} " + "x" * 700)
            if "compact" in turn:  # whoever plans it fails
                turn = {**turn, "id": "lost"}
            self.close([{**turn, "reply": {"text": "ok"}}])
            for name in self.names("in", "new"):
                self.place.run(["oc-spool", "drop", "in", name[21:]])
        size = (self.place.state / "sessions" / "s.ndjson").stat().st_size
        self.assertLess(size, 12700)
        self.assertIn("left out", self.transcript()[0]["text"])
        told = [r for r in self.replies() if "grown long" in
                r["reply"]["text"]]
        self.assertIn(len(told), (1, 2, 3))

    def test_stop_record_is_finished(self):
        self.put({"id": "t1", "session": "s", "text": "x"})
        take = self.place.start(["oc-spool", "take", "in"])
        turn = self.open([take.read()])[0]
        self.put({"type": "stop", "session": "s", "stop_id": "y"})
        stop = take.read()
        self.close([stop])
        self.close([{**turn, "reply": {"text": "stopped"}}])
        self.assert_closed("t1", "y")


class Commands(SessionCase):
    def ask(self, text, id="q", **more):
        self.put({"id": id, "session": "s", "text": text,
                  "channel": "telegram", "from": {"id": "42", "name": "Ada"},
                  **more})
        records = self.open(self.take(1))
        self.close(records)
        return records[-1]["reply"]["text"]

    def test_answers_without_a_model(self):
        self.assertIn("/status", self.ask("/help", "1"))
        self.assertIn("id: 42", self.ask("/whoami", "2"))
        self.assertIn("Idle", self.ask("/status", "3"))
        self.assertIn("Nothing is running", self.ask("/stop", "4"))
        self.assertIn("0 calls", self.ask("/usage", "5"))
        self.assertIn("nothing to shorten", self.ask("/compact", "6"))
        self.assertEqual(self.transcript(), [])
        self.assertEqual(len(self.replies()), 6)
        self.assertEqual(self.names("in", "cur"), [])

    def test_new_puts_the_transcript_aside(self):
        turn = self.begin()
        self.close([{**turn, "reply": {"text": "done"}}])
        self.assertEqual(len(self.transcript()), 2)
        self.ask("/new")
        self.assertEqual(self.transcript(), [])
        self.assertEqual(len([n for n in self.names("sessions")
                              if n.endswith(".old")]), 1)

    def test_model_is_chosen_for_the_session(self):
        self.assertIn("google/gemini", self.ask("/model", "1"))
        self.assertIn("no model x/y", self.ask("/model x/y", "2"))
        self.assertIn("From the next", self.ask("/model openai/qwen", "3"))
        turn = self.begin()
        self.assertEqual(turn["model"], "openai/qwen")
        self.close([{**turn, "reply": {"text": "done"}}])
        self.ask("/model default", "4")
        self.assertNotIn("model", self.begin(id="t2"))

    def test_stop_while_a_turn_runs(self):
        self.put({"id": "t1", "session": "s", "text": "x"})
        take = self.place.start(["oc-spool", "take", "in"])
        self.open([take.read()])
        self.put({"id": "q", "session": "s", "text": "/stop"})
        stop, answer = self.open([take.read()])
        self.assertEqual((stop["type"], stop["session"]), ("stop", "s"))
        self.assertNotIn("id", stop)
        self.assertIn("Stopping", answer["reply"]["text"])
        self.put({"id": "q2", "session": "s", "text": "/status"})
        self.assertIn("At work", self.open([take.read()])[0]["reply"]["text"])

    def test_usage(self):
        turn = self.begin()
        failed = {"model": "a/b", "ms": 5, "error": {"class": "auth"}}
        step = {**ANSWER, "attempts": [failed, {
            "model": "google/x", "usage": ANSWER["usage"], "cost": 0.25}]}
        turn.update(steps=[CALL, step], reply={"text": "done"})
        self.close([turn])
        rows = self.place.run(["oc-session", "usage", "-j"]).records
        total = [r for r in rows if r["by"] == "all"][0]
        self.assertEqual(
            (total["calls"], total["failed"], total["input"],
             total["output"], total["cost"]), (3, 1, 11, 7, 0.25))
        self.assertIn(b"google/x",
                      self.place.run(["oc-session", "usage"]).out)
        self.assertIn("All of today: 3 calls, 11 tokens in, 7 out, cost 0.25",
                      self.ask("/usage"))


class Compact(SessionCase):
    def fill(self):
        """Talks until the transcript is to be summarised; that turn."""
        self.place.config({"sessions": {"compact_tokens": 2000}})
        for i in range(12):
            turn = self.begin(id=f"t{i}", text=f"{i} " + "x" * 700)
            self.close([{**turn, "reply": {"text": "ok"}}])
            if self.names("in", "new"):
                (turn,) = self.open(self.take(1))
                self.assertIn("compact", turn)
                self.assertEqual(turn["session"], "s")
                return turn
        self.fail("it was never asked for")

    def size(self):
        return (self.place.state / "sessions" / "s.ndjson").stat().st_size

    def test_summary_takes_the_place_of_what_is_old(self):
        turn = self.fill()
        before = len(self.replies())
        self.assertGreater(self.size(), 6000)
        self.close([{**turn, "reply": {"text": "They like tea."}}])
        self.assertLess(self.size(), 3000)
        entries = self.transcript()
        self.assertEqual([e["role"] for e in entries[:3]],
                         ["user", "assistant", "user"])
        self.assertIn("They like tea.", entries[0]["text"])
        self.assertEqual(len(self.replies()), before)
        self.assertEqual(self.names("in", "cur"), [])
        turn = self.begin(id="after")
        self.close([{**turn, "reply": {"text": "ok"}}])
        self.assertEqual(self.names("in", "new"), [])  # not asked again

    def test_no_summary(self):
        for kind in ("error", "runbook", "empty"):
            with self.subTest(kind):
                turn = self.fill()
                size = self.size()
                turn.update({
                    "error": {"error": {"class": "x", "message": "y"},
                              "reply": {"text": "I failed."}},
                    "runbook": {"steps": [{"role": "assistant", "text": "?",
                                           "model": "local/runbook"}],
                                "reply": {"text": "I know 4 operations."}},
                    "empty": {"reply": {"text": ""}}}[kind])
                self.close([turn])
                self.assertLess(self.size(), size)
                self.assertIn("left out", self.transcript()[0]["text"])
                told = self.replies()[-1]
                self.assertIn("grown long", told["reply"]["text"])
                self.assertEqual(told["to"], {"chat": "7"})
                self.assertNotIn("error", told)
                shutil.rmtree(self.place.state)

    def test_asked_for(self):
        for i in range(4):
            turn = self.begin(id=f"t{i}", text="x" * 700)
            self.close([{**turn, "reply": {"text": "ok"}}])
        self.put({"id": "q", "session": "s", "text": "/compact",
                  "channel": "telegram", "to": {"chat": "7"}})
        self.close(self.open(self.take(1)))
        (turn,) = self.open(self.take(1))
        self.close([{**turn, "reply": {"text": "Four times x."}}])
        self.assertIn("Four times x.", self.transcript()[0]["text"])
        self.assertIn("more briefly", self.replies()[-1]["reply"]["text"])


class ByHand(SessionCase):
    def test_ls_show_reset(self):
        turn = self.begin()
        self.close([{**turn, "steps": [CALL, ANSWER],
                     "reply": {"text": "done"}}])
        out = self.place.run(["oc-session", "ls"]).out.decode()
        self.assertRegex(out, r"(?m)^s +\d+")
        rows = self.place.run(["oc-session", "ls", "-j"]).records
        self.assertEqual([r["file"] for r in rows], ["s"])
        out = self.place.run(["oc-session", "show", "s"]).out.decode()
        self.assertIn("user: hello", out)
        self.assertIn("\texec ", out)
        rows = self.place.run(["oc-session", "show", "-j", "s"]).records
        self.assertEqual(rows[0]["role"], "user")
        self.assert_status(self.place.run(["oc-session", "show", "x"]), 66)
        self.assert_status(self.place.run(["oc-session", "reset", "s"]), 0)
        self.assertEqual(self.transcript(), [])

    def test_archive_is_kept_as_configured(self):
        self.place.config({"sessions": {"retention_days": 30}})
        for day, stays in (("2020-01-01", False), ("2999-01-01", True)):
            folder = self.place.state / "archive" / day
            folder.mkdir(parents=True)
            (folder / "x.ndjson").write_text("{}\n")
        self.close([])
        self.assertEqual(self.names("archive"), ["2999-01-01"])

    def test_archive_has_a_size(self):
        self.place.config({"sessions": {"archive_bytes": 2500}})
        days = [time.strftime("%Y-%m-%d", time.gmtime(time.time() - n * 86400))
                for n in (4, 3, 2, 0)]
        for day in days:
            folder = self.place.state / "archive" / day
            folder.mkdir(parents=True)
            (folder / "x.ndjson").write_text("x" * 1000)
        self.close([])
        self.assertEqual(self.names("archive"), days[2:])

    def test_the_inbox_has_a_size(self):
        self.place.config({"workspace": str(self.place.workspace),
                           "sessions": {"inbox_bytes": 2500}})
        inbox = self.place.workspace / "inbox"
        outside = self.place.folder / "outside"
        outside.mkdir()
        (outside / "a").write_text("x" * 5000)
        old = time.time() - 86400
        for day, age in (("2026-01-01", 9), ("2026-01-02", 8),
                         ("2026-01-03", 7), ("2026-01-04", 6),
                         ("2026-01-05", 0)):
            (inbox / day).mkdir(parents=True)
            (inbox / day / "a").write_text("x" * 1000)
            if age:
                os.utime(inbox / day / "a", (old - age, old - age))
        (inbox / "link").symlink_to(outside)
        self.put({"id": "t", "text": "?", "media": [
            {"path": "/elsewhere/workspace/inbox/2026-01-02/a"}]})
        self.close([])
        self.assertEqual(sorted(p.name for p in inbox.iterdir()),
                         ["2026-01-02", "2026-01-05", "link"])
        self.assertTrue((outside / "a").exists())

    def test_a_reply_that_nobody_comes_for_goes(self):
        turn = {"id": "t", "text": "?", "reply": {"text": "!"}}
        for name in ("terminal", "telegram"):
            self.place.run(["oc-spool", "put", f"out/{name}"], turn)
            new = self.place.state / "out" / name / "new"
            path, = new.iterdir()
            arrival = (int(time.time()) - 8 * 86400) * 10**9
            path.rename(new / f"{arrival:020}.t")
            self.place.run(["oc-spool", "put", f"out/{name}"],
                           {**turn, "id": "u"})
        self.close([])
        self.assertEqual([n[21:] for n in self.names("out/terminal/new")],
                         ["u"])
        self.assertEqual(len(self.names("out/telegram/new")), 2)

    def test_usage_of_the_program(self):
        for argv in ([], ["x"], ["show"], ["usage", "x"], ["open", "y"]):
            self.assert_status(self.place.run(["oc-session", *argv]), 64)
        self.assert_status(self.place.run(["oc-session", "-h"]), 0)

    def test_newer_state_is_left_alone(self):
        (self.place.state / "format").write_text("2\n")
        for argv in (["open"], ["close"], ["reset", "s"]):
            self.assert_status(
                self.place.run(["oc-session", *argv], {"text": "x"}), 78)
        self.assertEqual(os.listdir(self.place.state), ["format"])


class FullDisk(SessionCase):
    """Some calls fail for a while: nothing is lost or done twice, the
    program says so once and goes on."""

    def setUp(self):
        super().setUp()
        crash.need_strace()

    def run_failing(self, argv, records, call, when, error="ENOSPC"):
        argv = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                "-e", f"inject={call}:error={error}:when={when}",
                str(support.BIN / argv[0]), *argv[1:]]
        return self.place.run(argv, records,
                              **crash.environment(self.place.env))

    def test_close(self):
        turns = []
        # the first writes and opens are those of the start
        for call, when in (("write", "1..3"), ("write", "2..4"),
                           ("write", "3..5"), ("fdatasync", "1..2"),
                           ("fsync", "12..14"), ("renameat", "1..2"),
                           ("symlinkat", "1..2"), ("rename", "1..2")):
            with self.subTest(call=call, when=when):
                turns.append(f"t{len(turns)}")
                turn = self.begin(id=turns[-1])
                turn.update(steps=[ANSWER], reply={"text": "done"})
                result = self.run_failing(
                    ["oc-session", "close"], [turn], call, when)
                self.assert_status(result, 0)
                self.assert_closed(*turns)
                self.assertEqual([r["id"] for r in self.replies()], turns)
                self.assertEqual(
                    [e["turn"] for e in self.transcript()],
                    [t for t in turns for _ in range(2)])

    def test_open(self):
        for i, (call, when) in enumerate((
                ("write", "1..2"), ("mkdir", "7..8"))):
            with self.subTest(call=call):
                self.put({"id": f"t{i}", "session": f"s{i}", "text": "x"})
                result = self.run_failing(
                    ["oc-session", "open"], self.take(i + 1)[-1:], call, when)
                self.assert_status(result, 0)
                # it may be the line on stderr that failed
                self.assertIn("can be written again", result.err)
                self.assertEqual(result.records[0]["journal"], 1)
                self.assertEqual(
                    len(self.lines("turns", f"t{i}", "journal.ndjson")), 1)


class Killed(SessionCase):
    """kill -9 on entering every system call, then the whole chain again."""

    def setUp(self):
        super().setUp()
        crash.need_strace()
        self.prepared = self.place.folder / "prepared"

    def prepare(self):
        shutil.copytree(self.place.state, self.prepared, symlinks=True)

    def restore(self):
        shutil.rmtree(self.place.state)
        shutil.copytree(self.prepared, self.place.state, symlinks=True)

    def run_chain(self):
        """Everything that waits goes through, with a planner that answers
        at once."""
        take = self.place.start(["oc-spool", "take", "-e", "in"])
        while (taken := take.read()) is not None:
            opened = self.place.run(["oc-session", "open"], taken).records
            for turn in opened:
                if "reply" not in turn:
                    turn.setdefault("steps", []).append(ANSWER)
                    turn["reply"] = {"text": "done"}
            self.close(opened)
        take.wait()

    def assert_whole(self):
        self.assertEqual(self.names("in", "done"), ["a", "b", "c", "q"])
        for place in ("new", "cur", "dead", "tmp"):
            self.assertEqual(self.names("in", place), [])
        self.assertEqual(
            [(r["id"], r["reply"]["text"]) for r in self.replies("x")],
            [("a", "done")])
        self.assertEqual(
            [(r["id"], r["reply"]["text"]) for r in self.replies("y")],
            [("c", "done")])
        self.assertEqual([r["id"] for r in self.replies("z")], ["q"])
        self.assertEqual([(e["role"], e["text"]) for e in
                          self.transcript("s")],
                         [("user", "old"), ("user", "1\n\n2"),
                          ("assistant", "done")])
        self.assertEqual(len(self.transcript("other")), 2)
        self.assertEqual(self.archived(), ["a.ndjson", "c.ndjson"])
        self.assertEqual(self.names("turns"), [])

    def start(self):
        self.put({"id": "a", "session": "s", "text": "1", "channel": "x"},
                 {"id": "b", "session": "s", "text": "2", "channel": "x"},
                 {"id": "c", "session": "other", "text": "3", "channel": "y"},
                 {"id": "q", "session": "s", "text": "/whoami",
                  "channel": "z"})
        (self.place.state / "sessions").mkdir()
        (self.place.state / "sessions" / "s.ndjson").write_text(
            '{"role":"user","text":"old","turn":"t0"}\n')

    def test_open(self):
        self.start()
        taken = self.take(3)
        self.prepare()
        data = support.ndjson(taken)
        argv = [support.BIN / "oc-session", "open"]
        for call, number in crash.points(self.place, argv, data):
            with self.subTest(call=call, number=number):
                self.restore()
                crash.run_killed(self.place, argv, call, number, data)
                self.run_chain()
                self.assert_whole()

    def test_close(self):
        self.start()
        opened = self.open(self.take(3))
        self.prepare()
        for turn in opened:
            if "reply" not in turn:
                turn["steps"], turn["reply"] = [ANSWER], {"text": "done"}
        data = support.ndjson(opened)
        argv = [support.BIN / "oc-session", "close"]
        points = crash.points(self.place, argv, data)
        self.assert_whole()
        for call, number in points:
            with self.subTest(call=call, number=number):
                self.restore()
                crash.run_killed(self.place, argv, call, number, data)
                self.run_chain()
                self.assert_whole()

    def test_close_of_a_summary(self):
        turn = Compact.fill(self)
        self.prepare()
        self.close([{**turn, "reply": {"text": "They like tea."}}])
        whole = [(e["role"], e["text"]) for e in self.transcript()]
        self.restore()
        data = support.ndjson({**turn, "reply": {"text": "They like tea."}})
        argv = [support.BIN / "oc-session", "close"]
        points = crash.points(self.place, argv, data)
        for call, number in points:
            with self.subTest(call=call, number=number):
                self.restore()
                crash.run_killed(self.place, argv, call, number, data)
                take = self.place.start(["oc-spool", "take", "-e", "in"])
                while (taken := take.read()) is not None:
                    (again,) = self.open([taken])
                    again.setdefault("reply", {"text": "They like tea."})
                    self.close([again])
                take.wait()
                self.assertEqual([(e["role"], e["text"])
                                  for e in self.transcript()], whole)

    def test_open_that_goes_on(self):
        """Killed again while it makes good what the last crash left."""
        self.put({"id": "t1", "session": "s", "text": "x"})
        self.open(self.take(1))
        self.journal_line("t1", "step", step=CALL)
        self.journal_line("t1", "call", call=CALL["calls"][0])
        taken = self.take(1)
        self.prepare()
        data = support.ndjson(taken)
        argv = [support.BIN / "oc-session", "open"]
        for call, number in crash.points(self.place, argv, data):
            with self.subTest(call=call, number=number):
                self.restore()
                crash.run_killed(self.place, argv, call, number, data)
                (turn,) = self.open(self.take(1))
                self.assertEqual(turn["steps"][0], CALL)
                self.assertEqual(len(turn["steps"]), 2)
                self.assertEqual(turn["steps"][1]["call"], "c1")
                self.assertIn("unknown", turn["steps"][1]["output"])


if __name__ == "__main__":
    unittest.main()
