"""oc-spool: what it promises, and what is left after a kill -9."""
import fcntl
import json
import os
import shutil
import signal
import time
import unittest

import crash
import support


class QueueCase(support.TestCase):
    queue = "in"

    def setUp(self):
        super().setUp()
        support.need("oc-spool")

    def dir(self, name, queue=None):
        return self.place.state / (queue or self.queue) / name

    def names(self, directory, queue=None):
        path = self.dir(directory, queue)
        return sorted(os.listdir(path)) if path.exists() else []

    def line(self, directory, index=0, queue=None):
        """The bytes of a turn in the queue."""
        return (self.dir(directory, queue) /
                self.names(directory, queue)[index]).read_bytes()

    def put(self, records, queue=None):
        return self.place.run(["oc-spool", "put", queue or self.queue],
                              records)

    def put_ids(self, records, queue=None):
        result = self.put(records, queue)
        self.assert_status(result, 0)
        return result.out.decode().split()

    def take(self, *options, queue=None, **env):
        return self.place.start(
            ["oc-spool", "take", *options, queue or self.queue], **env)

    def finish(self, *ids, queue=None):
        """What oc-session close does at the end."""
        for one in ids:
            for place in ("cur", "new"):
                for name in self.names(place, queue):
                    if name[21:].partition("#")[0] == one:
                        os.rename(self.dir(place, queue) / name,
                                  self.dir("done", queue) / one)

    def turn(self, id, session="s", text="hello", **more):
        return {"id": id, "session": session, "text": text, **more}

    def all_states(self, queue=None):
        """id -> the directories in which it is."""
        found = {}
        for place in ("new", "cur", "dead"):
            for name in self.names(place, queue):
                found.setdefault(name[21:].partition("#")[0],
                                 []).append(place)
        for name in self.names("done", queue):
            found.setdefault(name, []).append("done")
        return found


