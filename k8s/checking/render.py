"""Overlays as lists of objects, by kubectl's kustomize."""
import subprocess

import yaml


class Failed(Exception):
    """It cannot be rendered; the text says why."""


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """As Kubernetes reads it: dates are text, and no key is there twice."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise Failed(f"line {key.start_mark.line + 1}: "
                             f"{key.value} is there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [r for r in resolvers if r[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def parse(text):
    try:
        found = list(yaml.load_all(text, Loader))
    except yaml.YAMLError as error:
        raise Failed(f"is no YAML: {error}") from None
    things = []
    for one in found:
        if isinstance(one, dict) and one.get("kind") == "List":
            things += one.get("items") or []
        elif one is not None:
            things.append(one)
    for one in things:
        if not isinstance(one, dict):
            raise Failed(f"{str(one)[:60]!r} is no object")
    return things


def render(folder, kubectl="kubectl"):
    """The text that would be applied."""
    try:
        done = subprocess.run([kubectl, "kustomize", str(folder)],
                              capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise Failed(f"there is no {kubectl}; name one with -k") from None
    except subprocess.TimeoutExpired:
        raise Failed(f"{kubectl} does not end") from None
    if done.returncode != 0:
        raise Failed("\n".join(line for line in done.stderr.splitlines()
                               if "deprecated" not in line))
    return done.stdout
