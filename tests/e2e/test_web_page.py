"""The web page in a real browser."""
import json
import os
import random
import time
import urllib.request

import browser
import support
from looking import TOKEN, LookingCase, journal, now_ms

ENTER, ESCAPE, TAB, DOWN = "\ue007", "\ue00c", "\ue004", "\ue015"
AGENTS = "# Operations\n\n## Greet somebody\n\n    greet <name>\n"
HOSTILE = "<img src=x onerror='document.title=1'><script>hit=1</script>"
ANSWERS = {"gemini-2.5-flash": [
    {"text": "I greet her first.", "delay": 0.3, "calls": [
        {"name": "exec", "args": {"command": "greet Ada"}},
        {"name": "exec", "args": {"command": "rm -rf /"}}],
     "usage": {"input": 812, "output": 24}},
    {"text": "Ada was **greeted**; the rest is not permitted:\n\n"
             "```\n/dev/sda1  40%\n```\n\n- one\n- two " + HOSTILE,
     "usage": {"input": 1212, "output": 64}, "gap": 0.01},
    {"status": 503, "message": "overloaded"},
    {"status": 503, "message": "overloaded"},
    {"status": 503, "message": "overloaded"},
    {"text": "unhurried " * 400, "gap": 0.1}],
    "llama3.1:latest": [{"text": "It is I, llama.",
                         "usage": {"input": 100, "output": 10}}]}


def past_usage(write):
    """Two weeks of what three models were asked."""
    chance = random.Random(7)
    models = ["google/gemini-2.5-flash", "openai/llama3.1:latest",
              "openai/qwen2.5-coder:14b"]
    for ago in range(1, 14):
        at = time.time() - ago * 86400
        lines = []
        for i in range(chance.randint(15, 90)):
            model = chance.choices(models, [6, 2, 1])[0]
            tokens = chance.randint(300, 9000), chance.randint(10, 700)
            lines.append({
                "at": int(at * 1000), "turn": f"{ago}-{i}", "step": 0,
                "try": 0, "model": model, "input": tokens[0],
                "output": tokens[1],
                "session": chance.choice(["telegram:42", "http:web"]),
                **({"cost": tokens[0] * 3e-7 + tokens[1] * 2.5e-6}
                   if model.startswith("google") else {})})
        write("usage/" + time.strftime("%Y-%m-%d", time.gmtime(at))
              + ".ndjson", lines)


class PageCase(LookingCase):
    @classmethod
    def setUpClass(cls):
        support.need("oc-recv-http")
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        self.browser.go("about:blank")
        self.browser.complaints()  # of the test before
        self.browser.size(browser.DESKTOP)
        self.browser.dark(False)

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def enter(self):
        self.browser.go(self.url())
        self.browser.type("#token", TOKEN + ENTER)
        self.browser.wait("#frame")

    def view(self, name):
        self.browser.js("location.hash = arguments[0]", name)

    def assert_no_complaints(self):
        self.assertEqual(self.browser.complaints(), [])