class Put(QueueCase):
    def test_answers_each_line_with_its_id_in_order(self):
        ids = self.put_ids([self.turn(f"t{i}") for i in range(500)])
        self.assertEqual(ids, [f"t{i}" for i in range(500)])
        self.assertEqual([n[21:] for n in self.names("new")], ids)
        self.assertEqual(self.names("tmp"), [])

    def test_answers_a_line_at_once(self):
        stage = self.place.start(["oc-spool", "put", "in"])
        for i in range(3):
            stage.send(self.turn(f"t{i}"))
            self.assertEqual(stage.read_line(), f"t{i}".encode())
            self.assertEqual(len(self.names("new")), i + 1)
        self.assert_status(stage.wait(), 0)

    def test_completes_a_turn(self):
        ids = self.put_ids({"text": "hi"})
        record = json.loads(self.line("new"))
        self.assertEqual(record["id"], ids[0])
        self.assertEqual((record["session"], record["channel"],
                          record["type"]), ("local", "stdout", "turn"))

    def test_keeps_the_bytes_of_a_complete_turn(self):
        line = (b'{"type":"turn", "id":"x","session":"s","channel":"c",'
                b'"text":"\\u00e9 1.0","n":1.50}\n')
        self.put_ids(line)
        self.assertEqual(self.line("new"), line)

    def test_same_id_is_put_once(self):
        self.assertEqual(self.put_ids([self.turn("a"), self.turn("a")]),
                         ["a", "a"])
        self.assertEqual(self.put_ids(self.turn("a")), ["a"])
        self.assertEqual(len(self.names("new")), 1)

    def test_same_id_while_it_runs_is_put_once(self):
        self.put_ids(self.turn("a"))
        take = self.take()
        take.read()
        self.put_ids(self.turn("a"))
        self.assertEqual(self.all_states(), {"a": ["cur"]})
        self.assertTrue(take.silent(0.2))

    def test_same_id_after_it_was_finished_is_put_once(self):
        self.put_ids(self.turn("a"))
        self.finish("a")
        self.put_ids(self.turn("a"))
        self.assertEqual(self.all_states(), {"a": ["done"]})

    def test_same_id_a_week_after_it_was_finished_is_new(self):
        self.put_ids(self.turn("a"))
        self.finish("a")
        old = time.time() - 8 * 86400
        os.utime(self.dir("done") / "a", (old, old))
        os.utime(self.place.state / "in" / "put.lock", (old, old))
        self.put_ids(self.turn("b"))
        self.put_ids(self.turn("a"))
        self.assertEqual(self.all_states(), {"a": ["new"], "b": ["new"]})

    def test_given_up_turn_is_not_put_again(self):
        self.put_ids(self.turn("a"))
        name = self.names("new")[0]
        os.rename(self.dir("new") / name, self.dir("dead") / name)
        self.put_ids(self.turn("a"))
        self.assertEqual(self.all_states(), {"a": ["dead"]})

    def test_lost_links_are_restored(self):
        """What a crash of the machine can take from id/."""
        self.put_ids([self.turn("a"), self.turn("b")])
        shutil.rmtree(self.dir("id"))
        self.put_ids([self.turn("b"), self.turn("a")])
        self.assertEqual(len(self.names("new")), 2)
        self.assertEqual(self.names("id"), ["a", "b"])

    def test_link_without_a_turn_is_no_turn(self):
        self.put_ids(self.turn("a"))
        os.unlink(self.dir("new") / self.names("new")[0])
        self.put_ids(self.turn("a"))
        self.assertEqual(self.all_states(), {"a": ["new"]})

    def test_strange_ids(self):
        ids = ["../../etc/passwd", ".", "ü" * 300, "a b", "x#3", "%", "-n"]
        result = self.put([self.turn(i) for i in ids])
        self.assert_status(result, 0)
        self.assertEqual(result.out.decode().splitlines(), ids)
        self.assertEqual(len(self.names("new")), len(ids))
        self.assertEqual(self.put_ids([self.turn("x#3")]), ["x#3"])
        self.assertEqual(len(self.names("new")), len(ids))

    def test_bad_lines_are_not_answered(self):
        result = self.put(b'nonsense\n{"id":"a","text":"x"}\n[]\n'
                          b'{"id":5,"text":"x"}\n{"id":"a\\nb","text":"x"}\n'
                          b'{"type":"stop"}\n{"type":"other","text":"x"}\n'
                          b'{"id":"b","text":"y"}\n{"id":"c","te')
        self.assert_status(result, 65)
        self.assertEqual(result.out, b"a\nb\n")
        self.assertEqual(len(result.err_lines), 7)

    def test_turn_of_wrong_types_gets_a_reply(self):
        self.put_ids({"id": "a", "text": 5, "media": "x", "to": {"chat": "1"}})
        record = json.loads(self.line("new"))
        self.assertIn("reply", record)
        self.assertEqual(record["to"], {"chat": "1"})
        self.assertEqual(record["error"]["class"], "bad_turn")

    def test_two_at_once_put_an_id_once(self):
        records = [self.turn(f"t{i}") for i in range(300)]
        stages = [self.place.start(["oc-spool", "put", "in"])
                  for _ in range(2)]
        for stage in stages:
            stage.send(records)
        for stage in stages:
            result = stage.wait()
            self.assertEqual(len(result.out.split()), 300)
        self.assertEqual(len(self.names("new")), 300)

    def test_not_a_queue(self):
        for name in ("out", "out/", "in/x", "out/../in", "out/a/b", "",
                     "out/.x"):
            self.assert_status(self.put(b"", queue=name or "''"), 64)

    def test_directory_that_cannot_be_synced_is_told_once(self):
        crash.need_strace()
        (self.place.state / "format").write_text("1\n")
        self.put_ids(self.turn("first"))
        # fsync of new/ at the start is the first; files can be synced
        result = self.place.run(
            ["strace", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e",
             "inject=fsync:error=EINVAL:when=1",
             str(support.BIN / "oc-spool"), "put", "in"],
            [self.turn("a"), self.turn("b")],
            **crash.environment(self.place.env))
        self.assert_status(result, 0)
        self.assertEqual(result.out, b"a\nb\n")
        self.assertEqual(len(result.err_lines), 1)
        self.assertIn("cannot sync a directory", result.err)

    def test_newer_state_is_refused_and_left_alone(self):
        (self.place.state / "format").write_text("2\n")
        for argv in (["put", "in"], ["take", "in"], ["ls", "in"]):
            result = self.place.run(["oc-spool", *argv], self.turn("a"))
            self.assert_status(result, 78)
            self.assertIn("format", result.err)
        self.assertEqual(os.listdir(self.place.state), ["format"])

    def test_full_disk_is_waited_for(self):
        """Nothing is answered that is not on disk, and it recovers."""
        crash.need_strace()
        for call in ("openat", "write", "fsync", "renameat", "symlinkat"):
            with self.subTest(call):
                # only in the queue: whatever it opens at start passes
                nth = {"openat": "40..44", "write": "3..8"}.get(call, "3..6")
                stage = self.place.start(
                    ["strace", "-qq", "-o", "/dev/null", "-e",
                     f"trace={call}", "-e",
                     f"inject={call}:error=ENOSPC:when={nth}",
                     str(support.BIN / "oc-spool"), "put", "in"],
                    **crash.environment(self.place.env))
                ids = [f"{call}-{i}" for i in range(40)]
                for one in ids:
                    stage.send(self.turn(one))
                    self.assertEqual(stage.read_line(), one.encode())
                    self.assertIn(one, [n[21:] for n in self.names("new")])
                result = stage.wait()
                self.assertEqual(result.status, 0, result)
                self.assertEqual(self.names("tmp"), [])


