"""A gateway and nodes that share their work through Redis."""
import json
import os
import re
import signal
import threading
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
        stage = place.start(["openclaw", "node", "run"])
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


class Fencing(RedisCase):
    """A node that is declared dead, and lives."""
    seconds = "0.5"

    def signal(self, stage, number, *names):
        """To all that runs there, or to those of this name."""
        for pid in [stage.pid, *support.descendants(stage.pid)]:
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                if not names or name in names:
                    os.kill(pid, number)
            except (OSError, ProcessLookupError):
                pass

    def taken_over(self, first):
        """Pauses the first node until another has finished the turn."""
        self.signal(first, signal.SIGSTOP)
        self.addCleanup(self.signal, first, signal.SIGCONT)
        self.node(self.another())
        reply = self.wait_replies(["a"])["a"]
        before = self.transcript("s1")
        self.signal(first, signal.SIGCONT)
        first.wait_stderr("another")
        # what it does now is refused
        self.put(self.turn("b", "s1", "note two"))
        self.wait_replies(["b"])
        self.assertEqual(self.transcript("s1")[:len(before)], before)
        turns = [e["turn"] for e in self.transcript("s1")
                 if e["role"] == "user"]
        self.assertEqual(turns, ["a", "b"])
        return reply

    def test_before_its_call(self):
        first = self.node(self.place)
        support.wait_for(lambda: "oc-exec-tool" in {
            Path(f"/proc/{p}/comm").read_text().strip()
            for p in support.descendants(first.pid)
            if Path(f"/proc/{p}").exists()})
        self.signal(first, signal.SIGSTOP, "oc-exec-tool")
        self.put(self.turn("a", "s1", "note one"))
        support.wait_for(lambda: "note" in (self.redis.command(
            "GET", "oc:f:turns/a/journal.ndjson") or "")
            and '"calls"' in self.redis.command(
                "GET", "oc:f:turns/a/journal.ndjson"))
        self.assertIn("noted one", self.taken_over(first))
        self.assertEqual(self.runs(), {"one": 1, "two": 1})

    def test_in_the_middle_of_its_call(self):
        first = self.node(self.place)
        self.put(self.turn("a", "s1", "note one"))
        support.wait_for(self.runs)
        self.assertNotIn("noted one\n", self.taken_over(first))
        self.assertEqual(self.runs(), {"one": 1, "two": 1})


class Lease(RedisCase):
    """By hand: what was claimed by another is not ours, from then on."""

    def setUp(self):
        super().setUp()
        self.put(self.turn("a", "s1", "note one"))
        take = self.place.start(["oc-spool", "take", "in"])
        self.ours = self.place.run(["oc-session", "open"],
                                   take.read()).records[0]
        self.ours["steps"] = [
            {"role": "assistant", "text": "", "model": "local/runbook",
             "calls": [{"id": "c1", "name": "exec",
                        "args": {"command": "note one"}}]}]
        take.kill()

    def claim(self):
        """Another node has it, and has not even begun it."""
        take = self.another().start(["oc-spool", "take", "in"])
        theirs = take.read()
        self.assertEqual(theirs["attempt"], 2)
        self.assertNotEqual(theirs["lease"], self.ours["lease"])
        return theirs

    def test_no_call_is_started(self):
        self.claim()
        result = self.place.run(["oc-exec-tool"], self.ours)
        self.assertEqual(result.out, b"")
        self.assertIn("another run has it", result.err)
        self.assertEqual(self.runs(), {})
        self.assertNotIn('"event":"call"', self.redis.command(
            "GET", "oc:f:turns/a/journal.ndjson"))

    def test_without_a_claim_it_is(self):
        result = self.place.run(["oc-exec-tool"], self.ours)
        self.assertEqual(len(result.records), 1)
        self.assertEqual(self.runs(), {"one": 1})

    def test_no_result_is_written(self):
        theirs = self.claim()
        self.ours["reply"] = {"text": "late"}
        result = self.place.run(["oc-session", "close"], self.ours)
        self.assert_status(result, 0)
        self.assertIn("another", result.err)
        self.assertEqual(self.replies(), {})
        self.assertEqual(self.transcript("s1"), [])
        # whoever has it ends it
        opened = self.place.run(["oc-session", "open"], theirs).records[0]
        opened["reply"] = {"text": "in time"}
        self.assert_status(
            self.place.run(["oc-session", "close"], opened), 0)
        self.assertEqual(self.replies(), {"a": "in time"})

    def test_a_turn_that_is_late_does_not_begin_again(self):
        self.claim()
        result = self.place.run(["oc-session", "open"], {
            k: v for k, v in self.ours.items()
            if k not in ("journal", "steps")})
        self.assertEqual(result.out, b"")
        self.assertIn("another node has taken it over", result.err)


