"""oc-exec-tool: write_file and edit_file, and what they must not touch."""
import os
import unittest

import exec_tool
from exec_tool import TOOL, call, turn


class Writing(exec_tool.FileCase):
    def test_new_and_old(self):
        self.assertIn("made", self.assert_ok(self.write("a", "one\n")))
        self.assertEqual((self.workspace / "a").read_text(), "one\n")
        self.assertIn("replaced", self.assert_ok(self.write("a", "")))
        self.assertEqual((self.workspace / "a").read_text(), "")
        self.assert_ok(self.write("b/c/d", "x"))
        self.assertEqual((self.workspace / "b/c/d").read_text(), "x")
        self.assert_ok(self.write(self.shared / "e", "x"))
        self.assertEqual((self.shared / "e").read_text(), "x")
        self.assert_nothing_temporary()

    def test_mode_is_kept(self):
        path = self.workspace / "a"
        path.write_text("x")
        path.chmod(0o750)
        self.assert_ok(self.write("a"))
        self.assertEqual(path.stat().st_mode & 0o7777, 0o750)
        path.chmod(0o4755)
        self.assert_ok(self.edit("a", "new", "newer"))
        self.assertEqual(path.stat().st_mode & 0o7777, 0o755)

    def test_size(self):
        self.assert_ok(self.write("a", "x" * 262144))
        self.assert_refused(self.write("a", "y" * 262145), "262144")
        self.assertEqual((self.workspace / "a").read_text(), "x" * 262144)

    def test_what_is_no_file(self):
        os.mkfifo(self.workspace / "fifo")
        (self.workspace / "folder").mkdir()
        (self.workspace / "link").symlink_to("target")
        (self.workspace / "fixed").write_text("x")
        (self.workspace / "fixed").chmod(0o444)
        for name in ("fifo", "folder", "link", "fixed", "folder/", ".", "./",
                     "fixed/x", "fifo/x"):
            with self.subTest(name):
                self.assert_refused(self.write(name))
        self.assertEqual((self.workspace / "fixed").read_text(), "x")
        self.assertFalse((self.workspace / "target").exists())

    def test_no_room(self):
        (self.workspace / "a").write_text("old")
        result = self.place.shell(
            f"ulimit -f 1; trap '' XFSZ; exec {TOOL}",
            turn(call("write_file", path="a", content="x" * 100000)))
        step = result.records[0]["steps"][1]
        self.assert_refused(step, "File too large")
        self.assertEqual((self.workspace / "a").read_text(), "old")
        self.assert_nothing_temporary()

    def test_edit(self):
        path = self.workspace / "a"
        path.write_text("one two three two\n")
        self.assert_ok(self.edit("a", "three", "3"))
        self.assertEqual(path.read_text(), "one two 3 two\n")
        self.assert_refused(self.edit("a", "two", "2"), "2 times")
        step = self.edit("a", "four", "4")
        self.assert_refused(step, "0 times")
        self.assertNotIn("one", step["output"])
        self.assert_refused(self.edit("a", "", "x"), "empty")
        self.assert_ok(self.edit("a", "one ", ""))
        self.assertEqual(path.read_text(), "two 3 two\n")
        path.write_text("aaa")
        self.assert_refused(self.edit("a", "aa", "b"), "2 times")
        path.write_bytes(b"\xff\0x\r\n")
        self.assert_ok(self.edit("a", "x\r\n", "y\n"))
        self.assertEqual(path.read_bytes(), b"\xff\0y\n")
        self.assert_refused(self.edit("missing", "a", "b"), "no such file")

    def test_wrong_arguments(self):
        for name, args in (
                ("write_file", {}), ("write_file", {"path": "a"}),
                ("write_file", {"path": "", "content": "x"}),
                ("write_file", {"path": "a", "content": 5}),
                ("write_file", {"path": ["a"], "content": "x"}),
                ("write_file", {"path": "a", "content": "x", "mode": 7}),
                ("edit_file", {"path": "a", "old": "x"}),
                ("edit_file", {"path": "a", "old": "x", "new": None}),
                ("read_file", {}), ("read_file", {"path": 1}),
                ("read_file", {"path": "a", "offset": "1"}),
                ("read_file", {"path": "a", "limit": 0}),
                ("list_files", {"depth": 0}), ("list_files", {"depth": 6}),
                ("list_files", {"path": 5}), ("fetch_url", {}),
                ("fetch_url", {"url": ""}), ("fetch_url", {"url": 5}),
                ("fetch_url", {"url": "x", "max_chars": -1})):
            with self.subTest(f"{name} {args}"):
                step, = self.run_turn(
                    {"id": "c1", "name": name, "args": args})
                self.assert_refused(step)
        self.assertEqual(os.listdir(self.workspace), [])


