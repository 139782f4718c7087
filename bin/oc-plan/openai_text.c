#include <string.h>
#include "answer.h"
#include "json.h"

/*
 * What small models and the servers before them write into the text: their
 * thinking, and calls.
 */
static const char think_open[] = "<think>", think_close[] = "</think>";

/* Inside of the thinking, only what may be the start of its end is kept. */
static void
look_for_close(struct answer_state *state)
{
	struct buf *held = &state->held;
	char *close =
	    held->length != 0 ? strstr(held->data, think_close) : NULL;
	size_t keep = strlen(think_close) - 1;

	if (close != NULL) {
		buf_drop(
		    held, (size_t)(close - held->data) + strlen(think_close));
		buf_drop(held, strspn(held->data, " \t\r\n"));
		state->think = THINK_OVER;
	} else if (held->length > keep) {
		buf_drop(held, held->length - keep);
	}
}

bool
openai_think(struct answer *answer, const char *text, size_t length)
{
	struct answer_state *state = answer->state;
	struct buf *held = &state->held;
	size_t open = strlen(think_open), lead;

	if (state->think == THINK_OVER)
		return answer_add_text(answer, text, length);
	if (length == 0)
		return true;
	buf_add(held, text, length);
	if (state->think == THINK_LEAD) {
		lead = strspn(held->data, " \t\r\n");
		if (strncmp(held->data + lead, think_open, open) == 0) {
			buf_drop(held, lead + open);
			state->think = THINK_INSIDE;
		} else if (held->length - lead >= open ||
			   strncmp(held->data + lead, think_open,
			       held->length - lead) != 0) {
			state->think = THINK_OVER;
		} else if (lead > open) {
			buf_drop(held, lead); /* blanks without end */
		}
	}
	if (state->think == THINK_INSIDE)
		look_for_close(state);
	return state->think == THINK_OVER ? openai_think_end(answer) : true;
}

bool
openai_think_end(struct answer *answer)
{
	struct buf *held = &answer->state->held;
	bool ok = true;

	if (answer->state->think != THINK_INSIDE)
		ok = answer_add_text(answer, buf_string(held), held->length);
	buf_free(held);
	return ok;
}

/*
 * Adds one call: {"name","arguments"} with "parameters" or "args" for the
 * latter, or the same below "function".  Nothing when it is not a call of a
 * tool that was declared.
 */
static bool
add_one(struct answer *answer, jv ref_value)
{
	static const char *const keys[] = {"arguments", "parameters", "args"};
	jv inner = json_get(ref_value, "function"), args = json_null();
	jv call = json_is_object(inner) ? inner : json_copy(ref_value);
	const char *name = json_get_string(call, "name", "");
	bool found = false;

	if (!json_is_object(inner))
		jv_free(inner);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0] && !found; i++) {
		jv_free(args);
		args = json_get(call, keys[i]);
		found = json_is_object(args);
	}
	found = found && answer_knows_tool(answer, name) &&
		answer_add_call(answer, "", name, json_copy(args), NULL);
	jv_free(args);
	jv_free(call);
	return found;
}

/* A text that is one call or an array of them: whether it was. */
static bool
add_value(struct answer *answer, const char *text, size_t length)
{
	jv value = answer_parse(text, length), before;
	bool all;

	if (json_is_array(value)) {
		before = json_copy(answer->calls);
		all = json_length(value) != 0;
		for (int i = 0, n = json_length(value); i < n && all; i++) {
			jv one = json_at(value, i);

			all = add_one(answer, one);
			jv_free(one);
		}
		if (!all) { /* not one of them, then */
			jv_free(answer->calls);
			answer->calls = json_copy(before);
		}
		jv_free(before);
	} else {
		all = add_one(answer, value);
	}
	jv_free(value);
	return all;
}

/* Without blanks around it, and without a code fence around all of it. */
static void
strip(const char **text, size_t *length)
{
	static const char fence[] = "```";
	const char *s = *text;
	size_t n = *length, line, blanks;

	for (int pass = 0; pass < 2; pass++) {
		blanks = strspn(s, " \t\r\n");
		blanks = blanks < n ? blanks : n;
		s += blanks;
		n -= blanks;
		while (n > 0 && strchr(" \t\r\n", s[n - 1]) != NULL)
			n--;
		line = strcspn(s, "\n");
		if (n < 2 * strlen(fence) || line >= n ||
		    strncmp(s, fence, strlen(fence)) != 0 ||
		    strncmp(s + n - strlen(fence), fence, strlen(fence)) != 0)
			break;
		s += line;
		n -= line + strlen(fence);
	}
	*text = s;
	*length = n;
}

/*
 * Takes blocks of this tag that are calls out of the text.  The last one may
 * lack its end.
 */
static void
take_blocks(struct answer *answer, const char *tag)
{
	struct buf rest = {0};
	char open[32], close[32];
	const char *text = buf_string(&answer->text), *from, *to;
	int before = json_length(answer->calls);

	snprintf(open, sizeof open, "<%s>", tag);
	snprintf(close, sizeof close, "</%s>", tag);
	while ((from = strstr(text, open)) != NULL) {
		const char *inner = from + strlen(open);
		const char *next;
		size_t length;

		to = strstr(inner, close);
		length = to != NULL ? (size_t)(to - inner) : strlen(inner);
		next = to != NULL ? to + strlen(close) : inner + length;
		strip(&inner, &length);
		if (add_value(answer, inner, length))
			buf_add(&rest, text, (size_t)(from - text));
		else
			buf_add(&rest, text, (size_t)(next - text));
		text = next;
	}
	buf_add_string(&rest, text);
	if (json_length(answer->calls) != before) {
		while (rest.length != 0 &&
		       strchr(" \t\r\n", rest.data[rest.length - 1]) != NULL)
			buf_truncate(&rest, rest.length - 1);
		buf_free(&answer->text);
		answer->text = rest;
		return;
	}
	buf_free(&rest);
}

bool
openai_calls_in_text(struct answer *answer)
{
	static const char *const tags[] = {
	    "tool_call", "tools", "function_call"};
	const char *text = buf_string(&answer->text);
	size_t length = answer->text.length;

	if (length == 0 || json_length(answer->state->tools) == 0)
		return true;
	strip(&text, &length);
	if (length != 0 && (text[0] == '{' || text[0] == '[') &&
	    add_value(answer, text, length)) {
		buf_clear(&answer->text);
		return true;
	}
	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
		if (answer->error == ANSWER_OK)
			take_blocks(answer, tags[i]);
	return answer->error == ANSWER_OK;
}
