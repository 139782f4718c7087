"""The API of OpenAI's chat completions, as LiteLLM and others speak it: what a
request must look like, and how an answer is put."""
import json
import re

from fake.google import fields, need

REQUEST = {
    "model", "messages", "tools", "tool_choice", "stream", "stream_options",
    "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stop",
    "parallel_tool_calls", "user", "response_format", "seed"}
ROLES = {"system": {"role", "content", "name"},
         "user": {"role", "content", "name"},
         "assistant": {"role", "content", "tool_calls", "name", "refusal"},
         "tool": {"role", "content", "tool_call_id"}}
TYPE = {401: "authentication_error", 403: "permission_error",
        404: "not_found_error", 429: "rate_limit_error"}
CODE = {401: "invalid_api_key", 402: "insufficient_quota",
        404: "model_not_found", 413: "context_length_exceeded",
        429: "rate_limit_exceeded"}


def check_content(message, where):
    content = message.get("content")
    if message["role"] == "user" and isinstance(content, list):
        need(content, f"{where}.content is empty")
        for part in content:
            if part.get("type") == "text":
                fields(part, {"type", "text"}, where)
            else:
                fields(part, {"type", "image_url"}, where)
                need(re.match(r"(data:image/[a-z+.-]+;base64,|https?://)",
                              part["image_url"]["url"]),
                     f"{where}: image_url is neither data nor http")
        return
    if message["role"] == "assistant" and message.get("tool_calls"):
        need(content is None or isinstance(content, str),
             f"{where}.content is neither a string nor null")
        return
    need(isinstance(content, str), f"{where}.content is not a string")


def check_calls(calls, seen, where):
    need(isinstance(calls, list) and calls, f"{where}.tool_calls is empty")
    for call in calls:
        fields(call, {"id", "type", "function"}, where)
        need(call.get("type") == "function", f"{where}: type of a call")
        need(isinstance(call.get("id"), str) and call["id"],
             f"{where}: a call without an id")
        need(call["id"] not in seen, f"{where}: id {call['id']} again")
        seen.add(call["id"])
        fields(call["function"], {"name", "arguments"}, where)
        need(isinstance(call["function"].get("arguments"), str),
             f"{where}: arguments of a call are not a string")


def check_messages(messages):
    need(isinstance(messages, list) and messages, "messages is empty")
    seen, waiting, began = set(), [], False
    for i, message in enumerate(messages):
        where = f"messages[{i}]"
        role = message.get("role")
        need(role in ROLES, f"{where}.role is {role}")
        fields(message, ROLES[role], where)
        need(role != "system" or not began, f"{where}: system after others")
        began = began or role != "system"
        if role == "tool":
            need(message.get("tool_call_id") in waiting,
                 f"{where}: tool_call_id {message.get('tool_call_id')!r} "
                 "answers no call before it")
            waiting.remove(message["tool_call_id"])
        else:
            need(not waiting, f"{where}: tool_call_ids without a tool "
                 f"message: {', '.join(waiting)}")
        check_content(message, where)
        if role == "assistant" and "tool_calls" in message:
            check_calls(message["tool_calls"], seen, where)
            waiting = [c["id"] for c in message["tool_calls"]]
    need(not waiting, f"tool_call_ids without a tool message: {waiting}")
    need(messages[-1]["role"] != "assistant", "the last message is ours")


def check_tools(tools):
    need(isinstance(tools, list) and tools, "[] is too short - 'tools'")
    for i, tool in enumerate(tools):
        fields(tool, {"type", "function"}, f"tools[{i}]")
        need(tool.get("type") == "function", f"tools[{i}].type")
        one = tool["function"]
        fields(one, {"name", "description", "parameters", "strict"},
               f"tools[{i}].function")
        need(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", one.get("name", "")),
             f"tools[{i}].function.name")
        need(one.get("parameters", {"type": "object"}).get("type")
             == "object", f"tools[{i}].function.parameters.type")


