"""What the end-to-end tests share.

A test has a Place: a folder with its own home, state, workspace, configuration
and fake programs.  Programs of the build directory are run in it, to their end
(run) or while the test talks to them (start).  Every wait has a deadline.

    class Hello(support.TestCase):
        def test_reply(self):
            self.place.config({"primary_model": "local/runbook"})
            result = self.place.run(["oc-plan"], {"text": "hi"})
            self.assertEqual(result.status, 0)
            self.assertIn("reply", result.records[0])
"""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("OC_BUILD", SOURCE / "build")).resolve()
BIN = BUILD / "bin"
SANITIZED = "asan" in BUILD.name
DEADLINE_S = 30  # for one thing that should take milliseconds

sys.path.append(str(SOURCE / "tests"))

FAKE_PROGRAM = """#!{python} -I
import json, os, sys, time
entry = dict(argv=sys.argv[1:], cwd=os.getcwd(), env=dict(os.environ))
log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
os.write(log, json.dumps(entry).encode() + b"\\n")
os.close(log)
time.sleep({sleep})
sys.stderr.write({err!r})
sys.stdout.write({out!r})
sys.stdout.flush()
sys.exit({status})
"""


def built(*names):
    return [n for n in names if (BIN / n).exists()]


def need(*names):
    """Skips the test when one of these programs is not built."""
    for name in names:
        if not (BIN / name).exists():
            raise unittest.SkipTest(f"{name} is not built")


def ndjson(records):
    """Bytes of a record, of a list of them, or bytes and text as they are."""
    if isinstance(records, bytes):
        return records
    if isinstance(records, str):
        return records.encode()
    if isinstance(records, dict):
        records = [records]
    return b"".join(json.dumps(r).encode() + b"\n" for r in records)


