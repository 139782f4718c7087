#include <stdlib.h>
#include <string.h>
#include "answer.h"
#include "json.h"
#include "xalloc.h"

/*
 * OpenAI-compatible servers: URL, key, answers as a whole and as a stream.  The
 * body is made in openai_body.c; openai_calls.c puts calls together, and
 * openai_error.c reads errors.
 */

static char *
openai_url(const char *base_url, const struct prompt *prompt)
{
	(void)prompt; /* the model's name is in the body */
	return xasprintf("%s/chat/completions", base_url);
}

static char *
openai_auth_header(const char *key)
{
	return xasprintf("Authorization: Bearer %s", key);
}

static void
openai_end(struct answer *answer)
{
	bool ok = answer->error == ANSWER_OK && openai_think_end(answer);

	/* a call that was cut off must not run with half of its arguments */
	ok = ok && answer->finished;
	ok = ok && openai_complete_calls(answer);
	if (ok && json_length(answer->calls) == 0)
		openai_calls_in_text(answer);
	answer_finish(answer);
}

/* content: a string, or parts of which those with text count. */
static bool
take_content(struct answer *answer, jv ref_content)
{
	bool ok = true;

	if (json_is_string(ref_content))
		return openai_think(answer, json_as_string(ref_content, ""),
		    json_string_length(ref_content));
	for (int i = 0, n = json_length(ref_content);
	     i < n && ok && json_is_array(ref_content); i++) {
		jv part = json_at(ref_content, i),
		   text = json_get(part, "text");
		const char *type = json_get_string(part, "type", "text");

		if (strcmp(type, "text") == 0 ||
		    strcmp(type, "output_text") == 0)
			ok = openai_think(answer, json_as_string(text, ""),
			    json_string_length(text));
		jv_free(text);
		jv_free(part);
	}
	return ok;
}

/* The form from before tools: one call, {"name","arguments"}. */
static bool
take_function_call(struct answer *answer, jv ref_call, bool whole)
{
	jv call;
	bool ok;

	if (!json_is_object(ref_call))
		return true;
	call = json_set(json_object(), "function", json_copy(ref_call));
	call = json_set_int(call, "index", 0);
	ok = openai_take_call(answer, call, whole);
	jv_free(call);
	return ok;
}

/* A message, or the piece of one that an event brings. */
static bool
take_message(struct answer *answer, jv ref_message, bool whole)
{
	jv content = json_get(ref_message, "content");
	jv refusal = json_get(ref_message, "refusal");
	jv calls = json_get(ref_message, "tool_calls");
	jv function = json_get(ref_message, "function_call");
	bool ok =
	    take_content(answer, content) && take_content(answer, refusal);

	for (int i = 0; json_is_array(calls) && i < json_length(calls) && ok;
	     i++) {
		jv call = json_at(calls, i);

		ok = openai_take_call(answer, call, whole);
		jv_free(call);
	}
	ok = ok && take_function_call(answer, function, whole);
	jv_free(function);
	jv_free(calls);
	jv_free(refusal);
	jv_free(content);
	return ok;
}

static bool
take_finish(struct answer *answer, const char *reason)
{
	if (reason[0] == '\0')
		return true;
	answer->finished = true;
	answer->truncated =
	    strcmp(reason, "length") == 0 || strcmp(reason, "max_tokens") == 0;
	if (strcmp(reason, "content_filter") == 0)
		answer_fail(answer, ANSWER_BLOCKED,
		    "the model ended with content_filter");
	else if (strcmp(reason, "error") == 0)
		answer_fail(
		    answer, ANSWER_SERVER, "the model ended with an error");
	return answer->error == ANSWER_OK;
}

static void
take_usage(struct answer *answer, jv ref_usage)
{
	jv cached, thoughts;

	if (!json_is_object(ref_usage))
		return;
	cached = json_path(ref_usage, "prompt_tokens_details.cached_tokens");
	thoughts =
	    json_path(ref_usage, "completion_tokens_details.reasoning_tokens");
	answer->input = json_get_int(ref_usage, "prompt_tokens", answer->input);
	answer->output =
	    json_get_int(ref_usage, "completion_tokens", answer->output);
	answer->cached = json_as_int(cached, answer->cached);
	answer->thoughts = json_as_int(thoughts, answer->thoughts);
	jv_free(cached);
	jv_free(thoughts);
}

/* The choice with index 0, or null: a chunk with the usage has none. */
static jv
first_choice(jv ref_response)
{
	jv choices = json_get(ref_response, "choices"), choice = json_null();

	for (int i = 0, n = json_length(choices); i < n; i++) {
		jv one = json_at(choices, i);

		if (json_get_int(one, "index", 0) == 0) {
			choice = one;
			break;
		}
		jv_free(one);
	}
	jv_free(choices);
	return choice;
}

static bool
take_response(struct answer *answer, jv ref, bool whole)
{
	jv choice, message, usage;
	bool ok;

	if (!json_is_object(ref)) {
		answer_fail(answer, ANSWER_MALFORMED,
		    "the answer is not a JSON object");
		return false;
	}
	if (openai_error(answer, ref, 0))
		return false;
	usage = json_get(ref, "usage");
	choice = first_choice(ref);
	/* some send the other form's name for it */
	message =
	    json_get(choice, json_has(choice, "delta") ? "delta" : "message");
	take_usage(answer, usage);
	ok = take_message(answer, message, whole) &&
	     take_finish(answer, json_get_string(choice, "finish_reason", ""));
	if (ok && whole && !json_is_object(message)) {
		answer_fail(answer, ANSWER_MALFORMED,
		    "the answer has no choices[0].message");
		ok = false;
	}
	jv_free(message);
	jv_free(choice);
	jv_free(usage);
	return ok;
}

static bool
openai_event(struct answer *answer, const char *data, size_t size)
{
	static const char done[] = "[DONE]";
	jv response;
	bool ok;

	while (size > 0 && strchr(" \t\r\n", data[size - 1]) != NULL)
		size--;
	if (size == 0)
		return true;
	if (size == strlen(done) && memcmp(data, done, size) == 0) {
		answer->finished = true;
		return true;
	}
	response = answer_parse(data, size);
	ok = take_response(answer, response, false);
	jv_free(response);
	return ok;
}

static void
openai_whole(struct answer *answer, const char *data, size_t size)
{
	jv response = answer_parse(data, size);

	/* it came as a whole, so it has not been cut */
	if (take_response(answer, response, true))
		answer->finished = true;
	jv_free(response);
	openai_end(answer);
}

const struct provider provider_openai = {
    .kind = "openai",
    .url = openai_url,
    .auth_header = openai_auth_header,
    .body = openai_body,
    .event = openai_event,
    .end = openai_end,
    .whole = openai_whole,
    .failed = openai_failed,
};
