"""What is inside: the configuration, AGENTS.md, values still to fill in."""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .objects import at, of_kind

TO_FILL_IN = [
    (r"\bexample\.(com|org|net)\b", "an example's name"),
    (r"\b192\.0\.2\.\d+", "an example's address"),
    (r"to-be-made-by-k8s/seal", "not sealed yet; run k8s/seal"),
    (r"\b0{64}\b", "no checksum yet"),
    (r"<your-[a-z-]+>", "a placeholder"),
]
BUILT = Path(__file__).resolve().parent.parent.parent / "build" / "bin"


def find_openclaw():
    """The program that knows what a configuration may hold, or None."""
    build = Path(os.environ.get("OC_BUILD", BUILT.parent)) / "bin"
    return shutil.which("openclaw", path=f"{build}:{os.environ['PATH']}")


def check(objects):
    for one in of_kind(objects, "ConfigMap"):
        text = at(one, "data", {}).get("openclaw.yaml")
        if text is not None:
            for line in check_configuration(text):
                yield one, "data", line
    yield from check_cronjobs(objects)


def check_configuration(text):
    openclaw = find_openclaw()
    if not openclaw:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openclaw.yaml"
        path.write_text(text)
        done = subprocess.run(
            [openclaw, "config", "check", "-c", str(path)],
            capture_output=True, text=True, timeout=30,
            env={"PATH": os.environ["PATH"], "HOME": folder,
                 "OC_STATE": folder})
        if done.returncode != 0:
            for line in (done.stdout + done.stderr).splitlines():
                yield line.replace(folder + "/", "")


def check_cronjobs(objects):
    """Each CronJob that AGENTS.md makes jobs from may be read by name."""
    readable = {name for role in of_kind(objects, "Role")
                for rule in role.get("rules") or []
                if "cronjobs" in (rule.get("resources") or [])
                for name in rule.get("resourceNames") or []}
    for one in of_kind(objects, "ConfigMap"):
        text = at(one, "data", {}).get("AGENTS.md", "")
        for name in sorted(set(re.findall(r"--from=cronjob/([\w.-]+)", text))):
            if name not in readable:
                yield one, "data.AGENTS.md", (
                    f"makes a job from cronjob/{name}, which the Role does "
                    "not name")


def to_fill_in(objects):
    """What nobody has filled in yet, each once: triples as those of check."""
    seen = set()
    for one in objects:
        for path, value in texts(one, ""):
            for pattern, what in TO_FILL_IN:
                found = re.search(rf"\S*{pattern}\S*", value)
                key = at(one, "metadata.name") if "seal" in pattern else (
                    found and found[0])
                if found and (what, key) not in seen:
                    seen.add((what, key))
                    yield one, path, f"{found[0]}: {what}"
    for one in of_kind(objects, "ConfigMap"):
        if at(one, "data", {}).get("CHAT") == "0":
            yield one, "data.CHAT", "0: the number of a Telegram chat"


def texts(value, path):
    if isinstance(value, dict):
        for key, inner in value.items():
            if not str(key).endswith(".md"):
                yield from texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from texts(inner, f"{path}[{i}]")
    elif isinstance(value, str):
        yield path, value
