"""What befalls a gateway: a plan that a seed decides."""
import signal
import time
from collections import Counter

from world import send

TELEGRAM_METHODS = ("getUpdates", "sendMessage", "sendMessage",
                    "editMessageText", "sendChatAction")
TELEGRAM_FAULTS = ("before", "after", "half", "html", "empty")
MODEL_FAULTS = ("close", "reset", "nothing", "empty", "cut_start", "cut_text",
                "cut_call", "cut_end", "unfinished", "malformed", "error")


class Misfortune:
    def __init__(self, rng, world, only=()):
        """`only`: names of the kinds that befall it; all without any."""
        self.rng, self.world = rng, world
        self.count, self.killed = Counter(), Counter()
        self.room_at = None  # when the disk has room again
        self.kinds = {
            self.kill_one: 60, self.kill_all: 6, self.kill_gateway: 6,
            self.drain: 2, self.freeze: 4, self.cut: 8,
            self.telegram_fails: 10, self.model_fails: 5,
        }
        if world.mounted or "OC_ENOSPC" in world.place.env:
            self.kinds[self.disk_full] = 4
        if only:
            self.kinds = {kind: 1 for kind in self.kinds
                          if kind.__name__ in only}

    def strike(self):
        kind = self.rng.choices(list(self.kinds),
                                list(self.kinds.values()))[0]
        self.count[kind.__name__.replace("_", " ")] += 1
        kind()

    def tick(self):
        """What is due: the end of a full disk, a gateway that ended."""
        if self.room_at is not None and time.monotonic() >= self.room_at:
            self.world.empty_disk()
            self.room_at = None
        self.world.gateway.keep_up()

    def end(self):
        """From now on all is well."""
        self.world.empty_disk()
        self.room_at = None
        with self.world.telegram.changed:
            self.world.telegram.faults.clear()
        with self.world.model.lock:
            self.world.model.faults.clear()
        # Its pauses between restarts begin anew with it.
        self.world.gateway.kill_all()
        self.world.gateway.start()

    # ---- processes

    def pick(self):
        """A process, each program as likely as another."""
        programs = {}
        for pid, name in self.world.gateway.processes():
            programs.setdefault(name, []).append(pid)
        if not programs:
            return None, None
        name = self.rng.choice(sorted(programs))
        return self.rng.choice(programs[name]), name

    def kill_one(self):
        pid, name = self.pick()
        if pid and send(pid, signal.SIGKILL):
            self.killed[name] += 1

    def kill_all(self):
        self.killed["all at once"] += 1
        self.world.gateway.kill_all()
        self.world.gateway.start()

    def kill_gateway(self):
        self.killed["the gateway"] += 1
        self.world.gateway.process.kill()
        self.world.gateway.process.wait()
        self.world.gateway.start()

    def drain(self):
        """An orderly end; what runs may be cut off by a kill."""
        self.world.gateway.process.terminate()

    def freeze(self):
        """One that stands still for a while, and goes on."""
        pid, _ = self.pick()
        if pid and send(pid, signal.SIGSTOP):
            time.sleep(self.rng.uniform(0, 1))
            send(pid, signal.SIGCONT)

    # ---- servers

    def cut(self):
        self.rng.choice(self.world.lines).cut()

    def telegram_fails(self):
        method = self.rng.choice(TELEGRAM_METHODS)
        times = self.rng.randint(1, 2)
        if self.rng.random() < 0.5:
            self.world.telegram.fail(
                method, times=times, fault=self.rng.choice(TELEGRAM_FAULTS))
            return
        status = self.rng.choice((429, 500, 502, 409))
        if status == 409 and method != "getUpdates":
            status = 500
        self.world.telegram.fail(method, times=times, status=status,
                                 retry_after=1 if status == 429 else None)

    def model_fails(self):
        answer = {"status": self.rng.choice((429, 500, 503))} \
            if self.rng.random() < 0.3 \
            else {"fault": self.rng.choice(MODEL_FAULTS)}
        with self.world.model.lock:
            self.world.model.faults.append(answer)

    # ---- the disk

    def disk_full(self):
        self.world.fill_disk()
        self.room_at = time.monotonic() + self.rng.uniform(0.2, 2)
