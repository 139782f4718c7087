"""oc-gateway: chains that stay up, drains, and never two on one state."""
import json
import os
import shutil
import signal
import time
import unittest
from pathlib import Path

import gateway
import support

PROGRAMS = ("oc-spool", "oc-session", "oc-route-model", "oc-loop", "oc-plan",
            "oc-exec-tool")


class RoundTrip(gateway.GatewayCase):
    def test_message_to_reply(self):
        stage = self.gateway()
        self.put("t1")
        self.assertIn("hello Ada", self.wait_reply("t1"))
        self.assert_status(self.end(stage), 0)
        self.assertEqual(self.chain("agent")["state"], "stopped")

    def test_what_waited_before_the_start(self):
        self.put("t1")
        self.gateway()
        self.assertIn("hello Ada", self.wait_reply("t1"))

    def test_node_alone(self):
        stage = self.gateway("--role", "node")
        self.put("t1")
        self.wait_reply("t1")
        self.assertFalse((self.place.state / "run/gateway.lock").exists())
        self.assert_status(self.end(stage), 0)

    def test_idle_wakes_nothing(self):
        stage = self.gateway()
        self.wait_programs(stage, *PROGRAMS)
        self.put("t1")
        self.wait_reply("t1")
        own = [stage.pid] + [p for n, p in self.programs(stage)
                             if n in ("oc-gateway", "sh")]
        def switches():
            total = 0
            for pid in own:
                status = open(f"/proc/{pid}/status").read()
                total += sum(int(line.split()[1])
                             for line in status.splitlines()
                             if line.startswith("voluntary"))
            return total
        before = switches()
        time.sleep(1.5)
        self.assertEqual(switches(), before)


class Crashes(gateway.GatewayCase):
    def test_each_program_in_turn(self):
        stage = self.gateway()
        for number, name in enumerate(PROGRAMS):
            with self.subTest(killed=name):
                pid = self.wait_programs(stage, *PROGRAMS)[name]
                self.put(f"before{number}", session=f"b{number}")
                os.kill(pid, signal.SIGKILL)
                self.put(f"after{number}", session=f"a{number}")
                self.wait_reply(f"before{number}")
                self.wait_reply(f"after{number}")
        self.assertGreaterEqual(self.chain("agent")["restarts"],
                                len(PROGRAMS))
        for texts in self.replies().values():
            self.assertEqual(len(texts), 1, "a reply came twice")
        self.assert_status(self.end(stage), 0)

    def test_the_process_of_a_chain(self):
        stage = self.gateway()
        old = self.programs(stage)
        os.kill(self.chain("agent")["pid"], signal.SIGKILL)
        self.assert_all_gone(pid for _, pid in old)
        self.put("t1")
        self.wait_reply("t1")

    def test_the_supervisor(self):
        stage = self.gateway()
        old = self.wait_programs(stage, *PROGRAMS).values()
        os.kill(stage.pid, signal.SIGKILL)
        self.assert_all_gone(old)
        self.gateway()
        self.put("t1")
        self.wait_reply("t1")

    def test_a_kill_is_no_wrong_configuration(self):
        """Whoever runs a gateway does not start it again after 78."""
        programs = self.place.folder / "programs"
        mark = self.place.folder / "kill"
        shutil.copytree(support.BIN, programs)
        (programs / "openclaw").rename(programs / "openclaw.real")
        (programs / "openclaw").write_text(
            f"#!/bin/sh\n[ ! -e {mark} ] || {{ rm {mark}; kill -9 $$; }}\n"
            'exec "$0.real" "$@"\n')
        (programs / "openclaw").chmod(0o755)
        mark.touch()
        result = self.place.run([programs / "oc-gateway"])
        self.assert_status(result, 75)

    def test_a_program_that_always_fails_is_not_hammered(self):
        self.place.fake("bad-stage", status=1)
        self.configure(tools={"stages": ["bad-stage"]})
        stage = self.gateway()
        self.put("t1")
        support.wait_for(lambda: self.chain("agent").get("restarts", 0) >= 3,
                         what="three restarts")
        self.assertLess(len(self.place.calls("bad-stage")), 8)
        self.assertIn("starts again in 0.4 s", stage.stderr())
        self.assert_status(self.end(stage), 0)


