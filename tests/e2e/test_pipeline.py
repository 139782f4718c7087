"""The whole pipeline, as the README has it, against fake model providers."""
import json
import os
import struct
import unittest
import zlib

import support
from fake.model import ModelServer

PIPELINE = ("oc-route-model | oc-loop -- 'oc-plan | oc-exec-tool'")
AGENTS = """# Machine

## Show the inventory of lamps
inventory --all

## Say a word
say <word>
"""
KEY = "AIza-secret-key-of-a-test"


def png(width=3, height=2):
    """The smallest picture that is one."""
    def chunk(kind, data):
        body = kind + data
        return (struct.pack(">I", len(data)) + body +
                struct.pack(">I", zlib.crc32(body)))
    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def call(name, identifier=None, **args):
    value = {"name": name, "args": args}
    if identifier:
        value["id"] = identifier
    return value


class Case(support.TestCase):
    def setUp(self):
        super().setUp()
        support.need("oc-route-model", "oc-loop", "oc-plan", "oc-exec-tool")
        self.place.agents(AGENTS)
        self.place.script("inventory", "#!/bin/sh\necho two lamps\n")
        self.place.script("say", '#!/bin/sh\necho "said: $1"\n')

    def configure(self, model, names, stream=True, **more):
        providers = {
            "google": {"base_url": model.google_url, "stream": stream},
            "openai": {"base_url": model.openai_url, "stream": stream}}
        self.place.config({
            "primary_model": names[0], "fallbacks": names[1:],
            "providers": providers, **more})
        self.place.env["GEMINI_API_KEY"] = KEY
        self.place.env["LITELLM_API_KEY"] = KEY

    def ask(self, *turns):
        turns = [t if isinstance(t, dict) else {"text": t} for t in turns]
        result = self.place.shell(PIPELINE, turns)
        for record in result.records:
            self.assert_valid(record)
        self.assert_no_secret(KEY, result, self.place.state)
        return result

    def ask_one(self, turn):
        result = self.ask(turn)
        self.assertEqual(len(result.records), 1, result)
        self.assertEqual(result.status, 0, result)
        return result.records[0]

    def each_way(self, script):
        """The same script by every provider, streaming and not."""
        for name in ("google/gemini-2.5-flash", "openai/llama3.1:latest"):
            for stream in (True, False):
                with self.subTest(name=name, stream=stream), ModelServer(
                        {name.split("/", 1)[1]: script}, google_key=KEY,
                        openai_key=KEY) as model:
                    self.configure(model, [name], stream)
                    yield model, name
                    self.assertEqual(model.complaints, [])


