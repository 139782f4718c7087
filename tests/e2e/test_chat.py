"""openclaw chat: a terminal channel through the running gateway."""
import os
import signal
import unittest

import gateway
import support


class Chat(gateway.GatewayCase):
    def chat(self, *argv, text=b""):
        return self.place.run(["openclaw", "chat", *argv], text)

    def test_one_message(self):
        self.gateway()
        result = self.chat("greet", "Ada")
        self.assert_status(result, 0)
        self.assertIn(b"hello Ada", result.out)
        self.assertEqual(self.replies(), {})

    def test_lines_of_a_pipe(self):
        self.gateway()
        result = self.chat(text=b"greet Ada\n\ngreet Bob\r\ngreet Eve")
        self.assert_status(result, 0)
        said = [line for line in result.out.splitlines()
                if line.startswith(b"hello")]
        self.assertEqual(said, [b"hello Ada", b"hello Bob", b"hello Eve"])

    def test_text_and_then_lines(self):
        self.gateway()
        result = self.chat("-i", "greet Ada", text=b"greet Bob\n")
        self.assertLess(result.out.index(b"hello Ada"),
                        result.out.index(b"hello Bob"))

    def test_json(self):
        self.gateway()
        result = self.chat("--json", "-s", "mine", "greet Ada")
        record = result.records[0]
        self.assertEqual((record["session"], record["channel"],
                          record["to"]["chat"]),
                         ("mine", "terminal", "mine"))
        self.assertIn("hello Ada", record["reply"]["text"])

    def test_without_a_gateway(self):
        result = self.chat("hello")
        self.assert_status(result, 69)
        self.assertIn("openclaw gateway run", result.err)
        self.assertFalse((self.place.state / "in").exists())

    def test_a_reply_that_was_not_waited_for(self):
        self.gateway()
        stage = self.place.start(["openclaw", "chat", "take a rest"])
        support.wait_for(self.rest.exists, what="the tool's start")
        stage.signal(signal.SIGINT)
        self.assertEqual(stage.wait().status, 130)
        support.wait_for(self.replies, what="the reply")
        result = self.chat("greet Ada")
        self.assertLess(result.out.index(b"rested"),
                        result.out.index(b"hello Ada"))
        self.assertNotIn(b"rested", self.chat("greet Bob").out)

    def test_sessions_do_not_mix(self):
        self.gateway()
        stages = [self.place.start(["openclaw", "chat", "-s", f"s{i}"])
                  for i in range(3)]
        for round in range(3):
            for i, stage in enumerate(stages):
                stage.send(f"greet p{i}x{round}\n".encode())
        for i, stage in enumerate(stages):
            said = [line for line in stage.wait().out.splitlines()
                    if line.startswith(b"hello")]
            self.assertEqual(
                said, [f"hello p{i}x{r}".encode() for r in range(3)])

    def test_two_of_one_session(self):
        self.gateway()
        first = self.place.start(["openclaw", "chat"])
        first.send(b"greet Ada\n")
        self.assertIsNotNone(first.read_line())
        second = self.chat("hello")
        self.assert_status(second, 75)
        self.assertIn("-s", second.err)

    def test_a_crash_while_waiting(self):
        stage = self.gateway()
        chat = self.place.start(["openclaw", "chat", "take a rest"])
        support.wait_for(self.rest.exists, what="the tool's start")
        os.kill(self.wait_programs(stage, "oc-loop")["oc-loop"],
                signal.SIGKILL)
        result = chat.wait()
        self.assert_status(result, 0)
        self.assertTrue(result.out.strip())

    def test_a_gateway_that_ends_while_waiting(self):
        stage = self.gateway()
        chat = self.place.start(["openclaw", "chat", "take a rest"])
        support.wait_for(self.rest.exists, what="the tool's start")
        stage.kill()
        result = chat.wait()
        self.assert_status(result, 69)
        self.assertIn("kept", result.err)

    def test_too_long(self):
        self.gateway()
        result = self.chat(text=b"x" * 300000 + b"\ngreet Ada\n")
        self.assert_status(result, 65)
        self.assertIn("256 KiB", result.err)
        self.assertIn(b"hello Ada", result.out)


