"""What the tests of oc-exec-tool share."""
import json
import shutil

import support

TOOL = "oc-exec-tool"


def call(name, call_id="c1", /, **args):
    return {"id": call_id, "name": name, "args": args}


def turn(*calls, **keys):
    return {"type": "turn", "id": "t1", "session": "s", "channel": "stdout",
            "text": "do it",
            "steps": [{"role": "assistant", "text": "", "calls": list(calls)}],
            **keys}


class TestCase(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need(TOOL)

    def configure(self, files=None, tools=None, limits=None, **exec_keys):
        config = {"tools": {"exec": exec_keys, **(tools or {})}}
        if files:
            config["tools"]["files"] = files
        if limits:
            config["limits"] = limits
        return self.place.config(config)

    def shell_config(self, **exec_keys):
        self.configure(policy="full", **exec_keys)

    def run_turn(self, *calls, **env):
        """The tool steps that the calls of one turn get."""
        result = self.place.run([TOOL], turn(*calls), **env)
        self.assert_status(result, 0)
        record, = result.records
        self.assert_valid(record)
        steps = record["steps"][1:]
        self.assertEqual([s["call"] for s in steps], [c["id"] for c in calls])
        self.turn = record
        return steps

    def run_call(self, name, /, **args):
        step, = self.run_turn(call(name, **args))
        return step

    def command(self, command, **args):
        return self.run_call("exec", command=command, **args)

    def run_with_failing(self, syscall, error, *calls):
        """The steps when a system call fails whenever it is made."""
        if support.SANITIZED or not shutil.which("strace"):
            self.skipTest("needs strace, and no sanitizer")
        result = self.place.run(
            ["strace", "-qq", "-o", self.place.folder / "trace", "-e",
             f"inject={syscall}:error={error}", support.BIN / TOOL],
            turn(*calls))
        if "ptrace" in result.err:
            self.skipTest("ptrace is not permitted here")
        self.assert_status(result, 0)
        return result.records[0]["steps"][1:]

    def assert_refused(self, step, *words):
        self.assertFalse(step["ok"], step)
        for word in words:
            self.assertIn(word, step["output"])

    def assert_ok(self, step):
        self.assertTrue(step["ok"], json.dumps(step)[:2000])
        return step["output"]


class FileCase(TestCase):
    def setUp(self):
        super().setUp()
        self.shared = self.place.folder / "shared"
        self.archive = self.place.folder / "archive"
        self.outside = self.place.folder / "outside"
        for folder in (self.shared, self.archive, self.outside):
            folder.mkdir()
        (self.outside / "secret").write_text("s3cret\n")
        self.configure(files={"read": [str(self.archive)],
                              "write": [str(self.shared)]})
        self.workspace = self.place.workspace

    def read(self, path, **args):
        return self.run_call("read_file", path=str(path), **args)

    def write(self, path, content="new\n"):
        return self.run_call("write_file", path=str(path), content=content)

    def edit(self, path, old, new):
        return self.run_call("edit_file", path=str(path), old=old, new=new)

    def list(self, **args):
        return self.run_call("list_files", **args)

    def assert_nothing_temporary(self, folder=None):
        for path in (folder or self.workspace).rglob("*"):
            self.assertFalse(path.name.startswith(".oc-"), path)
