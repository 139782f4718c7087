"""/v1/responses, against a fake model."""
import unittest

import http_case


class Responses(http_case.ApiCase):

    def respond(self, body, **more):
        return self.ask("POST", "/v1/responses",
                        {"model": "openclaw", **body, **more})

    def test_a_text(self):
        self.with_model({"m": [{"text": "Hello Ada.",
                                "usage": {"input": 9, "output": 3}}]})
        self.start()
        answer = self.respond({"input": "I am Ada", "instructions": "Greet.",
                               "metadata": {"a": "b"}})
        self.assertEqual(answer.status, 200, answer)
        body = answer.json
        self.assertEqual(body["object"], "response")
        self.assertEqual(body["status"], "completed")
        self.assertEqual(body["output"][0]["content"][0]["text"],
                         "Hello Ada.")
        self.assertEqual(body["usage"]["total_tokens"], 12)
        self.assertEqual(body["metadata"], {"a": "b"})
        self.assertEqual(body["instructions"], "Greet.")

    def test_items_and_instructions_reach_the_model(self):
        model = self.with_model({"m": [{"text": "ok"}]})
        self.start()
        self.respond({"instructions": "Be brief.", "input": [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": "one"},
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "two"}]},
            {"type": "reasoning", "id": "r", "summary": []},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "three"}]}]})
        sent = model.requests[0].body["messages"]
        self.assertIn("Be brief.\n\nBe kind.", sent[0]["content"])
        self.assertEqual([m["content"] for m in sent[1:]],
                         ["one", "two", "three"])

    def test_it_goes_on_from_a_previous_one_after_a_restart(self):
        model = self.with_model({"m": [{"text": "noted"}, {"text": "Ada"}]})
        stage = self.start()
        first = self.respond({"input": "My name is Ada."}).json
        self.end(stage)
        self.start()
        second = self.respond({"input": "What is my name?",
                               "previous_response_id": first["id"]}).json
        self.assertEqual(second["previous_response_id"], first["id"])
        self.assertEqual(
            [m["content"] for m in model.requests[1].body["messages"][1:]],
            ["My name is Ada.", "noted", "What is my name?"])

    def test_what_is_not_stored_cannot_be_gone_on_with(self):
        self.with_model({"m": [{"text": "noted"}]})
        self.start()
        first = self.respond({"input": "x", "store": False}).json
        for id in (first["id"], "resp_none", "resp_" + "0" * 26 + "7a"):
            with self.subTest(id=id):
                answer = self.respond({"input": "y",
                                       "previous_response_id": id})
                self.assertEqual(answer.status, 404, answer)

    def test_the_order_of_a_stream(self):
        self.with_model({"m": [{"text": "one two three", "gap": 0.2,
                                "usage": {"input": 7, "output": 5}}]})
        self.start()
        found = list(http_case.events(self.stream(
            "/v1/responses", {"model": "openclaw", "input": "count"})))
        types = [e["type"] for e in found]
        deltas = [e["delta"] for e in found
                  if e["type"] == "response.output_text.delta"]
        self.assertEqual("".join(deltas), "one two three")
        self.assertGreater(len(deltas), 1)
        self.assertEqual(
            [t for t in types if t != "response.output_text.delta"], [
                "response.created", "response.in_progress",
                "response.output_item.added", "response.content_part.added",
                "response.output_text.done", "response.content_part.done",
                "response.output_item.done", "response.completed"])
        self.assertEqual([e["sequence_number"] for e in found],
                         list(range(len(found))))
        last = found[-1]["response"]
        self.assertEqual(last["usage"]["total_tokens"], 12)
        self.assertEqual(last["output"][0]["content"][0]["text"],
                         "one two three")

    def test_a_failure_inside_the_stream(self):
        self.with_model({"m": [{"status": 400, "delay": 1.5}]})
        self.start()
        found = list(http_case.events(self.stream(
            "/v1/responses", {"model": "openclaw", "input": "x"})))
        self.assertEqual(found[-1]["type"], "response.failed")
        self.assertEqual(found[-1]["response"]["status"], "failed")

    def test_wrong_requests(self):
        self.serve()
        for body in ({}, {"input": ""}, {"input": 7}, {"input": [7]},
                     {"input": "x", "model": "gpt-4o"},
                     {"input": "x", "instructions": 7},
                     {"input": [{"role": "user", "content": [
                         {"type": "input_image",
                          "image_url": "https://example.com/a.png"}]}]}):
            with self.subTest(body=body):
                answer = self.respond({}, **body)
                self.assertEqual(answer.status, 400, answer)


if __name__ == "__main__":
    unittest.main()
