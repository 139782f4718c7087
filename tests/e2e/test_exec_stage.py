"""oc-exec-tool: the stage itself: turns, calls side by side, stops."""
import json
import unittest

import exec_tool
import support
from exec_tool import TOOL, call, turn


class Stage(exec_tool.TestCase):
    def setUp(self):
        super().setUp()
        self.shell_config()

    def test_others_pass_unchanged_and_at_once(self):
        lines = [b'{"type":"note","a":1e2}',
                 json.dumps(turn(call("browser_open", url="x"))).encode(),
                 json.dumps(turn(call("exec", command="x"),
                                 reply={"text": "done"})).encode()]
        stage = self.place.start([TOOL])
        stage.send(turn(call("exec", command="sleep 600")))
        for line in lines:
            stage.send(line + b"\n")
            self.assertEqual(stage.read_line(), line)

    def test_results_in_the_order_of_the_calls(self):
        steps = self.run_turn(
            call("exec", "a", command="sleep 0.5; echo a"),
            call("exec", "b", command="echo b"),
            call("exec", "c", command="sleep 0.2; echo c"))
        self.assertEqual([s["output"] for s in steps], ["a\n", "b\n", "c\n"])

    def test_calls_of_others_stay_pending(self):
        record, = self.place.run([TOOL], turn(
            call("exec", "a", command="echo a"),
            call("browser_open", "b"),
            call("exec", "c", command="echo c"))).records
        self.assertEqual([s["call"] for s in record["steps"][1:]], ["a", "c"])

    def test_answered_calls_are_not_done_again(self):
        mine = turn(call("exec", "a", command="touch a"),
                    call("exec", "b", command="echo b"))
        mine["steps"].append(
            {"role": "tool", "call": "a", "ok": True, "output": ""})
        record, = self.place.run([TOOL], mine).records
        self.assertEqual([s["call"] for s in record["steps"][1:]], ["a", "b"])
        self.assertFalse((self.place.workspace / "a").exists())

    def test_side_by_side_up_to_a_limit(self):
        self.configure(policy="full", tools={"parallel": 2})
        # each waits for the other one, so two run; a third would be seen
        meet = ("mkdir -p run; touch run/{0}; n=0; "
                "until [ -e run/{1} ]; do sleep 0.01; done; "
                "ls run | wc -l; sleep 0.3; rm run/{0}")
        turns = [turn(call("exec", command=meet.format(a, b)), id=a)
                 for a, b in ("ab", "ba")]
        turns.append(turn(call("exec", command="ls run | wc -l"), id="c"))
        records = self.place.run([TOOL], turns).records
        by_id = {r["id"]: r["steps"][1]["output"].strip() for r in records}
        self.assertEqual((by_id["a"], by_id["b"]), ("2", "2"))
        self.assertLess(int(by_id["c"]), 2)

    def test_slow_turn_delays_no_other(self):
        stage = self.place.start([TOOL])
        stage.send(turn(call("exec", command="sleep 600"), id="slow"))
        stage.send(turn(call("exec", command="echo hi"), id="quick"))
        self.assertEqual(stage.read()["id"], "quick")

    def test_input_waits_while_enough_turns_are_held(self):
        self.configure(policy="full", limits={"in_flight": 1})
        stage = self.place.start([TOOL])
        gate = self.place.workspace / "gate"
        for name in ("a", "b", "c", "d"):
            stage.send(turn(call("exec", command=(
                f"touch {name}; until [ -e gate ]; do sleep 0.02; done")),
                id=name))
        # one more than that is read, so that a stop behind it is seen
        support.wait_for((self.place.workspace / "b").exists)
        self.assertTrue(stage.silent(0.2))
        self.assertFalse((self.place.workspace / "c").exists())
        gate.touch()
        self.assertEqual({stage.read()["id"] for _ in range(4)}, set("abcd"))

    def test_ends_after_the_last_turn(self):
        result = self.place.run([TOOL], [
            turn(call("exec", command="sleep 0.5; echo hi"), id="a"),
            turn(call("exec", command="echo hi"), id="b")])
        self.assertEqual([r["id"] for r in result.records], ["b", "a"])

    def test_wrong_arguments(self):
        for args in ({}, {"command": None}, {"command": 5}, {"command": ""},
                     {"command": {}}, {"command": []}, {"command": [1]},
                     {"command": [""]}, {"command": ["a"] * 1000},
                     {"command": "a\0b"}, {"command": ["a\0b"]},
                     {"command": "ls", "timeout_s": "5"},
                     {"command": "ls", "timeout_s": 0},
                     {"command": "ls", "timeout_s": -1},
                     {"command": "ls", "timeout_s": 1.5},
                     {"command": "ls", "timeout_s": 1e300},
                     {"command": "ls", "cwd": "/"}):
            with self.subTest(args):
                line = json.dumps(turn(
                    {"id": "c1", "name": "exec", "args": args}))
                result = self.place.run([TOOL], line + "\n")
                if result.status == 65:
                    continue  # the NUL was refused at the door
                self.assert_status(result, 0)
                step = result.records[0]["steps"][1]
                self.assert_refused(step)
                self.assertTrue(step["output"])

    def test_arguments_that_are_no_object(self):
        for args in (None, "ls", ["ls"], 5):
            with self.subTest(args):
                step, = self.run_turn_with({"args": args})
                self.assert_refused(step, "command")
        step, = self.run_turn_with({"args": {}, "bad_args": "{\"com"})
        self.assert_refused(step, "JSON")

    def run_turn_with(self, keys):
        result = self.place.run([TOOL], turn(
            {"id": "c1", "name": "exec", **keys}))
        self.assert_status(result, 0)
        return result.records[0]["steps"][1:]

    def test_no_process_to_be_had(self):
        for syscall, error in (("clone,clone3,fork,vfork", "EAGAIN"),
                               ("pipe2", "EMFILE")):
            with self.subTest(syscall):
                for step in self.run_with_failing(
                        syscall, error, call("exec", "a", command="echo a"),
                        call("exec", "b", command="echo b")):
                    self.assert_refused(step, "no process can be started")

    def test_no_such_program(self):
        step = self.command(["no-such-program", "x"])
        self.assert_refused(step, "no-such-program", "no such program")
        (self.place.workspace / "plain").write_text("echo hi\n")
        (self.place.workspace / "plain").chmod(0o755)
        self.assert_refused(self.command(["./plain"]), "#!")

    def test_events(self):
        folder = self.place.state / "turns" / "t1"
        folder.mkdir(parents=True)
        self.command("echo hi")
        events = [json.loads(line) for line in
                  (folder / "events.ndjson").read_text().splitlines()]
        self.assertEqual([e["event"] for e in events],
                         ["tool_start", "tool_end"])
        self.assertEqual(events[0]["args"], {"command": "echo hi"})
        self.assertTrue(events[1]["ok"])

    def test_declarations(self):
        result = self.place.run([TOOL, "-l"])
        names = [d["name"] for d in result.records]
        self.assertEqual(names, ["exec", "read_file", "write_file",
                                 "edit_file", "list_files", "fetch_url"])
        self.assertLess(len(result.out), 2000)
        for declaration in result.records:
            self.assert_valid(declaration, "tool.json")
        self.configure(policy="deny")
        names = [d["name"] for d in self.place.run([TOOL, "-l"]).records]
        self.assertNotIn("exec", names)