class Door(PageCase):
    def test_nothing_is_shown_without_the_token(self):
        self.run_turn("t", journal("t", text="a secret message"))
        self.serve()
        web = self.browser
        web.go(self.url("/#turns/t"))
        web.wait("#token")
        self.assertEqual(web.all("#frame, nav, table, .turn, article"), [])
        self.assertEqual(web.text().split(),
                         "OpenClaw Token of the gateway Open".split())
        web.screenshot("door")
        web.type("#token", "a wrong one" + ENTER)
        web.wait_text("not the gateway's token", "#token-problem")
        self.assertEqual(web.all("#frame"), [])
        self.assertIsNone(web.js(
            "return sessionStorage.getItem('openclaw.token')"))
        # the right one opens what was asked for
        web.js("document.getElementById('token').value = ''")
        web.type("#token", TOKEN + ENTER)
        web.wait_text("a secret message", ".turn-head")
        self.assertEqual(web.js("return Object.keys(localStorage)"
                                ".filter((k) => /token/.test(k))"), [])
        # it holds for a reload, and no longer than the person wants
        web.js("location.reload()")
        web.wait_text("a secret message", ".turn-head")
        web.js("[...document.querySelectorAll('button')]"
               ".find((b) => b.textContent === 'Leave').click()")
        web.wait("#token")
        self.assertEqual(web.all("#frame"), [])
        self.assertNotIn("secret", web.text())

    def test_a_token_that_ends_shuts_the_door(self):
        self.serve()
        self.enter()
        self.browser.js(
            "sessionStorage.setItem('openclaw.token', 'old');"
            "location.hash = 'usage'")
        self.browser.wait("#token")
        self.assertEqual(self.browser.all("#frame"), [])

    def test_the_files_are_safe(self):
        self.serve()
        with urllib.request.urlopen(self.url()) as answer:
            policy = answer.headers["Content-Security-Policy"]
            page = answer.read().decode()
            tag = answer.headers["ETag"]
        for part in ("default-src 'none'", "script-src 'self'",
                     "frame-ancestors 'none'", "base-uri 'none'"):
            self.assertIn(part, policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotIn("<style", page)
        self.assertNotIn("//", page)
        self.assertEqual(self.open("/", token=None,
                                   **{"If-None-Match": tag}).status, 304)
        web = support.SOURCE / "share/web"
        for file in web.iterdir():
            text = file.read_text()
            for word in ("innerHTML", "outerHTML", "insertAdjacentHTML",
                         "document.write", "eval(", "new Function"):
                self.assertNotIn(word, text, file)
            if file.suffix != ".html":
                answer = self.open("/web/" + file.name, token=None)
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.read(), file.read_bytes())
        for path in ("/web/", "/web/../Makefile", "/web/%2e%2e/Makefile",
                     "/index.html", "/web/index.html", "/web/none.js"):
            self.assertEqual(self.open(path, token=None).status, 404, path)

    def test_a_page_of_another_site_is_no_caller(self):
        self.serve()
        self.browser.go("data:text/html,<p>another site</p>")
        self.assertEqual(self.browser.js(
            "return fetch(arguments[0] + 'api/status', {headers: "
            "{Authorization: 'Bearer ' + arguments[1]}})"
            ".then((a) => a.status, () => 'refused')",
            self.url(), TOKEN), "refused")


