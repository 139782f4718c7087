"""A gateway with everything around it: state, runbook, a fake Telegram, a fake
model, and a way to end any of its processes."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import support
from fake.model import PROVIDERS, ModelServer
from fake.telegram import TOKEN, Telegram

# Appends its argument in one write, after a moment in which it can be killed.
COUNT = """#!/bin/sh
printf '%s begins\\n' "$1" >>'{log}'
sleep "0.0$(($$ % 10))"
printf '%s\\n' "$1" >>'{file}'
echo "counted $1"
"""
AGENTS = """# Runbook

## Count something
```sh
count <what>
```
"""
JOB = re.compile(r"\bm(\d{6})c(\d)\b")
CALL = re.compile(r"\bcount m(\d{6})\.(\d)\b")
NUMBER = re.compile(r"\bm(\d{6})\b")
SETTLED_S = 2.0  # nothing moved for so long


def job(number, calls):
    """The text of a message that makes the model call `count` so often."""
    return f"please do m{number:06}c{calls}"


class Model(ModelServer):
    """Answers every job in the message by its calls, a step for each, and at
    the end by the jobs' numbers."""

    def __init__(self, rng, slow_s=0.3):
        super().__init__()
        self.rng, self.slow_s = random.Random(rng.random()), slow_s
        self.faults = []

    def next_answer(self, provider, request):
        text, _ = PROVIDERS[request.kind].last_text(request.body)
        # An approval names the command and not the job.
        jobs = JOB.findall(text) or CALL.findall(text)
        # What was called and not how often: a step that a full disk kept
        # out of the journal is missing after a crash.
        called = Counter()
        for number, call in CALL.findall(json.dumps(request.body)):
            called[number] = max(called[number], int(call))
        calls = [{"name": "exec", "args": {"command":
                                           f"count m{n}.{called[n] + 1}"}}
                 for n, most in jobs if int(most) > called[n]]
        answer = {"delay": self.rng.uniform(0, self.slow_s)}
        with self.lock:
            if self.faults:
                answer.update(self.faults.pop(0))
        if calls:
            answer["calls"] = [self.new_call(provider, request, call)
                               for call in calls]
        else:
            answer["calls"] = []
            answer["text"] = "".join(f"m{n} " for n, _ in jobs) + "is done."
        if answer.get("fault") == "empty":
            answer["text"], answer["calls"] = "", []
        # Both providers make the same calls, so it cannot be told whose
        # signature one should have.
        with self.lock:
            self.signatures.clear()
        return answer


class Connections:
    """The open connections of a fake server, for cutting them."""

    def __init__(self, server):
        self.sockets, self.lock = set(), threading.Lock()
        self.process = server.process_request
        self.shutdown = server.shutdown_request
        server.process_request = self.opened
        server.shutdown_request = self.closed

    def opened(self, request, address):
        with self.lock:
            self.sockets.add(request)
        self.process(request, address)

    def closed(self, request):
        with self.lock:
            self.sockets.discard(request)
        self.shutdown(request)

    def cut(self):
        with self.lock:
            sockets = list(self.sockets)
        for one in sockets:
            try:
                one.shutdown(2)
            except OSError:
                pass  # it was gone already
        return len(sockets)


