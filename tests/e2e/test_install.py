"""make install and uninstall; help and a manual for every program."""
import shutil
import subprocess
import unittest

import support

HELP_LINES, HELP_COLUMNS = 24, 80  # one screen


def programs():
    """What make builds: bin/NAME/main.c and bin/NAME/NAME.sh."""
    return sorted(
        d.name for d in (support.SOURCE / "bin").iterdir()
        if (d / "main.c").exists() or (d / f"{d.name}.sh").exists())


class Programs(support.TestCase):
    def test_help_is_one_screen(self):
        for name in programs():
            with self.subTest(name):
                result = self.place.run([name, "-h"])
                self.assert_status(result, 0)
                self.assertEqual(result.err, "")
                lines = result.out.decode().expandtabs().splitlines()
                self.assertTrue(lines)
                self.assertLessEqual(len(lines), HELP_LINES)
                self.assertEqual(
                    [s for s in lines if len(s) > HELP_COLUMNS], [])
                self.assertIn(name, lines[0])

    def test_help_needs_nothing(self):
        for name in programs():
            with self.subTest(name):
                result = subprocess.run(
                    [support.BIN / name, "-h"], timeout=30, cwd="/",
                    env={"PATH": "/usr/bin:/bin"}, capture_output=True,
                    stdin=subprocess.DEVNULL)
                self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_manual(self):
        for name in programs():
            with self.subTest(name):
                page = support.SOURCE / "bin" / name / f"{name}.1"
                text = page.read_text()
                self.assertIn(f".Nm {name}\n", text)
                result = self.place.run([name, "-h"])
                options = [s.split()[0][1] for s in
                           result.out.decode().splitlines()
                           if s.lstrip().startswith("-")
                           and len(s.split()[0]) == 2]
                for option in options:
                    self.assertIn(f"Fl {option}", text,
                                  f"-{option} is not in {page.name}")

    def test_manuals_have_no_fault(self):
        if shutil.which("mandoc") is None:
            self.skipTest("mandoc is not installed")
        pages = [*support.SOURCE.glob("bin/*/*.1"),
                 *support.SOURCE.glob("share/man/*.[157]")]
        result = self.place.run(["mandoc", "-Tlint", "-W", "warning", *pages])
        self.assertEqual((result.status, result.out), (0, b""), result)


class Install(support.TestCase):
    def make(self, target, *assignments):
        if support.SANITIZED or not support.built(*programs()):
            self.skipTest("what is installed is the normal build")
        result = subprocess.run(
            ["make", "-s", target, f"B={support.BUILD}", *assignments],
            cwd=support.SOURCE, capture_output=True, text=True, timeout=100)
        self.assertEqual(result.returncode, 0, result.stderr)

    def files(self, top):
        return sorted(str(p.relative_to(top)) for p in top.rglob("*")
                      if not p.is_dir())

    def test_install_and_uninstall(self):
        top = self.place.folder / "dest"
        where = [f"DESTDIR={top}", "PREFIX=/opt/oc"]
        self.make("install", *where)
        files = self.files(top / "opt" / "oc")
        self.assertEqual(self.files(top), ["opt/oc/" + f for f in files])
        for name in programs():
            self.assertIn(f"bin/{name}", files)
            self.assertIn(f"share/man/man1/{name}.1", files)
            installed = top / "opt/oc/bin" / name
            self.assertEqual(installed.stat().st_mode & 0o777, 0o755)
        for name in ("man/man7/oc.7", "man/man7/oc-turn.7",
                     "openclaw/schema/turn.json",
                     "openclaw/examples/word-count.sh",
                     "openclaw/web/index.html", "openclaw/web/app.js"):
            self.assertIn("share/" + name, files)
        self.make("uninstall", *where)
        self.assertEqual(self.files(top), [])

    def test_uninstall_leaves_what_is_not_ours(self):
        top = self.place.folder / "dest"
        other = top / "usr/local/bin/other"
        other.parent.mkdir(parents=True)
        other.write_text("")
        self.make("install", f"DESTDIR={top}")
        self.make("uninstall", f"DESTDIR={top}")
        self.assertEqual(self.files(top), ["usr/local/bin/other"])


if __name__ == "__main__":
    unittest.main()
