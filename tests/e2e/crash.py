"""Ends a program at every system call that it makes, for tests of promises.

strace(1) kills it on entering the Nth call of a kind, so the state on disk is
what the calls before it made.  Going through every kind and every N goes
through every state that a kill -9 can leave.
"""
import os
import shutil
import subprocess
import unittest

import support

# What changes files.  A kill on entering one of these finds what those before
# it made; kills at other calls find the same states again.
CHANGING = ("write", "pwrite64", "symlink", "symlinkat", "rename", "renameat",
            "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir",
            "ftruncate", "mkdir", "mkdirat")
# open(2) changes them when it creates or empties.
OPENING = ("openat",)
# And these are tried too when there is time (OC_TEST_SLOW).
OTHERS = ("fsync", "fdatasync", "flock", "sync_file_range", "read", "close")
CALLS = CHANGING + OPENING + OTHERS


def need_strace():
    if shutil.which("strace") is None:
        raise unittest.SkipTest("strace is not installed")
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"],
                           capture_output=True)
    if probe.returncode != 0:
        raise unittest.SkipTest("strace may not trace here")


def environment(env):
    """LeakSanitizer cannot work under ptrace."""
    if support.SANITIZED:
        options = env.get("ASAN_OPTIONS", "")
        return {**env, "ASAN_OPTIONS": options + ":detect_leaks=0"}
    return env


def argv_killed(argv, call, number):
    return ["strace", "-f", "-qq", "-o", "/dev/null",
            "-e", "signal=none", "-e", f"trace={call}",
            "-e", f"inject={call}:signal=SIGKILL:when={number}", *argv]


def argv_counted(argv, log, calls=CALLS):
    return ["strace", "-f", "-qq", "-o", str(log), "-e", "signal=none",
            "-e", "trace=" + ",".join(calls), *argv]


def read_points(log):
    """Pairs of a call and N at which the program can be killed, from the
    log of a trial run in which it was not."""
    counts, found = {}, []
    for line in log.read_text(errors="replace").splitlines():
        name = line.split("(")[0].split()[-1]
        if name not in CALLS:
            continue
        counts[name] = counts.get(name, 0) + 1
        changes = " = -1 E" not in line and (
            name in CHANGING or "O_CREAT" in line or "O_TRUNC" in line)
        if changes or os.environ.get("OC_TEST_SLOW"):
            found.append((name, counts[name]))
    log.unlink()
    return found


def points(place, argv, data=b""):
    """The same for a program that reads `data` and ends by itself."""
    log = place.folder / "strace.log"
    argv = argv_counted([str(a) for a in argv], log)
    subprocess.run(argv, env=environment(place.env), cwd=place.folder,
                   input=data, capture_output=True,
                   timeout=support.DEADLINE_S, check=True)
    return read_points(log)


def run_killed(place, argv, call, number, data=b""):
    """Runs it; whether it was killed, and what it had written."""
    process = subprocess.Popen(
        argv_killed([str(a) for a in argv], call, number),
        env=environment(place.env), cwd=place.folder,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = process.communicate(data, support.DEADLINE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        raise
    killed = process.returncode in (-9, 137)
    return killed, support.Result(process.returncode, out, err)
