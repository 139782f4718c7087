"""Children of the tests: run with a limit, and none left behind."""
import os
import signal
import subprocess
import time
from pathlib import Path


def left(folder):
    """pid -> command line of what runs with a HOME below the folder."""
    found = {}
    mark = f"HOME={folder}/".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            if not any(v.startswith(mark) for v in variables):
                continue
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue  # ended meanwhile, or is not ours
        found[int(entry.name)] = command.decode(errors="replace").strip()
    return found


def kill_left(folder, grace=0):
    """Kills what is left after `grace` seconds, and their command lines: what
    was just killed takes a moment, and so does what notices that."""
    until = time.monotonic() + grace
    while (found := left(folder)) and time.monotonic() < until:
        time.sleep(0.1)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return [command for command in found.values() if command]


def run(argv, env, folder, limit, data=b""):
    """Runs it in `folder`: exit status (None: the limit), stdout, stderr."""
    process = subprocess.Popen(
        argv, env=env, cwd=folder, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True)
    try:
        out, err = process.communicate(data, timeout=limit)
        return process.returncode, out, err
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        kill_left(folder)  # what left the group would keep the pipes open
        out, err = process.communicate()
        return None, out, err