class Protected(exec_tool.FileCase):
    """What would widen the permission is not written."""

    def setUp(self):
        super().setUp()
        (self.workspace / "scripts").mkdir()
        self.text = (
            "## Run\n```\nnode scripts/run.js\nnode scripts/later.js\n"
            f"sh {self.shared}/job.sh\nnode jobs/<name>.js\n"
            "deploy --file=conf/deploy.yaml\n./local <x>\n```\n")
        self.place.agents(self.text)
        (self.workspace / "scripts/run.js").write_text("old\n")
        (self.shared / "job.sh").write_text("old\n")

    def assert_protected(self, path):
        with self.subTest(str(path)):
            self.assert_refused(self.write(path))
            self.assert_refused(self.edit(path, "o", "x"))

    def test_agents(self):
        for path in ("AGENTS.md", "./AGENTS.md", "agents.md", "Agents.MD",
                     self.workspace / "AGENTS.md", "scripts/../AGENTS.md"):
            self.assert_protected(path)
        self.assertEqual((self.workspace / "AGENTS.md").read_text(),
                         self.text)
        self.assert_ok(self.write("scripts/AGENTS.md"))
        self.assert_ok(self.read("AGENTS.md"))

    def test_agents_by_another_name(self):
        os.link(self.workspace / "AGENTS.md", self.workspace / "hard")
        os.link(self.workspace / "AGENTS.md", self.shared / "hard")
        (self.workspace / "soft").symlink_to("AGENTS.md")
        (self.workspace / "here").symlink_to(".")
        for path in ("hard", self.shared / "hard", "soft", "here/AGENTS.md"):
            self.assert_protected(path)

    def test_agents_that_is_missing(self):
        (self.workspace / "AGENTS.md").unlink()
        self.assert_refused(self.write("AGENTS.md"))
        (self.workspace / "AGENTS.md").symlink_to("notes/rules.md")
        (self.workspace / "notes").mkdir()
        self.assert_refused(self.write("notes/rules.md"))
        self.assert_refused(self.write("AGENTS.md"))
        self.assertEqual(os.listdir(self.workspace / "notes"), [])

    def test_agents_in_a_second_root(self):
        self.configure(files={"read": [], "write": [str(self.place.home)]})
        self.assert_protected(self.workspace / "AGENTS.md")

    def test_scripts_of_the_runbook(self):
        os.link(self.workspace / "scripts/run.js", self.workspace / "hard.js")
        (self.workspace / "linked").symlink_to("scripts")
        (self.workspace / "jobs").mkdir()
        for path in ("scripts/run.js", self.workspace / "scripts/run.js",
                     "hard.js", "linked/run.js", "scripts/later.js",
                     "linked/later.js", self.shared / "job.sh",
                     "jobs/new.js", "jobs/deep/new.js", "conf/deploy.yaml",
                     "local"):
            self.assert_protected(path)
        self.assertEqual((self.shared / "job.sh").read_text(), "old\n")
        for path in ("scripts/other.js", "jobs/new.txt", "run.js",
                     self.shared / "other.sh", "conf/other.yaml"):
            self.assert_ok(self.write(path))

    def test_program_that_is_a_link(self):
        (self.shared / "tool.sh").write_text("old\n")
        (self.place.fakes / "deploy").symlink_to(self.shared / "tool.sh")
        self.assert_protected(self.shared / "tool.sh")

    def test_git(self):
        (self.workspace / ".git").mkdir()
        (self.workspace / "inner").symlink_to(".git")
        for path in (".git/config", ".git/hooks/pre-commit", "a/.git/config",
                     ".GIT/config", ".git", "a/.git", "inner/config",
                     "inner/hooks/post-checkout"):
            self.assert_protected(path)
        self.assertEqual(os.listdir(self.workspace / ".git"), [])
        self.assert_ok(self.write(".gitignore"))

    def test_configuration(self):
        path = self.configure(files={"read": [],
                                     "write": [str(self.place.folder)]})
        before = path.read_text()
        self.assert_protected(path)
        self.assertEqual(path.read_text(), before)

    def test_directories_of_path(self):
        self.configure(files={"read": [], "write": [str(self.place.folder)]})
        self.assert_protected(self.place.fakes / "kubectl")
        self.assertEqual(os.listdir(self.place.fakes), [])


if __name__ == "__main__":
    unittest.main()
