"""GET /api/...: what it shows, and what it does not."""
import json
import os
import time

import support
from looking import TOKEN, Events, LookingCase, journal, name_of, now_ms

PATHS = ["status", "queues", "turns", "turns/t", "turns/t/events",
         "sessions", "sessions/s", "events", "usage"]


class Everywhere(LookingCase):
    def test_nothing_without_the_token(self):
        self.run_turn("t", journal("t"))
        self.serve()
        for path in PATHS:
            answer = self.open("/api/" + path, token=None)
            self.assertEqual(answer.status, 401, path)
            body = answer.read()
            self.assertEqual(json.loads(body)["error"]["type"],
                             "unauthorized")
            self.assertNotIn(b"Ada", body)

    def test_nothing_is_changed(self):
        self.serve()
        for path in PATHS:
            for method in ("POST", "PUT", "DELETE"):
                answer = self.open("/api/" + path, method=method)
                self.assertEqual(answer.status, 405, (method, path))
        self.assertEqual(self.open("/api/nothing").status, 404)
        self.assertEqual(self.open("/api/").status, 404)

    def test_no_path_leads_out_of_the_state(self):
        secret = self.place.folder / "secret.ndjson"
        secret.write_text("".join(
            json.dumps(line) + "\n" for line in journal("out")))
        self.write("sessions/s.ndjson", [{"role": "user", "text": "hi"}])
        os.symlink(secret, self.place.state / "sessions/link.ndjson")
        self.serve()
        for name in ("../../secret", "..%2f..%2fsecret", "%2e%2e%2fsecret",
                     "..", ".", "s.ndjson%00", "%00", "", "link", "%ff",
                     "x" * 5000, "%2fetc%2fpasswd", "..%5csecret"):
            for kind in ("turns", "sessions"):
                answer = self.open(f"/api/{kind}/{name}")
                self.assertIn(answer.status, (400, 404, 414), (kind, name))
                self.assertNotIn(b"Ada", answer.read())

    def test_no_secret(self):
        self.place.env["GEMINI_API_KEY"] = "a-key-of-a-model"
        self.run_turn("t", journal("t"))
        stage = self.serve()
        for path in ("status", "queues", "turns", "usage", "sessions"):
            body = self.open("/api/" + path).read()
            self.assert_no_secret(TOKEN, body)
            self.assert_no_secret("a-key-of-a-model", body)
        self.assert_no_secret_in_processes(TOKEN, stage.pid)