def check(body):
    fields(body, REQUEST, "")
    need(isinstance(body.get("model"), str), "you must provide a model")
    check_messages(body.get("messages"))
    if "tools" in body:
        check_tools(body["tools"])
    need("tool_choice" not in body or "tools" in body,
         "'tool_choice' is only allowed when 'tools' are specified")
    need("stream_options" not in body or body.get("stream") is True,
         "'stream_options' is only allowed when 'stream' is enabled")


def check_signatures(_body, _given):
    pass


def call_key(call):
    return call["name"]


def last_text(body):
    """The person's last words, and how many steps of tools followed them."""
    steps = 0
    for message in reversed(body["messages"]):
        if message["role"] == "assistant" and message.get("tool_calls"):
            steps += 1
        if message["role"] == "user":
            content = message["content"]
            if isinstance(content, list):
                content = "".join(p.get("text", "") for p in content)
            return content, steps
    return "", steps


def results(body):
    """What the tools answered to the last calls."""
    found = []
    for message in reversed(body["messages"]):
        if message["role"] != "tool":
            break
        found.insert(0, message)
    return found


def usage(answer):
    numbers = answer.get("usage", {"input": 10, "output": 5})
    if numbers is None:
        return None
    counts = {"prompt_tokens": numbers["input"],
              "completion_tokens": numbers["output"],
              "total_tokens": numbers["input"] + numbers["output"]}
    if "cached" in numbers:
        counts["prompt_tokens_details"] = {"cached_tokens": numbers["cached"]}
    if "thoughts" in numbers:
        counts["completion_tokens_details"] = {
            "reasoning_tokens": numbers["thoughts"]}
    return counts


def arguments(call):
    """As JSON text; `arguments` in the script may be text that is not."""
    return call.get("arguments", json.dumps(call.get("args", {})))


def finish(answer):
    if "finish" in answer:
        return answer["finish"]
    return "tool_calls" if answer.get("calls") else "stop"


def chunk(model, choices, **more):
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion.chunk",
                       "created": 1700000000, "model": model,
                       "choices": choices, **more})


def delta(model, value, reason=None):
    return chunk(model, [{"index": 0, "delta": value,
                          "finish_reason": reason}])


def stream(model, answer, pieces, body):
    """Events of the stream, each with what it holds: text, call or end."""
    yield "start", delta(model, {"role": "assistant", "content": ""})
    if answer.get("thought"):
        yield "start", delta(model, {"reasoning_content": answer["thought"]})
    for piece in pieces:
        yield "text", delta(model, {"content": piece})
    for i, call in enumerate(answer.get("calls", [])):
        text = arguments(call)
        half = (len(text) + 1) // 2
        first = {"index": i, "id": call.get("id", f"call_{i}"),
                 "type": "function",
                 "function": {"name": call["name"], "arguments": ""}}
        yield "start", delta(model, {"tool_calls": [first]})
        for piece in (text[:half], text[half:]):
            yield "call", delta(model, {"tool_calls": [
                {"index": i, "function": {"arguments": piece}}]})
    yield "end", delta(model, {}, finish(answer))
    if body.get("stream_options", {}).get("include_usage") and usage(answer):
        yield "end", chunk(model, [], usage=usage(answer))
    yield "end", "[DONE]"


def whole(model, answer, _body):
    message = {"role": "assistant", "content": answer.get("text") or None}
    if answer.get("calls"):
        message["tool_calls"] = [
            {"id": call.get("id", f"call_{i}"), "type": "function",
             "function": {"name": call["name"], "arguments": arguments(call)}}
            for i, call in enumerate(answer["calls"])]
    value = {"id": "chatcmpl-1", "object": "chat.completion",
             "created": 1700000000, "model": model,
             "choices": [{"index": 0, "message": message,
                          "finish_reason": finish(answer)}]}
    if usage(answer):
        value["usage"] = usage(answer)
    return value


def error(status, message, answer):
    return {"error": {"message": message,
                      "type": TYPE.get(status, "invalid_request_error"
                                       if status < 500 else "server_error"),
                      "param": None,
                      "code": answer.get("code", CODE.get(status))}}