class Logs(gateway.GatewayCase):
    def logs(self, *argv):
        result = self.place.run(["openclaw", "logs", *argv])
        self.assert_status(result, 0)
        return result

    def test_nothing_yet(self):
        self.assertEqual(self.logs().out, b"")

    def test_finished_turns(self):
        self.gateway()
        for name in ("Ada", "Bob", "Eve"):
            self.place.run(["openclaw", "chat", "greet", name])
        text = self.logs().out.decode()
        self.assertLess(text.index("begin  greet Ada"),
                        text.index("begin  greet Eve"))
        self.assertIn("->     exec greet Bob", text)
        self.assertIn("<-     done, exit 0", text)
        self.assertEqual(text.count("reply  "), 3)
        self.assertEqual(self.logs("-n", "1").out.count(b"begin"), 1)
        events = [r["event"] for r in self.logs("-n1", "--json").records]
        self.assertEqual((events[0], events[-1]), ("begin", "end"))

    def test_follows(self):
        self.gateway()
        stage = self.place.start(["openclaw", "logs", "-f"])
        self.put("t1", "take a rest")
        support.wait_for(self.rest.exists, what="the tool's start")
        self.assertIn(b"begin  take a rest", stage.read_line())
        self.assertIn(b"model", stage.read_line())
        self.assertIn(b"->     exec rest", stage.read_line(1))
        self.assertIn(b"<-     done", stage.read_line())
        for i in range(20):
            self.put(f"q{i}", session=f"s{i}")
        for i in range(20):
            self.wait_reply(f"q{i}")
        stage.signal(signal.SIGINT)
        result = stage.wait()
        self.assert_status(result, 0)
        self.assertEqual(result.out.count(b"begin  greet Ada"), 20)
        self.assertEqual(result.out.count(b"reply  "), 21)

    def test_follows_what_a_model_says(self):
        server = self.model({"m": [
            {"text": "first line\nthe second \u001b[2J line", "gap": 0.2,
             "calls": [{"name": "exec", "args": {"command": "rest"}}]},
            {"text": "done"}]})
        self.configure(primary_model="openai/m", litellm_base_url=server.url)
        self.gateway(LITELLM_API_KEY="k")
        stage = self.place.start(["openclaw", "logs", "-f"])
        self.put("t1", "take a rest")
        lines = [stage.read_line().split(b"  s  ")[1] for _ in range(10)]
        self.assertEqual([line.split()[0] for line in lines], [
            b"begin", b"ask", b"says", b"says", b"model", b"->", b"<-",
            b"ask", b"says", b"model"])
        self.assertEqual(lines[2:4], [
            b"says   first line ", b"says   the second ?[2J line"])
        stage.signal(signal.SIGINT)
        self.assert_status(stage.wait(), 0)

    def test_what_a_model_writes_does_not_reach_the_terminal(self):
        day = self.place.state / "archive" / "2026-01-01"
        day.mkdir(parents=True)
        (day / "x.ndjson").write_text(
            '{"event":"end","at":1,"reply":{"text":"a\\u001b[2Jb\\nc"}}\n'
            '{"event":5}\n[]\nnot json\n')
        self.assertIn(b"a?[2Jb c", self.logs().out)


class FirstRun(gateway.GatewayCase):
    def run_it(self, text=b""):
        return self.place.run([support.SOURCE / "share/first-run"], text,
                              B=str(support.BUILD))

    def test_question_lines_and_the_end(self):
        result = self.run_it(b"greet Ada\n")
        self.assert_status(result, 0)
        self.assertIn(b"> how full are the disks?", result.out)
        self.assertIn(b"hello Ada", result.out)
        status = self.place.run(["openclaw", "gateway", "status"])
        self.assertIn("no gateway runs", status.out.decode())

    def test_a_gateway_that_runs_is_left_alone(self):
        stage = self.gateway()
        self.assert_status(self.run_it(), 0)
        self.assertIsNone(stage.process.poll())

    def test_a_wrong_configuration(self):
        self.place.config("no_such_key: 1")
        result = self.run_it()
        self.assert_status(result, 78)
        self.assertIn("no_such_key", result.err)


if __name__ == "__main__":
    unittest.main()
