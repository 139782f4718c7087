"""The runner itself: what it counts, what it calls a failure."""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent

ECHO = "#!/bin/sh\ncat\n"
TAP_GOOD = "#!/bin/sh\nprintf '1..2\\nok 1 - a\\nok 2 - b\\n'\n"
TAP_DIES = "#!/bin/sh\nprintf '1..2\\nok 1 - a\\n'\nexit 1\n"
TAP_STATUS = "#!/bin/sh\nprintf '1..1\\nok 1 - a\\n'\nexit 23\n"
TAP_LEAVES = "#!/bin/sh\nprintf '1..1\\nok 1 - a\\n'\nsetsid sleep 300 &\n"

PYTHON_GOOD = """
import os, unittest
class T(unittest.TestCase):
    def test_clean_environment(self):
        self.assertNotIn("GEMINI_API_KEY", os.environ)
        self.assertTrue(os.environ["HOME"].startswith("/tmp/"))
    @unittest.skip("no reason")
    def test_skipped(self): pass
"""
PYTHON_BAD = """
import unittest
class T(unittest.TestCase):
    def test_wrong(self): self.assertEqual(1, 2)
    def test_sub(self):
        with self.subTest(i=1): self.fail("inside")
"""
PYTHON_HANGS = """
import time, unittest
class T(unittest.TestCase):
    def test_hangs(self): time.sleep(300)
"""


class Runner(unittest.TestCase):
    def setUp(self):
        self.top = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.top)
        tests = self.top / "tests"
        (tests / "e2e").mkdir(parents=True)
        (tests / "fixtures").mkdir()
        for name in ("run", "fixture.py", "processes.py", "e2e/driver.py"):
            shutil.copy(TESTS / name, tests / name)
        shutil.copytree(TESTS.parent / "share" / "schema",
                        self.top / "share" / "schema")
        self.build = self.top / "build"
        (self.build / "tests" / "unit").mkdir(parents=True)
        (self.build / "bin").mkdir()

    def script(self, path, text):
        path = self.build / path
        path.write_text(text)
        path.chmod(0o755)

    def case(self, name, **files):
        folder = self.top / "tests" / "fixtures" / "echo" / name
        folder.mkdir(parents=True)
        self.script("bin/echo", ECHO)
        for file, text in files.items():
            (folder / file.replace("_", ".")).write_text(text)

    def python(self, name, text):
        (self.top / "tests" / "e2e" / name).write_text(text)

    def run_tests(self, *args, **env):
        done = subprocess.run(
            [self.top / "tests" / "run", self.build, *args],
            capture_output=True, text=True, timeout=110,
            env={**os.environ, "GEMINI_API_KEY": "k", **env})
        return done.returncode, done.stdout

    def check(self, last, status, *args, **env):
        got, out = self.run_tests(*args, **env)
        self.assertEqual((out.splitlines()[-1], got), (last, status), out)
        return out

    def test_nothing_to_run_is_a_failure(self):
        self.check("0 passed, 0 failed", 1)

    def test_unit(self):
        self.script("tests/unit/test_good", TAP_GOOD)
        self.check("2 passed, 0 failed", 0)
        self.check("0 passed, 0 failed", 1, "e2e")
        self.check("0 passed, 0 failed", 1, "no_such_name")

    def test_unit_that_dies_or_exits_with_a_status(self):
        self.script("tests/unit/test_dies", TAP_DIES)
        self.script("tests/unit/test_status", TAP_STATUS)
        out = self.check("2 passed, 2 failed", 1)
        self.assertIn("ended with status 1 after 1 of 2 tests", out)
        self.assertIn("the exit status is 23", out)

    def test_process_left_behind(self):
        self.script("tests/unit/test_leaves", TAP_LEAVES.replace(
            "&", ">/dev/null 2>&1 &"))
        out = self.check("1 passed, 1 failed", 1)
        self.assertIn("left running: ", out)

    def test_fixture(self):
        self.case("same", in_ndjson='{"text":"a","id":"01J00000000000000000000000"}\n',
                  out_ndjson='{"id":"@ulid", "text":"a"}\n')
        self.check("1 passed, 0 failed", 0)

    def test_fixtures_that_differ(self):
        turn = '{"text":"a"}\n'
        self.case("value", in_ndjson=turn, out_ndjson='{"text":"b"}\n')
        self.case("bool", in_ndjson='{"text":"a","x":1}\n',
                  out_ndjson='{"text":"a","x":true}\n')
        self.case("key", in_ndjson='{"text":"a","k":1}\n', out_ndjson=turn)
        self.case("more", in_ndjson=turn * 2, out_ndjson=turn)
        self.case("fewer", in_ndjson=turn, out_ndjson=turn * 2)
        self.case("status", in_ndjson=turn, out_ndjson=turn, status="65\n")
        self.case("stderr", in_ndjson=turn, out_ndjson=turn, stderr="oops\n")
        self.case("schema", in_ndjson='{"text":5}\n', out_ndjson='{"text":5}\n')
        self.case("text", in_ndjson=turn, out_txt="x\n")
        out = self.check("0 passed, 9 failed", 1)
        for words in ('.text is "a", not "b"', ".x is 1, not true",
                      ".k was not expected", "line not expected",
                      "line missing", "exit status 0, not 65",
                      "no line of stderr matches: oops",
                      "does not fit turn.json at .text"):
            self.assertIn(words, out)

    def test_python(self):
        self.python("test_good.py", PYTHON_GOOD)
        self.check("1 passed, 0 failed, 1 skipped", 0)
        self.python("test_bad.py", PYTHON_BAD)
        out = self.check("1 passed, 2 failed, 1 skipped", 1)
        self.assertIn("inside", out)
        self.check("0 passed, 1 failed", 1, "test_bad.T.test_wrong")

    def test_python_that_hangs(self):
        self.python("test_hangs.py", PYTHON_HANGS)
        run = self.top / "tests" / "run"
        run.write_text(run.read_text().replace("LIMIT_S = 120", "LIMIT_S = 1"))
        out = self.check("0 passed, 1 failed", 1)
        self.assertIn("in test_hangs", out)


if __name__ == "__main__":
    unittest.main()