class Drain(gateway.GatewayCase):
    def start_rest(self, *options):
        stage = self.gateway(*options)
        self.put("t1", "take a rest")
        support.wait_for(self.rest.exists, what="the tool's start")
        return stage

    def test_a_running_turn_ends(self):
        stage = self.start_rest()
        stage.signal(signal.SIGTERM)
        stage.wait_stderr("ends, after")
        self.put("t2")
        self.assert_status(stage.wait(), 0)
        self.assertIn("rested", self.replies()["t1"][0])
        self.assertNotIn("t2", self.replies())
        self.gateway()
        self.wait_reply("t2")

    def test_at_most_so_long(self):
        stage = self.start_rest("--drain", "1")
        begin = time.monotonic()
        programs = [pid for _, pid in self.programs(stage)]
        self.assert_status(self.end(stage, 10), 0)
        self.assertNotIn("t1", self.replies())
        self.assert_all_gone(programs)
        self.assertLess(time.monotonic() - begin, 10)
        self.gateway()
        self.wait_reply("t1")

    def test_twice_is_at_once(self):
        self.place.script(  # longer than the slowest machine needs here
            "rest", f"#!/bin/sh\necho >>{self.rest}\nsleep 20\n")
        stage = self.start_rest()
        stage.signal(signal.SIGTERM)
        stage.wait_stderr("ends, after")
        self.wait_chain("agent", "draining")
        time.sleep(0.3)  # two signals at once are one
        self.assert_status(self.end(stage, 10), 0)
        self.assertNotIn("t1", self.replies())


class Reload(gateway.GatewayCase):
    def test_a_new_configuration(self):
        stage = self.gateway()
        old = self.wait_programs(stage, *PROGRAMS)["oc-plan"]
        self.place.fake("second", status=0)
        self.configure(tools={"stages": ["oc-exec-tool", "cat"]})
        stage.signal(signal.SIGHUP)
        now = self.wait_programs(stage, *PROGRAMS, "cat")
        self.assertNotEqual(now["oc-plan"], old)
        self.assertEqual(self.chain("agent")["restarts"], 0)
        self.put("t1")
        self.wait_reply("t1")

    def test_a_wrong_one_changes_nothing(self):
        stage = self.gateway()
        self.put("t1")  # when it is answered, all have read the right one
        self.wait_reply("t1")
        old = self.wait_programs(stage, *PROGRAMS)
        self.place.config("no_such_key: 1\n")
        stage.signal(signal.SIGHUP)
        stage.wait_stderr("goes on with the old")
        self.assertEqual(self.wait_programs(stage, *PROGRAMS), old)

    def test_the_log_anew(self):
        log = self.place.folder / "log"
        stage = self.place.start(["oc-gateway", "--log", log])
        support.wait_for(lambda: log.exists() and "is up" in log.read_text())
        log.rename(self.place.folder / "log.1")
        stage.signal(signal.SIGHUP)
        support.wait_for(lambda: log.exists() and "again" in log.read_text())


class Config(support.TestCase):
    def get(self, *keys, **env):
        result = self.place.run(["openclaw", "config", "get", *keys], **env)
        self.assert_status(result, 0)
        return result.out.decode().splitlines()

    def test_get(self):
        self.place.config({"tools": {"stages": ["oc-exec-tool", "more"]}})
        self.assertEqual(
            self.get("tools.stages", "limits.steps", "litellm_base_url",
                     "tools.exec.policy", "routes"),
            ["oc-exec-tool", "more", "32", "null", "runbook"])

    def test_get_what_is_not_there(self):
        for argv in (["no.such"], []):
            result = self.place.run(["openclaw", "config", "get", *argv])
            self.assert_status(result, 64)

    def test_allow_unconfigured_for_a_run(self):
        self.place.config({})
        self.assertEqual(self.get("allow_unconfigured"), ["false"])
        self.assertEqual(self.get("allow_unconfigured",
                                  OC_ALLOW_UNCONFIGURED="1"), ["true"])
        self.assertEqual(self.get("allow_unconfigured",
                                  OC_ALLOW_UNCONFIGURED="yes"), ["false"])


