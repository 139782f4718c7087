"""Programs from npm for tests: installed once, into build/npm.

    node, modules = npm.install("openclaw@2026.9.6")

raises SkipTest, with a word, where node or npm or the network is missing or
the download takes too long.  It is as large as that of a desktop: without
OC_NPM=1, which `make check-npm` sets, only what is there already is used.
"""
import fcntl
import os
import platform
import pwd
import shutil
import subprocess
import unittest
from pathlib import Path

import support

FOLDER = support.SOURCE / "build" / "npm"
SECONDS = 420  # a download of 300 MB, unpacked to 800
SPACE = 3 << 30

MACHINES = {"x86_64": "x64", "aarch64": "arm64"}


def skip(why):
    raise unittest.SkipTest(why)


def environment():
    """A home of its own, but the person's settings of the registry."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    if authorities.exists():  # node has a list of its own otherwise
        os.environ.setdefault("NODE_EXTRA_CA_CERTS", str(authorities))
    return {**os.environ, "npm_config_userconfig": f"{home}/.npmrc",
            "npm_config_cache": str(FOLDER / "cache"),
            "npm_config_update_notifier": "false"}


def install(package, node="24"):
    """The path of that node, and of node_modules with the package."""
    machine = MACHINES.get(platform.machine())
    npm = shutil.which("npm")
    if npm is None or machine is None:
        skip("npm is not installed" if machine else "no node for this machine")
    runtime = f"node-linux-{machine}"
    place = FOLDER / package.replace("/", "_")
    modules = place / "node_modules"
    binary = modules / runtime / "bin" / "node"
    place.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            if os.environ.get("OC_NPM") != "1":
                skip("not installed; make check-npm does it (300 MB)")
            if shutil.disk_usage(place).free < SPACE:
                skip(f"too little room below {FOLDER}")
            (place / "package.json").write_text('{"private":true}')
            download(npm, place, [f"{runtime}@{node}", package])
            (place / "complete").touch()
    return binary, modules


def download(npm, place, packages):
    try:
        result = subprocess.run(
            [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund",
             "--no-progress", "--fetch-retries", "1", "--prefix", str(place), *packages],
            cwd=place, env=environment(), timeout=SECONDS,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
    except subprocess.TimeoutExpired:
        skip(f"npm install was not done in {SECONDS} s")
    finally:
        shutil.rmtree(FOLDER / "cache", ignore_errors=True)
    if result.returncode != 0:
        skip("npm install: " + result.stdout[-300:].replace("\n", " "))
