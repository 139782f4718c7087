"""The WebSocket protocol of OpenClaw's clients, asked by a client of ours."""
import signal
import time
import unittest

import support
import websocket
from websocket import Refused


class Handshake(websocket.WebSocketCase):
    def test_hello(self):
        self.serve(agent=False)
        client = self.client()
        self.assertEqual(client.status, 101)
        self.assertGreaterEqual(len(client.challenge["nonce"]), 16)
        hello = client.connect()
        self.assertEqual((hello["type"], hello["protocol"]), ("hello-ok", 4))
        self.assertIn("agent", hello["features"]["methods"])
        self.assertIn("chat", hello["features"]["events"])
        self.assertEqual(hello["auth"]["scopes"], ["operator.admin"])
        self.assertEqual(
            hello["snapshot"]["sessionDefaults"]["mainSessionKey"],
            "agent:main:main")
        for key in ("maxPayload", "maxBufferedBytes", "tickIntervalMs"):
            self.assertGreater(hello["policy"][key], 0)
        self.assertNotEqual(client.challenge["nonce"],
                            self.client().challenge["nonce"])

    def test_no_handshake(self):
        self.serve(agent=False)
        for wrong, status in (({"version": 8}, 426), ({"key": "short"}, 400),
                              ({"connection": "keep-alive"}, 400),
                              ({"connection": "keep-alive, upgrade"}, 101)):
            client = self.client(challenge=False, **wrong)
            self.assertEqual(client.status, status, client.head)

    def test_wrong_tokens(self):
        self.serve(agent=False)
        for token, code in (("wrong", "AUTH_TOKEN_MISMATCH"),
                            (websocket.TOKEN + "x", "AUTH_TOKEN_MISMATCH"),
                            (None, "AUTH_TOKEN_MISSING")):
            client = self.client()
            with self.assertRaises(Refused) as refused:
                client.connect(token)
            self.assertEqual(refused.exception.code, "INVALID_REQUEST")
            self.assertEqual(refused.exception.details["code"], code)
            self.assertEqual(client.ended().code, 1008)
        self.assertIn("auth", self.client().connect())

    def test_the_password_field_holds_it_too(self):
        self.serve(agent=False)
        hello = self.client().connect(
            None, auth={"password": websocket.TOKEN})
        self.assertEqual(hello["type"], "hello-ok")

    def test_many_wrong_tokens_of_this_machine_are_slowed_down(self):
        self.serve(agent=False)
        for _ in range(10):
            with self.assertRaises(Refused):
                self.client().connect("wrong")
        begun = time.monotonic()
        client = self.client()
        with self.assertRaises(Refused):
            client.connect("wrong")
        self.assertGreater(time.monotonic() - begun, 0.9)
        self.assertEqual(client.ended().code, 1008)
        self.assert_healthy()

    def test_first_request_must_be_connect(self):
        self.serve(agent=False)
        client = self.client()
        with self.assertRaises(Refused):
            client.call("health")
        self.assertEqual(client.ended().code, 1008)

    def test_another_protocol(self):
        self.serve(agent=False)
        client = self.client()
        with self.assertRaises(Refused) as refused:
            client.connect(minProtocol=5, maxProtocol=6)
        self.assertEqual(refused.exception.details["expectedProtocol"], 4)
        self.assertEqual(client.ended().code, 1002)
        hello = self.client().connect(minProtocol=3, maxProtocol=7)
        self.assertEqual(hello["protocol"], 4)

    def test_wrong_parameters(self):
        self.serve(agent=False)
        for wrong in ({"minProtocol": "4"}, {"client": 7}, {"scopes": "all"},
                      {"scopes": [1]}, {"auth": {"token": 7}}, {"caps": {}},
                      {"role": []}, {"role": "node"}, {"device": "x"},
                      {"client": {"id": "", "mode": "cli"}},
                      {"client": {"id": "x" * 10000, "mode": "cli",
                                  "platform": "x"}}):
            client = self.client()
            with self.assertRaises(Refused, msg=wrong):
                client.connect(**wrong)
            self.assertEqual(client.ended().code, 1008)

    def test_scopes(self):
        self.serve(agent=False)
        reader = self.connected(scopes=["operator.read"])
        self.assertTrue(reader.call("health")["ok"])
        with self.assertRaises(Refused) as refused:
            reader.call("chat.send", {"sessionKey": "main", "message": "x",
                                      "idempotencyKey": "k"})
        self.assertEqual(refused.exception.code, "FORBIDDEN")
        self.assertEqual(refused.exception.details["missingScope"],
                         "operator.write")
        nobody = self.connected(scopes=[])
        with self.assertRaises(Refused):
            nobody.call("health")

    def test_open_on_this_machine(self):
        self.serve("--auth", "none", agent=False, token=None)
        self.assertEqual(self.client().connect(None)["type"], "hello-ok")
        evil = self.client(headers=["Origin: https://evil.example"],
                           challenge=False)
        self.assertEqual(evil.status, 403)

    def test_restart(self):
        stage = self.serve(agent=False)
        client = self.connected()
        stranger = self.client()
        stage.signal(signal.SIGTERM)
        self.assertEqual(client.event(
            lambda m: m["event"] == "shutdown")["payload"]["reason"],
            "service restart")
        end = client.ended()
        self.assertEqual((end.code, end.reason), (1012, "service restart"))
        self.assertEqual(stranger.ended().code, 1012)
        for one in (client, stranger):
            one.frame(websocket.CLOSE)
        self.assert_status(stage.wait(), 0)