class Status(gateway.GatewayCase):
    def status(self, expected):
        text = self.place.run(["openclaw", "gateway", "status"])
        self.assert_status(text, expected)
        result = self.place.run(["openclaw", "gateway", "status", "--json"])
        self.assert_status(result, expected)
        for problem in result.records[0]["problems"]:
            self.assertIn(problem, text.out.decode())
        return result.records[0]

    def test_without_a_gateway(self):
        seen = self.status(1)
        self.assertIn("openclaw gateway run", seen["problems"][0])
        self.assertEqual(seen["roles"]["node"], {"running": False})

    def test_well(self):
        stage = self.gateway()
        seen = self.status(0)
        self.assertEqual(seen["problems"], [])
        self.assertEqual(seen["chains"]["agent"]["state"], "running")
        self.assertIn(str(stage.pid), seen["roles"]["gateway"]["holder"])
        self.assertGreater(seen["disk"]["free_bytes"], 0)

    def test_after_a_kill(self):
        stage = self.gateway()
        stage.kill()
        seen = self.status(1)
        self.assertIn("no gateway", seen["problems"][0])
        self.assertEqual(seen["chains"], {}, "nothing is said to run")

    def test_one_role(self):
        self.gateway("--role", "node")
        self.assertIn("role gateway", self.status(1)["problems"][0])

    def test_queues_and_dead_letters(self):
        self.gateway()
        out = self.place.state / "out" / "telegram"
        for name in ("new", "dead"):
            (out / name).mkdir(parents=True)
        (out / "new" / "00001795409093000000.x").write_text("{}")
        (out / "dead" / "00001795409093000000.y").write_text("{}")
        seen = self.status(1)
        self.assertEqual(seen["queues"]["out/telegram"]["given_up"], 1)
        self.assertGreater(seen["queues"]["out/telegram"]["oldest_s"], 60)
        self.assertEqual(len(seen["problems"]), 2)

    def test_a_model_that_is_not_asked(self):
        self.gateway()
        (self.place.state / "models.json").write_text(json.dumps(
            {"google/x": {"until": int(time.time() * 1000) + 60000,
                          "class": "rate", "message": "slow down"},
             "google/y": {"until": 5, "class": "rate"}}))
        self.assertEqual(list(self.status(0)["models"]), ["google/x"])

    def test_telegram(self):
        self.gateway()
        self.configure(channels={"telegram": {"enabled": True}})
        self.assertIn("no poll", self.status(1)["problems"][0])
        note = self.place.state / "telegram.json"
        note.write_text(json.dumps({"polled_at": 5}))
        self.assertIn("ago", self.status(1)["problems"][0])
        note.write_text(json.dumps({"polled_at": 5, "problem": "401"}))
        self.assertIn("401", self.status(1)["problems"][0])
        note.write_text(json.dumps({"polled_at": int(time.time() * 1000)}))
        self.status(0)

    def test_stop(self):
        stage = self.gateway()
        self.assert_status(self.place.run(["openclaw", "gateway", "stop"]), 0)
        self.assertIsNotNone(stage.process.poll())
        result = self.place.run(["openclaw", "gateway", "stop"])
        self.assert_status(result, 1)
        self.assertIn("no gateway", result.err)

    def test_the_front_runs_it(self):
        stage = self.place.start(["openclaw", "gateway", "run"])
        stage.wait_stderr("is up")
        self.assert_status(self.end(stage), 0)

    def test_bad_files_are_no_failure(self):
        stage = self.gateway()
        for name in ("run/agent.json", "models.json", "telegram.json"):
            (self.place.state / name).write_text("[1")
        self.assertEqual(list(self.status(0)["chains"]), ["api"])


class Refusals(gateway.GatewayCase):
    def test_a_second_gateway(self):
        stage = self.gateway()
        for role in ("all", "gateway", "node"):
            second = self.place.run(["oc-gateway", "--role", role])
            self.assert_status(second, 75)
            self.assertIn(f"process {stage.pid} ", second.err)

    def test_gateway_and_node_side_by_side(self):
        self.gateway("--role", "gateway")
        self.gateway("--role", "node")

    def test_a_wrong_configuration(self):
        self.place.config("primary_model: 7\nno_such_key: 1\n")
        result = self.place.run(["oc-gateway"])
        self.assert_status(result, 78)
        self.assertIn("openclaw.yaml:2:1", result.err)
        self.assertFalse((self.place.state / "run").exists())

    def test_a_chain_that_cannot_work_ends_the_rest_do_not(self):
        self.configure(channels={"telegram": {"enabled": True,
            "api_root": f"http://127.0.0.1:{support.free_port()}"}})
        support.need("oc-recv-telegram")
        empty = self.place.folder / "token"
        empty.write_text("\n")
        stage = self.gateway(TELEGRAM_BOT_TOKEN_FILE=str(empty))
        self.wait_chain("receive", "failed")
        self.put("t1")
        self.wait_reply("t1")
        self.assert_status(self.end(stage), 0)

    def test_a_newer_state(self):
        (self.place.state / "format").write_text("999\n")
        result = self.place.run(["oc-gateway", "--role", "node"])
        self.assert_status(result, 78)

    def test_wrong_usage(self):
        for argv in (["--role", "x"], ["--port", "-1"], ["--port", "x"],
                     ["--bind", "x"], ["--auth", "x"], ["--drain", "-1"],
                     ["--drain"], ["--nothing"], ["more"]):
            with self.subTest(argv=argv):
                result = self.place.run(["oc-gateway", *argv])
                self.assert_status(result, 64)
                self.assertIn("oc-gateway -h", result.err)

    def test_every_option(self):
        stage = self.gateway(
            "--role=all", "--bind", "lan", "--port", "0", "--auth=token",
            "--token", "secret-0f3", "--allow-unconfigured", "--drain", "5",
            "-c", self.place.env["OC_CONFIG"])
        stage.wait_stderr("listens on 0.0.0.0")
        self.assert_no_secret("secret-0f3", stage, self.place.state)
        for pid in [stage.pid, *support.descendants(stage.pid)]:
            try:
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
            except FileNotFoundError:
                continue  # it ended
            self.assertNotIn(b"secret-0f3", arguments)


if __name__ == "__main__":
    unittest.main()
