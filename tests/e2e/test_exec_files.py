"""oc-exec-tool: reading and listing files, pages, and no way out."""
import os
import threading
import unittest

import exec_tool
import support
from exec_tool import TOOL, call, turn


class Reading(exec_tool.FileCase):
    def test_whole(self):
        (self.workspace / "a").write_text("h\u00e9llo\n")
        for path in ("a", "./a", ".//a", str(self.workspace / "a"),
                     f"{self.workspace}//./a", "~/.openclaw/workspace/a"):
            with self.subTest(path):
                self.assertEqual(self.assert_ok(self.read(path)),
                                 "h\u00e9llo\n")

    def test_other_directories(self):
        for folder in (self.archive, self.shared):
            (folder / "x").write_text("x\n")
            self.assertEqual(self.assert_ok(self.read(folder / "x")), "x\n")

    def test_long_file_in_parts(self):
        text = "".join(f"line {i} \u00e9\n" for i in range(20000))
        (self.workspace / "long").write_text(text)
        got, offset, rounds = "", 0, 0
        while True:
            output = self.assert_ok(self.read("long", offset=offset))
            self.assertLessEqual(len(output.encode()), 65536)
            part, more, rest = output.partition("\n[bytes ")
            got += part
            rounds += 1
            if not more:
                break
            self.assertTrue(part.endswith("\n"))
            offset = int(rest.split("offset ")[1].rstrip("]"))
        self.assertEqual(got, text)
        self.assertLess(rounds, 10)

    def test_offset_and_limit(self):
        (self.workspace / "a").write_text("0123456789")
        self.assertTrue(self.read("a", limit=4)["output"]
                        .startswith("0123\n[bytes 0 to 4 of 10; go on with"))
        self.assertEqual(self.read("a", offset=-3)["output"], "789")
        self.assertEqual(self.read("a", offset=8, limit=100)["output"], "89")
        self.assertEqual(self.read("a", offset=-100)["output"], "0123456789")
        self.assertIn("has 10 bytes", self.read("a", offset=10)["output"])
        self.assertIn("has 10 bytes",
                      self.read("a", offset=2 ** 52)["output"])

    def test_one_long_line(self):
        (self.workspace / "a").write_text("\u00e9" * 100000)
        output = self.assert_ok(self.read("a"))
        self.assertNotIn("\ufffd", output)
        self.assertIn("of 200000", output)

    def test_empty(self):
        (self.workspace / "a").write_text("")
        self.assertEqual(self.assert_ok(self.read("a")),
                         "(the file is empty)")

    def test_binary(self):
        (self.workspace / "a").write_bytes(b"\x7fELF\0\0\1" * 1000)
        self.assert_refused(self.read("a"), "binary", "7000 bytes")

    def test_broken_text(self):
        (self.workspace / "a").write_bytes(b"a\xffb\n")
        self.assertEqual(self.assert_ok(self.read("a")), "a\ufffdb\n")

    def test_what_is_no_file(self):
        os.mkfifo(self.workspace / "fifo")
        (self.workspace / "folder").mkdir()
        self.assert_refused(self.read("fifo"), "not a regular file")
        self.assert_refused(self.read("folder"), "list_files")
        self.assert_refused(self.read("."), "directory")
        self.assert_refused(self.read("missing"), "no such file")

    def test_device(self):
        self.configure(files={"read": ["/dev"], "write": []})
        for name in ("zero", "full", "tty", "random"):
            self.assert_refused(self.read("/dev/" + name))

    def test_huge_sparse_file(self):
        with open(self.workspace / "huge", "wb") as file:
            file.truncate(1 << 40)
        self.assert_refused(self.read("huge"), "binary", str(1 << 40))
        self.assert_refused(self.read("huge", offset=-10), "binary")

    def test_permission(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        (self.workspace / "a").write_text("x")
        (self.workspace / "a").chmod(0)
        self.assert_refused(self.read("a"), "Permission denied")


class Escapes(exec_tool.FileCase):
    """No way out of the directories, to read or to write."""

    def ways(self):
        out = self.outside
        links = {"absolute": str(out / "secret"),
                 "relative": "../../../outside/secret",
                 "folder": str(out), "up": "..",
                 "proc": "/proc/self/root", "self": "self",
                 "magic": "/proc/self/cwd"}
        for name, target in links.items():
            (self.workspace / name).symlink_to(target)
        up = os.path.relpath(out, self.workspace)
        return [
            str(out / "secret"), f"{up}/secret", f"./{up}/secret",
            f"a/../{up}/secret", str(self.workspace / up / "secret"),
            str(self.workspace) + "-other/secret", "/etc/passwd",
            "//etc/passwd", "/", "absolute", "relative", "folder/secret",
            "up/up/up/outside/secret", "proc/etc/passwd",
            f"proc{out}/secret", "magic/secret", "self", "..", "../",
            "a/..", "~/secret", "~root/x", "/proc/self/environ",
            "/dev/fd/0", "/dev/stdin", f"{self.archive}/../outside/secret",
            "x" * 5000, "a/" * 3000 + "b", "\u202e", " /etc/passwd"]

    def test_read(self):
        for path in self.ways():
            with self.subTest(path[:100]):
                step = self.read(path)
                self.assert_refused(step)
                self.assertNotIn("s3cret", step["output"])
                self.assertNotIn("root:", step["output"])
                self.assertLess(len(step["output"]), 1000)

    def test_list(self):
        for path in self.ways():
            with self.subTest(path[:100]):
                step = self.list(path=path)
                self.assert_refused(step)

    def test_write_and_edit(self):
        before = sorted(os.listdir(self.place.folder))
        for path in self.ways():
            if path in ("\u202e", " /etc/passwd", "~root/x"):
                continue  # strange names, but inside
            with self.subTest(path[:100]):
                self.assert_refused(self.write(path))
                self.assert_refused(self.edit(path, "s3cret", "x"))
        self.assertEqual((self.outside / "secret").read_text(), "s3cret\n")
        self.assertEqual(sorted(os.listdir(self.outside)), ["secret"])
        self.assertEqual(sorted(os.listdir(self.place.folder)), before)

    def test_read_only_directory(self):
        (self.archive / "a").write_text("old\n")
        self.assert_refused(self.write(self.archive / "a"), "written")
        self.assert_refused(self.write(self.archive / "b"), "written")
        self.assert_refused(self.edit(self.archive / "a", "old", "new"))
        self.assertEqual(os.listdir(self.archive), ["a"])

    def test_kernel_that_cannot_confine(self):
        (self.workspace / "a").write_text("x")
        for step in self.run_with_failing(
                "openat2", "ENOSYS", call("read_file", path="a"),
                call("write_file", path="b", content="x"),
                call("edit_file", path="a", old="x", new="y"),
                call("list_files")):
            self.assert_refused(step, "openat2")
        self.assertEqual(os.listdir(self.workspace), ["a"])

    def test_links_inside_are_followed_for_reading(self):
        (self.workspace / "a").write_text("x\n")
        (self.workspace / "folder").mkdir()
        (self.workspace / "folder" / "link").symlink_to("../a")
        self.assertEqual(self.assert_ok(self.read("folder/link")), "x\n")

    def test_race(self):
        """A directory that becomes a link out and back again all the time."""
        inside, link = self.workspace / "inside", self.workspace / "way"
        inside.mkdir()
        (inside / "secret").write_text("public\n")
        out = self.workspace / "out"
        out.symlink_to(self.outside)
        good = self.workspace / "good"
        good.symlink_to("inside")
        stop = threading.Event()

        def swap():
            while not stop.is_set():
                for target in (good, out):
                    temporary = self.workspace / "t"
                    temporary.symlink_to(os.readlink(target))
                    temporary.rename(link)

        thread = threading.Thread(target=swap)
        thread.start()
        try:
            calls = []
            for i in range(300):
                calls.append(call("read_file", f"r{i}", path="way/secret"))
                calls.append(call("write_file", f"w{i}", path="way/made",
                                  content="x"))
            steps = self.run_turn(*calls)
        finally:
            stop.set()
            thread.join()
        for step in steps:
            self.assertNotIn("s3cret", step["output"])
        self.assertEqual(sorted(os.listdir(self.outside)), ["secret"])


class Listing(exec_tool.FileCase):
    def test_names_and_sizes(self):
        (self.workspace / "b").write_text("12345")
        (self.workspace / "a" / "deep" / "deeper").mkdir(parents=True)
        (self.workspace / "a" / "x").write_text("1")
        (self.workspace / "link").symlink_to("/")
        self.assertEqual(self.assert_ok(self.list()),
                         "a/\nb  5\nlink (symbolic link)\n")
        self.assertEqual(self.assert_ok(self.list(path="a")), "deep/\nx  1\n")
        self.assertEqual(self.assert_ok(self.list(depth=5)),
                         "a/\n  deep/\n    deeper/\n  x  1\nb  5\n"
                         "link (symbolic link)\n")
        self.assert_ok(self.list(path=str(self.archive)))

    def test_empty(self):
        self.assertEqual(self.assert_ok(self.list()),
                         "(the directory is empty)")

    def test_what_is_no_directory(self):
        (self.workspace / "a").write_text("x")
        self.assert_refused(self.list(path="a"))
        self.assert_refused(self.list(path="missing"))

    def test_many(self):
        for i in range(3000):
            (self.workspace / f"{i:05}-{'x' * 100}").touch()
        output = self.assert_ok(self.list())
        self.assertLess(len(output), 65536)
        self.assertIn("there is more", output)

    def test_strange_names(self):
        os.mkdir(os.fsencode(self.workspace) + b"/a\xff")
        self.assertIn("a\ufffd/", self.assert_ok(self.list()))


class Fetching(exec_tool.TestCase):
    """oc-fetch-url itself is tested elsewhere; this is how it is called."""

    def setUp(self):
        super().setUp()
        self.configure()
        # beside the program is looked first, so it runs from a copy
        self.tool = self.place.folder / "tool" / TOOL
        self.tool.parent.mkdir()
        self.tool.write_bytes((support.BIN / TOOL).read_bytes())
        self.tool.chmod(0o755)
        self.place.fake("oc-fetch-url", out="The page.\n")

    def fetch(self, *options, **args):
        record, = self.place.run(
            [self.tool, *options], turn(call("fetch_url", **args)),
            GEMINI_API_KEY="s3cret", KUBECONFIG="/k").records
        self.assert_valid(record)
        return record

    def test_page(self):
        record = self.fetch(url="https://a.example/?a=1&b=2")
        self.assertEqual(self.assert_ok(record["steps"][1]), "The page.\n")
        self.assertEqual(record["taint"], ["web"])
        entry, = self.place.calls("oc-fetch-url")
        self.assertEqual(entry["argv"], ["--", "https://a.example/?a=1&b=2"])
        self.assertNotIn("GEMINI_API_KEY", entry["env"])
        self.assertNotIn("KUBECONFIG", entry["env"])
        self.assertEqual(entry["env"]["OC_CONFIG"],
                         self.place.env["OC_CONFIG"])

    def test_options(self):
        config = self.place.env["OC_CONFIG"]
        self.place.fake("oc-fetch-url", out="x" * 10000)
        step = self.fetch("-c", config, url="--help",
                          max_chars=5000)["steps"][1]
        entry, = self.place.calls("oc-fetch-url")
        self.assertEqual(entry["argv"], ["-c", config, "--", "--help"])
        self.assertLessEqual(len(step["output"]), 5000)
        self.assertGreater(step["cut"], 4000)

    def test_refused_address(self):
        self.place.fake("oc-fetch-url", status=77,
                        err="2026-11-22T10:36:32.208Z error oc-fetch-url[81]:"
                        " 10.0.0.1 is private\n")
        step = self.fetch(url="http://10.0.0.1/")["steps"][1]
        self.assert_refused(step)
        self.assertEqual(step["output"],
                         "10.0.0.1 is private\n[exit status 77]")

    def test_status_of_the_server(self):
        self.place.fake("oc-fetch-url", status=69,
                        out="HTTP status 404\n\n# gone\n",
                        err="2026-11-22T10:36:32.208Z error oc-fetch-url[81]:"
                        " http://a.example/: HTTP status 404\n")
        step = self.fetch(url="http://a.example/")["steps"][1]
        self.assert_refused(step, "# gone\n",
                            "http://a.example/: HTTP status 404")
        self.assertNotIn("oc-fetch-url[", step["output"])

    def test_not_installed(self):
        (self.place.fakes / "oc-fetch-url").unlink()
        self.place.env["PATH"] = "/usr/bin:/bin"
        step = self.fetch(url="http://a.example/")["steps"][1]
        self.assert_refused(step, "no such program")


if __name__ == "__main__":
    unittest.main()
