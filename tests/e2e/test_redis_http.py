"""The HTTP API while Redis is away: it says so, and it answers."""
import concurrent.futures
import unittest

import http_case
import redis_server
import support

HOOKS = "hooks-9a1c44e0"
AGENTS = """# Operations

## Note a word

    note <word>
"""


class Away(http_case.ApiCase):
    def setUp(self):
        super().setUp()
        self.redis = redis_server.RedisServer()
        self.addCleanup(self.redis.remove)
        self.log = self.place.folder / "log"
        self.log.touch()
        self.place.agents(AGENTS)
        self.place.script("note", "#!/bin/sh\n"
                          f"echo \"$1\" >>{self.log}\nsleep 0.5\n"
                          "echo \"noted $1\"\n")
        self.place.env["OPENCLAW_HOOKS_TOKEN"] = HOOKS
        self.configure(queue=self.redis.url, limits={"in_flight": 8},
                       node={"lease_s": 2})
        self.stage = self.begin()
        support.wait_for(lambda: self.get("/readyz").status == 200,
                         what="ready", state=lambda: self.get("/readyz"))

    def begin(self):
        stage = self.start("--port", "0")
        self.addCleanup(self.end_stage, stage)
        return stage

    def get(self, path):
        return self.ask("GET", path)

    def hook(self, word):
        return self.ask("POST", "/hooks/agent",
                        {"message": f"note {word}", "idempotencyKey": word},
                        token=HOOKS)

    def ended(self):
        """The ids of the turns that have an answer in the archive."""
        return {key.rpartition("/")[2].removesuffix(".ndjson")
                for key in self.redis.command("KEYS", "oc:f:archive/*")
                if '"event":"end"' in self.redis.command("GET", key)}

    def wait_down(self):
        answer = support.wait_for(
            lambda: (a := self.get("/readyz")).status == 503 and a,
            what="503 of /readyz")
        self.assertEqual(answer.json["failing"], ["redis"])
        self.assertEqual(answer.json["details"][0]["message"],
                         "redis: not reachable")

    def wait_up(self):
        support.wait_for(lambda: self.get("/readyz").status == 200,
                         what="200 of /readyz",
                         state=lambda: self.get("/readyz"))

    def assert_lives(self):
        """A probe's patience is a second: that of Kubernetes."""
        for path in ("/healthz", "/livez") * 10:
            connection = self.connect(timeout=1)
            self.assertEqual(
                self.ask("GET", path, connection=connection).status, 200)
            connection.close()

    def assert_refused(self):
        for path in ("/api/queues", "/api/status", "/api/usage"):
            answer = self.get(path)
            self.assertEqual(answer.status, 503, path)
            self.assertIn("redis: not reachable", answer.error["message"])
        self.assertEqual(self.complete("note refused").status, 503)
        self.assertEqual(self.hook("refused").status, 503)
        self.assertNotIn("openclaw_queue_length{",
                         self.get("/metrics").body.decode())

    def test_killed_among_completions_and_hooks(self):
        words = [f"w{i}" for i in range(6)]
        hooks = [f"h{i}" for i in range(6)]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(self.complete, f"note {w}") for w in words]
            accepted = {w: a.status for w, a in
                        zip(hooks, pool.map(self.hook, hooks))}
            self.assertEqual(set(accepted.values()), {200})
            support.wait_for(lambda: self.log.read_text(), what="a start")
            self.redis.kill()
            self.wait_down()
            self.assert_lives()
            self.assert_refused()
            late = pool.submit(self.hook, "late")
            self.redis.start()
            self.wait_up()
            for word, one in zip(words, asked):
                answer = one.result(support.DEADLINE_S)
                self.assertEqual(answer.status, 200, answer)
                self.assertIn(f"noted {word}", answer.body.decode())
            if late.result().status == 200:
                hooks.append("late")
        support.wait_for(
            lambda: {f"hook-agent-{h}" for h in hooks} <= self.ended(),
            what="every hook that was accepted", state=self.ended)
        ran = self.log.read_text().split()
        self.assertEqual(sorted(ran), words, "each ran once")
        self.assertNotIn("hook-agent-refused", self.ended())
        support.wait_for(
            lambda: all(q["waiting"] == q["running"] == 0 for q in
                        self.get("/api/queues").json["queues"].values()),
            what="empty queues", state=lambda: self.get("/api/queues"))
        self.assertEqual(self.stage.stderr().count("listens on "), 1)

    def test_one_that_hangs(self):
        self.redis.pause()
        try:
            self.wait_down()
            self.assert_lives()
            self.assert_refused()
        finally:
            self.redis.pause(False)
        self.wait_up()
        self.assertEqual(self.complete("note again").status, 200)

    def test_a_name_is_asked_for(self):
        self.configure(
            queue=self.redis.url.replace("127.0.0.1", "localhost"))
        self.end(self.stage)
        self.begin()
        self.wait_up()
        self.redis.kill()
        self.wait_down()
        self.redis.start()
        self.wait_up()


if __name__ == "__main__":
    unittest.main()
