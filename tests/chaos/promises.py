"""What must be true of a gateway that had messages and misfortunes, seen from
the fake Telegram and from the file in which `count` wrote."""
import json
import re
from collections import Counter

from world import NUMBER

# How a message ends that shows a turn which still runs.
UNFINISHED = " \u2026"
# What a message has that asks the person, before anything was done.
ASKS = re.compile(r"/approve ([A-Z2-9]{8})")
REPEAT = re.compile(r"repeat|twice|again", re.I)


class Verdict:
    """Broken promises, in words, and numbers that are worth knowing."""

    def __init__(self):
        self.broken, self.numbers = [], Counter()

    def check(self, good, text):
        if not good:
            self.broken.append(text)


def shown(world, chat):
    """What the bot said in a chat, as the person sees it, in order: pairs of
    a message's id and its text."""
    with world.telegram.changed:
        messages = world.telegram.chats[chat]["messages"]
        return [(key, m.get("text", "")) for key, m in sorted(messages.items())
                if m["from"]["is_bot"]]


def answers(world, chat):
    """Texts of the bot in a chat, in order, but for what only shows progress
    or asks for approval: one of those is never an answer, or it would hide
    that there is none."""
    return [text for _, text in shown(world, chat)
            if not text.endswith(UNFINISHED) and not ASKS.search(text)]


def lines_of(path):
    """Without what a crash cut off."""
    return [json.loads(line) for line in
            path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def chat_of(world, turn):
    """The chat of a turn, by its name in the state."""
    for pattern in (f"archive/*/{turn}.ndjson", f"turns/{turn}/journal.ndjson"):
        for path in world.place.state.glob(pattern):
            return int(lines_of(path)[0]["turn"]["to"]["chat"])
    return None


def check_left_behind(verdict, world, left):
    """`left`: messages that still look as if a turn ran, as pairs of chat and
    id.  That can only be one whose sending was cut off before its id could be
    recorded."""
    lost = 0
    for path in (world.place.state / "sent").glob("*"):
        lines, chat = lines_of(path), chat_of(world, path.name)
        ids = [line["message"] for line in lines if line["event"] == "draft"]
        known = left.intersection((chat, int(i)) for i in ids)
        verdict.check(not known, f"turn {path.name}: left behind: {known}")
        lost += not ids and any(line["event"] == "begun" for line in lines)
    verdict.numbers["progress messages left behind"] += len(left)
    verdict.check(len(left) <= lost, f"{len(left)} progress messages are left "
                  f"behind, and only {lost} were cut off: {left}")


def check_chat(verdict, chat, said, texts):
    """`said`: the numbers of the messages, in order."""
    seen, last, place_of = {}, -1, {n: i for i, n in enumerate(said)}
    notices = []  # how far the answers had come when one without a number came
    for text in texts:
        numbers = [int(n) for n in NUMBER.findall(text)]
        if not numbers:
            notices.append(last)
            verdict.numbers["notices instead of answers"] += 1
            continue
        marked = bool(REPEAT.search(text))
        if marked:
            verdict.numbers["marked as a possible repeat"] += 1
        places = [place_of.get(n) for n in numbers]
        verdict.check(None not in places,
                      f"chat {chat}: an answer to another chat: {text!r}")
        if None in places:
            continue
        again = [n for n in numbers if n in seen]
        verdict.check(not again or marked,
                      f"chat {chat}: answered twice: {again} {text!r}")
        if again:
            verdict.numbers["really repeated"] += 1
        else:
            verdict.check(places == sorted(places) and places[0] > last,
                          f"chat {chat}: out of order: {text!r} after "
                          f"message {last} of {said}")
            last = max(last, places[-1])
        seen.update(dict.fromkeys(numbers))
    check_answered(verdict, chat, said, seen, notices)


def check_answered(verdict, chat, said, seen, notices):
    """A message without an answer of its own has a notice between the answers
    to those before and after it."""
    before = -1
    for i, number in enumerate(said):
        if number in seen:
            before = i
            verdict.numbers["answered"] += 1
        elif before in notices:
            verdict.numbers["answered by a notice"] += 1
        else:
            verdict.check(False, f"chat {chat}: m{number:06} has no answer")


def check_counts(verdict, world):
    for what, path in (("begun", world.begun), ("counted", world.counted)):
        text = path.read_text() if path.exists() else ""
        lines = Counter(text.splitlines())
        verdict.numbers[f"calls {what}"] = len(lines)
        twice = [line for line, count in lines.items() if count > 1]
        verdict.check(not twice, f"{what} twice: {twice}")


def check_rest(verdict, world):
    left = world.at_work() + world.names("in/tmp/*") + \
        world.names("out/*/tmp/*")
    verdict.check(not left, f"left in the state: {left}")
    for name in ("in", "out/telegram"):
        dead = world.names(f"{name}/dead/*")
        verdict.numbers[f"in {name}/dead"] = len(dead)
        verdict.check(name == "in" or not dead, f"never delivered: {dead}")
    for fake in (world.telegram, world.model):
        verdict.check(not fake.complaints, f"{type(fake).__name__} complains: "
                      f"{sorted(set(fake.complaints))[:5]}")
    log = world.gateway.log.read_text(errors="replace")
    bad = [line for line in log.splitlines()
           if re.search(r"ssertion|egmentation|Aborted|Sanitizer", line)]
    verdict.check(not bad, f"in the log: {bad[:5]}")


def check(world, said):
    """`said`: for each chat the numbers of its messages, in order."""
    verdict = Verdict()
    left = set()
    for chat, numbers in said.items():
        left.update((chat, key) for key, text in shown(world, chat)
                    if text.endswith(UNFINISHED))
        verdict.numbers["messages"] += len(numbers)
        check_chat(verdict, chat, numbers, answers(world, chat))
    check_left_behind(verdict, world, left)
    check_counts(verdict, world)
    check_rest(verdict, world)
    return verdict