class Take(QueueCase):
    def test_one_turn_of_a_session_at_a_time(self):
        self.put_ids([self.turn("a", text="1"), self.turn("b", "other")])
        take = self.take()
        first, second = take.read(), take.read()
        self.assertEqual((first["id"], first["attempt"]), ("a", 1))
        self.assertEqual(second["id"], "b")
        self.put_ids([self.turn("c", text="2")])
        self.assertTrue(take.silent(0.2))
        self.finish("a")
        self.assertEqual(take.read()["id"], "c")

    def test_what_waits_is_joined(self):
        self.put_ids([
            self.turn("a", text="1", to={"chat": "1", "message": "1"}),
            self.turn("b", text="2", to={"chat": "1", "message": "2"},
                      media=[{"path": "x"}]),
            self.turn("c", text="3", to={"chat": "1", "message": "3"},
                      media=[{"path": "y"}])])
        turn = self.take().read()
        self.assertEqual(turn["text"], "1\n\n2\n\n3")
        self.assertEqual(turn["ids"], ["a", "b", "c"])
        self.assertEqual((turn["id"], turn["to"]["message"]), ("a", "3"))
        self.assertEqual([m["path"] for m in turn["media"]], ["x", "y"])
        self.assertEqual(len(self.names("cur")), 3)

    def test_what_goes_elsewhere_is_not_joined(self):
        self.put_ids([self.turn("a", to={"chat": "1"}),
                      self.turn("b", to={"chat": "2"}),
                      self.turn("c", to={"chat": "2"}, **{"from": {"id": 1}}),
                      self.turn("d", to={"chat": "2"}, channel="x")])
        take = self.take()
        for one in "abcd":
            turn = take.read()
            self.assertEqual(turn["id"], one)
            self.assertNotIn("ids", turn)
            self.assertTrue(take.silent(0.1))
            self.finish(one)

    def test_limit_in_flight_and_arrival_order(self):
        self.put_ids([self.turn(f"t{i}", f"s{i}") for i in range(10)])
        take = self.take("-n", "3")
        got = [take.read()["id"] for _ in range(3)]
        self.assertEqual(got, ["t0", "t1", "t2"])
        self.assertTrue(take.silent(0.2))
        for i in range(3, 10):
            self.finish(got[i - 3])
            got.append(take.read()["id"])
        self.assertEqual(got, [f"t{i}" for i in range(10)])

    def test_status_and_stop_overtake(self):
        self.put_ids([self.turn("a"), self.turn("b", text="later")])
        take = self.take("-n", "1")
        take.read()
        self.put_ids([self.turn("x", text="/status")])
        self.assertEqual(take.read()["id"], "x")
        self.put_ids([{"type": "stop", "session": "s", "stop_id": "y"}])
        self.assertEqual(take.read()["stop_id"], "y")
        self.put_ids([self.turn("z", text="/new")])
        self.assertTrue(take.silent(0.2))

    def test_stop_by_a_person_ends_what_waits(self):
        self.put_ids([self.turn("a")])
        take = self.take()
        take.read()
        self.put_ids([self.turn("b"), self.turn("c")])
        self.put_ids([self.turn("stop", text="/stop"), self.turn("d")])
        self.assertEqual(take.read()["id"], "stop")
        self.assertEqual(self.all_states()["b"], ["done"])
        self.assertEqual(self.all_states()["c"], ["done"])
        self.assertEqual(len(self.names("new", "out/stdout")), 1)
        self.finish("a", "stop")
        self.assertEqual(take.read()["id"], "d")

    def test_stop_record_for_a_turn_that_waits(self):
        self.put_ids([self.turn("a"), self.turn("x", "other")])
        take = self.take()
        take.read(), take.read()
        self.put_ids([self.turn("b"), self.turn("c")])
        self.put_ids({"type": "stop", "session": "s", "id": "b"})
        self.assertEqual(take.read()["id"], "b")  # it may concern what runs
        self.assertEqual(self.all_states()["b"], ["done"])
        reply = self.names("new", "out/stdout")[0]
        self.assertEqual(reply[21:], "b")
        self.finish("a")
        self.assertEqual(take.read()["id"], "c")

    def test_stop_record_without_a_running_turn_is_done(self):
        take = self.take()
        self.put_ids([{"type": "stop", "session": "s", "stop_id": "y"}])
        support.wait_for(lambda: self.all_states() == {"y": ["done"]})
        self.assertTrue(take.silent(0.1))

    def test_dead_taker_hands_out_the_same_again(self):
        self.put_ids([self.turn("a", text="1"), self.turn("b", text="2")])
        take = self.take()
        first = take.read()
        take.kill()
        self.put_ids([self.turn("c", text="3")])
        take = self.take()
        again = take.read()
        self.assertEqual(again.pop("attempt"), 2)
        first.pop("attempt")
        self.assertNotEqual(again.pop("lease", 1), first.pop("lease", 2))
        self.assertEqual(again, first)
        self.assertTrue(take.silent(0.2))
        self.finish("b", "a")
        self.assertEqual(take.read()["id"], "c")

    def test_given_up_with_a_notice(self):
        self.put_ids([self.turn("a", text="poison", channel="telegram",
                                to={"chat": "7"}),
                      self.turn("b", "other")])
        for attempt in range(1, 6):
            take = self.take()
            turns = [take.read()]
            if attempt == 1:
                turns.append(take.read())
                self.finish("b")
            self.assertEqual(turns[0]["attempt"], attempt)
            take.kill()
        take = self.take()
        support.wait_for(lambda: self.names("dead"))
        self.assertTrue(take.silent(0.2))
        self.assertEqual(self.all_states(), {"a": ["dead"], "b": ["done"]})
        notice = self.names("new", "out/telegram")
        self.assertEqual(len(notice), 1)
        record = json.loads(self.line("new", 0, "out/telegram"))
        self.assertRegex(record["id"], "^a.given-up-")
        self.assertEqual(record["to"], {"chat": "7"})
        self.assertIn("put it aside", record["reply"]["text"])
        self.assertNotIn("text", record)
        self.assert_status(
            self.place.run(["oc-spool", "retry", "in", "a"]), 0)
        self.assertEqual(take.read()["attempt"], 1)

    def test_a_reply_is_not_given_up_so_soon(self):
        self.put_ids([self.turn("a", reply={"text": "hello"})],
                     "out/telegram")
        for attempt in range(1, 8):
            take = self.take(queue="out/telegram")
            self.assertEqual(take.read()["attempt"], attempt)
            take.kill()

    def test_a_reply_that_is_given_up_has_a_notice_and_that_has_none(self):
        self.put_ids([self.turn("a", reply={"text": "hello"}, text="hi",
                                channel="telegram", to={"chat": "7"})],
                     "out/telegram")
        for _ in range(2):
            name, = self.names("new", "out/telegram")
            new = self.dir("new", "out/telegram") / name
            # as if it had been handed out so often
            new.rename(self.dir("cur", "out/telegram") / f"{name}#20")
            take = self.take(queue="out/telegram")
            support.wait_for(
                lambda: name in self.names("dead", "out/telegram"))
            take.kill()
            notices = self.names("new", "out/telegram") + \
                self.names("cur", "out/telegram")
            if not notices:
                break
            path, = self.place.state.glob("out/telegram/[nc]*/*given-up*")
            record = json.loads(path.read_text())
            self.assertIn("could not deliver", record["reply"]["text"])
            self.assertEqual(record["to"], {"chat": "7"})
            path.rename(self.dir("new", "out/telegram") /
                        path.name.partition("#")[0])
        self.assertEqual(len(self.names("dead", "out/telegram")), 2)

    def test_poison_takes_no_innocent_turn_with_it(self):
        """The chain dies whenever the poisoned turn is in it."""
        self.put_ids([self.turn(f"t{i}", f"s{i}") for i in range(12)])
        for _ in range(60):
            if self.run_chain("t5"):
                break
        self.assertEqual(self.all_states().pop("t5"), ["dead"])
        self.assertEqual(self.names("dead")[0][21:], "t5")
        self.assertEqual(len(self.names("dead")), 1)
        self.assertEqual(self.names("new") + self.names("cur"), [])

    def run_chain(self, poison):
        """A chain that takes its time: a turn is finished when the next one
        comes, or all is quiet.  True when it ends well."""
        take, last = self.take("-n", "8", "-e"), None
        while True:
            try:
                turn = take.read(1)
            except AssertionError:
                turn = {}
            if turn is None:
                take.wait()
                return True
            if turn.get("id") == poison:
                take.kill()
                return False
            if last:
                self.finish(last)
            last = turn.get("id")

    def test_one_taker(self):
        take = self.take()
        self.put_ids(self.turn("a"))
        take.read()
        result = self.place.run(["oc-spool", "take", "in"])
        self.assert_status(result, 75)
        self.assertIn("another", result.err)

    def test_looks_where_nobody_tells(self):
        take = self.take("-p", "1")
        self.put_ids(self.turn("a"))
        self.assertEqual(take.read()["id"], "a")

    def traced(self, *options):
        crash.need_strace()
        return self.place.start(
            ["strace", "-qq", "-o", "/dev/null", *options,
             str(support.BIN / "oc-spool"), "take", "-n", "9", "in"],
            **crash.environment(self.place.env))

    def test_without_inotify(self):
        take = self.traced("-e", "trace=inotify_init1", "-e",
                           "inject=inotify_init1:error=EMFILE")
        for id in "ab":
            self.put_ids(self.turn(id))
            self.assertEqual(take.read()["id"], id)
            self.finish(id)
        self.assertIn("no inotify", take.stderr())

    def test_full_disk(self):
        for call in ("renameat", "fsync"):
            with self.subTest(call):
                when = {"fsync": "2..4"}.get(call, "1..2")
                self.put_ids(self.turn(call))
                take = self.traced("-e", f"trace={call}", "-e",
                                   f"inject={call}:error=ENOSPC:when={when}")
                self.assertEqual(take.read()["id"], call)
                self.finish(call)
                self.assertEqual(len(take.stderr().splitlines()), 1)
                take.kill()
                support.wait_for(lambda: self.place.run(
                    ["oc-spool", "take", "-e", "in"]).status == 0)

    def test_drains_on_sigterm(self):
        self.put_ids(self.turn("a"))
        take = self.take()
        take.read()
        self.put_ids(self.turn("b"))
        take.signal(signal.SIGTERM)
        self.assertIsNone(take.read())  # the reader sees the end
        self.assertIsNone(take.process.poll())
        self.finish("a")
        self.assert_status(take.wait(), 0)
        self.assertEqual(self.all_states()["b"], ["new"])

    def test_ends_when_empty(self):
        self.put_ids(self.turn("a"))
        take = self.take("-e")
        take.read()
        self.assertTrue(take.silent(0.2))
        self.finish("a")
        self.assert_status(take.wait(), 0)

    def test_reader_gone(self):
        self.put_ids(self.turn("a"))
        take = self.take()
        take.read()
        take.process.stdout.close()
        self.assertEqual(take.process.wait(support.DEADLINE_S), 69)

    def test_file_that_is_no_turn_is_put_aside(self):
        self.put_ids([self.turn("a"), self.turn("b")])
        (self.dir("new") / self.names("new")[0]).write_bytes(b"\0rubbish")
        take = self.take()
        self.assertEqual(take.read()["id"], "b")
        self.assertEqual(self.all_states()["a"], ["dead"])

    def test_stop_held_by_a_dead_taker_follows_its_turn(self):
        self.put_ids(self.turn("a"))
        take = self.take()
        take.read()
        self.put_ids({"type": "stop", "session": "s", "stop_id": "y"})
        take.read()
        take.kill()
        take = self.take()
        self.assertEqual(take.read()["id"], "a")
        self.assertEqual(take.read()["stop_id"], "y")
        self.finish("a")
        take.kill()
        take = self.take()
        support.wait_for(lambda: self.all_states() == {
            "a": ["done"], "y": ["done"]})


