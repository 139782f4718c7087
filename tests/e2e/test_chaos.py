"""A short form of `make chaos`: the promises under misfortune, and an end at
some of the system calls of a turn's path."""
import os
import subprocess
import sys
import unittest

import crash
import support

CHAOS = support.SOURCE / "tests" / "chaos"
# Another day, other moments; what fails says its seed.
SEED = os.getpid()


class Chaos(support.TestCase):
    def run_chaos(self, *argv):
        support.need("oc-gateway", "oc-session")
        result = subprocess.run(
            [sys.executable, CHAOS / argv[0], *argv[1:]],
            env={**os.environ, "OC_BUILD": str(support.BUILD)},
            capture_output=True, text=True)
        self.assertEqual(result.returncode, 0,
                         f"{result.stdout}\n{result.stderr}")
        return result.stdout

    def test_promises_under_misfortune(self):
        out = self.run_chaos("run", "--seed", str(SEED), "--round", "20",
                             "--settle", "80", "--chats", "10",
                             "--messages", "3")
        self.assertIn(f"seed {SEED}: kept", out)

    @unittest.skipIf(support.SANITIZED, "too slow under strace")
    def test_an_end_at_some_system_calls(self):
        crash.need_strace()
        out = self.run_chaos("calls", "--every", "12", "--seed", str(SEED))
        self.assertIn("kept", out)


if __name__ == "__main__":
    unittest.main()
