"""The helpers of the tests: fakes, stages, and the search for secrets."""
import sys
import unittest

import support


class Support(support.TestCase):
    def test_fake_program_notes_its_call(self):
        self.place.fake("kubectl", out="pod/a\n", err="warning\n", status=3)
        result = self.place.run(["kubectl", "get", "pods; x"], GREETING="hi")
        self.assertEqual((result.status, result.out, result.err),
                         (3, b"pod/a\n", "warning\n"))
        call, = self.place.calls("kubectl")
        self.assertEqual(call["argv"], ["get", "pods; x"])
        self.assertEqual(call["env"]["GREETING"], "hi")

    def test_stage_answers_line_by_line(self):
        stage = self.place.start(["cat"])
        stage.send({"text": "a"})
        self.assertEqual(stage.read(), {"text": "a"})
        self.assertTrue(stage.silent(0.05))
        stage.send([{"text": "b"}, {"text": "c"}])
        self.assertEqual(stage.read(), {"text": "b"})
        result = stage.wait()
        self.assertEqual((result.status, result.records),
                         (0, [{"text": "c"}]))

    def test_deadlines(self):
        stage = self.place.start(["sleep", "60"])
        with self.assertRaisesRegex(AssertionError, "no line within"):
            stage.read(0.05)
        with self.assertRaisesRegex(AssertionError, "did not end within"):
            stage.wait(0.05)
        with self.assertRaisesRegex(AssertionError, "did not end within"):
            self.place.run(["sleep", "60"], seconds=0.05)

    def test_secret_is_found(self):
        secret = "s3cr3t-value"
        stage = self.place.start(["sh", "-c", "sleep 60 & wait"], KEY=secret)
        support.wait_for(lambda: support.descendants(stage.pid))
        with self.assertRaises(AssertionError):
            self.assert_no_secret_in_processes(secret, stage.pid)
        self.assert_no_secret_in_processes("another", stage.pid)
        result = self.place.run(
            [sys.executable, "-c", f"raise ValueError('{secret}')"])
        with self.assertRaises(AssertionError):
            self.assert_no_secret(secret, result)
        (self.place.state / "f").write_text(secret)
        with self.assertRaises(AssertionError):
            self.assert_no_secret(secret, self.place.state)

    def test_environment_is_clean(self):
        result = self.place.run(["env"])
        self.assertNotIn(b"KEY", result.out)
        self.assertNotIn(b"TOKEN", result.out)


if __name__ == "__main__":
    unittest.main()