class ByHand(QueueCase):
    def test_ls(self):
        self.put_ids([self.turn("a"), self.turn("b", "other", "x" * 200)])
        self.put_ids([self.turn("r")], queue="out/telegram")
        out = self.place.run(["oc-spool", "ls"]).out.decode()
        self.assertRegex(out, r"in +0 +2 +0")
        self.assertRegex(out, r"out/telegram +0 +1 +0")
        rows = self.place.run(["oc-spool", "ls", "-j"]).records
        self.assertEqual({r["queue"]: r["waiting"] for r in rows},
                         {"in": 2, "out/telegram": 1})
        out = self.place.run(["oc-spool", "ls", "in"]).out.decode()
        self.assertTrue(all(len(line) < 140 for line in out.splitlines()))
        rows = self.place.run(["oc-spool", "ls", "-j", "in"]).records
        self.assertEqual([r["turn"]["id"] for r in rows], ["a", "b"])

    def test_show(self):
        self.put_ids(self.turn("a"))
        result = self.place.run(["oc-spool", "show", "-j", "in", "a"])
        self.assertEqual(result.records[0]["id"], "a")
        self.assertIn(b"hello",
                      self.place.run(["oc-spool", "show", "in", "a"]).out)
        self.assert_status(
            self.place.run(["oc-spool", "show", "in", "zz"]), 66)

    def test_drop(self):
        self.put_ids([self.turn("a"), self.turn("b", "other")])
        self.assert_status(self.place.run(["oc-spool", "drop", "in", "a"]), 0)
        self.assertEqual(self.all_states(), {"a": ["done"], "b": ["new"]})
        self.put_ids(self.turn("a"))
        self.assertEqual(self.all_states(), {"a": ["done"], "b": ["new"]})
        take = self.take()
        self.assertEqual(take.read()["id"], "b")
        self.assert_status(self.place.run(["oc-spool", "drop", "in", "b"]), 75)

    def test_usage(self):
        for argv in ([], ["nonsense"], ["put"], ["put", "in", "x"],
                     ["take", "-n", "0", "in"], ["drop", "in"]):
            self.assert_status(self.place.run(["oc-spool", *argv]), 64)
        self.assert_status(self.place.run(["oc-spool", "-h"]), 0)
        self.assert_status(self.place.run(["oc-spool", "take", "-h"]), 0)