class Turns(LookingCase):
    def test_a_timeline(self):
        self.run_turn("t/1", journal("t/1", at=1000000))
        self.finish_turn("t/1")
        self.write("sent/" + name_of("t/1"), [
            {"event": "plan", "at": 1003100, "parts": 1},
            {"event": "intent", "at": 1003100, "part": 0},
            {"event": "done", "at": 1003300, "status": "sent"}])
        self.serve()
        turn = self.get("/api/turns/t%2F1")
        self.assertEqual(
            {k: turn[k] for k in ("id", "session", "channel", "state",
                                  "begun", "ended", "ms", "steps", "calls",
                                  "fallbacks", "input", "output", "cached",
                                  "cost", "answered_by")},
            {"id": "t/1", "session": "s", "channel": "telegram",
             "state": "done", "begun": 1000000, "ended": 1003000, "ms": 3000,
             "steps": 2, "calls": 2, "fallbacks": 1, "input": 300,
             "output": 30, "cached": 40, "cost": 0.25,
             "answered_by": "a/b"})
        self.assertEqual(turn["route"]["models"], ["a/b", "c/d"])
        self.assertEqual(turn["reply"]["text"], "It is done.")
        self.assertEqual(
            [(i["kind"], i.get("model") or i.get("name"), i["ok"],
              i["at"] - 1000000, i["ms"]) for i in turn["items"]],
            [("model", "a/b", False, 0, 300),
             ("model", "c/d", True, 600, 400),
             ("tool", "exec", True, 1010, 490),
             ("tool", "read_file", False, 1048, 2),
             ("model", "a/b", True, 1510, 1480)])
        self.assertEqual(turn["items"][2]["args"], {"command": "greet Ada"})
        self.assertEqual(
            (turn["delivery"]["status"], turn["delivery"]["begun"],
             turn["delivery"]["at"]), ("sent", 1003100, 1003300))

    def test_one_that_runs(self):
        self.run_turn("t", journal("t")[:3])
        self.serve()
        turn = self.get("/api/turns/t")
        self.assertEqual(turn["state"], "running")
        self.assertNotIn("ended", turn)
        self.assertEqual(turn["items"][-1]["name"], "exec")
        self.assertNotIn("ok", turn["items"][-1])
        (running,) = self.get("/api/turns")["running"]
        self.assertEqual((running["id"], running["text"]),
                         ("t", "greet Ada"))
        self.assertNotIn("items", running)

    def test_pages_from_the_newest(self):
        begin = now_ms() - 100000
        for i in range(7):
            self.run_turn(f"t{i}", journal(
                f"t{i}", session=f"s{i % 2}", at=begin + i * 1000))
            self.finish_turn(f"t{i}")
            os.utime(next(self.place.state.glob(f"archive/*/t{i}.ndjson")),
                     ns=(0, (begin + i * 1000) * 1000000))
        self.serve()
        page = self.get("/api/turns?limit=3")
        self.assertEqual([t["id"] for t in page["turns"]],
                         ["t6", "t5", "t4"])
        page = self.get("/api/turns?limit=3&before=" + page["next"])
        self.assertEqual([t["id"] for t in page["turns"]],
                         ["t3", "t2", "t1"])
        page = self.get("/api/turns?limit=3&before=" + page["next"])
        self.assertEqual([t["id"] for t in page["turns"]], ["t0"])
        self.assertNotIn("next", page)
        page = self.get("/api/turns?session=s1")
        self.assertEqual([t["id"] for t in page["turns"]],
                         ["t5", "t3", "t1"])
        self.assertEqual(self.get("/api/turns?before=none")["turns"], [])

    def test_one_that_finishes_meanwhile(self):
        self.serve()
        self.run_turn("t", journal("t"))
        self.assertEqual(self.get("/api/turns")["turns"], [])
        self.finish_turn("t")
        support.wait_for(lambda: self.get("/api/turns")["turns"],
                         what="the turn in the list")

    def test_old_ones_are_found_by_their_id(self):
        for day in ("2020-01-01", "2020-01-02", "2020-01-03"):
            self.run_turn(day, journal(day))
            self.finish_turn(day, day)
        self.serve()
        self.assertEqual(self.get("/api/turns/2020-01-01")["state"], "done")

    def test_journals_that_are_none(self):
        for name, data in (("empty", b""), ("cut", b'{"event":"beg'),
                           ("text", b"hello\n"), ("array", b"[1]\n"),
                           ("nul", b"\0\0\0\n"),
                           ("numbers", b'{"event":1,"at":"x","turn":7}\n'),
                           ("odd", b'{"event":"begin","at":1,"turn":[]}\n'
                            b'{"event":"step","step":5}\n'
                            b'{"event":"step","step":{"role":"tool",'
                            b'"call":[]}}\n{"event":"call"}\n')):
            folder = self.place.state / "turns" / name
            folder.mkdir(parents=True)
            (folder / "journal.ndjson").write_bytes(data)
        stage = self.serve()
        self.get("/api/turns")
        for name in ("empty", "cut", "text", "array", "nul", "numbers"):
            self.get("/api/turns/" + name, status=404)
        self.assertEqual(self.get("/api/turns/odd")["state"], "running")
        self.assertIsNone(stage.process.poll())

    def test_a_long_journal_is_cut(self):
        lines = journal("t")
        step = {"event": "step", "at": 1, "step": {
            "role": "tool", "call": "9", "ok": True, "output": "x" * 60000}}
        self.run_turn("t", lines[:1] + [step] * 80 + lines[1:])
        self.serve()
        turn = self.get("/api/turns/t")
        self.assertTrue(turn["cut"])
        self.assertLess(len(json.dumps(turn)), 2 << 20)
        self.assertLess(len(turn["items"][0]["output"]), 9000)


class Sessions(LookingCase):
    def test_the_list_and_one(self):
        self.write("sessions/old.ndjson", [{"role": "user", "text": "1"}])
        os.utime(self.place.state / "sessions/old.ndjson", (1, 1))
        self.write(f"sessions/{name_of('web:a b/ü')}.ndjson", [
            {"turn": "t", "at": 5, "role": "user", "text": "hi"},
            {"turn": "t", "at": 6, "role": "assistant", "text": "hello",
             "model": "a/b", "google": {"parts": ["not for people"]}}])
        self.write("sessions/old.1.old", [{"role": "user", "text": "gone"}])
        self.serve()
        all = self.get("/api/sessions")
        self.assertEqual([s["session"] for s in all["sessions"]],
                         ["web:a b/ü", "old"])
        self.assertEqual(all["count"], 2)
        self.assertEqual(
            len(self.get("/api/sessions?limit=1")["sessions"]), 1)
        one = self.get("/api/sessions/web:a%20b%2F%C3%BC")
        self.assertEqual([(e["role"], e["text"]) for e in one["entries"]],
                         [("user", "hi"), ("assistant", "hello")])
        self.assertNotIn("google", one["entries"][1])
        self.assertFalse(one["cut"])
        self.get("/api/sessions/nobody", status=404)

    def test_the_end_of_a_long_one(self):
        self.write("sessions/s.ndjson", [
            {"role": "user", "text": f"{i} " + "x" * 1000}
            for i in range(2000)])
        self.serve()
        one = self.get("/api/sessions/s?limit=5")
        self.assertEqual([e["text"].split()[0] for e in one["entries"]],
                         ["1995", "1996", "1997", "1998", "1999"])
        self.assertTrue(one["cut"])
        self.assertLessEqual(
            len(self.get("/api/sessions/s?limit=100000")["entries"]), 200)