class Labels(RedisCase):
    def test_only_who_has_the_label_takes_it(self):
        config = json.loads(Path(self.place.env["OC_CONFIG"]).read_text())
        config["labels"] = [{"name": "gpu",
                             "when": '.text | contains("big")'}]
        self.place.config(config)
        self.put(self.turn("a", "s1", "big"), self.turn("b", "s2", "small"),
                 self.turn("c", "s3", "small", label="gpu"))
        plain = self.place.start(["oc-spool", "take", "in"])
        self.assertEqual(plain.read()["id"], "b")
        self.assertTrue(plain.silent(0.3))
        gpu = self.another(labels=["gpu"], only=True)
        take = gpu.start(["oc-spool", "take", "in"])
        self.assertEqual([take.read()["id"], take.read()["id"]], ["a", "c"])
        self.put(self.turn("d", "s4", "small"))
        self.assertEqual(plain.read()["id"], "d")
        self.assertTrue(take.silent(0.3))


class Outage(RedisCase):
    def put_hundred(self, between):
        """One line at a time, as a receiver does; the answered ids."""
        put = self.place.start(["oc-spool", "put", "in"])
        ids = [f"t{i}" for i in range(100)]
        for i, id in enumerate(ids):
            if i == 30:
                between()
            put.send(self.turn(id, f"s{i}", f"note w{i}"))
            self.assertEqual(put.read_line(), id.encode())
        self.assert_status(put.wait(), 0)
        return ids

    def restart(self):
        self.redis.kill()
        threading.Timer(1, self.redis.start).start()

    def test_killed_in_the_middle_of_a_hundred(self):
        nodes = [self.node(self.place), self.node(self.another())]
        ids = self.put_hundred(self.restart)
        replies = self.wait_replies(ids, 90)
        self.assertEqual(len(replies), 100)
        self.assertEqual(set(self.runs().values()), {1})
        self.assertEqual(len(self.runs()), 100)
        for node in nodes:
            self.assertIn("is back", node.stderr())
            self.assertNotIn("taken it over", node.stderr())

    def test_refused_password_ends_the_chains(self):
        node = self.node(self.place)
        self.redis.kill()
        self.redis.password = "new"
        self.redis.start()
        node.wait_stderr("the password is wrong or missing")


class Programs(unittest.TestCase):
    def test_each_that_touches_the_state_asks_where_it_is(self):
        touches = re.compile(r"\b(queue_open|journal_|transcript_|usage_open|"
                             r"approval_|senders_|toolstage_)\w*\(")
        for folder in (support.SOURCE / "bin").iterdir():
            text = "".join(p.read_text() for p in folder.glob("*.c"))
            if touches.search(text):
                self.assertIn("redis_setup(", text, folder.name)


class Front(RedisCase):
    def test_what_people_see_is_the_same_everywhere(self):
        self.node(self.place)
        other = self.another()
        result = other.run(["openclaw", "chat", "-w", "20", "note hi"])
        self.assert_status(result, 0)
        self.assertIn(b"noted hi", result.out)
        rows = other.run(["oc-session", "ls", "-j"]).records
        self.assertEqual([r["file"] for r in rows], ["terminal"])
        usage = other.run(["oc-session", "usage", "-j"]).records
        self.assertGreater(usage[0]["calls"], 0)
        self.assertIn(b"noted hi", other.run(["openclaw", "logs"]).out)
        status = other.run(["openclaw", "gateway", "status", "--json"])
        self.assertEqual(status.records[0]["queues"]["in"]["running"], 0)
        self.assertIn(b"answers", other.run(["openclaw", "doctor"]).out)

    def test_pairing_is_shared(self):
        self.redis.command("SET", "oc:f:senders.json", json.dumps(
            {"telegram": {"waiting": {"43": {
                "name": "Bob", "at": int(time.time() * 1000),
                "code": "ABCDEFGH"}}}}))
        self.assert_status(self.place.run(
            ["openclaw", "pairing", "approve", "telegram", "abcdefgh"]), 0)
        self.assertIn('"approved":{"43"',
                      self.redis.command("GET", "oc:f:senders.json"))


if __name__ == "__main__":
    unittest.main()
