"""What the benchmarks share: how numbers are printed, and how processes are
looked at."""
import re
from pathlib import Path


def say(name, value, note=""):
    print(f"  {name:<44} {value:>12}  {note}".rstrip(), flush=True)


def title(text):
    print(f"\n{text}", flush=True)


def tree(pid):
    """Processes below one, with their names."""
    parents, names, found, waiting = {}, {}, [], [pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            name = stat[stat.index("(") + 1:stat.rindex(")")]
            parent = int(stat.rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(entry.name))
            names[int(entry.name)] = name
    while waiting:
        one = waiting.pop()
        found.append((one, names.get(one, "?")))
        waiting += parents.get(one, [])
    return found


def pss_kib(pid):
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])


def pss(pid):
    """MiB of the programs below a shell, by program and in all."""
    each = {}
    for one, name in tree(pid):
        each[name] = each.get(name, 0) + pss_kib(one)
    return sum(each.values()) / 1024, each


def median(values):
    return sorted(values)[len(values) // 2]


def voluntary_switches(pid):
    """How often the programs below one slept and woke, by program."""
    each = {}
    for one, name in tree(pid):
        for path in Path(f"/proc/{one}/task").glob("*/status"):
            try:
                found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)",
                                  path.read_text(), re.M)
            except OSError:
                continue
            each[name] = each.get(name, 0) + int(found[1])
    return each