class Views(PageCase):
    """What is there is shown; no gateway runs."""

    def setUp(self):
        super().setUp()
        past_usage(self.write)
        for i in range(12):
            error = {"class": "no_model", "message": "none answered"}
            self.run_turn(f"t{i}", journal(
                f"t{i}", session="telegram:42" if i % 3 else "http:web",
                text=f"question {i}: how full are the disks?",
                at=now_ms() - (20 - i) * 60000,
                error=error if i == 4 else None))
            self.finish_turn(f"t{i}")
        begin = now_ms() - 15 * 60000
        self.write("sent/t5", [
            {"event": "plan", "at": begin + 3100, "parts": 1},
            {"event": "done", "at": begin + 3600, "status": "sent"}])
        (self.place.state / "models.json").write_text(json.dumps(
            {"local/other": {"until": now_ms() + 60000, "class": "auth",
                             "message": "HTTP 401"}}))
        self.serve()
        self.enter()

    def test_turns_and_a_timeline(self):
        web = self.browser
        self.view("turns")
        web.wait(".turn")
        self.assertEqual(len(web.all(".turn")), 12)
        web.click(".turn[data-id=t5]")
        web.wait_text("question 5", ".turn-head")
        rows = web.js("return [...document.querySelectorAll('.span')].map("
                      "(s) => [s.dataset.kind, s.dataset.state, "
                      "s.querySelector('b').textContent])")
        self.assertEqual(rows, [
            ["route", "ok", "route"], ["model", "failed", "b"],
            ["model", "ok", "d"], ["tool", "ok", "exec"],
            ["tool", "failed", "read_file"], ["model", "ok", "b"],
            ["send", "ok", "delivery"]])
        for text in ("300 in, 30 out", "0.2500", "1 fallback",
                     "It is done."):
            web.wait_text(text, ".detail")
        # the bars stand where they belong
        bars = web.js("return [...document.querySelectorAll('.track i')]"
                      ".map((b) => b.getBoundingClientRect().left)")
        self.assertEqual(bars[2:4], sorted(bars[2:4]))
        self.assertLess(bars[1], bars[5])
        web.click(".span:nth-of-type(4) summary")
        web.wait_text("hello Ada", ".detail")
        web.screenshot("timeline")
        self.assert_no_complaints()

    def test_with_keys_alone(self):
        web = self.browser
        self.view("turns")
        web.wait(".turn")
        web.js("document.querySelector('.turn').focus()")
        web.keys(DOWN + DOWN + ENTER)
        web.wait_text("question 9", ".turn-head")
        self.assertEqual(web.js(
            "return document.activeElement.dataset.id"), "t9")

    def test_a_new_turn_comes_by_itself(self):
        self.view("turns")
        self.browser.wait(".turn")
        self.run_turn("new", journal("new", text="just now")[:3])
        self.write("turns/new/events.ndjson", [
            {"at": now_ms(), "event": "attempt", "model": "a/b"}])
        self.browser.wait(".turn[data-id=new]")

    def test_system(self):
        web = self.browser
        self.view("system")
        web.wait_text("no gateway runs", ".problems")
        web.wait_text("out/http", ".system")
        web.wait_text("local/other", ".system")
        web.wait_text("HTTP 401", ".system")
        web.wait("#badge-system.alert")
        web.screenshot("system")
        self.assert_no_complaints()

    def test_usage(self):
        web = self.browser
        self.view("usage")
        web.wait(".plot svg rect")
        self.assertEqual(len(web.all(".plot .bar")), 14)
        heights = web.js(
            "return [...document.querySelectorAll('.plot .bar')].map((b) =>"
            "[...b.querySelectorAll('rect:not(.hit)')].reduce((a, r) => "
            "a + Number(r.getAttribute('height')), 0))")
        days = self.get("/api/usage?days=14")["days"]
        sums = [d["input"] + d["output"] for d in days]
        self.assertEqual(heights.index(max(heights)), sums.index(max(sums)))
        for name in ("google/gemini-2.5-flash", "openai/llama3.1:latest"):
            web.wait_text(name, ".legend")
            web.wait_text(name, "table.usage")
        web.screenshot("usage")
        web.js("document.querySelector('input[value=\"7\"]').click()")
        support.wait_for(lambda: len(web.all(".plot .bar")) == 7,
                         what="seven days")
        self.assert_no_complaints()

    def test_in_the_dark_and_on_a_phone(self):
        web = self.browser
        for size, mobile, name in ((browser.DESKTOP, False, "dark"),
                                   (browser.PHONE, True, "phone")):
            web.size(size, mobile)
            web.dark(name == "dark")
            for view, css in (("chat", ".welcome"), ("turns", ".turn"),
                              ("turns/t5", ".span"), ("system", ".rows"),
                              ("usage", ".plot svg")):
                self.view(view)
                web.wait(css)
                web.screenshot(f"{name}-{view.replace('/', '-')}")
                self.assertLessEqual(web.js(
                    "return document.documentElement.scrollWidth"), size[0])
                self.assertLessEqual(web.js(
                    "return document.querySelector('#view').scrollWidth"),
                    size[0])
        # on a phone one sees the list or the turn, and there is a way back
        self.view("turns/t5")
        web.wait(".span")
        self.assertEqual(web.js("return document.querySelector('.list')"
                                ".offsetParent"), None)
        web.click(".back")
        web.wait_text("question 11", ".list")
        self.assert_no_complaints()

    def test_what_others_wrote_stays_text(self):
        web = self.browser
        lines = journal("bad", session=HOSTILE, text=HOSTILE)
        lines[1]["step"]["calls"][0]["name"] = HOSTILE
        lines[1]["step"]["text"] = lines[-1]["reply"]["text"] = (
            HOSTILE + "\n\n[x](javascript:hit=1) ![y](http://z/q.png)\n\n"
            "# " + HOSTILE + "\n\n| " + HOSTILE + " | b |\n|---|---|\n")
        lines[4]["step"]["output"] = HOSTILE
        self.run_turn("bad", lines)
        self.finish_turn("bad")
        self.view("turns/bad")
        web.wait_text("<img", ".turn-head")
        self.assertEqual(web.all("#view img, #view script, a[href^=java]"),
                         [])
        self.assertIsNone(web.js("return window.hit ?? null"))