class Methods(websocket.WebSocketCase):
    def test_empty_lists_and_unknown(self):
        self.serve(agent=False)
        client = self.connected()
        self.assertEqual(client.call("question.list"), {"questions": []})
        self.assertEqual(client.call("plugin.approval.list"), [])
        self.assertEqual(client.call("taskSuggestions.list", {}),
                         {"suggestions": []})
        self.assertEqual(client.call("agents.list")["agents"][0]["id"],
                         "main")
        names = [c["name"] for c in client.call("commands.list")["commands"]]
        self.assertIn("status", names)
        self.assertEqual(client.call("sessions.list")["sessions"], [])
        self.assertIsNone(client.call(
            "sessions.describe", {"key": "agent:main:main"})["session"])
        self.assertIn("runtimeVersion", client.call("status"))
        with self.assertRaises(Refused) as refused:
            client.call("config.set", {})
        self.assertEqual(refused.exception.message,
                         "unknown method: config.set")

    def test_wrong_parameters(self):
        self.serve(agent=False)
        client = self.connected()
        good = {"message": "x", "idempotencyKey": "k", "sessionKey": "main"}
        for method, wrong in (
                ("agent", {**good, "message": 7}),
                ("agent", {**good, "message": "  \n"}),
                ("agent", {**good, "message": "x" * (256 * 1024 + 1)}),
                ("agent", {**good, "idempotencyKey": ""}),
                ("agent", {**good, "agentId": "other"}),
                ("agent", {**good, "model": "nobody/x"}),
                ("chat.send", {**good, "sessionKey": "agent:other:main"}),
                ("chat.send", {**good, "attachments": [{}]}),
                ("chat.history", {}),
                ("chat.history", {"sessionKey": ["main"]}),
                ("chat.abort", {}), ("agent.wait", {"runId": 7}),
                ("sessions.describe", {})):
            with self.assertRaises(Refused, msg=(method, wrong)) as refused:
                client.call(method, wrong)
            self.assertEqual(refused.exception.code, "INVALID_REQUEST")
        self.assertTrue(client.call("health")["ok"])


