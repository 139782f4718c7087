"""One fixture: tests/fixtures/PROGRAM/CASE, as its README.md describes."""
import json
import re
import shutil
import subprocess
from pathlib import Path

import processes

try:
    import jsonschema
except ImportError:  # told once for each fixture, as a failure
    jsonschema = None

SCHEMAS = Path(__file__).resolve().parent.parent / "share" / "schema"
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
SHOWN = 2000  # characters of a line in a failure

WILDCARDS = {
    "@any": lambda value: True,
    "@ulid": lambda value: isinstance(value, str) and ULID.fullmatch(value),
    "@string": lambda value: isinstance(value, str),
    "@int": lambda value: isinstance(value, int)
    and not isinstance(value, bool),
}


def matches(expected, value):
    """JSON equality, with wildcards in what is expected."""
    if isinstance(expected, str) and expected in WILDCARDS:
        return bool(WILDCARDS[expected](value))
    if isinstance(expected, bool) or isinstance(value, bool):
        return expected is value
    if isinstance(expected, dict):
        return (isinstance(value, dict) and expected.keys() == value.keys()
                and all(matches(expected[k], value[k]) for k in expected))
    if isinstance(expected, list):
        return (isinstance(value, list) and len(expected) == len(value)
                and all(map(matches, expected, value)))
    return expected == value


def difference(expected, value, path=""):
    """The first place where two values differ, in words."""
    if isinstance(expected, dict) and isinstance(value, dict):
        for key in expected:
            if key not in value:
                return f"{path}.{key} is missing"
            if not matches(expected[key], value[key]):
                return difference(expected[key], value[key], f"{path}.{key}")
        extra = sorted(value.keys() - expected.keys())
        return f"{path}.{extra[0]} was not expected"
    if isinstance(expected, list) and isinstance(value, list):
        for i, (e, v) in enumerate(zip(expected, value)):
            if not matches(e, v):
                return difference(e, v, f"{path}[{i}]")
        return f"{path} has {len(value)} elements, not {len(expected)}"
    return (f"{path or '.'} is {json.dumps(value)[:SHOWN]},"
            f" not {json.dumps(expected)[:SHOWN]}")


def strict(text):
    """json.loads without the constants that JSON does not have."""
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")
    return json.loads(text, parse_constant=refuse)


def schema_problem(value, name):
    if jsonschema is None:
        return "python3-jsonschema is not installed (make deps)"
    schema = strict((SCHEMAS / name).read_text())
    validator = jsonschema.Draft202012Validator(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is None:
        return None
    where = ".".join(str(p) for p in error.absolute_path)
    return f"does not fit {name} at .{where}: {error.message[:SHOWN]}"


class Case:
    def __init__(self, folder, place, env):
        self.folder, self.place = folder, place
        self.env = dict(env)
        self.home = place / "home"
        self.state = place / "state"
        self.workspace = self.home / ".openclaw" / "workspace"
        self.env.update(HOME=str(self.home), OC_STATE=str(self.state),
                        OC_LOG="warn", WORKSPACE=str(self.workspace))

    def has(self, name):
        return (self.folder / name).exists()

    def bytes(self, name):
        """A file of the case with its @PLACES@ put in; empty if not there."""
        if not self.has(name):
            return b""
        data = (self.folder / name).read_bytes()
        for mark in ("HOME", "STATE", "WORKSPACE"):
            path = str(getattr(self, mark.lower()))
            data = data.replace(f"@{mark}@".encode(), path.encode())
        return data

    def lines(self, name):
        return self.bytes(name).decode().splitlines()

    def prepare(self):
        self.state.mkdir()
        self.workspace.parent.mkdir(parents=True)
        if self.has("workspace"):
            shutil.copytree(self.folder / "workspace", self.workspace,
                            symlinks=True)
        else:
            self.workspace.mkdir()
        if self.has("config.yaml"):
            path = self.place / "config.yaml"
            path.write_bytes(self.bytes("config.yaml"))
            self.env["OC_CONFIG"] = str(path)
        for line in self.lines("env"):
            name, _, value = line.partition("=")
            self.env[name] = value
        if self.has("setup"):
            subprocess.run(
                ["sh", "-eu", str(self.folder / "setup")], env=self.env,
                cwd=self.place, check=True, timeout=60,
                stdin=subprocess.DEVNULL)


def is_binary(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def execute(case, program, limit):
    wrap = case.env.get("OC_WRAP", "").split() if is_binary(program) else []
    argv = [*wrap, str(program), *case.lines("args")]
    return processes.run(argv, case.env, case.place, limit,
                         case.bytes("in.ndjson"))


def stdout_problems(case, out):
    if case.has("out.txt"):
        expected = case.bytes("out.txt")
        if out != expected:
            yield (f"stdout is {out.decode(errors='replace')[:SHOWN]!r}, "
                   f"not {expected.decode()!r}")
        return
    try:
        values = [strict(line) for line in out.splitlines()]
    except ValueError as error:
        yield f"stdout is not JSON: {error}: {out[:SHOWN]!r}"
        return
    if out and not out.endswith(b"\n"):
        yield "the last line of stdout has no newline"
    schema = "tool.json" if "-l" in case.lines("args") else "turn.json"
    for number, value in enumerate(values, 1):
        problem = schema_problem(value, schema)
        if problem:
            yield f"stdout line {number} {problem}"
    expected = [strict(line) for line in case.lines("out.ndjson")]
    if case.has("unordered"):
        yield from unordered_problems(expected, values)
        return
    for number, (e, v) in enumerate(zip(expected, values), 1):
        if not matches(e, v):
            yield f"stdout line {number}: {difference(e, v)}"
    for v in values[len(expected):]:
        yield f"stdout line not expected: {json.dumps(v)[:SHOWN]}"
    for e in expected[len(values):]:
        yield f"stdout line missing: {json.dumps(e)[:SHOWN]}"


def unordered_problems(expected, values):
    left = list(values)
    for e in expected:
        for v in left:
            if matches(e, v):
                left.remove(v)
                break
        else:
            yield f"stdout line missing: {json.dumps(e)[:SHOWN]}"
    for v in left:
        yield f"stdout line not expected: {json.dumps(v)[:SHOWN]}"


def stderr_problems(case, err):
    patterns = [re.compile(p) for p in case.lines("stderr")]
    lines = err.decode(errors="replace").splitlines()
    for line in lines:
        if not any(p.search(line) for p in patterns):
            yield f"stderr line not expected: {line[:SHOWN]}"
    for p in patterns:
        if not any(p.search(line) for line in lines):
            yield f"no line of stderr matches: {p.pattern}"


def run(build, folder, env, place, limit):
    """Runs a case in an empty folder `place`; a list of what was wrong."""
    program = build / "bin" / folder.parent.name
    if not program.exists():
        return [f"{program} is not built"]
    case = Case(folder, place, env)
    case.prepare()
    status, out, err = execute(case, program, limit)
    if status is None:
        return [f"killed after {limit} s", err.decode(errors="replace")]
    problems = list(stdout_problems(case, out))
    problems += stderr_problems(case, err)
    wanted = int((case.lines("status") or ["0"])[0])
    if status != wanted:
        problems.append(f"exit status {status}, not {wanted}")
    return problems
