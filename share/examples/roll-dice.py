#!/usr/bin/env python3
"""A tool stage in Python: it offers roll_dice and answers the calls of it."""
import json
import random
import sys

TOOL = {
    "name": "roll_dice",
    "description": "Rolls dice and says what each of them shows.",
    "parameters": {
        "type": "object",
        "properties": {
            "dice": {"type": "integer", "minimum": 1, "maximum": 100},
            "sides": {"type": "integer", "minimum": 2, "maximum": 1000}},
        "required": ["dice"]}}
LINE_MAX = 4 * 1024 * 1024


def pending(turn):
    """The calls of the last assistant step that no tool step answers."""
    steps = turn.get("steps") or []
    if turn.get("reply") is not None:
        return []
    asked = [i for i, s in enumerate(steps) if s.get("role") == "assistant"]
    if not asked:
        return []
    answered = {s.get("call") for s in steps[asked[-1] + 1:]}
    return [c for c in steps[asked[-1]].get("calls") or []
            if c["id"] not in answered]


def roll(args):
    """Whether it went well, and what the model is told."""
    dice, sides = args.get("dice"), args.get("sides", 6)
    if not isinstance(dice, int) or not 1 <= dice <= 100:
        return False, "dice must be an integer from 1 to 100"
    if not isinstance(sides, int) or not 2 <= sides <= 1000:
        return False, "sides must be an integer from 2 to 1000"
    return True, " ".join(str(random.randint(1, sides)) for _ in range(dice))


def serve(line):
    """The line to write: the same bytes when no call is for us."""
    turn = json.loads(line)
    mine = [c for c in pending(turn) if c["name"] == TOOL["name"]]
    for call in mine:
        ok, output = roll(call["args"])
        turn["steps"].append(
            {"role": "tool", "call": call["id"], "ok": ok, "output": output})
    return json.dumps(turn).encode() + b"\n" if mine else line


def main():
    status = 0
    if sys.argv[1:] == ["-l"]:
        print(json.dumps(TOOL))
        return 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            if len(line) > LINE_MAX:
                raise ValueError("too long")
            line = serve(line)
        except (ValueError, TypeError, KeyError, AttributeError,
                RecursionError) as error:
            print(f"roll-dice: line {number}: not a turn"
                  f" ({type(error).__name__}); skipped", file=sys.stderr)
            status = 65
            continue
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
