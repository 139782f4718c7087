"""Google's Generative AI API as far as a client can tell: what a request must
look like, and how an answer is put."""
import base64
import binascii
import json
import re

KEYWORDS = {  # of JSON Schema, those that Google takes
    "type", "format", "title", "description", "nullable", "enum", "items",
    "maxItems", "minItems", "properties", "required", "minProperties",
    "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf",
    "propertyOrdering", "default", "minimum", "maximum"}
TYPES = {"string", "number", "integer", "boolean", "array", "object"}
REQUEST = {"contents", "systemInstruction", "tools", "toolConfig",
           "generationConfig", "safetySettings", "cachedContent"}
GENERATION = {
    "maxOutputTokens", "temperature", "topP", "topK", "stopSequences",
    "candidateCount", "thinkingConfig", "responseMimeType", "responseSchema",
    "seed", "presencePenalty", "frequencyPenalty"}
KINDS = {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED",
          403: "PERMISSION_DENIED", 404: "NOT_FOUND",
          429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
          504: "DEADLINE_EXCEEDED"}


class Wrong(Exception):
    """The request is not what the provider takes; the text says why."""


def need(condition, text):
    if not condition:
        raise Wrong(text)


def fields(value, allowed, where):
    need(isinstance(value, dict), f"{where} is not an object")
    for key in value:
        need(key in allowed, f'Unknown name "{key}" at \'{where}\'')


def check_schema(schema, where):
    fields(schema, KEYWORDS, where)
    kind = schema.get("type")
    need(isinstance(kind, str) or "anyOf" in schema,
         f"{where}.type is not one string")
    need(kind is None or kind.lower() in TYPES, f"{where}.type is {kind}")
    if kind and kind.lower() == "object":
        need(schema.get("properties"),
             f"{where}.properties: should be non-empty for OBJECT type")
    if kind and kind.lower() == "array":
        need("items" in schema, f"{where}.items: missing field")
    for name, value in schema.get("properties", {}).items():
        check_schema(value, f"{where}.properties[{name}]")
    for name in schema.get("required", []):
        need(name in schema.get("properties", {}),
             f"{where}.required: {name} is not a property")
    for value in schema.get("enum", []):
        need(isinstance(value, str), f"{where}.enum holds {value!r}")
    if "items" in schema:
        check_schema(schema["items"], f"{where}.items")
    for i, value in enumerate(schema.get("anyOf", [])):
        check_schema(value, f"{where}.anyOf[{i}]")


def check_tools(tools):
    names = set()
    for i, tool in enumerate(tools):
        fields(tool, {"functionDeclarations"}, f"tools[{i}]")
        need(tool["functionDeclarations"], f"tools[{i}] declares nothing")
        for j, one in enumerate(tool["functionDeclarations"]):
            where = f"tools[{i}].functionDeclarations[{j}]"
            fields(one, {"name", "description", "parameters"}, where)
            need(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
                              one.get("name", "")), f"{where}.name")
            need(one["name"] not in names, f"{where}.name is there twice")
            names.add(one["name"])
            need(isinstance(one.get("description"), str),
                 f"{where}.description is missing")
            if "parameters" in one:
                check_schema(one["parameters"], f"{where}.parameters")


def check_part(part, role, where):
    fields(part, KINDS | {"thought", "thoughtSignature"}, where)
    kinds = KINDS & set(part)
    need(len(kinds) == 1, f"{where} has {sorted(kinds)} for its data")
    if "text" in part:
        need(isinstance(part["text"], str), f"{where}.text is no string")
    if "inlineData" in part:
        fields(part["inlineData"], {"mimeType", "data"}, f"{where}.inlineData")
        need("/" in part["inlineData"]["mimeType"], f"{where} has no mimeType")
        try:
            base64.b64decode(part["inlineData"]["data"], validate=True)
        except (binascii.Error, ValueError):
            raise Wrong(f"{where}.inlineData.data: Base64 decoding failed")
    if "functionCall" in part:
        need(role == "model", f"{where}: a call by the {role}")
        fields(part["functionCall"], {"id", "name", "args"}, where)
        need(isinstance(part["functionCall"].get("args", {}), dict),
             f"{where}.functionCall.args is no object")
    if "functionResponse" in part:
        need(role == "user", f"{where}: a response by the {role}")
        fields(part["functionResponse"], {"id", "name", "response"}, where)
        need(isinstance(part["functionResponse"].get("response"), dict),
             f"{where}.functionResponse.response is no object")


def calls_of(content, kind):
    return [(p[kind].get("id"), p[kind]["name"])
            for p in content["parts"] if kind in p]