class Pipeline(Case):
    def test_question_answered_by_a_tool_run(self):
        script = [{"calls": [call("exec", command="inventory --all")],
                   "usage": {"input": 100, "output": 7}},
                  {"text": "Two lamps.", "usage": {"input": 120, "output": 3}}]
        for model, name in self.each_way(script):
            turn = self.ask_one("what is there?")
            self.assertEqual(turn["reply"]["text"], "Two lamps.")
            self.assertIsNone(turn.get("error"))
            first, tool, last = turn["steps"]
            self.assertEqual(first["model"], name)
            self.assertEqual(first["usage"]["input"], 100)
            self.assertEqual(tool["output"], "two lamps\n")
            self.assertEqual((tool["ok"], tool["exit"]), (True, 0))
            self.assertEqual(last["usage"]["output"], 3)

    def test_ten_steps(self):
        script = [{"calls": [call("exec", command=f"say w{i}")]}
                  for i in range(10)] + [{"text": "done"}]
        for model, _ in self.each_way(script):
            turn = self.ask_one("go through all")
            self.assertEqual(turn["reply"]["text"], "done")
            outputs = [s["output"] for s in turn["steps"]
                       if s["role"] == "tool"]
            self.assertEqual(outputs, [f"said: w{i}\n" for i in range(10)])
            self.assertEqual(len(model.requests), 11)

    def test_three_calls_side_by_side(self):
        script = [{"calls": [call("exec", command=f"say w{i}")
                             for i in range(3)]}, {"text": "done"}]
        for _ in self.each_way(script):
            turn = self.ask_one("three at once")
            self.assertEqual([s["output"] for s in turn["steps"]
                              if s["role"] == "tool"],
                             ["said: w0\n", "said: w1\n", "said: w2\n"])
            self.assertEqual(turn["reply"]["text"], "done")

    def test_no_such_tool(self):
        script = [{"calls": [call("fly", to="the moon")]}, {"text": "no"}]
        for _ in self.each_way(script):
            turn = self.ask_one("fly")
            tool = turn["steps"][1]
            self.assertFalse(tool["ok"])
            self.assertIn("fly", tool["output"])
            self.assertEqual(turn["reply"]["text"], "no")

    def test_arguments_that_are_not_json(self):
        script = [{"calls": [{"name": "exec", "args": {},
                              "arguments": '{"command": "inv'}]},
                  {"text": "sorry"}]
        with ModelServer({"llama3.1:latest": script}) as model:
            self.configure(model, ["openai/llama3.1:latest"])
            turn = self.ask_one("try")
            self.assertFalse(turn["steps"][1]["ok"])
            self.assertIn("JSON", turn["steps"][1]["output"])
            self.assertEqual(turn["reply"]["text"], "sorry")
            self.assertEqual(model.complaints, [])

    def test_two_megabytes_of_output(self):
        self.place.script("inventory", "#!/bin/sh\necho first\n"
                          "head -c 2097152 /dev/zero | tr '\\0' x\n"
                          "echo; echo last\n")
        script = [{"calls": [call("exec", command="inventory --all")]},
                  {"text": "much"}]
        for _ in self.each_way(script):
            tool = self.ask_one("what is there?")["steps"][1]
            self.assertLessEqual(len(tool["output"].encode()), 70000)
            self.assertTrue(tool["output"].startswith("first\n"))
            self.assertTrue(tool["output"].endswith("last\n"))
            self.assertGreater(tool["cut"], 2000000)

    def test_image(self):
        picture = self.place.folder / "picture.png"
        picture.write_bytes(png())
        turn = {"text": "what is this?", "media": [
            {"path": str(picture), "mime": "image/png",
             "bytes": picture.stat().st_size}]}
        names = ["openai/plain", "google/gemini-2.5-flash"]
        with ModelServer({"gemini-2.5-flash": [{"text": "red"}]}) as model:
            self.configure(model, names)
            answer = self.ask_one(turn)
            self.assertEqual(answer["reply"]["text"], "red")
            self.assertEqual(model.requests_to("plain"), [])
            body = json.dumps(model.requests[0].body)
            self.assertIn("inlineData", body)
            self.assertIn("iVBORw0KGgo", body)

    def test_route_by_rule_and_by_name(self):
        rule = {"name": "code", "when": '.text | test("regex")',
                "model": "openai/coder"}
        with ModelServer({"coder": [{"text": "c"}], "a": [{"text": "a"}]}) as model:
            self.configure(model, ["openai/a"], routes=[rule])
            texts = [r["reply"]["text"] for r in sorted(self.ask(
                {"id": "1", "text": "a regex please"},
                {"id": "2", "text": "hello"},
                {"id": "3", "text": "regex", "model": "openai/a"}).records,
                key=lambda r: r["id"])]
            self.assertEqual(texts, ["c", "a", "a"])

    def test_two_hundred_turns_at_once(self):
        with ModelServer({"a": [{"text": "yes", "delay": 0.05}]}) as model:
            self.configure(model, ["openai/a"], limits={"in_flight": 1000})
            result = self.ask(*({"id": f"t{i}", "session": f"s{i}",
                                 "text": "hi"} for i in range(200)))
            self.assertEqual({r["id"] for r in result.records},
                             {f"t{i}" for i in range(200)})
            self.assertTrue(all(r["reply"]["text"] == "yes"
                                for r in result.records))

    def test_stop_ends_one_session(self):
        with ModelServer({"a": [{"text": "late", "delay": 20}],
                    "b": [{"text": "in time"}]}) as model:
            self.configure(model, ["openai/a", "openai/b"],
                           allow_unconfigured=True)
            stage = self.place.start(["sh", "-c", PIPELINE])
            stage.send([{"id": "1", "session": "x", "text": "slow"},
                        {"id": "2", "session": "y", "text": "quick",
                         "model": "openai/b"}])
            self.assertEqual(stage.read()["id"], "2")
            support.wait_for(lambda: model.requests_to("a"))
            stage.send({"type": "stop", "session": "x"})
            first, second = stage.read(), stage.read()
            stopped = first if first.get("id") else second
            self.assertEqual(stopped["error"]["class"], "stopped")
            self.assertIn("Stopped", stopped["reply"]["text"])
            self.assertEqual(stage.wait().status, 0)

    def test_deadline_of_a_turn(self):
        with ModelServer({"a": [{"text": "late", "delay": 20}]}) as model:
            self.configure(model, ["openai/a"], limits={"turn_s": 1})
            turn = self.ask_one("slow")
            self.assertEqual(turn["error"]["class"], "deadline")
            self.assertIn("1 seconds", turn["reply"]["text"])

    def test_no_key_and_no_network(self):
        self.place.config({"primary_model": "google/gemini-2.5-flash",
                           "fallbacks": ["local/runbook"]})
        turn = self.ask_one("show me the inventory")
        self.assertIn("two lamps", turn["reply"]["text"])
        self.assertEqual(turn["steps"][0]["model"], "local/runbook")

    def test_overhead_of_hi(self):
        """A plain "hi" costs at most 1,500 tokens beside AGENTS.md."""
        with ModelServer({"a": [{"text": "hello"}]}) as model:
            self.configure(model, ["openai/a"])
            self.place.agents("")
            self.ask_one("hi")
            # a token is about four characters of such text, here three
            self.assertLess(len(json.dumps(model.requests[0].body)) / 3, 1500)

    def test_workspace_files_in_the_prompt(self):
        (self.place.workspace / "SOUL.md").write_text("Be kind. " * 4000)
        (self.place.workspace / "MEMORY.md").write_text("Ada likes tea.")
        with ModelServer({"a": [{"text": "hello"}]}) as model:
            self.configure(model, ["openai/a"])
            self.ask_one("hi")
            system = model.requests[0].body["messages"][0]["content"]
            self.assertIn("say <word>", system)
            self.assertIn("Ada likes tea.", system)
            self.assertRegex(system, r"16,?000 characters left out")
            self.assertLess(system.index("# AGENTS.md"),
                            system.index("# SOUL.md"))

    def test_thought_signatures_go_back(self):
        script = [{"calls": [dict(call("exec", command="say a"),
                                  signature="c2lnbmF0dXJl")]},
                  {"text": "done"}]
        with ModelServer({"gemini-3-pro": script}) as model:
            self.configure(model, ["google/gemini-3-pro"])
            turn = self.ask_one("say a")
            self.assertEqual(turn["reply"]["text"], "done")
            self.assertEqual(model.complaints, [])
            self.assertIn("c2lnbmF0dXJl", json.dumps(model.requests[1].body))

    def test_cost_and_usage(self):
        price = {"openai/a": {"price": {"input": 0.5, "output": 2.0}}}
        with ModelServer({"a": [{"text": "x", "usage": {
                "input": 1000000, "output": 500000}}]}) as model:
            self.configure(model, ["openai/a"], models=price)
            step = self.ask_one("hi")["steps"][0]
            self.assertAlmostEqual(step["cost"], 1.5)

    def test_a_crash_between_the_last_step_and_the_reply(self):
        with ModelServer() as model:
            self.configure(model, ["google/gemini-2.5-flash"])
            turn = self.place.run(["oc-plan"], {"text": "hi", "steps": [
                {"role": "assistant", "model": "google/gemini-2.5-flash",
                 "text": "Hello.", "calls": []}]}).records[0]
            self.assertEqual(turn["reply"]["text"], "Hello.")
            self.assertEqual(len(turn["steps"]), 1)
            self.assertEqual(model.requests, [])

    def test_budget_of_a_day(self):
        """Checked before each call, also within a turn and by a restart."""
        script = [{"calls": [call("exec", command="say a")],
                   "usage": {"input": 600, "output": 100}},
                  {"text": "x", "usage": {"input": 600, "output": 100}}]
        with ModelServer({"a": script}) as model:
            self.configure(model, ["openai/a", "local/runbook"],
                           limits={"tokens_per_day": 1000})
            turn = self.ask_one("say a")
            self.assertEqual(turn["reply"]["text"], "x")
            self.assertEqual(len(model.requests), 2)
            turn = self.ask_one("show the inventory")
            self.assertEqual(len(model.requests), 2)
            self.assertIn("tokens_per_day", turn["reply"]["text"])
            self.assertIn("two lamps", turn["reply"]["text"])

    def test_budget_within_a_turn(self):
        script = [{"calls": [call("exec", command=f"say w{i}")],
                   "usage": {"input": 10, "output": 10}} for i in range(9)]
        price = {"openai/a": {"price": {"input": 50000, "output": 50000}}}
        with ModelServer({"a": script}) as model:
            self.configure(model, ["openai/a"], models=price,
                           limits={"cost_per_day": 2.5})
            turn = self.ask_one("go on and on")
            self.assertEqual(len(model.requests), 3)
            self.assertEqual(turn["error"]["class"], "no_model")
            self.assertIn("cost_per_day", turn["reply"]["text"])

    def test_cut_answer_is_marked(self):
        with ModelServer({"a": [{"text": "half of it", "finish": "length"}]}) as m:
            self.configure(m, ["openai/a"])
            text = self.ask_one("long")["reply"]["text"]
            self.assertTrue(text.startswith("half of it"))
            self.assertIn("cut off", text)


