"""GET /metrics: what is counted, and that Prometheus takes it."""
import json
import re
import shutil
import subprocess
import unittest
import urllib.parse
import urllib.request

import support
from looking import TOKEN, LookingCase, journal, now_ms


def parse(text):
    """{(name, labels as a sorted tuple): value}"""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(
            r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
        found[name, tuple(sorted(pairs))] = float(value)
    return found


class MetricsCase(LookingCase):
    def metrics(self):
        answer = self.open("/metrics", Connection="close")
        self.assertEqual(answer.status, 200)
        self.text = answer.read().decode()
        return parse(self.text)

    def value(self, name, **labels):
        return self.metrics().get((name, tuple(sorted(labels.items()))))

    def wait_value(self, wanted, name, **labels):
        support.wait_for(lambda: self.value(name, **labels) == wanted,
                         what=f"{name} {labels} {wanted}",
                         state=lambda: self.text)

    def finish(self, *args, **keywords):
        self.run_turn(args[0], journal(*args, **keywords))
        self.finish_turn(args[0])


class Metrics(MetricsCase):
    def test_only_with_the_token(self):
        self.serve()
        self.assertEqual(self.open("/metrics", token=None).status, 401)
        self.assertEqual(self.open("/metrics", token="wrong").status, 401)

    def test_turns_are_counted_once_as_they_finish(self):
        self.finish("before")
        self.serve()
        self.assertIsNone(self.value(
            "openclaw_turns_total", channel="telegram", outcome="ok"))
        self.finish("t1")
        self.finish("t2", error={"class": "no_model", "message": "x"})
        self.wait_value(1, "openclaw_turns_total", channel="telegram",
                        outcome="no_model")
        self.finish("t3", channel="http")
        self.wait_value(1, "openclaw_turns_total", channel="http",
                        outcome="ok")
        found = self.metrics()

        def value(name, **labels):
            return found[name, tuple(sorted(labels.items()))]
        self.assertEqual(value("openclaw_turns_total", channel="telegram",
                               outcome="ok"), 1)
        self.assertEqual(value("openclaw_steps_total"), 6)
        self.assertEqual(value("openclaw_model_attempts_total", model="a/b",
                               outcome="overloaded"), 3)
        self.assertEqual(value("openclaw_model_attempts_total", model="a/b",
                               outcome="ok"), 3)
        self.assertEqual(value("openclaw_fallbacks_total", model="a/b"), 3)
        self.assertEqual(value("openclaw_tool_calls_total", tool="exec",
                               outcome="ok"), 3)
        self.assertEqual(value("openclaw_tool_calls_total",
                               tool="read_file", outcome="failed"), 3)
        self.assertEqual(value("openclaw_tokens_total", model="c/d",
                               type="input"), 300)
        self.assertEqual(value("openclaw_tokens_total", model="c/d",
                               type="cached"), 120)
        self.assertEqual(value("openclaw_cost_total", model="c/d"), 0.75)
        self.assertEqual(value("openclaw_turn_duration_seconds_bucket",
                               channel="http", le="5"), 1)
        self.assertEqual(value("openclaw_turn_duration_seconds_bucket",
                               channel="http", le="2.5"), 0)
        self.assertEqual(value("openclaw_turn_duration_seconds_sum",
                               channel="http"), 3)

    def test_many_at_once(self):
        self.serve()
        for i in range(300):
            self.finish(f"t{i}")
        self.wait_value(300, "openclaw_turns_total", channel="telegram",
                        outcome="ok")

    def test_deliveries(self):
        self.serve()
        begin = now_ms()
        lines = [{"event": "plan", "at": begin, "parts": 1},
                 {"event": "intent", "at": begin, "part": 0}]
        self.write("sent/t1", lines)
        self.write("sent/t1", [
            {"event": "done", "at": begin + 700, "status": "sent"}])
        self.write("sent/t2", lines + [
            {"event": "done", "at": begin + 70, "status": "failed"}])
        self.write("sent/t1", [])  # opened and closed once more
        self.wait_value(1, "openclaw_deliveries_total", status="failed")
        self.wait_value(1, "openclaw_deliveries_total", status="sent")
        self.wait_value(2, "openclaw_delivery_duration_seconds_count")
        self.wait_value(1, "openclaw_delivery_duration_seconds_bucket",
                        le="0.5")

    def test_what_is_there_now(self):
        self.assert_status(self.place.run(
            ["oc-spool", "put", "in"], {"id": "t", "text": "hi"}), 0)
        (self.place.state / "models.json").write_text(json.dumps(
            {"a/b": {"until": now_ms() + 60000}, "c/d": {"until": 1}}))
        (self.place.state / "run").mkdir(exist_ok=True)
        (self.place.state / "run/agent.json").write_text(json.dumps(
            {"state": "waiting", "restarts": 3}))
        self.serve()
        self.assertEqual(self.value(
            "openclaw_queue_length", queue="in", state="waiting"), 1)
        self.assertEqual(self.value("openclaw_breaker_open", model="a/b"), 1)
        self.assertEqual(self.value("openclaw_breaker_open", model="c/d"), 0)
        self.assertEqual(self.value("openclaw_chain_up", chain="agent"), 0)
        self.assertEqual(self.value(
            "openclaw_chain_restarts_total", chain="agent"), 3)
        self.assertGreater(self.value(
            "openclaw_process_resident_memory_bytes",
            program="oc-recv-http"), 1 << 20)
        self.assertEqual(self.value(
            "openclaw_processes", program="oc-recv-http"), 1)

    def test_every_process_of_the_gateway(self):
        # the real one starts it the same way
        self.place.script(
            "oc-gateway", "#!/bin/sh\nsleep 600 &\noc-recv-http --port 0 -- "
            "oc-spool put in\n")
        stage = self.place.start(["oc-gateway"], OC_LOG="info")
        self.port = self.port_of(stage)
        found = self.metrics()
        count = {dict(k[1])["program"]: v for k, v in found.items()
                 if k[0] == "openclaw_processes"}
        self.assertEqual(count["oc-gateway"], 1)
        self.assertEqual(count["oc-recv-http"], 1)
        self.assertEqual(count["tool"], 1)
        self.assertGreaterEqual(count["oc-spool"], 1)
        self.assertGreater(found[
            "openclaw_process_resident_memory_bytes",
            (("program", "oc-gateway"),)], 100000)

    def test_names_from_outside_are_bounded(self):
        self.serve()
        for i in range(20):
            lines = journal(f"t{i}")
            for k in range(10):
                lines.insert(1, {"event": "step", "at": 1, "step": {
                    "role": "assistant", "model": f"m/{i}.{k}", "ms": 1,
                    "calls": []}})
            lines.insert(1, {"event": "step", "at": 1, "step": {
                "role": "assistant", "model": 'a"}\n\\b\x01' + "x" * 500}})
            self.run_turn(f"t{i}", lines)
            self.finish_turn(f"t{i}")
        self.wait_value(20, "openclaw_turns_total", channel="telegram",
                        outcome="ok")
        found = self.metrics()
        attempts = [k for k in found
                    if k[0] == "openclaw_model_attempts_total"]
        self.assertLessEqual(len(attempts), 100)
        self.assertIn((("model", "other"), ("outcome", "other")),
                      [k[1] for k in attempts])
        self.assertEqual(sum(found[k] for k in attempts), 20 * (3 + 11))
        self.assertLess(len(self.text), 512 * 1024)


class WithPrometheus(MetricsCase):
    def setUp(self):
        super().setUp()
        for name in ("prometheus", "promtool"):
            if not shutil.which(name):
                raise unittest.SkipTest(f"there is no {name}")
        self.serve()
        self.finish("t1")
        self.finish("t2", text='quote " and \\ and \n')
        self.wait_value(2, "openclaw_turns_total", channel="telegram",
                        outcome="ok")

    def test_promtool_finds_nothing(self):
        self.metrics()
        result = subprocess.run(
            ["promtool", "check", "metrics"], input=self.text.encode(),
            capture_output=True, timeout=support.DEADLINE_S)
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (0, b"", b""))

    def test_a_real_prometheus_scrapes_it(self):
        folder = self.place.folder
        (folder / "token").write_text(TOKEN)
        (folder / "prometheus.yml").write_text(json.dumps({
            "scrape_configs": [{
                "job_name": "openclaw", "scrape_interval": "200ms",
                "scrape_timeout": "200ms",
                "authorization": {"credentials_file": str(folder / "token")},
                "static_configs": [
                    {"targets": [f"127.0.0.1:{self.port}"]}]}]}))
        port = support.free_port()
        prometheus = self.place.start([
            "prometheus", f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb", "--log.level=warn",
            f"--web.listen-address=127.0.0.1:{port}"])

        def ask(query):
            url = (f"http://127.0.0.1:{port}/api/v1/query?"
                   + urllib.parse.urlencode({"query": query}))
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    result = json.load(answer)["data"]["result"]
            except OSError:
                return None
            return [float(r["value"][1]) for r in result]

        support.wait_for(
            lambda: ask('up{job="openclaw"}') == [1], what="a scrape",
            state=prometheus.stderr)
        self.assertEqual(ask("sum(openclaw_turns_total)"), [2])
        self.assertEqual(ask(
            "histogram_quantile(0.5, sum by (le) "
            "(openclaw_turn_duration_seconds_bucket)) > 2.5"), [3.75])