class Gateway:
    """The processes: those whose HOME is the place's."""

    def __init__(self, place, argv=("oc-gateway",)):
        self.place, self.argv = place, argv
        self.process, self.starts = None, 0
        self.log = place.folder / "gateway.log"
        self.mark = f"HOME={place.home}".encode()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                list(self.argv), env=self.place.env, cwd=self.place.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self.starts += 1

    def processes(self):
        """Pairs of a pid and its program's name."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if self.mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((int(entry.name),
                                  (entry / "comm").read_text().strip()))
            except OSError:
                continue  # ended meanwhile
        return found

    def keep_up(self):
        """What Kubernetes does: starts it again when it has ended."""
        status = self.process.poll()
        if status in (64, 78):
            raise SystemExit(f"oc-gateway ended with status {status}; see "
                             f"{self.log}")
        if status is not None:
            self.start()

    def kill_all(self):
        """As a machine that stops: none runs on after another's end."""
        found = self.processes()
        for pid, _ in found:
            send(pid, signal.SIGSTOP)
        for pid, _ in found:
            send(pid, signal.SIGKILL)
        while left := self.processes():
            for pid, _ in left:
                send(pid, signal.SIGKILL)
            if self.process.poll() is None:
                time.sleep(0.001)
        self.process.wait()
        return len(found)

    def drain(self, seconds=30):
        """SIGTERM: the exit status, or None when it took too long."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


class World:
    def __init__(self, rng, tmpfs_mib=0, preload=None, slow_s=0.3,
                 argv=("oc-gateway",), programs=None, ask=False):
        """`ask`: every call needs the person's approval."""
        self.place = support.Place()
        self.counted = self.place.folder / "counted"
        self.begun = self.place.folder / "begun"
        self.full = self.place.folder / "disk-is-full"
        self.mounted = False
        self.telegram = Telegram()
        self.model = Model(rng, slow_s)
        self.lines = [Connections(fake.server)
                      for fake in (self.telegram, self.model)]
        self.configure(programs, ask)
        if tmpfs_mib:
            subprocess.run(["mount", "-t", "tmpfs", "-o",
                            f"size={tmpfs_mib}m", "tmpfs", self.place.state],
                           check=True)
            self.mounted = True
        elif preload:
            self.place.env.update(LD_PRELOAD=str(preload),
                                  OC_ENOSPC=str(self.full))
        self.gateway = Gateway(self.place, argv)

    def configure(self, programs, ask):
        place = self.place
        place.agents("# Runbook\n" if ask else AGENTS)
        place.script("count", COUNT.format(file=self.counted, log=self.begun))
        place.config({
            "primary_model": "google/first", "fallbacks": ["openai/second"],
            "litellm_base_url": self.model.url,
            "providers": {"google": {"base_url": self.model.google_url}},
            "workspace": str(place.workspace),
            "tools": {"exec": {"policy": "ask" if ask else "runbook"}},
            "limits": {"turn_s": 60, "first_byte_s": 5, "idle_s": 5},
            "channels": {"telegram": {
                "enabled": True, "api_root": self.telegram.url,
                "dm_policy": "open",
                "poll_timeout_s": 10}}})
        place.env.update(TELEGRAM_BOT_TOKEN=TOKEN, GEMINI_API_KEY="g",
                         LITELLM_API_KEY="l", OC_LOG="info")
        if programs:
            place.env["PATH"] = f"{programs}:{place.env['PATH']}"

    def start(self):
        self.telegram.start()
        self.model.start()
        self.gateway.start()

    def fill_disk(self):
        if not self.mounted:
            self.full.touch()
            return
        with open(self.place.state / "filler", "wb", 0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass

    def empty_disk(self):
        self.full.unlink(missing_ok=True)
        (self.place.state / "filler").unlink(missing_ok=True)

    # ---- what is going on

    def names(self, pattern):
        return sorted(str(p.relative_to(self.place.state))
                      for p in self.place.state.glob(pattern))

    def at_work(self):
        """What is queued or running, by name.  The journal of a turn that was
        given up stays: it may be tried again."""
        dead = {name.partition(".")[2] for name in self.names("in/dead/*")}
        return [name for pattern in (
            "in/new/*", "in/cur/*", "out/*/new/*", "out/*/cur/*")
            for name in self.names(pattern)] + [
            name for name in self.names("turns/*")
            if name.removeprefix("turns/") not in dead]

    def position(self):
        with self.telegram.changed:
            pending = len(self.telegram.pending)
            sent = sum(1 + len(m.get("texts", ()))
                       for m in self.telegram.sent)
        return pending, sent, len(self.model.requests), self.at_work()

    def settle(self, seconds):
        """Waits until all is done; what was not, after so long."""
        until = time.monotonic() + seconds
        last, since = None, time.monotonic()
        while time.monotonic() < until:
            self.gateway.keep_up()
            here = self.position()
            if here != last:
                last, since = here, time.monotonic()
            elif (time.monotonic() - since > SETTLED_S
                  and not here[0] and not here[3]):
                return None
            time.sleep(0.1)
        return f"not at rest: {last[0]} updates not fetched, {last[3]}"

    def remove(self, keep=False):
        if self.gateway.process:
            self.gateway.kill_all()
        self.telegram.stop()
        self.model.stop()
        if self.mounted:
            if keep:
                subprocess.run(["cp", "-a", self.place.state,
                                self.place.folder / "kept"], check=False)
            subprocess.run(["umount", self.place.state], check=False)
        if not keep:
            self.place.remove()
