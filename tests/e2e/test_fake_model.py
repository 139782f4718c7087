"""The fake model provider itself: what it refuses, says and breaks."""
import http.client
import json
import threading
import unittest

import support  # noqa: F401 (makes `fake` known)
from fake.model import FAULTS, ModelServer

GOOGLE = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
OPENAI = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CALL = {"name": "exec", "args": {"command": "df"}, "signature": "c2ln"}
EXEC = {"name": "exec", "description": "runs", "parameters": {
    "type": "object", "properties": {"command": {"type": "string"}}}}


def post(model, path, body, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", model.port, 10)
    try:
        connection.request("POST", path, json.dumps(body), {
            "Content-Type": "application/json", **dict(headers)})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def ask_google(model, body, stream=False, **headers):
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return post(model, f"/v1beta/models/m:{method}", body, headers)


def ask_openai(model, body, **headers):
    return post(model, "/v1/chat/completions", body, headers)


def events(data):
    return [json.loads(line[6:]) for line in data.decode().splitlines()
            if line.startswith("data: {")]


class Answers(unittest.TestCase):
    def test_echo(self):
        with ModelServer() as model:
            status, data = ask_google(model, GOOGLE)
            value = json.loads(data)
            self.assertEqual(status, 200)
            self.assertEqual(value["candidates"][0]["content"]["parts"],
                             [{"text": "echo: hi"}])
            status, data = ask_openai(model, OPENAI)
            self.assertEqual(
                json.loads(data)["choices"][0]["message"]["content"],
                "echo: hi")
            self.assertEqual(model.complaints, [])
            self.assertEqual([r.text for r in model.requests], ["hi", "hi"])

    def test_streams_however_written(self):
        answer = {"text": "a long text of öäü", "calls": [CALL], "piece": 3}
        for more in ({}, {"write": 1}, {"newline": "\r\n"}, {"write": 7},
                     {"comments": True}, {"newline": "\r"}):
            with self.subTest(more), ModelServer({"m": [answer | more]}) as model:
                _, data = ask_google(model, GOOGLE, True)
                parts = [p for e in events(data)
                         for p in e["candidates"][0]["content"]["parts"]]
                self.assertEqual("".join(p.get("text", "") for p in parts),
                                 answer["text"])
                self.assertEqual([p["thoughtSignature"] for p in parts
                                  if "functionCall" in p], ["c2ln"])
                _, data = ask_openai(model, OPENAI | {
                    "stream": True,
                    "stream_options": {"include_usage": True}})
                self.assertIn(b"[DONE]", data)
                deltas = [c["delta"] for e in events(data)
                          for c in e["choices"]]
                self.assertEqual(
                    "".join(d.get("content", "") for d in deltas),
                    answer["text"])
                self.assertEqual(events(data)[-1]["usage"]["total_tokens"],
                                 15)

    def test_faults_come_to_an_end(self):
        calm = set(FAULTS) - {"never", "head", "stall", "drip", "huge"}
        for fault in sorted(calm):
            answer = {"text": "one two three", "calls": [CALL],
                      "fault": fault}
            for stream in (True, False):
                with self.subTest(fault, stream=stream), \
                        ModelServer({"m": [answer]}) as model:
                    try:
                        ask_google(model, GOOGLE, stream)
                        ask_openai(model, OPENAI | {"stream": stream})
                    except (http.client.HTTPException, OSError):
                        pass
                    self.assertEqual(model.complaints, [])

    def test_silence_ends_with_the_client_or_the_server(self):
        with ModelServer({"m": [{"fault": "never"}]}) as model:
            done = threading.Event()

            def ask():
                try:
                    ask_google(model, GOOGLE)
                except (http.client.HTTPException, OSError):
                    done.set()
            threading.Thread(target=ask).start()
            support.wait_for(lambda: model.requests, 10, "the request")
        self.assertTrue(done.wait(10))

    def test_status_and_hints(self):
        with ModelServer({"m": [{"status": 429, "retry_after": 7,
                           "retry_delay": "17s"}]}) as model:
            status, data = ask_google(model, GOOGLE)
            self.assertEqual(status, 429)
            self.assertEqual(json.loads(data)["error"]["status"],
                             "RESOURCE_EXHAUSTED")
            self.assertIn(b'"17s"', data)

    def test_wrong_keys(self):
        with ModelServer(google_key="g", openai_key="o") as model:
            self.assertEqual(ask_google(model, GOOGLE)[0], 400)
            self.assertEqual(ask_openai(model, OPENAI)[0], 401)
            self.assertEqual(ask_google(
                model, GOOGLE, **{"x-goog-api-key": "g"})[0], 200)
            self.assertEqual(ask_openai(
                model, OPENAI, Authorization="Bearer o")[0], 200)

    def test_tool_loop(self):
        with ModelServer({"m": [{"mode": "tools", "steps": 2, "text": "end",
                           "calls": [CALL, CALL | {"signature": "Mg=="}]}]
                    }) as model:
            body = {"contents": list(GOOGLE["contents"])}
            for _ in range(2):
                content = json.loads(ask_google(model, body)[1])[
                    "candidates"][0]["content"]
                self.assertEqual(len(content["parts"]), 2)
                body["contents"] += [content, {"role": "user", "parts": [
                    {"functionResponse": {"name": "exec",
                                          "response": {"output": "1"}}}] * 2}]
            self.assertIn(b'"end"', ask_google(model, body)[1])
            self.assertEqual(model.complaints, [])


class Refusals(unittest.TestCase):
    def refused(self, ask, body, words):
        with ModelServer({"m": [{"calls": [CALL]}]}) as model:
            ask(model, GOOGLE if ask is ask_google else OPENAI)
            status, data = ask(model, body)
            self.assertEqual(status, 400, data)
            self.assertIn(words, json.loads(data)["error"]["message"])
            self.assertEqual(len(model.complaints), 1)

    def with_call(self, part, response):
        return {"contents": GOOGLE["contents"] + [
            {"role": "model", "parts": [part]},
            {"role": "user", "parts": [{"functionResponse": response}]}]}

    def test_google(self):
        call = {"functionCall": {"name": "exec", "args": {"command": "df"}}}
        good = {"name": "exec", "response": {"output": "1"}}
        for words, body in [
                ("thought_signature", self.with_call(call, good)),
                ("thought_signature", self.with_call(
                    call | {"thoughtSignature": "b3RoZXI="}, good)),
                ("are not those", self.with_call(
                    call | {"thoughtSignature": "c2ln"},
                    good | {"name": "other"})),
                ("no object", self.with_call(
                    call, good | {"response": "text"})),
                ("alternate", {"contents": GOOGLE["contents"] * 2}),
                ("not specified", {"contents": []}),
                ("Unknown name", GOOGLE | {"model": "m"}),
                ("additionalProperties", self.tools(
                    additionalProperties=False)),
                ("oneOf", self.tools(oneOf=[])),
                ("non-empty", self.tools(properties={}))]:
            with self.subTest(words):
                self.refused(ask_google, body, words)

    def tools(self, **more):
        return GOOGLE | {"tools": [{"functionDeclarations": [
            EXEC | {"parameters": EXEC["parameters"] | more}]}]}

    def test_openai(self):
        call = {"id": "c1", "type": "function",
                "function": {"name": "exec", "arguments": "{}"}}
        user = OPENAI["messages"][0]

        def messages(*some):
            return OPENAI | {"messages": [user, *some]}

        def assistant(*calls):
            return {"role": "assistant", "content": None,
                    "tool_calls": list(calls)}
        tool = {"role": "tool", "tool_call_id": "c1", "content": "1"}
        for words, body in [
                ("without a tool message", messages(assistant(call), user)),
                ("answers no call", messages(tool)),
                ("answers no call", messages(
                    assistant(call), tool | {"tool_call_id": "c2"})),
                ("not a string", messages(assistant(call | {
                    "function": {"name": "exec", "arguments": {}}}), tool)),
                ("not a string", messages(
                    assistant(call), tool | {"content": {}})),
                ("too short", OPENAI | {"tools": []}),
                ("only allowed", OPENAI | {"tool_choice": "auto"}),
                ("stream_options", OPENAI | {"stream_options": {}})]:
            with self.subTest(words):
                self.refused(ask_openai, body, words)