class Runs(websocket.WebSocketCase):
    def test_agent(self):
        self.serve()
        client = self.connected()
        id = client.request("agent", {"message": "greet Ada",
                                      "idempotencyKey": "one"})
        self.assertEqual(client.answer(id)["status"], "accepted")
        done = client.answer(id)
        self.assertEqual((done["runId"], done["status"]), ("one", "ok"))
        self.assertIn("hello Ada", done["result"]["payloads"][0]["text"])
        meta = done["result"]["meta"]["agentMeta"]
        self.assertEqual((meta["provider"], meta["model"]),
                         ("local", "runbook"))
        self.assertIn("sessionId", meta)
        self.assertIn("input", meta["usage"])
        # asked again it is not done again, and the answer is the same
        self.assertEqual(client.call("agent", {
            "message": "greet Ada", "idempotencyKey": "one"}), done)
        self.assertEqual(
            client.call("agent.wait", {"runId": "one"})["status"], "ok")

    def test_chat_with_tools(self):
        self.serve()
        client = self.connected()
        watcher = self.connected(scopes=["operator.read"])
        self.assertTrue(watcher.call("sessions.subscribe")["subscribed"])
        started = client.call("chat.send", {
            "sessionKey": "agent:main:talk", "message": "greet Ada",
            "idempotencyKey": "two"})
        self.assertEqual(started, {"runId": "two", "status": "started"})
        for one in (client, watcher):
            final = one.chat("two", "final")
            self.assertEqual(final["sessionKey"], "agent:main:talk")
            self.assertIn("hello Ada", final["message"]["content"][0]["text"])
        tools = [m["payload"]["data"] for m in client.events
                 if m["payload"].get("stream") == "tool"]
        self.assertEqual([t["phase"] for t in tools], ["start", "result"])
        self.assertEqual(tools[0]["args"], {"command": "greet Ada"})
        self.assertFalse(tools[1]["isError"])
        watcher.event(lambda m: m["event"] == "sessions.changed")
        history = client.call("chat.history", {"sessionKey": "talk"})
        self.assertEqual([m["role"] for m in history["messages"]],
                         ["user", "assistant", "toolResult", "assistant"])
        self.assertEqual(history["messages"][2]["toolName"], "exec")
        listed = client.call("sessions.list")["sessions"]
        self.assertEqual([s["key"] for s in listed], ["agent:main:talk"])
        self.assertEqual(listed[0]["sessionId"], history["sessionId"])
        described = client.call("sessions.describe",
                                {"key": "agent:main:talk"})["session"]
        self.assertEqual(described["model"], "runbook")

    def test_events_are_numbered_without_a_gap(self):
        self.serve()
        client = self.connected()
        client.call("chat.send", {"sessionKey": "main", "message": "greet A",
                                  "idempotencyKey": "k"})
        client.chat("k", "final")
        # the final event itself was taken out
        numbers = [m["seq"] for m in client.events]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_abort(self):
        self.serve()
        client = self.connected()
        client.call("chat.send", {"sessionKey": "main",
                                  "message": "take a rest",
                                  "idempotencyKey": "slow"})
        support.wait_for(self.rest.exists, what="the tool")
        self.assertEqual(client.call("chat.abort", {
            "sessionKey": "other"})["runIds"], [])
        self.assertEqual(client.call("chat.abort", {
            "sessionKey": "main", "runId": "slow"}),
            {"ok": True, "aborted": True, "runIds": ["slow"]})
        client.chat("slow", "aborted")
        waited = client.call("agent.wait", {"runId": "slow"})
        self.assertEqual((waited["status"], waited["stopReason"]),
                         ("error", "rpc"))

    def test_timeout_of_the_caller(self):
        self.serve()
        client = self.connected()
        id = client.request("agent", {
            "message": "take a rest", "idempotencyKey": "slow", "timeout": 1})
        self.assertEqual(client.answer(id)["status"], "accepted")
        self.assertEqual(client.answer(id)["status"], "timeout")

    def test_a_run_goes_on_without_its_client(self):
        self.serve()
        client = self.connected()
        waiter = self.connected()
        asked = waiter.request("agent.wait", {"runId": "left"})
        id = client.request("agent", {"message": "greet Ada",
                                      "idempotencyKey": "left"})
        client.answer(id)
        client.close()
        self.assertEqual(waiter.answer(asked)["status"], "ok")
        again = waiter.call("agent", {"message": "greet Ada",
                                      "idempotencyKey": "left"})
        self.assertIn("hello Ada", again["result"]["payloads"][0]["text"])

    def test_asked_again_after_a_restart(self):
        stage = self.serve()
        ask = {"message": "greet Ada", "idempotencyKey": "kept"}
        client = self.connected()
        id = client.request("agent", ask)
        client.answer(id)
        text = client.answer(id)["result"]["payloads"][0]["text"]
        client.close()
        stage.signal(signal.SIGTERM)
        self.assert_status(stage.wait(), 0)
        self.serve(agent=False)
        client = self.connected()
        id = client.request("agent", ask)
        self.assertEqual(client.answer(id)["status"], "accepted")
        self.assertEqual(
            client.answer(id)["result"]["payloads"][0]["text"], text)

    def test_who_asks_again_gets_the_answer(self):
        self.serve()
        first, second = self.connected(), self.connected()
        ask = {"message": "take a rest", "idempotencyKey": "k", "timeout": 2}
        first.answer(first.request("agent", ask))
        first.close()
        id = second.request("agent", ask)
        self.assertEqual(second.answer(id)["status"], "accepted")
        self.assertEqual(second.answer(id)["status"], "timeout")

    def test_wait_that_is_not_answered(self):
        self.serve(agent=False)
        client = self.connected()
        self.assertEqual(client.call(
            "agent.wait", {"runId": "nobody", "timeoutMs": 10}),
            {"runId": "nobody", "status": "timeout"})
        # a wait that is under way when its client leaves
        client.request("agent.wait", {"runId": "nobody"})
        client.close()
        self.assert_healthy()

    def test_no_more_than_so_many_at_once(self):
        self.serve(agent=False)
        client = self.connected()
        runs = [client.request("chat.send", {
            "sessionKey": f"s{i}", "message": "x", "idempotencyKey": f"k{i}"})
            for i in range(40)]
        refused = []
        for id in runs:
            try:
                client.answer(id)
            except Refused as error:
                refused.append(error)
        self.assertEqual(len(refused), 8)
        self.assertEqual({(r.code, r.retryable) for r in refused},
                         {("UNAVAILABLE", True)})

    def test_a_message_that_cannot_be_kept(self):
        self.place.script("oc-spool-away", "#!/bin/sh\ncat >/dev/null\n")
        self.serve(agent=False, put="oc-spool-away")
        client = self.connected()
        with self.assertRaises(Refused) as refused:
            client.call("agent", {"message": "x", "idempotencyKey": "k"})
        self.assertTrue(refused.exception.retryable)
        self.assertEqual(client.call(
            "agent.wait", {"runId": "k", "timeoutMs": 1})["status"],
            "timeout")

    def test_streaming(self):
        model = self.model({"m": [{"text": "one two three four five six",
                                   "piece": 4, "gap": 0.05}]})
        self.place.config({"primary_model": "openai/m", "fallbacks": [],
                           "providers": {"openai": {
                               "base_url": model.openai_url}}})
        self.place.env["LITELLM_API_KEY"] = "k"
        self.serve()
        client = self.connected()
        client.call("chat.send", {"sessionKey": "main", "message": "count",
                                  "idempotencyKey": "k"})
        final = client.chat("k", "final")
        said = final["message"]["content"][0]["text"]
        self.assertEqual(said, "one two three four five six")
        pieces = [m["payload"] for m in client.events
                  if m["payload"].get("state") == "delta"]
        self.assertGreater(len(pieces), 1)
        so_far = ""
        for piece in pieces:
            so_far += piece["deltaText"]
            self.assertEqual(piece["message"]["content"][0]["text"], so_far)
        self.assertTrue(said.startswith(so_far))

    def test_another_model(self):
        model = self.model({
            "m": [{"text": "from m"}],
            "n": [{"text": "from n", "usage": {"input": 7, "output": 3}}]})
        self.place.config({"primary_model": "openai/m",
                           "fallbacks": ["openai/n"],
                           "providers": {"openai": {
                               "base_url": model.openai_url}}})
        self.place.env["LITELLM_API_KEY"] = "k"
        self.serve()
        client = self.connected()
        id = client.request("agent", {"message": "who", "model": "openai/n",
                                      "idempotencyKey": "k"})
        client.answer(id)
        result = client.answer(id)["result"]
        self.assertEqual(result["payloads"][0]["text"], "from n")
        meta = result["meta"]["agentMeta"]
        self.assertEqual((meta["provider"], meta["model"]), ("openai", "n"))
        self.assertEqual((meta["usage"]["input"], meta["usage"]["output"],
                          meta["usage"]["total"]), (7, 3, 10))

    def test_an_error_is_told(self):
        model = self.model({"m": [{"status": 400}]})
        self.place.config({"primary_model": "openai/m", "fallbacks": [],
                           "providers": {"openai": {
                               "base_url": model.openai_url}}})
        self.place.env["LITELLM_API_KEY"] = "k"
        self.serve()
        client = self.connected()
        id = client.request("agent", {"message": "x", "idempotencyKey": "k"})
        client.answer(id)
        with self.assertRaises(Refused) as refused:
            client.answer(id)
        self.assertEqual(refused.exception.payload["status"], "error")
        self.assertTrue(client.chat("k", "error")["errorMessage"])


if __name__ == "__main__":
    unittest.main()
