"""/v1/models and /v1/chat/completions, against a fake model."""
import base64
import json
import unittest

import http_case
import support

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()


class Models(http_case.ApiCase):

    def test_the_agents_are_models(self):
        self.serve()
        listed = self.ask("GET", "/v1/models").json
        self.assertEqual([m["id"] for m in listed["data"]],
                         ["openclaw", "openclaw/default"])
        for path in ("openclaw", "openclaw/default", "openclaw%2Fdefault"):
            one = self.ask("GET", "/v1/models/" + path)
            self.assertEqual(one.status, 200, path)
            self.assertEqual(one.json["object"], "model")
        self.assertEqual(self.ask("GET", "/v1/models/gpt-4o").status, 404)


class Whole(http_case.ApiCase):

    def test_an_answer_with_usage(self):
        self.with_model({"m": [{
            "text": "Forty-two.",
            "usage": {"input": 812, "output": 24, "cached": 5}}]})
        self.start()
        answer = self.complete("what is it?")
        self.assertEqual(answer.status, 200, answer)
        body = answer.json
        self.assertEqual(body["object"], "chat.completion")
        self.assertEqual(body["model"], "openclaw")
        self.assertEqual(body["choices"][0]["message"]["content"],
                         "Forty-two.")
        self.assertEqual(body["choices"][0]["finish_reason"], "stop")
        self.assertEqual(body["usage"]["prompt_tokens"], 812)
        self.assertEqual(body["usage"]["completion_tokens"], 24)
        self.assertEqual(body["usage"]["total_tokens"], 836)
        self.assertEqual(
            body["usage"]["prompt_tokens_details"]["cached_tokens"], 5)
        self.assertEqual(answer.headers["X-OpenClaw-Model"], "openai/m")

    def test_tools_are_run_and_their_tokens_counted(self):
        usage = {"input": 100, "output": 10}
        self.with_model({"m": [
            {"calls": [{"name": "exec", "args": {"command": "greet Ada"}}],
             "usage": usage},
            {"text": "Greeted.", "usage": usage}]})
        self.start()
        body = self.complete("greet Ada").json
        self.assertEqual(body["choices"][0]["message"]["content"], "Greeted.")
        self.assertEqual(body["usage"]["prompt_tokens"], 200)

    def test_earlier_messages_and_instructions_reach_the_model(self):
        model = self.with_model({"m": [{"text": "ok"}]})
        self.start()
        self.ask("POST", "/v1/chat/completions", {
            "model": "openclaw", "messages": [
                {"role": "system", "content": "Speak like a pirate."},
                {"role": "user", "content": "My name is Ada."},
                {"role": "assistant", "content": "Noted."},
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "What is my name?"}]})
        sent = model.requests[0].body["messages"]
        self.assertEqual(sent[0]["role"], "system")
        self.assertIn("Speak like a pirate.\n\nBe brief.",
                      sent[0]["content"])
        self.assertEqual([m["content"] for m in sent[1:]], [
            "My name is Ada.", "Noted.", "What is my name?"])
        self.assertEqual(model.complaints, [])

    def test_a_request_of_its_own_leaves_no_transcript(self):
        self.with_model({"m": [{"text": "ok"}]})
        self.start()
        self.assertEqual(self.complete().status, 200)
        sessions = self.place.state / "sessions"
        self.assertEqual(
            [p.name for p in sessions.glob("*")] if sessions.exists() else [],
            [])

    def test_lasting_sessions(self):
        model = self.with_model({"m": [{"text": "one"}, {"text": "two"},
                                       {"text": "three"}]})
        self.start()
        for more in ({"headers": {"x-openclaw-session-key": "alpha"}},
                     {"user": "Ada"}):
            with self.subTest(more=more):
                self.complete("first", **more)
                # what the client repeats is in the transcript already
                self.ask("POST", "/v1/chat/completions", {
                    "model": "openclaw", "messages": [
                        {"role": "user", "content": "first"},
                        {"role": "assistant", "content": "something else"},
                        {"role": "user", "content": "second"}],
                    **({"user": "Ada"} if "user" in more else {})},
                    headers=more.get("headers", ()))
                sent = [m["content"]
                        for m in model.requests[-1].body["messages"][1:]]
                self.assertEqual(sent[0], "first")
                self.assertEqual(sent[-1], "second")
                self.assertEqual(len(sent), 3)
                self.assertNotIn("something else", sent)

    def test_images_and_files_come_along(self):
        model = self.with_model({"m": [{"text": "a cat"}]},
                                models={"openai/m": {"images": True}})
        self.start()
        answer = self.complete([
            {"type": "text", "text": "what is this?"},
            {"type": "image_url",
             "image_url": {"url": "data:image/png;base64," + PNG}}])
        self.assertEqual(answer.status, 200, answer)
        parts = model.requests[0].body["messages"][-1]["content"]
        self.assertIn(PNG, json.dumps(parts))
        files = list((self.place.workspace / "inbox").glob("*/*.png"))
        self.assertEqual([base64.b64encode(f.read_bytes()).decode()
                          for f in files], [PNG])

    def test_another_model_by_header(self):
        model = self.with_model({"m": [{"text": "m"}],
                                 "big": [{"text": "big"}]},
                                fallbacks=["openai/big"])
        self.start()
        named = {"x-openclaw-model": "openai/big"}
        self.assertEqual(
            self.complete(headers=named).json["choices"][0]["message"]
            ["content"], "big")
        unknown = {"x-openclaw-model": "openai/none"}
        answer = self.complete(headers=unknown)
        self.assertEqual(answer.status, 400, answer)
        self.assertEqual(answer.error["type"], "invalid_request_error")
        self.assertEqual(len(model.requests), 1)

    def test_any_model_with_allow_unconfigured(self):
        self.with_model({"other": [{"text": "other"}]})
        self.start("--allow-unconfigured")
        named = {"x-openclaw-model": "openai/other"}
        self.assertEqual(
            self.complete(headers=named).json["choices"][0]["message"]
            ["content"], "other")

    def test_wrong_requests(self):
        self.serve()
        message = {"role": "user", "content": "x"}
        image = {"type": "image_url",
                 "image_url": {"url": "http://127.0.0.1/secret.png"}}
        for body, status in (
                (b"", 400), (b"{", 400), (b"[]", 400), (b'{"a":01}', 400),
                ({"model": "openclaw"}, 400),
                ({"model": "gpt-4o", "messages": [message]}, 400),
                ({"model": "openclaw", "messages": []}, 400),
                ({"model": "openclaw", "messages": ["x"]}, 400),
                ({"model": "openclaw", "messages": [message], "n": 2}, 400),
                ({"model": "openclaw", "messages": [message],
                  "stream": "yes"}, 400),
                ({"model": "openclaw", "messages": [
                    {"role": "assistant", "content": "x"}]}, 400),
                ({"model": "openclaw", "messages": [
                    {"role": "king", "content": "x"}]}, 400),
                ({"model": "openclaw", "messages": [
                    {"role": "user", "content": 7}]}, 400),
                ({"model": "openclaw", "messages": [
                    {"role": "user", "content": [image]}]}, 400),
                ({"model": "openclaw", "messages": [
                    {"role": "user", "content": "x" * (256 * 1024 + 1)}]},
                 413)):
            with self.subTest(body=str(body)[:120]):
                answer = self.ask("POST", "/v1/chat/completions", body)
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(answer.error["type"],
                                 "invalid_request_error")

    def test_failures_of_the_model_by_their_class(self):
        # one model each: what failed is left alone for a while
        kinds = {404: "invalid_request_error", 429: "rate_limit_error",
                 503: "api_error", 402: "insufficient_quota",
                 401: "authentication_error"}
        self.with_model({f"m{s}": [{"status": s}] for s in kinds},
                        fallbacks=[f"openai/m{s}" for s in kinds])
        self.start()
        for status, kind in kinds.items():
            with self.subTest(status=status):
                answer = self.complete(
                    headers={"x-openclaw-model": f"openai/m{status}"})
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(answer.error["type"], kind)


