"""Bad lines and a bad configuration: each is told, and nothing else stops."""
import json
import unittest

import stages
import support

MIB = 1024 * 1024

# Lines that are no records, without their newline.
BAD = {
    "rubbish bytes": bytes(range(128, 160)) + b"\x01\x02 rubbish",
    "10 MB line": b'{"text":"' + b"x" * (10 * MIB) + b'"}',
    "one byte over 4 MiB": b'{"text":"' + b"x" * (4 * MIB - 11) + b'"}',
    "NUL": b'{"text":"a\0b"}',
    "NUL as an escape": b'{"text":"a\\u0000b"}',
    "invalid UTF-8": b'{"text":"\xff\xfe"}',
    "overlong UTF-8": b'{"text":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"text":"\xed\xa0\x80"}',
    "half a surrogate pair": b'{"text":"\\ud800"}',
    "depth 10,000": b'{"text":' + b"[" * 10000 + b"]" * 10000 + b"}",
    "depth 10,000, not closed": b"[" * 10000,
    "number 01": b'{"text":"a","n":01}',
    "number +1": b'{"text":"a","n":+1}',
    "number .5": b'{"text":"a","n":.5}',
    "number 1e999": b'{"text":"a","n":1e999}',
    "NaN": b'{"text":"a","n":NaN}',
    "infinity": b'{"text":"a","n":-Infinity}',
    "array": b"[1]",
    "string": b'"text"',
    "null": b"null",
    "empty": b"",
    "blanks": b"   ",
    "byte order mark": b'\xef\xbb\xbf{"text":"a"}',
    "record separator": b'\x1e{"text":"a"}',
    "raw tab in a string": b'{"text":"a\tb"}',
    "two objects": b'{"text":"a"}{"text":"b"}',
    "rubbish after the object": b'{"text":"a"} x',
    "comment": b'{"text":"a"} // x',
    "comma too many": b'{"text":"a",}',
    "single quotes": b"{'text':'a'}",
    "bare word": b'{text:"a"}',
    "object not closed": b'{"text":"a"',
}
HALF = b'{"text":"cut off in the mid'


class BadLines(stages.TestCase):
    def run_mixed(self, stage, bad, rest=b""):
        """Good and bad lines in turn, a good one first and last."""
        good = [dict(stage.turn, id=f"good-{i}")
                for i in range(len(bad) + 1)]
        data = support.ndjson(good[0])
        for line, turn in zip(bad, good[1:]):
            data += line + b"\n" + support.ndjson(turn)
        result = self.place.run(stage.argv, data + rest, OC_LOG="warn")
        if stage.filters:
            self.assertEqual(sorted(r["id"] for r in result.records),
                             sorted(t["id"] for t in good))
        else:
            self.assertEqual(result.out.count(stage.served), len(good))
        return result

    @stages.each()
    def test_each_bad_line_costs_one_line_and_no_turn(self, stage):
        result = self.run_mixed(stage, list(BAD.values()))
        self.assertEqual(len(result.err_lines), len(BAD), result)
        for i, name in enumerate(BAD):
            number = 2 * i + 2
            self.assertRegex(result.err_lines[i],
                             rf"{stage.name}.* line {number}: ", name)
        self.assert_status(result, 65)

    @stages.each()
    def test_half_a_line_at_the_end(self, stage):
        result = self.run_mixed(stage, [], HALF)
        line, = result.err_lines
        self.assertRegex(line, "line 2: cut off")
        self.assert_status(result, 65)

    @stages.each()
    def test_whole_object_without_a_newline_is_served(self, stage):
        data = support.ndjson(dict(stage.turn, id="last"))[:-1]
        result = self.place.run(stage.argv, data)
        self.assert_status(result, 0)
        self.assertEqual(result.err, "")
        self.assertEqual(len(result.out.splitlines()), 1)

    @stages.each()
    def test_line_is_not_quoted(self, stage):
        secret = "s3cr3t-and-private"
        bad = [json.dumps(secret).encode(), b"{" + secret.encode(),
               b'{"text":"' + secret.encode() + b'\xff"}']
        result = self.run_mixed(stage, bad)
        self.assertNotIn(secret, result.err)

    @stages.each()
    def test_nothing_at_all(self, stage):
        result = self.place.run(stage.argv)
        self.assertEqual((result.status, result.out, result.err),
                         (0, b"", ""))


# What is wrong, the text, and the place that must be named.
BAD_CONFIG = [
    ("unknown key", "primary_model: a/b\nprimary_modell: x\n", "2:1"),
    ("unknown key inside", "limits:\n  turn_s: 5\n  turms_s: 6\n", "3:3"),
    ("wrong type", "limits: {turn_s: soon}\n", "1:18"),
    ("wrong type of a list", "\nfallbacks: openai/x\n", "2:12"),
    ("not closed", "limits: {turn_s: 5\n", "2:1"),
    ("tab", "limits:\n\tturn_s: 5\n", "2:1"),
    ("two times", "limits: {turn_s: 5}\nlimits: {steps: 6}\n", "2:1"),
    ("not a mapping", "- a\n", "1:1"),
    ("scalar", "hello\n", "1:1"),
    ("control byte", "primary_model: \"a\x01b\"\n", ""),
]


class BadConfiguration(stages.TestCase):
    def check(self, stage, text, place):
        path = self.place.config(text)
        result = self.place.run(stage.argv, stage.turn)
        self.assert_status(result, 78)
        self.assertEqual(result.out, b"")
        self.assertIn(f"{path}:{place}", result.err)
        return result

    @stages.each(stages.configured)
    def test_place_is_named(self, stage):
        for name, text, place in BAD_CONFIG:
            with self.subTest(name):
                self.check(stage, text, place)

    @stages.each(stages.configured)
    def test_every_fault_is_told(self, stage):
        result = self.check(stage, "a: 1\nb: 2\nlimits: 3\n", "1:1")
        self.assertEqual(len(result.err_lines), 3, result)

    def test_bad_rule(self):
        self.place.config("")
        support.need("oc-route-model")
        stage, = [s for s in stages.STAGES if s.name == "oc-route-model"]
        for rule in (".text | test(", "env.HOME", "$ENV.HOME", "input",
                     'import "a" as a; true', "no_such_function"):
            with self.subTest(rule):
                text = ("routes:\n  - name: r\n    model: local/runbook\n"
                        f"    when: {json.dumps(rule)}\n")
                self.check(stage, text, "4:11")

    @stages.each(stages.configured)
    def test_option_and_a_missing_file(self, stage):
        bad = self.place.folder / "bad.yaml"
        bad.write_text("nope: 1\n")
        result = self.place.run(
            [stage.name, "-c", bad, *stage.args], stage.turn)
        self.assert_status(result, 78)
        self.assertIn(f"{bad}:1:1", result.err)
        result = self.place.run(
            [stage.name, "-c", "/no/such.yaml", *stage.args], stage.turn)
        self.assert_status(result, 66)
        self.assertIn("/no/such.yaml", result.err)


class Built(unittest.TestCase):
    """Stages that the tests here left out, as skipped tests."""


for one in stages.STAGES:
    setattr(Built, "test_" + one.name.replace("-", "_"),
            lambda self, name=one.name: support.need(name))

if __name__ == "__main__":
    unittest.main()
