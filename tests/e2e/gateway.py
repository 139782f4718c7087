"""A gateway that runs in a test's place, and what is seen of it from outside."""
import json
import os
import re
import shutil
import signal
import sys
import unittest
from pathlib import Path

import support

AGENTS = """# Operations

## Greet somebody

    greet <name>

## Take a rest

    rest
"""

class GatewayCase(support.TestCase):
    options = ()

    def setUp(self):
        super().setUp()
        support.need("oc-gateway", "oc-spool", "oc-loop", "oc-plan",
                     "oc-exec-tool", "oc-session")
        if not shutil.which("setpriv"):
            raise unittest.SkipTest("there is no setpriv")
        self.place.env["OC_LOG"] = "info"
        self.place.agents(AGENTS)
        self.place.script("greet", "#!/bin/sh\necho \"hello $1\"\n")
        self.rest = self.place.folder / "rest"
        self.place.script(
            "rest", f"#!/bin/sh\necho >>{self.rest}\nsleep 2\necho rested\n")
        self.configure()

    def configure(self, **more):
        self.place.config({"primary_model": "local/runbook", **more})

    def gateway(self, *options, **env):
        """Starts one and waits until it is up."""
        stage = self.place.start(["oc-gateway", *options], **env)
        stage.wait_stderr("is up")
        return stage

    def end(self, stage, seconds=support.DEADLINE_S):
        stage.signal(signal.SIGTERM)
        return stage.wait(seconds)

    def chain(self, name):
        """What its file says; {} without one."""
        try:
            return json.loads(
                (self.place.state / "run" / f"{name}.json").read_text())
        except FileNotFoundError:
            return {}

    def wait_chain(self, name, state):
        support.wait_for(lambda: self.chain(name).get("state") == state,
                         what=f"chain {name} {state}",
                         state=lambda: self.chain(name))

    def programs(self, stage):
        """Pairs of the name and the pid of all that runs below a gateway."""
        found = []
        for pid in support.descendants(stage.pid):
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
            except OSError:
                continue
            found.append((name, pid))
        return found

    def wait_programs(self, stage, *names):
        """Waits until these run; a dict."""
        def look():
            found = dict(self.programs(stage))
            return found if all(n in found for n in names) else None
        return support.wait_for(look, what=f"{names}; {stage.stderr()}",
                                state=lambda: self.programs(stage))

    def put(self, id, text="greet Ada", session="s", channel="terminal"):
        result = self.place.run(
            ["oc-spool", "put", "in"],
            {"id": id, "session": session, "channel": channel, "text": text,
             "to": {"chat": session}, "from": {"id": "1"}})
        self.assert_status(result, 0)

    def replies(self, channel="terminal"):
        """id -> the texts of the replies that wait for delivery."""
        found = {}
        for path in (self.place.state / "out" / channel).glob("new/*"):
            turn = json.loads(path.read_text())
            for id in {turn["id"], *turn.get("ids", [])}:
                found.setdefault(id, []).append(turn["reply"]["text"])
        return found

    def wait_reply(self, id, seconds=support.DEADLINE_S):
        return support.wait_for(lambda: self.replies().get(id), seconds,
                                f"the reply to {id}")[0]

    def assert_all_gone(self, pids):
        support.wait_for(
            lambda: not any(alive(p) for p in pids), what="the end of all")


def alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