class Streams(http_case.ApiCase):

    def body(self, text="hello", **more):
        return {"model": "openclaw",
                "messages": [{"role": "user", "content": text}], **more}

    def collect(self, **more):
        return list(http_case.events(self.stream(
            "/v1/chat/completions", self.body(**more))))

    def test_pieces_as_they_come(self):
        self.with_model({"m": [{"text": "one two three four five",
                                "gap": 0.2,
                                "usage": {"input": 7, "output": 5}}]})
        self.start()
        found = self.collect(stream_options={"include_usage": True})
        self.assertEqual(found[-1], "[DONE]")
        self.assertEqual(found[0]["choices"][0]["delta"]["role"], "assistant")
        deltas = [c["delta"].get("content", "") for e in found[:-1]
                  for c in e["choices"]]
        self.assertEqual("".join(deltas), "one two three four five")
        self.assertGreater(len([d for d in deltas if d]), 1)
        self.assertEqual(found[-3]["choices"][0]["finish_reason"], "stop")
        self.assertEqual(found[-2]["choices"], [])
        self.assertEqual(found[-2]["usage"]["total_tokens"], 12)
        self.assertTrue(self.stream_headers["Content-Type"]
                        .startswith("text/event-stream"))

    def test_a_piece_comes_before_the_model_is_done(self):
        self.with_model({"m": [{"text": "first second", "piece": 6,
                                "gap": 1.5}]})
        self.start()
        stream = http_case.events(self.stream("/v1/chat/completions", self.body()))
        for event in stream:
            text = event["choices"][0]["delta"].get("content")
            if text:
                break
        # the rest of the answer, and so the turn's end, is still to come
        self.assertEqual(text, "first ")
        self.assertTrue(list((self.place.state / "turns").glob("*")))
        list(stream)

    def test_tools_are_comments(self):
        self.with_model({"m": [
            {"text": "Let me see.",
             "calls": [{"name": "exec", "args": {"command": "greet Ada"}}]},
            {"text": "Greeted."}]})
        self.start()
        lines = list(self.stream("/v1/chat/completions", self.body()))
        comments = [json.loads(line.split(" ", 2)[2]) for line in lines
                    if line.startswith(": openclaw.tool")]
        self.assertEqual([c["event"] for c in comments],
                         ["tool_start", "tool_end"])
        self.assertEqual(comments[0]["args"], {"command": "greet Ada"})
        text = "".join(c["delta"].get("content", "")
                       for e in http_case.events(lines) if e != "[DONE]"
                       for c in e["choices"])
        self.assertEqual(text, "Let me see.\n\nGreeted.")

    def test_an_error_inside_the_stream(self):
        self.with_model({"m": [{"status": 400, "delay": 1.5}]})
        self.start()
        found = self.collect()
        self.assertEqual(found[-1], "[DONE]")
        self.assertEqual(found[-2]["error"]["type"], "invalid_request_error")

    def test_an_error_at_once_has_its_status(self):
        self.with_model({"m": [{"status": 400}]})
        self.start()
        answer = self.ask("POST", "/v1/chat/completions",
                          self.body(stream=True))
        self.assertEqual(answer.status, 400, answer)

    def test_a_model_that_breaks_off_and_the_next_one(self):
        self.with_model({"m": [{"text": "half an answer",
                                "fault": "cut_text"}],
                         "n": [{"text": "A whole one."}]},
                        fallbacks=["openai/n"])
        self.start()
        text = "".join(c["delta"].get("content", "")
                       for e in self.collect() if e != "[DONE]"
                       for c in e["choices"])
        self.assertTrue(text.endswith("A whole one."), text)

    def test_a_client_that_leaves_stops_its_turn(self):
        self.with_model({"m": [{"text": "word " * 200, "piece": 5,
                                "gap": 0.1}]})
        self.start()
        stream = self.stream("/v1/chat/completions", self.body())
        for line in stream:
            if '"content":"word' in line:
                break
        stream.close()
        archive = self.place.state / "archive"
        path = support.wait_for(lambda: next(archive.glob("*/http-*"), None),
                                what="the end of the turn")
        support.wait_for(lambda: '"stopped"' in path.read_text(),
                         what="a turn that was stopped", state=path.read_text)


if __name__ == "__main__":
    unittest.main()
