"""Runs one file of end-to-end tests and prints TAP.

    driver.py FILE [test_file.Class[.method]...]

Standard output is TAP alone; whatever the tests print goes to standard error.
A test that takes longer than $OC_TEST_LIMIT seconds ends the run with a trace
of where it stands.
"""
import faulthandler
import os
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True

LIMIT_S = float(os.environ.get("OC_TEST_LIMIT", "120"))


class Tap(unittest.TestResult):
    def __init__(self, out):
        super().__init__()
        self.out, self.number = out, 0

    def line(self, word, test, rest=""):
        self.number += 1
        self.out.write(f"{word} {self.number} - {test.id()}{rest}\n")

    def startTest(self, test):
        super().startTest(test)
        faulthandler.dump_traceback_later(LIMIT_S, exit=True)
        self.bad = False

    def stopTest(self, test):
        faulthandler.cancel_dump_traceback_later()
        super().stopTest(test)

    def addSuccess(self, test):
        self.line("ok", test)

    def addSkip(self, test, reason):
        self.line("ok", test, f" # SKIP {reason}")

    def failure(self, test, err):
        self.line("not ok", test)
        text = self._exc_info_to_string(err, test)
        self.out.write("".join(f"# {s}\n" for s in text.splitlines()))

    addFailure = addError = failure

    def addSubTest(self, test, subtest, err):
        # Only failures count by themselves; the test follows as a whole.
        if err is not None:
            self.failure(subtest, err)


def main(argv):
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    path = Path(argv[1]).resolve()
    sys.path.insert(0, str(path.parent))
    sys.path.insert(1, str(path.parent.parent))  # for tests/fake
    faulthandler.enable()
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(argv[2:] or [path.stem])
    result = Tap(out)
    suite.run(result)
    out.write(f"1..{result.number}\n")  # missing when the run is cut short
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
