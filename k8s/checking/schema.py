"""Whether an object has only fields that its kind has, of the right types.

The tables are ../schema/*.yaml; meta.yaml says how they are written.
"""
import difflib
import re
from pathlib import Path

import yaml

TABLES = Path(__file__).resolve().parent.parent / "schema"
LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
NAME = rf"{LABEL}(\.{LABEL})*"
TEXTS = {
    "label": (LABEL, "lower-case letters, digits and hyphens, 63 at most"),
    "name": (NAME, "lower-case letters, digits, hyphens and dots"),
    "hostname": (rf"(\*\.)?{NAME}", "the name of a host"),
    "path": (r"/.*", "an absolute path"),
    "string": (r"(?s).*", "text"),
    "text": (r"(?s).*", "text (put it in quotes)"),
}
QUANTITY = r"[0-9]+(\.[0-9]+)?(m|k|[KMGTP]i?)?"


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


class Schema:
    def __init__(self):
        self.kinds, self.types = {}, {}
        for table in sorted(TABLES.glob("*.yaml")):
            content = yaml.safe_load(table.read_text())
            self.kinds.update(content.get("kinds", {}))
            self.types.update(content.get("types", {}))

    def problems(self, thing):
        """Pairs of a path and what is wrong there."""
        kind = f"{thing.get('apiVersion')} {thing.get('kind')}"
        if kind not in self.kinds:
            near = difflib.get_close_matches(kind, self.kinds, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield "kind", f"{kind} is not known here{hint}"
            return
        fields = {"apiVersion!": "string", "kind!": "string",
                  "metadata!": "Meta", **self.kinds[kind]}
        yield from self.check(thing, fields, "")

    def check(self, value, wanted, path):
        if isinstance(wanted, list):
            yield from self.check_list(value, wanted[0], path)
        elif isinstance(wanted, dict):
            if list(wanted.values()) == [None]:
                yield from self.check_map(value, next(iter(wanted)), path)
            else:
                yield from self.check_fields(value, wanted, path)
        elif wanted in self.types:
            yield from self.check(value, self.types[wanted], path)
        else:
            wrong = scalar_problem(value, wanted)
            if wrong:
                yield path, f"{value!r}: {wrong}"

    def check_list(self, value, wanted, path):
        if not isinstance(value, list):
            yield path, "is no list"
            return
        for i, one in enumerate(value):
            yield from self.check(one, wanted, f"{path}[{i}]")

    def check_map(self, value, wanted, path):
        if not isinstance(value, dict):
            yield path, "is no mapping"
            return
        for key, one in value.items():
            yield from self.check(one, wanted, f"{path}.{key}")

    def check_fields(self, value, fields, path):
        if not isinstance(value, dict):
            yield path, "is no mapping"
            return
        known = {name.rstrip("!"): wanted for name, wanted in fields.items()}
        for key, one in value.items():
            where = f"{path}.{key}" if path else str(key)
            if key in known:
                yield from self.check(one, known[key], where)
                continue
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield where, f"there is no such field{hint}"
        for name in fields:
            if name.endswith("!") and name[:-1] not in value:
                yield path or "the object", f"{name[:-1]} is missing"


def scalar_problem(value, wanted):
    if wanted == "any":
        return None
    if wanted == "boolean":
        return None if isinstance(value, bool) else "is not true or false"
    if wanted == "integer":
        return None if is_integer(value) else "is no whole number"
    if wanted in ("port", "intstr"):
        if is_integer(value):
            return None
        pattern = LABEL if wanted == "port" else r"[0-9]+%"
        return match(value, pattern, "is neither a number nor " +
                     ("a port's name" if wanted == "port" else 'a "50%"'))
    if wanted == "quantity":
        return None if is_integer(value) else match(
            value, QUANTITY, "is no quantity such as 500m or 64Mi")
    if wanted in TEXTS:
        pattern, words = TEXTS[wanted]
        return match(value, pattern, f"is not {words}")
    words = wanted.split("|")
    if value in words:
        return None
    return "is not " + (words[0] if len(words) == 1 else
                        "one of " + ", ".join(words))


def match(value, pattern, otherwise):
    if isinstance(value, str) and re.fullmatch(pattern, value):
        return None
    return otherwise