class Killed(QueueCase):
    """kill -9 on entering every system call."""

    def setUp(self):
        super().setUp()
        crash.need_strace()

    def fresh(self):
        shutil.rmtree(self.place.state)
        self.place.state.mkdir()
        (self.place.state / "format").write_text("1\n")

    def test_put(self):
        records = [self.turn("a"), self.turn("b", text="x" * 100000),
                   self.turn("a"), self.turn("c")]
        data = support.ndjson(records)
        argv = [support.BIN / "oc-spool", "put", "in"]
        for call, number in crash.points(self.place, argv, data):
            with self.subTest(call=call, number=number):
                self.fresh()
                killed, result = crash.run_killed(
                    self.place, argv, call, number, data)
                answered = result.out.decode().split("\n")[:-1]
                there = self.all_states()
                for one in answered:
                    self.assertEqual(there.get(one), ["new"])
                # what was not answered comes again
                self.assertEqual(self.put_ids(records), ["a", "b", "a", "c"])
                self.assertEqual(
                    self.all_states(),
                    {"a": ["new"], "b": ["new"], "c": ["new"]})
                self.assertEqual(self.names("tmp"), [])

    def test_take(self):
        """Each turn is handed out until it is finished, and not after."""
        argv = ["oc-spool", "take", "-e", "in"]
        self.put_ids([self.turn("a"), self.turn("b", text="second"),
                      self.turn("c", "other"), self.turn("d", text="/status"),
                      self.turn("e", "third")])
        prepared = self.place.folder / "prepared"
        shutil.copytree(self.place.state, prepared, symlinks=True)
        log = self.place.folder / "strace.log"
        turns = self.consume(crash.argv_counted(argv, log))
        self.assertEqual([t["id"] for t in turns], ["d", "a", "c", "e"])
        for call, number in crash.read_points(log):
            with self.subTest(call=call, number=number):
                shutil.rmtree(self.place.state)
                shutil.copytree(prepared, self.place.state, symlinks=True)
                first = self.consume(crash.argv_killed(argv, call, number))
                self.assertEqual(
                    sorted(self.all_states()), ["a", "b", "c", "d", "e"])
                second = self.consume(argv)
                ids = [i for t in first + second
                       for i in t.get("ids", [t["id"]])]
                self.assertEqual(sorted(ids), ["a", "b", "c", "d", "e"])
                self.assertEqual(set(map(tuple, self.all_states().values())),
                                 {("done",)})

    def consume(self, argv):
        """Finishes every turn that it hands out; the turns."""
        stage = self.place.start(
            argv, **(crash.environment(self.place.env)
                     if argv[0] == "strace" else {}))
        turns = []
        while (turn := stage.read()) is not None:
            turns.append(turn)
            self.finish(*turn.get("ids", [])[1:], turn["id"])
        stage.kill()
        support.wait_for(self.nobody_takes)
        return turns

    def nobody_takes(self):
        """What strace killed is gone a moment later."""
        with open(self.dir("") / "take.lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                return False


if __name__ == "__main__":
    unittest.main()
