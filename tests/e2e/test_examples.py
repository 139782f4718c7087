"""The stages of share/examples, which a person would begin with."""
import json
import unittest

import support

EXAMPLES = support.SOURCE / "share" / "examples"


def turn(*steps, **keys):
    return {"id": "t1", "text": "hi", "steps": list(steps), **keys}


def asks(*calls):
    return {"role": "assistant", "text": "", "calls": [
        {"id": i, "name": name, "args": args} for i, name, args in calls]}


def answer(call):
    return {"role": "tool", "call": call, "ok": True, "output": "done"}


class Example:
    """What holds for each of them; `call` has good arguments."""

    def run_stage(self, records, *args):
        return self.place.run([EXAMPLES / self.file, *args], records)

    def test_declaration(self):
        result = self.run_stage(b"", "-l")
        self.assert_status(result, 0)
        tool, = result.records
        self.assertEqual(tool["name"], self.tool)
        self.assert_valid(tool, "tool.json")

    def test_answers_its_calls_alone(self):
        good = asks(("a", "exec", {}), ("b", self.tool, self.args),
                    ("c", self.tool, self.bad_args))
        result = self.run_stage(turn(good, taint=["x"]))
        record, = result.records
        self.assert_valid(record)
        self.assertEqual(record["steps"][0], good)
        self.assertEqual(
            [(s["call"], s["ok"]) for s in record["steps"][1:]],
            [("b", True), ("c", False)])
        self.assertRegex(record["steps"][1]["output"], self.output)
        self.assertEqual(record["taint"], ["x"])

    def test_same_identifier_in_an_earlier_step_is_no_answer(self):
        call = asks(("a", self.tool, self.args))
        result = self.run_stage(turn(call, answer("a"), call))
        self.assertEqual(len(result.records[0]["steps"]), 4)

    def test_bytes_that_are_not_its_business_stay(self):
        lines = support.ndjson([
            {"text": "no step"}, turn(),
            turn(asks(("a", self.tool, self.args)), answer("a")),
            turn(asks(("a", self.tool, self.args)), reply={"text": "over"}),
            turn(asks(("a", "exec", {}))),
            {"type": "stop", "session": "s"}])
        lines += b'{ "n":12345678901234567890, "text" : "\\u00e9" }\n'
        result = self.run_stage(lines)
        self.assertEqual(result.out, lines)
        self.assert_status(result, 0)

    def test_line_by_line(self):
        stage = self.place.start([EXAMPLES / self.file])
        stage.send(turn(asks(("a", self.tool, self.args))))
        self.assertEqual(len(stage.read()["steps"]), 2)
        stage.send({"text": "next"})
        self.assertEqual(stage.read(), {"text": "next"})
        self.assertEqual(stage.wait().status, 0)

    def test_rubbish_does_not_end_it(self):
        good = {"text": "good"}
        result = self.run_stage(
            b'rubbish\n[1]\n{"steps":5}\n' + support.ndjson(good))
        self.assertEqual(result.out.splitlines(True)[-1],
                         support.ndjson(good))


    def test_in_the_pipe(self):
        support.need("oc-route-model", "oc-loop", "oc-plan")
        model = self.model({"fake": [
            {"calls": [{"name": self.tool, "args": self.args}]},
            {"text": "That is all."}]}, openai_key="k")
        stage = EXAMPLES / self.file
        self.place.config({
            "primary_model": "openai/fake", "fallbacks": [],
            "providers": {"openai": {"base_url": model.openai_url}},
            "tools": {"stages": [str(stage)]}})
        result = self.place.shell(
            f"oc-route-model | oc-loop -- 'oc-plan | {stage}'",
            {"text": "hi"}, LITELLM_API_KEY="k")
        self.assert_status(result, 0)
        record, = result.records
        self.assert_valid(record)
        self.assertEqual(record["reply"]["text"], "That is all.", result)
        self.assertRegex(record["steps"][1]["output"], self.output)
        self.assertEqual([t["function"]["name"] for t in
                          model.requests[0].body["tools"]], [self.tool])
        self.assertEqual(model.complaints, [])


class WordCount(Example, support.TestCase):
    file, tool = "word-count.sh", "word_count"
    args, bad_args = {"text": "a bc  d\n"}, {"text": 7}
    output = "^words: 3$"


class RollDice(Example, support.TestCase):
    file, tool = "roll-dice.py", "roll_dice"
    args, bad_args = {"dice": 3, "sides": 2}, {"dice": "many"}
    output = "^[12] [12] [12]$"

    def test_bad_lines_are_told(self):
        result = self.run_stage(b'rubbish\n{"text":"a"}\n[1]\n')
        self.assert_status(result, 65)
        self.assertEqual([s.split(":")[1] for s in result.err_lines],
                         [" line 1", " line 3"])

class Manual(unittest.TestCase):
    def test_the_page_shows_the_example_as_it_is(self):
        page = (support.SOURCE / "share/man/oc-turn.7").read_text()
        shown = page.partition(".Bd -literal\n")[2].partition(".Ed\n")[0]
        shown = shown.replace("\\e", "\\").replace("\\&", "")
        script = (EXAMPLES / "word-count.sh").read_text().expandtabs(4)
        self.assertEqual(shown, script)

    def test_each_key_of_the_schema_is_on_the_page(self):
        folder = support.SOURCE / "share"
        page = (folder / "man/oc-turn.7").read_text()
        schema = json.loads((folder / "schema/turn.json").read_text())
        for definition in schema["$defs"].values():
            for key in definition.get("properties", {}):
                self.assertRegex(page, rf"Cm (.* )?{key}\b")


if __name__ == "__main__":
    unittest.main()