class Stop(exec_tool.TestCase):
    def setUp(self):
        super().setUp()
        self.configure(policy="full", tools={"parallel": 2})
        self.stage = self.place.start([TOOL])

    def send_sleeping(self, session, *names):
        for name in names:
            (self.place.workspace / name).unlink(missing_ok=True)
            self.stage.send(turn(
                call("exec", command=f"touch {name}; sleep 600"),
                id=name, session=session))

    def wait_for_start(self, *names):
        for name in names:
            support.wait_for((self.place.workspace / name).exists)

    def test_running_and_waiting_calls(self):
        self.send_sleeping("other", "x")
        self.wait_for_start("x")
        self.send_sleeping("mine", "a", "b")
        self.wait_for_start("a")
        stop = {"type": "stop", "session": "mine"}
        self.stage.send(stop)
        records = [self.stage.read() for _ in range(3)]
        self.assertEqual(records[2], stop)
        self.assertEqual({r["id"] for r in records[:2]}, {"a", "b"})
        for record in records[:2]:
            self.assertFalse(record["steps"][1]["ok"])
            self.assertEqual(record["steps"][1]["output"],
                             "stopped by the person")
        self.assertFalse((self.place.workspace / "b").exists())
        self.assertTrue(self.stage.silent(0.1))

    def test_stop_of_one_turn(self):
        self.send_sleeping("mine", "a", "b")
        self.wait_for_start("a", "b")
        stop = {"type": "stop", "session": "mine", "id": "b"}
        self.stage.send(stop)
        self.assertEqual(self.stage.read()["id"], "b")
        self.assertEqual(self.stage.read(), stop)
        self.assertTrue(self.stage.silent(0.1))

    def test_stop_of_another_session_passes(self):
        self.send_sleeping("mine", "a")
        self.wait_for_start("a")
        stop = {"type": "stop", "session": "another"}
        self.stage.send(stop)
        self.assertEqual(self.stage.read(), stop)

    def test_stop_comes_through_when_all_places_are_taken(self):
        self.stage.kill()
        self.configure(policy="full", limits={"in_flight": 1})
        self.stage = self.place.start([TOOL])
        self.send_sleeping("mine", "a")
        self.wait_for_start("a")
        self.stage.send({"type": "stop", "session": "mine"})
        self.assertEqual(self.stage.read()["id"], "a")

    def test_end_of_input_after_stop(self):
        self.send_sleeping("mine", "a")
        self.wait_for_start("a")
        self.stage.send({"type": "stop", "session": "mine"})
        result = self.stage.wait()
        self.assertEqual(result.status, 0)
        self.assertEqual(len(result.records), 2)


if __name__ == "__main__":
    unittest.main()