class LiveEvents(LookingCase):
    def event(self, id, event, **more):
        self.write(f"turns/{name_of(id)}/events.ndjson",
                   [{"at": now_ms(), "event": event, **more}])

    def test_of_one_turn(self):
        self.run_turn("t", journal("t")[:1])
        self.event("t", "attempt", model="a/b")
        self.serve()
        answer = self.open("/api/turns/t/events")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("Content-Type"),
                         "text/event-stream")
        events = Events(answer)
        self.event("t", "text", delta="hel")
        self.event("t", "tool_start", call="1", name="exec", args={})
        found = events.until("tool_start")
        self.assertIn(("text", "hel"), [(e, d.get("delta"))
                                        for e, d in found])
        self.assertEqual(found[-1][1]["turn"], "t")
        self.event("t", "reply")
        events.until("end")
        self.assertIsNone(events.next())
        self.get("/api/turns/nobody/events", status=404)

    def test_of_all_turns(self):
        self.run_turn("a", journal("a")[:1])
        self.serve()
        events = Events(self.open("/api/events"))
        self.event("a", "attempt", model="a/b")
        self.assertEqual(events.next()[1]["turn"], "a")
        self.run_turn("b:1", journal("b:1")[:1])
        self.event("b:1", "attempt", model="c/d")
        event, data = events.next()
        self.assertEqual((event, data["turn"], data["model"]),
                         ("attempt", "b:1", "c/d"))
        self.finish_turn("a")
        self.event("b:1", "reply")
        self.assertEqual(events.next()[0], "reply")

    def test_who_watches_holds_up_nothing(self):
        self.run_turn("t", journal("t")[:1])
        stage = self.serve()
        for path in ("/api/events", "/api/turns/t/events"):
            self.open(path).readline()
        stage.signal(15)
        self.assert_status(stage.wait(), 0)


class Usage(LookingCase):
    def test_sums(self):
        today = time.strftime("%Y-%m-%d", time.gmtime())
        before = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
        line = {"at": 1, "turn": "t", "session": "s", "step": 0, "try": 0,
                "model": "a/b", "input": 10, "output": 1, "cost": 0.5}
        self.write(f"usage/{today}.ndjson", [
            line, line, {**line, "step": 1, "session": "other"},
            {**line, "try": 1, "model": "c/d", "failed": True, "cost": 0}])
        self.write(f"usage/{before}.ndjson", [{**line, "turn": "u"}])
        self.serve()
        usage = self.get("/api/usage?days=3")
        self.assertEqual([d["day"] for d in usage["days"]][1:],
                         [before, today])
        self.assertEqual([d["calls"] for d in usage["days"]], [0, 1, 3])
        self.assertEqual(usage["total"], {
            "calls": 4, "failed": 1, "input": 40, "output": 4, "cached": 0,
            "cost": 1.5})
        self.assertEqual(
            [(m["name"], m["calls"]) for m in usage["models"]],
            [("a/b", 3), ("c/d", 1)])
        self.assertEqual(
            sorted((s["name"], s["calls"]) for s in usage["sessions"]),
            [("other", 1), ("s", 3)])
        # what is added is read, and nothing twice
        self.write(f"usage/{today}.ndjson", [line, {**line, "turn": "v"}])
        self.assertEqual(self.get("/api/usage?days=3")["total"]["calls"], 5)
        self.assertEqual(self.get("/api/usage?days=1")["total"]["calls"], 4)


class Status(LookingCase):
    def test_queues_and_breakers(self):
        self.assert_status(self.place.run(
            ["oc-spool", "put", "in"], {"id": "t", "text": "hi"}), 0)
        (self.place.state / "models.json").write_text(json.dumps(
            {"a/b": {"until": now_ms() + 60000, "class": "auth"}}))
        self.serve()
        status = self.get("/api/status")
        self.assertEqual(status["queues"]["in"]["waiting"], 1)
        self.assertEqual(status["models"]["a/b"]["class"], "auth")
        self.assertEqual(status["configured_models"][0], "local/runbook")
        self.assertFalse(status["roles"]["node"]["running"])
        self.assertTrue(any("no gateway runs" in p
                            for p in status["problems"]))
        self.assertEqual(self.get("/api/queues")["queues"],
                         status["queues"])
