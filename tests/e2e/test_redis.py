"""A gateway and nodes that share their work through Redis."""
import json
import os
import signal
import time
import unittest
from pathlib import Path

import gateway
import redis_server
import support

AGENTS = """# Operations

## Note a word

    note <word>
"""

# Notes when it begins and when it ends, with the word that it was given.
NOTE = """#!/bin/sh
echo "begin $1 $$" >>{log}
sleep {seconds}
echo "end $1 $$" >>{log}
echo "noted $1"
"""


class RedisCase(support.TestCase):
    appendfsync = "always"
    seconds = "0.1"

    def setUp(self):
        super().setUp()
        support.need("oc-gateway", "oc-spool", "oc-session", "oc-plan",
                     "oc-exec-tool", "oc-loop")
        self.redis = redis_server.RedisServer(self.appendfsync)
        self.addCleanup(self.redis.remove)
        self.log = self.place.folder / "log"
        self.log.touch()
        self.prepare(self.place)

    def prepare(self, place, **node):
        place.config({"primary_model": "local/runbook", "fallbacks": [],
                      "queue": self.redis.url, "limits": {"in_flight": 8},
                      "node": {"lease_s": 2, **node}})
        place.agents(AGENTS)
        place.script("note", NOTE.format(log=self.log, seconds=self.seconds))
        place.env["OC_LOG"] = "info"

    def another(self, **node):
        """A machine of its own: nothing is shared but Redis."""
        place = support.Place()
        self.addCleanup(place.remove)
        self.prepare(place, **node)
        return place

    def node(self, place):
        stage = place.start(["oc-gateway", "--role", "node"])
        stage.wait_stderr("is up")
        return stage

    def turn(self, id, session, text, **more):
        return {"id": id, "session": session, "channel": "terminal",
                "text": text, "to": {"chat": session}, "from": {"id": "1"},
                **more}

    def put(self, *turns):
        result = self.place.run(["oc-spool", "put", "in"], list(turns))
        self.assert_status(result, 0)

    def replies(self):
        """id -> text"""
        found = {}
        names = self.redis.command("ZRANGE", "oc:out/terminal:new", 0, -1)
        for line in (self.redis.command(
                "HGET", "oc:out/terminal:msg", n[21:]) for n in names):
            turn = json.loads(line)
            for id in turn.get("ids", [turn["id"]]):
                self.assertNotIn(id, found)
                found[id] = turn["reply"]["text"]
        return found

    def wait_replies(self, ids, seconds=support.DEADLINE_S):
        support.wait_for(
            lambda: set(ids) <= set(self.replies()), seconds, "the replies",
            lambda: f"{sorted(set(ids) - set(self.replies()))} are missing")
        return self.replies()

    def runs(self):
        """word -> how often it was begun."""
        count = {}
        for line in self.log.read_text().splitlines():
            what, word, _ = line.split()
            if what == "begin":
                count[word] = count.get(word, 0) + 1
        return count

    def kill_node(self, stage):
        """kill -9 of all that runs there, as when the machine stops."""
        for pid in [stage.pid, *support.descendants(stage.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        stage.process.wait()

    def transcript(self, session):
        result = self.place.run(["oc-session", "show", "-j", session])
        return result.records if result.status == 0 else []


class Node(RedisCase):
    def test_answers(self):
        self.node(self.place)
        self.put(self.turn("a", "s1", "note one"))
        self.assertIn("noted one", self.wait_replies(["a"])["a"])
        self.assertEqual(self.runs(), {"one": 1})
        roles = [e["role"] for e in self.transcript("s1")]
        self.assertEqual(roles[:3], ["user", "assistant", "tool"])

    def test_memory_is_shared(self):
        """What one node heard, another knows."""
        first = self.node(self.place)
        self.put(self.turn("a", "s1", "note one"))
        self.wait_replies(["a"])
        first.signal(signal.SIGTERM)
        first.wait()
        other = self.another()
        self.node(other)
        self.put(self.turn("b", "s1", "note two"))
        self.wait_replies(["b"])
        users = [e["text"] for e in self.transcript("s1")
                 if e["role"] == "user"]
        self.assertEqual(users, ["note one", "note two"])


class TwoNodes(RedisCase):
    seconds = "0.3"

    def test_fifty_sessions_and_one_node_killed(self):
        other = self.another()
        nodes = [self.node(self.place), self.node(other)]
        ids = []
        for round in (1, 2, 3):
            # what goes to other places is not joined
            turns = [self.turn(f"t{round}-{i}", f"s{i}", f"note w{round}-{i}",
                               to={"chat": str(round)}) for i in range(50)]
            self.put(*turns)
            ids += [t["id"] for t in turns]
            if round == 1:
                # both are at work before the other messages come
                support.wait_for(lambda: len(self.runs()) > 4)
        support.wait_for(lambda: len(self.runs()) > 30)
        owners = self.redis.command("HGETALL", "oc:in:owner")
        self.assertEqual(len(set(owners[1::2])), 2, "the work is shared")
        self.kill_node(nodes[1])
        replies = self.wait_replies(ids, 90)
        self.assertEqual(set(self.runs().values()), {1},
                         {w: n for w, n in self.runs().items() if n != 1})
        for i in range(50):
            said = [e["text"] for e in self.transcript(f"s{i}")
                    if e["role"] == "user"]
            words = "\n".join(said).split()
            order = [w for w in words if w.startswith("w")]
            self.assertEqual(order, sorted(order), said)
        cut_off = [t for t in replies.values() if "not known" in t or
                   "unknown" in t]
        self.assertLessEqual(len(cut_off), 8)
        self.assertEqual(
            self.place.run(["oc-spool", "ls", "-j"]).records[0]["running"], 0)


if __name__ == "__main__":
    unittest.main()
