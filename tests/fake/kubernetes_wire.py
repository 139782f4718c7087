"""Jobs as newer kubectls send them: protobuf, with the fields that tests see."""

MAGIC = b"k8s\0"
# Number of a field -> its name, and what it holds: "text", a table of fields,
# a list of either, or "map".
CONTAINER = {1: ("name", "text"), 2: ("image", "text"),
             3: ("command", ["text"]), 4: ("args", ["text"])}
OWNER = {1: ("kind", "text"), 3: ("name", "text"), 4: ("uid", "text"),
         5: ("apiVersion", "text")}
META = {1: ("name", "text"), 3: ("namespace", "text"), 11: ("labels", "map"),
        12: ("annotations", "map"), 13: ("ownerReferences", [OWNER])}
POD = {2: ("containers", [CONTAINER]), 3: ("restartPolicy", "text")}
TEMPLATE = {1: ("metadata", META), 2: ("spec", POD)}
JOB = {1: ("metadata", META), 2: ("spec", {6: ("template", TEMPLATE)})}
PAIR = {1: ("key", "text"), 2: ("value", "text")}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """Pairs of a field's number and its bytes; numbers are left out."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 2:
            length, at = varint(data, at)
            yield tag >> 3, data[at:at + length]
            at += length
        elif tag & 7 == 0:
            _, at = varint(data, at)
        else:
            at += 8 if tag & 7 == 1 else 4


def decode(data, table):
    result = {}
    for number, value in fields(data):
        if number not in table:
            continue
        name, kind = table[number]
        if kind == "map":
            pair = decode(value, PAIR)
            result.setdefault(name, {})[pair["key"]] = pair.get("value", "")
        elif isinstance(kind, list):
            result.setdefault(name, []).append(one(value, kind[0]))
        else:
            result[name] = one(value, kind)
    return result


def one(value, kind):
    return value.decode() if kind == "text" else decode(value, kind)


def decode_job(data):
    """The Job in a request's body."""
    envelope = dict(fields(data[len(MAGIC):]))
    return {"apiVersion": "batch/v1", "kind": "Job",
            **decode(envelope[2], JOB)}
