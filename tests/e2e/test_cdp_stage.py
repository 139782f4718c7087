"""oc-cdp: the stage itself: turns, sessions, stops, and what is left behind."""
import json
import os
import unittest
from pathlib import Path

import cdp
import support

CALLS = int(os.environ.get("OC_CDP_CALLS", 60))  # 1000 where time is no matter
FORM = """<title>Order</title><form action=/sent>
<label>Name <input name=name></label><button>Send it</button></form>"""


def sent(request):
    return f"<title>Sent</title><p>order {request.path.partition('?')[2]}"


def silent(request):
    site_of_tests.ending.wait(120)
    return True


class Case(cdp.TestCase):
    pages = {"/form": FORM, "/sent": sent, "/silent": silent,
             "/": "<title>Home</title><p>at home"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        global site_of_tests
        site_of_tests = cls.site


class Agent(Case):
    """A turn of a model that uses the browser."""

    def test_a_turn_that_does_several_things(self):
        support.need("oc-route-model", "oc-loop", "oc-plan", "oc-send")
        self.configure()
        call = lambda name, **args: {
            "calls": [{"name": "browser_" + name, "args": args}]}
        model = self.model({"fake": [
            call("open", url=self.site.url + "/form"),
            call("snapshot"),
            call("type", ref="e1", text="Ada", submit=True),
            {"calls": [
                {"name": "browser_text", "args": {}},
                {"name": "browser_pdf", "args": {"send": True}},
                {"name": "browser_screenshot",
                 "args": {"width": 200, "height": 100, "send": True}}]},
            {"text": "It is ordered."}]})
        config = json.loads(
            Path(self.place.env["OC_CONFIG"]).read_text())
        self.place.config({
            **config, "primary_model": "openai/fake", "fallbacks": [],
            "providers": {"openai": {"base_url": model.openai_url}}})
        self.place.env["LITELLM_API_KEY"] = "k"
        result = self.place.shell(
            "oc-route-model | oc-loop -- 'oc-plan | oc-exec-tool | oc-cdp'",
            {"text": "order a lamp", "id": "t"}, cdp.SLOW)
        self.assert_status(result, 0)
        record, = result.records
        self.assert_valid(record)
        self.assertEqual(model.complaints, [])
        steps = [s for s in record["steps"] if s["role"] == "tool"]
        self.assertTrue(all(s["ok"] for s in steps), steps)
        self.assertIn("order name=Ada", steps[3]["output"])
        self.assertEqual(record["taint"], ["web"])
        self.assertEqual(record["reply"]["text"], "It is ordered.")
        pdf, png = record["reply"]["media"]
        self.assertEqual([m["mime"] for m in (pdf, png)],
                         ["application/pdf", "image/png"])
        for one in pdf, png:
            self.assertEqual(Path(one["path"]).stat().st_size, one["bytes"])
            self.assertNotIn("send", one)
        shown = self.place.run(["oc-send", "-c", "stdout"], record)
        self.assertIn(pdf["path"].encode(), shown.out)


class Stage(Case):
    def test_sessions_share_nothing(self):
        self.configure(keep="session")
        stage = self.start_stage()
        for session in "ab":
            self.do(stage, "open", session=session, url=self.site.url)
            self.assertEqual("", self.do(
                stage, "evaluate", session=session,
                expression="document.cookie"))
            self.do(stage, "evaluate", session=session, expression=
                    f"document.cookie='x={session}';"
                    f"localStorage.y='{session}'")
        for session in "ab":
            self.assertEqual(
                f"x={session} {session}",
                self.do(stage, "evaluate", session=session, expression=
                        "document.cookie+' '+localStorage.y"))

    def test_the_end_of_a_turn_closes_its_pages(self):
        chromium = self.shared_chromium()
        self.configure()
        before = len(chromium.targets())
        stage = self.start_stage()
        self.do(stage, "open", url=self.site.url)
        self.assertEqual(len(chromium.targets()), before + 1)
        stage.send({**self.turn, "reply": {"text": "done"}})
        self.assertEqual(stage.read()["reply"], {"text": "done"})
        support.wait_for(lambda: len(chromium.targets()) == before,
                         cdp.SLOW, "the end of the page")
        self.assertIn("browser_open", self.fail_to(stage, "text"))

    def test_pages_that_nobody_uses_are_closed(self):
        chromium = self.shared_chromium()
        self.configure(keep="session", idle_s=1)
        before = len(chromium.targets())
        stage = self.start_stage()
        self.do(stage, "open", url=self.site.url)
        support.wait_for(lambda: len(chromium.targets()) == before,
                         cdp.SLOW, "the end of the page")

    def test_an_idle_browser_is_ended(self):
        self.configure(started=True, idle_s=1)
        stage = self.start_stage()
        self.do(stage, "open", url=self.site.url)
        self.assertTrue(cdp.chromiums_of(stage.pid))
        support.wait_for(lambda: not cdp.chromiums_of(stage.pid),
                         cdp.SLOW, "the end of the browser")
        self.do(stage, "open", url=self.site.url)

    def test_stop(self):
        self.configure()
        stage = self.start_stage()
        self.do(stage, "open", session="other", url=self.site.url)
        stage.send(cdp.turn(
            cdp.call("open", "a", url=self.site.url + "/silent"),
            cdp.call("text", "b")))
        support.wait_for(lambda: "/silent" in self.site.paths(), cdp.SLOW,
                         "the request")
        stage.send({"type": "stop", "session": "s"})
        record = stage.read(cdp.SLOW)
        self.assertEqual([s["output"] for s in record["steps"][1:]],
                         ["stopped by the person"] * 2)
        self.assertEqual(stage.read()["type"], "stop")
        self.assertEqual("at home", self.do(
            stage, "text", session="other"))

    def test_more_sessions_than_there_is_room_for(self):
        self.configure(keep="session", sessions=2)
        chromium = self.shared_chromium()
        before = len(chromium.targets())
        stage = self.start_stage()
        for n in range(5):
            stage.send(cdp.turn(
                cdp.call("open", "a", url=self.site.url),
                cdp.call("text", "b"), session=f"s{n}", id=f"t{n}"))
        done = {}
        for _ in range(5):
            record = stage.read(cdp.SLOW)
            done[record["id"]] = [s["output"] for s in record["steps"][1:]]
        self.assertEqual(len(done), 5)
        for outputs in done.values():
            self.assertEqual(outputs[1], "at home")
        self.assertLessEqual(len(chromium.targets()) - before, 2)

    def test_calls_are_journalled_before_they_start(self):
        support.need("oc-session")
        self.configure()
        self.place.run(["oc-session", "open"], cdp.turn(
            session="s", id="j1"))
        opened = self.place.run(["oc-session", "open"], {
            "id": "j2", "session": "s", "channel": "stdout", "text": "x"})
        record, = opened.records
        record["steps"] = cdp.turn(
            cdp.call("open", url=self.site.url))["steps"]
        result = self.place.run([cdp.STAGE], record, cdp.SLOW)
        self.assertTrue(result.records[0]["steps"][1]["ok"])
        journal, = self.place.state.glob("turns/j2/journal.ndjson")
        events = [json.loads(line)["event"]
                  for line in journal.read_text().splitlines()]
        self.assertEqual(events, ["begin", "call", "step"])

    def test_nothing_is_left_of_many_calls(self):
        chromium = self.shared_chromium()
        self.configure(started=False, keep="turn")
        before = len(chromium.targets())
        stage = self.start_stage()

        def descriptors():
            return len(os.listdir(f"/proc/{stage.pid}/fd"))

        def memory():
            status = Path(f"/proc/{stage.pid}/status").read_text()
            return int(status.partition("VmRSS:")[2].split()[0])

        def one(n):
            session = f"s{n % 3}"
            self.do(stage, "open", session=session, url=self.site.url + "/form")
            self.do(stage, "snapshot", session=session)
            self.do(stage, "evaluate", session=session,
                    expression="document.title")
            self.do(stage, "text", session=session)
            stage.send({**self.turn, "reply": {"text": "done"}})
            stage.read()

        for n in range(5):
            one(n)
        support.wait_for(lambda: len(chromium.targets()) == before,
                         cdp.SLOW, "the end of the pages")
        fds, kib = descriptors(), memory()
        for n in range(CALLS // 4):
            one(n)
        support.wait_for(lambda: len(chromium.targets()) == before,
                         cdp.SLOW, "the end of the pages")
        support.wait_for(lambda: descriptors() <= fds, cdp.SLOW,
                         "no descriptor more", descriptors)
        if not support.SANITIZED:
            self.assertLess(memory() - kib, 2048, "kB of memory more")
        self.assertEqual(support.descendants(stage.pid), [])


class Doctor(Case):
    def test_doctor(self):
        support.need("openclaw")
        for url, words in (
                (self.shared_chromium().url, "answers at"),
                (self.site.url, "not a browser's debugging port"),
                (f"http://127.0.0.1:{cdp.closed_port()}", "refused")):
            self.configure(url=url)
            result = self.place.run(["openclaw", "doctor"], b"", cdp.SLOW)
            self.assertIn(words, result.out.decode())


if __name__ == "__main__":
    unittest.main()
