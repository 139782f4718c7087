"""Text as the Bot API takes it: HTML with entities, counted in UTF-16."""
import re

TAGS = {"b": "bold", "strong": "bold", "i": "italic", "em": "italic",
        "u": "underline", "ins": "underline", "s": "strikethrough",
        "strike": "strikethrough", "del": "strikethrough",
        "tg-spoiler": "spoiler", "span": "spoiler", "a": "text_link",
        "code": "code", "pre": "pre", "blockquote": "blockquote",
        "tg-emoji": "custom_emoji"}
ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}


class Refused(Exception):
    """A request that the API answers with an error."""

    def __init__(self, description, code=400, **parameters):
        super().__init__(description)
        self.code, self.parameters = code, parameters
        kind = {400: "Bad Request", 403: "Forbidden",
                404: "Not Found", 409: "Conflict"}.get(code)
        self.description = f"{kind}: {description}" if kind else description


def units(text):
    """The length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cannot(text, offset, why):
    raise Refused(f"can't parse entities: {why} at byte offset "
                  f"{len(text[:offset].encode())}")


def decode(text, at):
    """The character of a reference at `at`, and where it ends."""
    match = re.compile(r"&(#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[a-z]+);?"
                       ).match(text, at)
    if not match:
        return "&", at + 1
    name = match[1]
    if name[0] == "#":
        code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
        if 0 < code < 0x110000 and not 0xd800 <= code < 0xe000:
            return chr(code), match.end()
        return "&", at + 1
    if name in ENTITIES:
        return ENTITIES[name], match.end()
    return "&", at + 1


def attributes(text, at, name):
    """What follows a start tag's name: a dict, and where the tag ends."""
    found = {}
    pattern = re.compile(
        r"\s+([a-zA-Z0-9-]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[a-zA-Z0-9.-]+))?")
    while True:
        match = pattern.match(text, at)
        if not match:
            break
        value = match[2] or ""
        if value[:1] in "\"'" and value:
            value = value[1:-1]
        found[match[1].lower()] = value
        at = match.end()
    end = re.compile(r"\s*>").match(text, at)
    if not end:
        cannot(text, at, f'Unclosed start tag "{name}"')
    return found, end.end()


def parse_html(text):
    """Plain text and its entities; Refused where the API refuses."""
    plain, entities, stack, at = [], [], [], 0
    length = 0
    while at < len(text):
        c = text[at]
        if c == "&":
            c, at = decode(text, at)
        elif c != "<":
            at += 1
        else:
            start = at
            match = re.compile(r"</?([a-zA-Z0-9-]*)").match(text, at)
            name, at = match[1].lower(), match.end()
            if text[start + 1:start + 2] == "/":
                at = close_tag(text, start, at, name, stack, entities, length)
            else:
                if name not in TAGS:
                    cannot(text, start, f'Unsupported start tag "{name}"')
                found, at = attributes(text, at, name)
                check_tag(text, start, name, found, stack)
                stack.append((name, start, length, found))
            continue
        plain.append(c)
        length += units(c)
    if stack:
        name, start = stack[-1][:2]
        raise Refused(f"can't parse entities: Can't find end tag "
                      f'corresponding to start tag "{name}"')
    return "".join(plain), sorted(
        entities, key=lambda e: (e["offset"], -e["length"]))


def check_tag(text, start, name, found, stack):
    if name == "span" and found.get("class") != "tg-spoiler":
        cannot(text, start, 'Tag "span" must have class "tg-spoiler"')
    inside = [one[0] for one in stack]
    if name == "blockquote" and "blockquote" in inside:
        cannot(text, start, "blockquote cannot be nested")


def close_tag(text, start, at, name, stack, entities, length):
    if not stack:
        cannot(text, start, "Unexpected end tag")
    opened, _, begin, found = stack.pop()
    if name and name != opened:
        cannot(text, start, f'Unmatched end tag, expected "</{opened}>", '
               f'found "</{name}>"')
    end = re.compile(r"\s*>").match(text, at)
    if not end:
        cannot(text, start, "Unclosed end tag")
    if length > begin:
        entity = {"type": TAGS[opened], "offset": begin,
                  "length": length - begin}
        if opened == "a":
            entity["url"] = found.get("href", "")
        if opened == "code" and found.get("class", "").startswith("language-"):
            entity["language"] = found["class"][9:]
        entities.append(entity)
    return end.end()


def formatted(params, key="text", most=4096, what="message"):
    """The text of a request after parsing: plain text and entities."""
    text = params.get(key, "")
    if not isinstance(text, str):
        raise Refused(f"{key} must be a string")
    mode = params.get("parse_mode")
    if mode not in (None, "", "HTML"):
        raise Refused("unsupported parse_mode")
    if units(text) > 8 * 4096:
        raise Refused(f"{what} is too long")
    plain, entities = parse_html(text) if mode else (text, [])
    if units(plain.strip()) > most:
        raise Refused(f"{what} is too long")
    return plain.strip(), entities