def check_contents(contents):
    need(isinstance(contents, list) and contents, "contents is not specified")
    asked = []
    for i, content in enumerate(contents):
        where = f"contents[{i}]"
        fields(content, {"role", "parts"}, where)
        role = content.get("role")
        need(role == ("user", "model")[i % 2],
             f"{where}.role is {role}; user and model must alternate")
        need(content.get("parts"), f"{where}.parts must not be empty")
        for j, part in enumerate(content["parts"]):
            check_part(part, role, f"{where}.parts[{j}]")
        if role == "user":
            answered = calls_of(content, "functionResponse")
            need([n for _, n in answered] == [n for _, n in asked],
                 f"{where}: the function response parts "
                 f"{[n for _, n in answered]} are not those of the function "
                 f"call parts {[n for _, n in asked]}")
            need([k for k, _ in answered if k] == [
                k for (k, _), (r, _) in zip(asked, answered) if r],
                f"{where}: ids of responses differ from those of calls")
        asked = calls_of(content, "functionCall")
    need(contents[-1]["role"] == "user", "the last content is the model's")


def check(body):
    fields(body, REQUEST, "")
    check_contents(body.get("contents"))
    if "systemInstruction" in body:
        fields(body["systemInstruction"], {"parts", "role"},
               "systemInstruction")
        for part in body["systemInstruction"]["parts"]:
            need(isinstance(part.get("text"), str) and part["text"],
                 "systemInstruction without text")
    if "tools" in body:
        check_tools(body["tools"])
    if "toolConfig" in body:
        need(body.get("tools"), "toolConfig without tools")
        mode = body["toolConfig"]["functionCallingConfig"]["mode"]
        need(mode in ("AUTO", "ANY", "NONE"), f"mode {mode}")
    fields(body.get("generationConfig", {}), GENERATION, "generationConfig")


def call_key(call):
    return call["name"] + json.dumps(call.get("args", {}), sort_keys=True)


def check_signatures(body, given):
    """`given`: for each call that was made, the signatures it had."""
    for content in body["contents"]:
        for part in content["parts"]:
            if "functionCall" not in part:
                continue
            known = given.get(call_key(part["functionCall"]))
            need(known is None or part.get("thoughtSignature") in known,
                 "Function call is missing a thought_signature, or has "
                 f"another: {part['functionCall']['name']}")


def last_text(body):
    """The person's last words, and how many steps of tools followed them."""
    steps = 0
    for content in reversed(body["contents"]):
        if content["role"] == "user":
            texts = [p["text"] for p in content["parts"] if "text" in p]
            if texts:
                return texts[-1], steps
            steps += 1
    return "", steps


def results(body):
    """What the tools answered in the last content."""
    return [p["functionResponse"] for p in body["contents"][-1]["parts"]
            if "functionResponse" in p]


def usage(answer):
    numbers = answer.get("usage", {"input": 10, "output": 5})
    if numbers is None:
        return {}
    thoughts = numbers.get("thoughts", 0)
    counts = {"promptTokenCount": numbers["input"],
              "candidatesTokenCount": numbers["output"] - thoughts,
              "totalTokenCount": numbers["input"] + numbers["output"]}
    if thoughts:
        counts["thoughtsTokenCount"] = thoughts
    if "cached" in numbers:
        counts["cachedContentTokenCount"] = numbers["cached"]
    return {"usageMetadata": counts}


def parts(answer, pieces):
    """The answer's parts, its text in pieces."""
    if answer.get("thought"):
        yield {"text": answer["thought"], "thought": True}
    for piece in pieces:
        yield {"text": piece}
    for call in answer.get("calls", []):
        one = {"name": call["name"], "args": call.get("args", {})}
        if "id" in call:
            one["id"] = call["id"]
        part = {"functionCall": one}
        if "signature" in call:
            part["thoughtSignature"] = call["signature"]
        yield part


def event(model, some, answer=None, finish=None):
    candidate = {"content": {"role": "model", "parts": some}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    value = {"candidates": [candidate], "modelVersion": model}
    if answer is not None:
        value.update(usage(answer))
    return value


def finish(answer):
    return answer.get("finish", "STOP")


def stream(model, answer, pieces, _body):
    """Events of the stream, each with what it holds: text, call or end."""
    for part in parts(answer, pieces):
        kind = "call" if "functionCall" in part else "text"
        yield kind, json.dumps(event(model, [part], answer))
    yield "end", json.dumps(event(
        model, [{"text": ""}], answer, finish(answer)))


def whole(model, answer, _body):
    pieces = [answer["text"]] if answer.get("text") else []
    return event(model, list(parts(answer, pieces)), answer, finish(answer))


def error(status, message, answer):
    value = {"code": status, "message": message,
             "status": STATUS.get(status, "UNKNOWN")}
    if "retry_delay" in answer:
        value["details"] = [
            {"@type": "type.googleapis.com/google.rpc.Help"},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo",
             "retryDelay": answer["retry_delay"]}]
    return {"error": value}
