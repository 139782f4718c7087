"""A real redis-server for a test, on a port and in a folder of its own."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import support


class RedisServer:
    """`appendfsync` is always, everysec, or None: no append-only file."""

    def __init__(self, appendfsync="always", password=None):
        if shutil.which("redis-server") is None:
            raise unittest.SkipTest("redis-server is not installed")
        self.folder = tempfile.mkdtemp(prefix="oc-redis-")
        self.appendfsync, self.password = appendfsync, password
        self.port = support.free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None
        self.start()

    def start(self):
        argv = ["redis-server", "--port", str(self.port), "--bind",
                "127.0.0.1", "--dir", self.folder, "--save", "",
                "--daemonize", "no", "--logfile", self.folder + "/log"]
        if self.appendfsync:
            argv += ["--appendonly", "yes", "--appendfsync",
                     self.appendfsync]
        if self.password:
            argv += ["--requirepass", self.password]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        support.wait_for(self.answers, what="redis-server")

    def answers(self):
        try:
            return self.command("PING") == "PONG"
        except (OSError, RuntimeError):
            return False

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def pause(self, on=True):
        self.process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- a client of a few lines

    def command(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), 10) as s:
            file = s.makefile("rb")
            if self.password:
                self.send(s, "AUTH", self.password)
                self.reply(file)
            self.send(s, *words)
            return self.reply(file)

    @staticmethod
    def send(s, *words):
        parts = [str(w).encode() if not isinstance(w, bytes) else w
                 for w in words]
        s.sendall(b"*%d\r\n" % len(parts) +
                  b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))

    def reply(self, file):
        line = file.readline()
        if not line:
            raise OSError("the connection ended")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if rest == b"-1":
            return None
        if kind == b"$":
            return file.read(int(rest) + 2)[:-2].decode()
        return [self.reply(file) for _ in range(int(rest))]
