#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "runbook_reply.h"
#include "utf8.h"
#include "xalloc.h"

/* What became of the calls: the reply after a tool step. */

enum {
	HEAD = 2000, /* bytes of an output that are shown of its beginning... */
	TAIL = 1000, /* ...and of its end; a chat shows about 4,000 */
};

/* The longest run of backticks, so that a fence can be longer. */
static size_t
longest_ticks(const char *text, size_t length)
{
	size_t longest = 0, run = 0;

	for (size_t i = 0; i < length; i++) {
		run = text[i] == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static size_t
line_start(const char *text, size_t at)
{
	while (at > 0 && text[at - 1] != '\n')
		at--;
	return at;
}

static void
add_cut(struct buf *out, const char *text, size_t length)
{
	size_t head = HEAD, tail = length - TAIL, line;

	if (length <= HEAD + TAIL) {
		buf_add(out, text, length);
		return;
	}
	/* whole lines if they are not too long, else whole characters */
	line = line_start(text, head);
	head = line > HEAD / 2 ? line : utf8_floor(text, length, head);
	line = line_start(text, tail);
	tail = line > tail - TAIL / 2 && line > head
		   ? line
		   : utf8_floor(text, length, tail);
	buf_add(out, text, head);
	buf_printf(out, "%s[... %zu bytes left out ...]\n",
	    head > 0 && text[head - 1] == '\n' ? "" : "\n", tail - head);
	buf_add(out, text + tail, length - tail);
}

static void
add_output(struct buf *out, jv ref_step)
{
	jv output = json_get(ref_step, "output");
	const char *text = json_as_string(output, "");
	size_t length = json_string_length(output), fence;

	while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
		length--;
	if (length == 0) {
		buf_add_string(out, "It printed nothing.\n");
		goto done;
	}
	fence = longest_ticks(text, length);
	fence = fence < 3 ? 3 : fence + 1;
	for (size_t i = 0; i < fence; i++)
		buf_add_byte(out, '`');
	buf_add_byte(out, '\n');
	add_cut(out, text, length);
	buf_add_byte(out, '\n');
	for (size_t i = 0; i < fence; i++)
		buf_add_byte(out, '`');
	buf_add_byte(out, '\n');
done:
	jv_free(output);
}

/* What was called: the command, or the tool's name. */
static char *
call_text(jv ref_call)
{
	jv args = json_get(ref_call, "args");
	const char *command = json_get_string(args, "command", "");
	char *text = xstrdup(*command != '\0'
				 ? command
				 : json_get_string(ref_call, "name", "a call"));

	jv_free(args);
	return text;
}

static void
add_result(struct buf *out, jv ref_call, jv ref_step)
{
	char *what = call_text(ref_call);
	bool ok = json_get_bool(ref_step, "ok", false);
	jv exit_status = json_get(ref_step, "exit");

	if (ok)
		buf_printf(out, "Done: `%s`\n\n", what);
	else if (json_is_number(exit_status))
		buf_printf(out, "`%s` failed with exit status %lld:\n\n", what,
		    (long long)json_as_int(exit_status, -1));
	else
		buf_printf(out, "`%s` was refused or did not end:\n\n", what);
	add_output(out, ref_step);
	jv_free(exit_status);
	free(what);
}

/* The tool step that answers a call. */
static jv
result_of(jv ref_steps, int from, const char *id)
{
	for (int i = from; i < json_length(ref_steps); i++) {
		jv step = json_at(ref_steps, i);

		if (strcmp(json_get_string(step, "role", ""), "tool") == 0 &&
		    strcmp(json_get_string(step, "call", ""), id) == 0)
			return step;
		jv_free(step);
	}
	return json_null();
}

static int
last_with_calls(jv ref_steps)
{
	for (int i = json_length(ref_steps) - 1; i >= 0; i--) {
		jv step = json_at(ref_steps, i), calls;
		int count;

		calls = json_get(step, "calls");
		count = json_length(calls);
		jv_free(calls);
		jv_free(step);
		if (count > 0)
			return i;
	}
	return -1;
}

bool
runbook_report(struct buf *out, jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps"), step, calls;
	int at = last_with_calls(steps);
	bool any = false;

	step = json_at(steps, at);
	calls = json_get(step, "calls");
	if (at >= 0 &&
	    strcmp(json_get_string(step, "model", ""), RUNBOOK_MODEL) != 0)
		buf_add_string(out, "The model that began this did not end it. "
				    "This is what it had done last.\n\n");
	for (int i = 0; i < json_length(calls); i++) {
		jv call = json_at(calls, i), result;

		result =
		    result_of(steps, at + 1, json_get_string(call, "id", ""));
		if (json_is_object(result)) {
			if (any)
				buf_add_byte(out, '\n');
			add_result(out, call, result);
			any = true;
		}
		jv_free(result);
		jv_free(call);
	}
	jv_free(calls);
	jv_free(step);
	jv_free(steps);
	return any;
}
