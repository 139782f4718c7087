"""A program on a terminal of its own, typed to and read by a test."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

ESCAPES = re.compile(
    rb"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b[\]_P][^\x07\x1b]*(?:\x07|\x1b\\)"
    rb"|\x1b.")
HALF = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[ -/]*|[\]_P][^\x07\x1b]*)?\Z")
# What programs ask a terminal, and what one answers.
QUESTIONS = ((b"\x1b[6n", b"\x1b[1;1R"), (b"\x1b[c", b"\x1b[?62;c"))


class Terminal:
    def __init__(self, argv, env, cwd):
        self.raw, self.plain = b"", ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                os.execvpe(argv[0], argv, {**env, "TERM": "xterm-256color"})
            finally:
                os._exit(127)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 40, 100, 0, 0))

    def take(self, data):
        """Keeps the text of it; an escape that is not complete waits."""
        self.raw += data
        half = HALF.search(self.raw)
        cut = half.start() if half else len(self.raw)
        self.plain += ESCAPES.sub(b"", self.raw[:cut]).decode(
            errors="replace")
        self.raw = self.raw[cut:]

    def read(self, seconds):
        """False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            return False
        for question, answer in QUESTIONS:
            if question in data:
                os.write(self.fd, answer)
        self.take(data)
        return bool(data)

    def wait(self, text, seconds, after=0):
        """Waits for a text behind the place `after`; the place behind it."""
        until = time.monotonic() + seconds
        while self.plain.find(text, after) < 0:
            if time.monotonic() > until or not self.read(0.2):
                raise AssertionError(
                    f"no {text!r}; the screen: {self.plain[-3000:]}")
        return self.plain.index(text, after) + len(text)

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(self.fd)
        os.waitpid(self.pid, 0)
