"""oc-exec-tool: commands as children, and their output."""
import os
import signal
import time
import unittest
from pathlib import Path

import exec_tool
import support
from exec_tool import TOOL, call, turn


def processes_with(mark):
    """Processes whose command line or environment holds the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in text:
            found.append(int(entry.name))
    return found


class Children(exec_tool.TestCase):
    def setUp(self):
        super().setUp()
        self.shell_config()

    def test_result(self):
        step = self.command("echo out; echo err >&2; pwd")
        self.assertEqual(step["output"],
                         f"out\nerr\n{self.place.workspace}\n")
        self.assertEqual((step["ok"], step["exit"]), (True, 0))
        self.assertNotIn("cut", step)

    def test_no_output(self):
        self.assertEqual(self.command("true")["output"], "(no output)")

    def test_exit_status(self):
        step = self.command("echo no; exit 3")
        self.assertEqual((step["ok"], step["exit"]), (False, 3))
        self.assertEqual(step["output"], "no\n[exit status 3]")

    def test_signal(self):
        step = self.command("kill -SEGV $$")
        self.assertEqual((step["ok"], step["signal"]),
                         (False, signal.SIGSEGV))
        self.assertNotIn("exit", step)
        self.assertIn("SIGSEGV", step["output"])

    def test_deadline(self):
        step = self.command("echo begun; sleep 600", timeout_s=1)
        self.assertEqual((step["ok"], step["timeout"]), (False, True))
        self.assertIn("begun\n", step["output"])
        self.assertIn("1 s", step["output"])

    def test_deadline_of_one_that_does_not_listen(self):
        step = self.command(
            "trap '' TERM INT HUP; echo begun; while :; do sleep 1; done",
            timeout_s=1)
        self.assertTrue(step["timeout"], step)

    def test_standard_input_is_empty(self):
        self.assertEqual(self.command("cat; echo end")["output"], "end\n")

    def test_no_descriptor_is_inherited(self):
        step = self.command(["ls", "/proc/self/fd"])  # 3 is ls's own
        self.assertEqual(step["output"].split(), ["0", "1", "2", "3"])

    def test_workspace_is_made(self):
        self.place.workspace.rmdir()
        self.assert_ok(self.command("pwd"))
        self.assertEqual(self.place.workspace.stat().st_mode & 0o777, 0o700)

    def test_workspace_that_cannot_be_made(self):
        self.place.workspace.rmdir()
        self.place.workspace.write_text("a file")
        self.assert_refused(self.command("pwd"), "workspace")

    def test_environment(self):
        env = dict(LC_ALL="C.UTF-8", KUBERNETES_SERVICE_HOST="10.0.0.1",
                   KUBECONFIG="/k", NODE_PATH="/n", MINE="mine",
                   OTHER="other", GEMINI_API_KEY="s3cret-a",
                   LITELLM_API_KEY="s3cret-b", TELEGRAM_BOT_TOKEN="s3cret-c",
                   GEMINI_API_KEY_FILE="/s3cret-d")
        self.shell_config(env=["MINE"])
        step, = self.run_turn(call("exec", command="env"), **env)
        got = dict(line.split("=", 1)
                   for line in step["output"].splitlines())
        self.assertEqual(got["TERM"], "dumb")
        self.assertEqual(got["MINE"], "mine")
        self.assertEqual(got["KUBERNETES_SERVICE_HOST"], "10.0.0.1")
        self.assertEqual(got["HOME"], str(self.place.home))
        for name in ("OTHER", "OC_CONFIG", "OC_STATE", "GEMINI_API_KEY",
                     "GEMINI_API_KEY_FILE"):
            self.assertNotIn(name, got)
        self.assertNotIn("s3cret", step["output"])

    def test_no_secret_in_the_stage_itself(self):
        stage = self.place.start([TOOL], GEMINI_API_KEY="s3cret-key")
        stage.send(turn(call("exec", command="sleep 600")))
        support.wait_for(lambda: len(support.descendants(stage.pid)) >= 2)
        self.assert_no_secret_in_processes("s3cret-key", stage.pid)

    def test_relative_directories_of_path_are_dropped(self):
        evil = self.place.workspace / "date"
        evil.write_text("#!/bin/sh\necho evil\n")
        evil.chmod(0o755)
        step, = self.run_turn(call("exec", command=["date"]),
                              PATH=".::" + self.place.env["PATH"])
        self.assertNotIn("evil", self.assert_ok(step))


class LeftBehind(exec_tool.TestCase):
    """Nothing that a command starts outlives it."""

    def setUp(self):
        super().setUp()
        self.shell_config()
        # a command line that only this test's processes have
        self.mark = f"600.{os.getpid()}{time.monotonic_ns()}"

    def assert_none_left(self):
        support.wait_for(lambda: not processes_with(self.mark), 10,
                         "the end of all", lambda: processes_with(self.mark))

    def test_background_holding_the_output(self):
        step = self.command(f"sleep {self.mark} & echo done")
        self.assertEqual(step["output"], "done\n")
        self.assertTrue(step["ok"])
        self.assert_none_left()

    def test_daemons(self):
        step = self.command(
            f"setsid sleep {self.mark} & "
            f"(setsid sh -c '(setsid sleep {self.mark} &) ; :' &); "
            f"nohup setsid sh -c 'trap \"\" TERM; sleep {self.mark}; :' "
            "</dev/null >/dev/null 2>&1 & echo done")
        self.assertEqual(step["output"], "done\n")
        self.assert_none_left()

    def test_deadline_ends_daemons(self):
        step = self.command(
            f"(setsid sh -c 'sleep {self.mark}; :' &); sleep {self.mark}",
            timeout_s=1)
        self.assertTrue(step["timeout"])
        self.assert_none_left()

    def test_fork_bomb(self):
        step = self.command(
            f"f() {{ sleep {self.mark} & sleep {self.mark} & }}; "
            "i=0; while [ $i -lt 100 ]; do f; i=$((i+1)); done; echo done")
        self.assertEqual(step["output"], "done\n")
        self.assert_none_left()

    def test_stage_is_killed(self):
        stage = self.place.start([TOOL])
        stage.send(turn(call("exec", command=(
            f"(setsid sleep {self.mark} &); sleep {self.mark}"))))
        support.wait_for(lambda: len(processes_with(self.mark)) >= 2)
        stage.signal(signal.SIGKILL)
        self.assert_none_left()

    def test_command_kills_its_warden(self):
        step = self.command(f"(setsid sleep {self.mark} &); "
                            f"kill -9 $PPID; sleep {self.mark}")
        self.assertFalse(step["ok"])
        self.assertIn("unknown", step["output"])
        self.assert_none_left()

    def test_command_stops_its_warden(self):
        # The warden is asked to end: so is all that it watches over.
        step = self.command(f"kill -TERM $PPID; sleep {self.mark}")
        self.assertFalse(step["ok"])
        self.assert_none_left()


class Output(exec_tool.TestCase):
    def setUp(self):
        super().setUp()
        self.shell_config(output_bytes=65536)
        self.saved = self.place.workspace / ".openclaw" / "output"

    def test_two_megabytes(self):
        text = "".join(f"{i}\n" for i in range(300000))
        step = self.command("seq 0 299999")
        self.assertTrue(step["ok"])
        output = step["output"]
        self.assertLessEqual(len(output.encode()), 65536)
        self.assertTrue(output.startswith("0\n1\n2\n"))
        self.assertTrue(output.endswith("299998\n299999\n"))
        self.assertIn(f"[{step['cut']} of {len(text)} bytes left out here; "
                      "all of it is in .openclaw/output/t1-c1.txt]", output)
        kept = len(output) - len(output.split("\n[")[1].split("]\n")[0]) - 4
        self.assertEqual(kept + step["cut"], len(text))
        self.assertEqual((self.saved / "t1-c1.txt").read_text(), text)
        read = self.run_call("read_file", path=".openclaw/output/t1-c1.txt",
                             offset=-7)
        self.assertEqual(read["output"], "299999\n")

    def test_what_fits_is_not_saved(self):
        step = self.command("head -c 65536 /dev/zero | tr '\\0' x")
        self.assertEqual(step["output"], "x" * 65536)
        self.assertFalse(self.saved.exists())

    def test_one_byte_too_many(self):
        step = self.command("head -c 65537 /dev/zero | tr '\\0' x")
        self.assertLessEqual(len(step["output"]), 65536)
        self.assertEqual(len((self.saved / "t1-c1.txt").read_text()), 65537)

    def test_rubbish(self):
        step = self.command("head -c 3000000 /dev/urandom")
        self.assertTrue(step["ok"])
        self.assertLessEqual(len(step["output"].encode()), 65536)
        self.assertEqual((self.saved / "t1-c1.txt").stat().st_size, 3000000)

    def test_rubbish_that_only_grows_when_it_is_shown(self):
        step = self.command("head -c 60000 /dev/zero")
        self.assertLessEqual(len(step["output"].encode()), 65536)
        self.assertEqual((self.saved / "t1-c1.txt").stat().st_size, 60000)
        step = self.command("printf 'a\\377b\\0c\\033[1m\\303\\251'")
        self.assertEqual(step["output"], "a\ufffdb\ufffdc\x1b[1m\u00e9")

    def test_endless(self):
        stage = self.place.start([TOOL])
        stage.send(turn(call("exec", command="yes", timeout_s=60)))
        peak = 0
        while stage.silent(0.05):
            for line in Path(f"/proc/{stage.pid}/status").open():
                if line.startswith("VmRSS"):
                    peak = max(peak, int(line.split()[1]))
        step = stage.read()["steps"][1]
        self.assertFalse(step["ok"])
        self.assertIn("1 GiB", step["output"])
        self.assertEqual((self.saved / "t1-c1.txt").stat().st_size, 64 << 20)
        if not support.SANITIZED:
            self.assertLess(peak, 16 * 1024)  # KB

    def test_old_files_are_removed(self):
        self.saved.mkdir(parents=True)
        for i in range(150):
            path = self.saved / f"old-{i:03}.txt"
            path.write_text("old")
            os.utime(path, (1000 + i, 1000 + i))
        self.command("seq 300000")
        names = sorted(p.name for p in self.saved.iterdir())
        self.assertEqual(len(names), 100)
        self.assertEqual(names[0], "old-051.txt")
        self.assertIn("t1-c1.txt", names)

    def test_hostile_identifiers(self):
        self.place.run([TOOL], turn(
            call("exec", "../../../evil/x", command="seq 300000"),
            id="/../../t"))
        name, = os.listdir(self.saved)
        self.assertNotIn("/", name)
        self.assertEqual(sorted(os.listdir(self.place.workspace)),
                         [".openclaw"])

    def test_link_in_the_place_of_the_folder(self):
        elsewhere = self.place.folder / "elsewhere"
        elsewhere.mkdir()
        (self.place.workspace / ".openclaw").symlink_to(elsewhere)
        step = self.command("seq 300000")
        self.assertIn("could not be saved", step["output"])
        self.assertEqual(list(elsewhere.iterdir()), [])

    def test_no_room(self):
        step = self.place.shell(
            f"ulimit -f 1000; trap '' XFSZ; exec {TOOL}",
            turn(call("exec", command="seq 300000"))).records[0]["steps"][1]
        self.assertTrue(step["ok"])
        self.assertIn("could not be saved", step["output"])
        self.assertIn("File too large", step["output"])
        self.assertEqual(list(self.saved.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
