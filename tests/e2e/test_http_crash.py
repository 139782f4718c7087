"""kill -9 in the middle of chat completions: what their callers see."""
import http.client
import os
import signal
import threading
import unittest

import http_case
import support

CALLERS = 100 if os.environ.get("OC_TEST_SLOW") else 40


class Crash(http_case.ApiCase):

    def setUp(self):
        super().setUp()
        self.answers = {}

    def call(self, number):
        try:
            answer = self.complete(f"number {number}")
            self.answers[number] = (
                answer.status,
                answer.json.get("choices", [{}])[0].get("message", {})
                .get("content"))
        except (OSError, http.client.HTTPException) as e:
            self.answers[number] = (None, type(e).__name__)

    def call_all(self):
        threads = [threading.Thread(target=self.call, args=(n,))
                   for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        return threads

    def begin(self):
        """Callers at work, some of them in the model."""
        self.port_wanted = support.free_port()
        self.model_server = self.with_model(
            {"m": [{"mode": "echo", "delay": 1.0}]},
            limits={"in_flight": 100})
        stage = self.start("--port", str(self.port_wanted))
        threads = self.call_all()
        support.wait_for(
            lambda: len(self.model_server.requests) >= CALLERS // 2,
            what="requests of the model")
        return stage, threads

    def join(self, threads):
        for thread in threads:
            thread.join(2 * support.DEADLINE_S)
            self.assertFalse(thread.is_alive(), "a caller still waits")

    def assert_all_answered(self):
        wrong = {n: a for n, a in self.answers.items()
                 if a[0] != 200 or f"number {n}" not in a[1]}
        self.assertEqual((len(self.answers), wrong), (CALLERS, {}))

    def test_of_a_program_of_the_agent(self):
        for name in ("oc-loop", "oc-plan", "oc-session"):
            with self.subTest(name):
                self.answers.clear()
                stage, threads = self.begin()
                os.kill(self.wait_programs(stage, name)[name],
                        signal.SIGKILL)
                self.join(threads)
                self.assert_all_answered()
                self.assert_status(self.end(stage), 0)

    def test_of_the_http_stage(self):
        stage, threads = self.begin()
        os.kill(self.wait_programs(stage, "oc-recv-http")["oc-recv-http"],
                signal.SIGKILL)
        self.join(threads)
        # the callers are told at once, by their connection
        wrong = {n: a for n, a in self.answers.items()
                 if a[0] is not None and a[0] != 200}
        self.assertEqual(wrong, {})
        self.assertIn(None, [a[0] for a in self.answers.values()])
        support.wait_for(self.is_back, what="the stage")
        self.answers.clear()
        self.call(7)
        self.assertEqual(self.answers[7][0], 200)
        # what was accepted was worked on to its end, and each thing once
        out = self.place.state / "out" / "http"
        queue = self.place.state / "in"
        support.wait_for(
            lambda: not any(list((q / d).glob("*")) for q in (out, queue)
                            for d in ("new", "cur", "dead")),
            what="empty queues", seconds=2 * support.DEADLINE_S)
        asked = [r.text for r in self.model_server.requests]
        self.assertEqual(len(asked), len(set(asked)) + asked.count(
            "number 7") - 1)

    def is_back(self):
        try:
            return self.ask("GET", "/healthz").status == 200
        except OSError:
            return False


if __name__ == "__main__":
    unittest.main()
