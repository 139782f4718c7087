"""Children of the tests: run with a limit, and none left behind."""
import os
import signal
import subprocess
from pathlib import Path


def kill_left(folder):
    """Kills what runs with a HOME below the folder; its command lines."""
    left = []
    mark = f"HOME={folder}/".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            if not any(v.startswith(mark) for v in variables):
                continue
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
            os.kill(int(entry.name), signal.SIGKILL)
            left.append(command.decode(errors="replace").strip())
        except OSError:
            continue  # ended meanwhile, or is not ours
    return [command for command in left if command]


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