class Result:
    """What a program wrote, and how it ended (negative: a signal)."""

    def __init__(self, status, out, err):
        self.status, self.out = status, out
        self.err = err.decode(errors="replace")

    @property
    def records(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def err_lines(self):
        return self.err.splitlines()

    def __repr__(self):
        return (f"status {self.status}\nstdout: {self.out[:4000]!r}\n"
                f"stderr: {self.err[:4000]}")


class Stage:
    """A program that runs while the test talks to it."""

    def __init__(self, process, errors):
        self.process, self.errors = process, errors
        self.pid = process.pid
        self.pending = b""
        os.set_blocking(process.stdout.fileno(), False)

    def send(self, records):
        self.process.stdin.write(ndjson(records))
        self.process.stdin.flush()

    def close_input(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()

    def read_line(self, seconds=DEADLINE_S):
        """The next line without its newline; None at the end of output."""
        until = time.monotonic() + seconds
        while b"\n" not in self.pending:
            left = until - time.monotonic()
            if left <= 0:
                raise AssertionError(
                    f"no line within {seconds} s; so far "
                    f"{self.pending[:500]!r}; stderr: {self.stderr()}")
            if not select.select([self.process.stdout], [], [], left)[0]:
                continue
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                return None
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def read(self, seconds=DEADLINE_S):
        """The next record, or None at the end of output."""
        line = self.read_line(seconds)
        return None if line is None else json.loads(line)

    def silent(self, seconds):
        """Whether nothing comes for so long."""
        return not self.pending and not select.select(
            [self.process.stdout], [], [], seconds)[0]

    def signal(self, number):
        self.process.send_signal(number)

    def stderr(self):
        return Path(self.errors).read_text(errors="replace")

    def wait_stderr(self, text, seconds=DEADLINE_S):
        wait_for(lambda: text in self.stderr(), seconds,
                 f"{text!r} on stderr", self.stderr)

    def wait(self, seconds=DEADLINE_S):
        """Closes its input and waits for the end: a Result of the rest."""
        self.close_input()
        os.set_blocking(self.process.stdout.fileno(), True)
        until = time.monotonic() + seconds
        rest = self.pending
        while True:
            left = max(0, until - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(
                    f"did not end within {seconds} s; {self.stderr()}")
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                break
            rest += data
        status = self.process.wait(max(0.1, until - time.monotonic()))
        return Result(status, rest, self.stderr().encode())

    def kill(self):
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass  # what it had not read is lost with it


class Place:
    def __init__(self, folder=None):
        self.folder = Path(folder or tempfile.mkdtemp(prefix="oc-place-"))
        self.home = self.folder / "home"
        self.state = self.folder / "state"
        self.workspace = self.home / ".openclaw" / "workspace"
        self.fakes = self.folder / "bin"
        self.stages = []
        for path in (self.workspace, self.state, self.fakes):
            path.mkdir(parents=True)
        self.env = {
            "PATH": f"{self.fakes}:{BIN}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home), "OC_STATE": str(self.state),
            "TMPDIR": str(self.folder), "LANG": "C.UTF-8", "TZ": "UTC",
            "OC_LOG": "warn", "OPENCLAW_GATEWAY_PORT": "0",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def config(self, value):
        """Writes the configuration, a dict or YAML text, and names it."""
        path = self.folder / "openclaw.yaml"
        path.write_text(
            value if isinstance(value, str) else json.dumps(value))
        self.env["OC_CONFIG"] = str(path)
        return path

    def agents(self, text):
        (self.workspace / "AGENTS.md").write_text(text)

    def fake(self, name, out="", err="", status=0, sleep=0):
        """A program in PATH that notes how it was called."""
        path = self.fakes / name
        path.write_text(FAKE_PROGRAM.format(
            python=sys.executable, log=str(self.fakes / (name + ".log")),
            out=out, err=err, status=status, sleep=sleep))
        path.chmod(0o755)
        return path

    def script(self, name, text):
        """A program in PATH with a text of its own."""
        path = self.fakes / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def calls(self, name):
        """How a fake was called: dicts with argv, cwd and env."""
        log = self.fakes / (name + ".log")
        if not log.exists():
            return []
        return [json.loads(line) for line in log.read_text().splitlines()]

    def _argv(self, argv):
        argv = [str(a) for a in argv]
        if argv[0].startswith(("oc-", "openclaw")):
            need(argv[0])
        return argv

    def run(self, argv, records=b"", seconds=DEADLINE_S, **env):
        """Runs to the end: a Result.  Keywords are environment variables."""
        process = subprocess.Popen(
            self._argv(argv), env={**self.env, **env}, cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = process.communicate(ndjson(records), seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(
                f"{argv[0]} did not end within {seconds} s\n"
                f"{Result(None, out, err)}") from None
        return Result(process.returncode, out, err)

    def start(self, argv, **env):
        """Starts it: a Stage.  It is killed when the test ends."""
        argv = self._argv(argv)
        errors = self.folder / f"stderr.{len(self.stages)}"
        with open(errors, "wb") as file:
            process = subprocess.Popen(
                argv, env={**self.env, **env}, cwd=self.folder,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file,
                start_new_session=True)
        stage = Stage(process, errors)
        self.stages.append(stage)
        return stage

    def shell(self, pipeline, records=b"", seconds=DEADLINE_S, **env):
        """A pipeline as a person would type it."""
        return self.run(["sh", "-c", pipeline], records, seconds, **env)

    def remove(self):
        for stage in self.stages:
            stage.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class TestCase(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.remove)

    def model(self, *args, **keywords):
        """A fake model server (tests/fake/model.py) for this test."""
        from fake.model import ModelServer
        server = ModelServer(*args, **keywords)
        server.start()
        self.addCleanup(server.stop)
        return server

    def assert_status(self, result, status):
        self.assertEqual(result.status, status, result)

    def assert_valid(self, record, schema="turn.json"):
        """The record fits its schema in share/schema."""
        import fixture
        problem = fixture.schema_problem(record, schema)
        self.assertIsNone(problem, f"{problem}: {record!r:.2000}")

    def assert_no_secret(self, secret, *where):
        """It occurs in none of these: results, stages, texts, folders."""
        for thing in where:
            for name, data in contents(thing):
                self.assertNotIn(secret.encode(), data, f"secret in {name}")

    def assert_no_secret_in_processes(self, secret, pid):
        """Neither /proc/PID/environ nor cmdline of it and its children."""
        for one in [pid, *descendants(pid)]:
            for name in ("environ", "cmdline"):
                try:
                    data = Path(f"/proc/{one}/{name}").read_bytes()
                except OSError:
                    continue  # it ended
                self.assertNotIn(secret.encode(), data,
                                 f"secret in /proc/{one}/{name}")


def contents(thing):
    """Pairs of a name and bytes: whatever a secret might be in."""
    if isinstance(thing, Result):
        yield "stdout", thing.out
        yield "stderr", thing.err.encode()
    elif isinstance(thing, Stage):
        yield "stderr", thing.stderr().encode()
    elif isinstance(thing, Path):
        for path in [thing, *thing.rglob("*")]:
            if path.is_file():
                yield str(path), path.read_bytes()
    elif isinstance(thing, bytes):
        yield "bytes", thing
    else:
        yield "text", (thing if isinstance(thing, str)
                       else json.dumps(thing)).encode()


def descendants(pid):
    """Children of a process, theirs, and so on."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def wait_for(condition, seconds=DEADLINE_S, what="it", state=lambda: ""):
    """Waits until the condition holds and returns its value."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= until:
            raise AssertionError(
                f"waited {seconds} s for {what}; {state()}")
        time.sleep(0.01)


def free_port():
    """A port of 127.0.0.1 that nobody listens on."""
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
