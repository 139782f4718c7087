"""The rules of the pipe, which hold for every stage."""
import os
import subprocess
import unittest

import stages
import support


class Stages(stages.TestCase):
    @stages.each(stages.filters)
    def test_passes_on_what_it_does_not_know(self, stage):
        lines = (b'{"type":"note", "n":1e2,"text" : "\\u00e9"}\n'
                 b'{"type":"x-mine","big":12345678901234567890}\n')
        result = self.place.run(stage.argv, lines)
        self.assertEqual(result.out, lines)
        self.assert_status(result, 0)

    @stages.each(stages.filters)
    def test_finished_turn_is_passed_on_to_the_byte(self, stage):
        line = (b'{ "id":"t", "session":"s","channel":"stdout",'
                b'"type":"turn","text":"a","route":{"models":["a/b"]},'
                b'"reply":{"text":"b"}, "mine":1.50}\n')
        self.assertEqual(self.place.run(stage.argv, line).out, line)

    @stages.each(stages.filters)
    def test_keeps_keys_that_it_does_not_know(self, stage):
        mine = {"deep": [1, {"a": None}], "text": "\u00e9\U0001f600"}
        turn = dict(stage.turn, x_mine=mine)
        record, = self.place.run(stage.argv, turn).records
        self.assertEqual(record["x_mine"], mine)
        self.assert_valid(record)

    @stages.each(stages.filters)
    def test_stop_is_passed_on(self, stage):
        stop = {"type": "stop", "session": "telegram:42"}
        result = self.place.run(stage.argv, stop)
        self.assertEqual(result.records, [stop])

    @stages.each(stages.filters)
    def test_first_stage_completes_the_turn(self, stage):
        record, = self.place.run(stage.argv, {"text": "hi"}).records
        self.assertEqual(
            (record["type"], record["session"], record["channel"]),
            ("turn", "local", "stdout"))
        self.assertRegex(record["id"], "^[0-9A-HJKMNP-TV-Z]{26}$")

    @stages.each(stages.filters)
    def test_wrong_turn_gets_an_error_and_a_reply(self, stage):
        wrong = [{"id": "a", "text": 5}, {"id": "a"},
                 {"id": "a", "text": "x", "steps": {}},
                 {"id": "a", "text": "x", "steps": [1]}]
        for turn in wrong:
            with self.subTest(str(turn)):
                result = self.place.run(stage.argv, turn)
                record, = result.records
                self.assertEqual(record["error"]["class"], "bad_turn")
                self.assertTrue(record["reply"]["text"])
                self.assert_status(result, 0)

    @stages.each()
    def test_each_line_is_flushed(self, stage):
        running = self.place.start(stage.argv)
        for name in ("a", "b"):
            running.send(dict(stage.turn, id=name))
            self.assertTrue(running.read_line())
        self.assertEqual(running.wait().status, 0)


class Output(stages.TestCase):
    """What becomes of a stage whose output fails."""

    def run_with_output(self, stage, fd, turns):
        process = subprocess.run(
            stage.argv, input=support.ndjson(turns), stdout=fd,
            stderr=subprocess.PIPE, env=self.place.env, timeout=30)
        return process.returncode, process.stderr.decode()

    @stages.each()
    def test_reader_is_gone(self, stage):
        reader, writer = os.pipe()
        os.close(reader)
        turns = [dict(stage.turn, id=f"t{i}") for i in range(100)]
        try:
            status, err = self.run_with_output(stage, writer, turns)
        except BrokenPipeError:
            self.fail("input was cut")
        finally:
            os.close(writer)
        self.assertEqual(status, 69, err)
        self.assertIn("standard output", err)

    @stages.each()
    def test_disk_is_full(self, stage):
        with open("/dev/full", "wb") as full:
            status, err = self.run_with_output(stage, full, stage.turn)
        self.assertEqual(status, 74, err)
        self.assertIn("No space left", err)


class Neighbours(stages.TestCase):
    """A stage that waits, beside one that has ended."""

    @stages.each(stages.filters)
    def test_reader_is_gone_and_nothing_comes(self, stage):
        # it would wait for ever, and so would those before it
        reader, writer = os.pipe()
        with subprocess.Popen(
                stage.argv, env=self.place.env, stdin=subprocess.PIPE,
                stdout=writer, stderr=subprocess.DEVNULL) as process:
            os.close(writer)
            os.close(reader)
            try:
                self.assertEqual(process.wait(support.DEADLINE_S), 69)
            finally:
                process.kill()

    def test_last_stage_of_the_loop_ends(self):
        support.need("oc-loop", "oc-plan")
        result = self.place.run(["oc-loop", "--", "oc-plan | head -c 0"],
                                {"text": "hi"})
        self.assert_status(result, 69)
        self.assertEqual(result.records[0]["error"]["class"], "broken")

    @stages.each()
    def test_descriptors_that_are_closed(self, stage):
        # the next file or socket must not take their place
        for number in 0, 1:
            result = self.place.run(
                ["sh", "-c", f'exec "$@" {number}<&-', "sh", *stage.argv],
                stage.turn)
            self.assert_status(result, 74)
            self.assertIn("Bad file descriptor", result.err)


class Usage(stages.TestCase):
    @stages.each()
    def test_wrong_usage(self, stage):
        for args in (["-Z"], ["--no-such-option"],
                     [*stage.args, "one-too-many"]):
            with self.subTest(args):
                result = self.place.run([stage.name, *args])
                self.assert_status(result, 64)
                self.assertEqual(result.out, b"")
                self.assertIn(f"{stage.name} -h", result.err)


if __name__ == "__main__":
    unittest.main()