class Chat(PageCase):
    """A gateway with a model answers."""

    def setUp(self):
        super().setUp()
        support.need("oc-gateway", "oc-plan", "oc-exec-tool")
        model = self.model(ANSWERS)
        self.place.agents(AGENTS)
        self.greeted = self.place.folder / "greeted"
        os.mkfifo(self.greeted)
        self.place.script(
            "greet", f"#!/bin/sh\ncat {self.greeted}\necho \"hello $1\"\n")
        self.place.config({
            "primary_model": "google/gemini-2.5-flash",
            "fallbacks": ["openai/llama3.1:latest"],
            "providers": {"google": {"base_url": model.google_url},
                          "openai": {"base_url": model.openai_url}},
            "models": {"google/gemini-2.5-flash": {
                "price": {"input": 0.3, "output": 2.5}}}})
        self.place.env.update(GEMINI_API_KEY="k", LITELLM_API_KEY="k")
        self.place.start(["oc-gateway", "--role", "node"],
                         OC_LOG="info").wait_stderr("is up")
        self.serve()
        if self.open("/v1/chat/completions", method="POST").status == 404:
            self.skipTest("no chat completions in this build")
        self.enter()

    def say(self, text):
        self.browser.type("#say", text + ENTER)

    def test_a_conversation(self):
        web = self.browser
        web.wait(".welcome")
        self.say("greet Ada, and tidy up")
        # the call is seen while it runs, and what was said before it
        web.wait(".tool[data-state=runs]")
        web.wait_text("greet Ada", ".tool")
        web.wait_text("I greet her first.", ".agent")
        self.assertEqual(web.text(".composer button"), "Stop")
        web.screenshot("chat-running")
        self.greeted.write_text("a bow\n")
        web.wait_text("timeline", ".meta")
        self.assertEqual(
            web.js("return [...document.querySelectorAll('.tool')]"
                   ".map((t) => t.dataset.state)"), ["ok", "failed"])
        self.assertEqual(web.text(".markdown pre"), "/dev/sda1  40%")
        self.assertEqual(web.text(".markdown strong"), "greeted")
        self.assertEqual(web.all(".log img, .log script"), [])
        # what the tool gave
        web.click(".tool summary")
        web.wait_text("hello Ada", ".tool")
        web.screenshot("chat")
        # the same from the transcript
        web.js("location.reload()")
        web.wait_text("timeline", ".meta")
        self.assertEqual(len(web.all(".tool")), 2)
        # and its timeline
        web.click(".meta a")
        web.wait_text("greet Ada, and tidy up", ".turn-head")
        self.assertEqual(
            web.js("return [...document.querySelectorAll('.span')]"
                   ".map((s) => s.dataset.kind)"),
            ["route", "model", "tool", "tool", "model", "send"])
        web.screenshot("chat-timeline")
        # the next one: a fallback; then one that is stopped
        self.view("chat")
        web.wait(".message")
        self.say("and who are you?")
        web.wait_text("It is I, llama.", ".log")
        self.assert_no_complaints()
        self.assertEqual(self.get("/api/sessions")["sessions"][0]["session"],
                         "http:web")

    def test_one_that_is_stopped(self):
        web = self.browser
        web.wait(".welcome")
        self.say("greet Ada")
        web.wait(".tool[data-state=runs]")
        web.click(".composer button")
        web.wait_text("Stopped.", ".log")
        support.wait_for(lambda: self.get("/api/turns")["turns"],
                         what="the end of the turn")
        self.assertEqual(web.text(".composer button"), "Send")

    def test_on_a_phone(self):
        web = self.browser
        web.size(browser.PHONE, True)
        self.say("greet Ada, and tidy up")
        web.wait(".tool[data-state=runs]")
        web.screenshot("phone-chat-running")
        self.greeted.write_text("a bow\n")
        web.wait_text("timeline", ".meta")
        web.screenshot("phone-chat-answered")
        self.assertLessEqual(web.js(
            "return document.documentElement.scrollWidth"), 390)

    def test_what_is_held_elsewhere_is_read_only(self):
        self.write("sessions/telegram:42.ndjson", [
            {"turn": "t", "at": 1, "role": "user", "text": "from afar"}])
        self.view("chat/telegram:42")
        self.browser.wait_text("from afar", ".log")
        self.assertTrue(self.browser.js(
            "return document.getElementById('say').disabled"))