class Ask(Case):
    """openclaw ask: the same for a person."""

    def test_ask(self):
        support.need("openclaw")
        with ModelServer({"a": [{"text": "Hello."}]}) as model:
            self.configure(model, ["openai/a"])
            result = self.place.run(["openclaw", "ask", "say", "hello"])
            self.assertEqual((result.status, result.out), (0, b"Hello.\n"))
            self.assertEqual(result.err, "")
            self.assertEqual(model.requests[0].text, "say hello")
            result = self.place.run(["openclaw", "ask", "--json", "hi"])
            self.assert_valid(result.records[0])
            self.assertEqual(result.records[0]["reply"]["text"], "Hello.")

    def test_stdin_only_with_a_dash(self):
        support.need("openclaw")
        with ModelServer({"a": [{"mode": "echo"}]}) as model:
            self.configure(model, ["openai/a"])
            result = self.place.run(["openclaw", "ask", "-"], "from stdin\n")
            self.assertIn("from stdin", result.out.decode())
            result = self.place.run(["openclaw", "ask", "words"], "stdin\n")
            self.assertNotIn("stdin", result.out.decode())
            result = self.place.run(["openclaw", "ask"])
            self.assert_status(result, 64)

    def test_lines(self):
        support.need("openclaw")
        with ModelServer({"a": [{"mode": "echo"}]}) as model:
            self.configure(model, ["openai/a"])
            result = self.place.run(["openclaw", "ask", "-i"], "one\n\ntwo\n")
            self.assertEqual(result.out.decode().splitlines(),
                             ["echo: one", "echo: two"])

    def test_failure_is_told(self):
        support.need("openclaw")
        with ModelServer({"a": [{"status": 401, "message": "bad key"}]}) as model:
            self.configure(model, ["openai/a"])
            result = self.place.run(["openclaw", "ask", "hi"])
            self.assert_status(result, 69)
            self.assertIn("openai/a", result.out.decode())
            self.assert_no_secret(KEY, result)

    def test_answer_does_not_command_the_terminal(self):
        support.need("openclaw")
        try:
            for fd in os.openpty():
                os.close(fd)
        except OSError as error:
            self.skipTest(f"no terminal can be made: {error}")
        with ModelServer({"a": [{"text": "a\x1b[31m\u009b2Jb\tc\nd\x07"}]}
                         ) as model:
            self.configure(model, ["openai/a"])
            shown = self.place.run(
                ["python3", "-c", "import pty, sys; pty.spawn(sys.argv[1:])",
                 "openclaw", "ask", "hi"]).out.decode()
            self.assertIn("asking openai/a", shown)
            self.assertIn("a?[31m?2Jb\tc\r\nd?\r\n", shown)

    def test_reply_that_is_a_string(self):
        support.need("openclaw")
        self.place.script("oc-mine", "#!/bin/sh\nexec jq -c --unbuffered "
                          "'if .reply then .reply |= .text else . end'\n")
        with ModelServer({"a": [{"text": "Hello."}]}) as model:
            self.configure(model, ["openai/a"], tools={"stages": ["oc-mine"]})
            result = self.place.run(["openclaw", "ask", "hi"])
            self.assertEqual(result.out, b"Hello.\n")

    def test_nothing_is_left_behind(self):
        support.need("openclaw")
        with ModelServer({"a": [{"text": "x"}]}) as model:
            self.configure(model, ["openai/a"])
            self.place.run(["openclaw", "ask", "hi"])
            self.assertEqual(list((self.place.state / "turns").glob("*"))
                             if (self.place.state / "turns").exists() else [],
                             [])


if __name__ == "__main__":
    unittest.main()
