#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "commands.h"
#include "io.h"
#include "json.h"
#include "logs.h"
#include "utf8.h"
#include "xalloc.h"

enum { TEXT_SHOWN = 100, TIME_SIZE = 16 };

void
logs_add_short(struct buf *out, const char *text)
{
	size_t length = strlen(text), start = out->length;
	bool cut = length > TEXT_SHOWN;

	if (cut)
		length = utf8_floor(text, length, TEXT_SHOWN);
	utf8_plain(out, text, length);
	for (size_t i = start; i < out->length; i++)
		if (out->data[i] == '\n' || out->data[i] == '\t')
			out->data[i] = ' ';
	if (cut)
		buf_add_string(out, "...");
}

static void
add_call(struct buf *out, jv ref_call)
{
	jv args = json_get(ref_call, "args"),
	   command = json_get(args, "command");
	char *text = json_is_string(command) ? NULL : json_text(args);

	buf_printf(out, "%s ", json_get_string(ref_call, "name", "?"));
	logs_add_short(out, text != NULL ? text : json_as_string(command, ""));
	free(text);
	jv_free(command);
	jv_free(args);
}

/* The models that failed before one answered. */
static void
add_attempts(struct buf *out, jv ref_step)
{
	jv attempts = json_get(ref_step, "attempts");

	for (int i = 0, n = json_length(attempts); i < n; i++) {
		jv one = json_at(attempts, i), error = json_get(one, "error");

		if (json_is_object(error)) {
			buf_printf(
			    out, " (%s: ", json_get_string(one, "model", "?"));
			logs_add_short(
			    out, json_get_string(error, "message", ""));
			buf_add_byte(out, ')');
		}
		jv_free(error);
		jv_free(one);
	}
	jv_free(attempts);
}

static void
add_assistant(struct buf *out, jv ref_step)
{
	jv calls = json_get(ref_step, "calls");

	buf_printf(out, "model  %s, %" PRId64 " ms",
	    json_get_string(ref_step, "model", "?"),
	    json_get_int(ref_step, "ms", 0));
	if (json_length(calls) != 0)
		buf_printf(out, ", wants %d call%s", json_length(calls),
		    json_length(calls) == 1 ? "" : "s");
	add_attempts(out, ref_step);
	jv_free(calls);
}

static void
add_tool(struct buf *out, jv ref_step)
{
	buf_printf(out, "<-     %s",
	    json_get_bool(ref_step, "ok", false) ? "done" : "failed");
	if (json_has(ref_step, "exit"))
		buf_printf(
		    out, ", exit %" PRId64, json_get_int(ref_step, "exit", 0));
	buf_printf(out, ", %" PRId64 " ms: ", json_get_int(ref_step, "ms", 0));
	logs_add_short(out, json_get_string(ref_step, "output", ""));
}

static void
add_end(struct buf *out, jv ref_record)
{
	jv error = json_get(ref_record, "error"),
	   reply = json_get(ref_record, "reply");

	buf_add_string(out, "reply  ");
	if (json_is_object(error))
		buf_printf(
		    out, "(%s) ", json_get_string(error, "class", "error"));
	logs_add_short(out, json_get_string(reply, "text", ""));
	jv_free(reply);
	jv_free(error);
}

static void
add_event(struct buf *out, jv ref_record)
{
	const char *event = json_get_string(ref_record, "event", "");
	jv part = json_null();

	if (strcmp(event, "begin") == 0) {
		part = json_get(ref_record, "turn");
		buf_add_string(out, "begin  ");
		logs_add_short(out, json_get_string(part, "text", ""));
	} else if (strcmp(event, "again") == 0) {
		buf_add_string(out, "again  after a crash or a stop");
	} else if (strcmp(event, "call") == 0) {
		part = json_get(ref_record, "call");
		buf_add_string(out, "->     ");
		add_call(out, part);
	} else if (strcmp(event, "step") == 0) {
		part = json_get(ref_record, "step");
		if (strcmp(json_get_string(part, "role", ""), "tool") == 0)
			add_tool(out, part);
		else
			add_assistant(out, part);
	} else if (strcmp(event, "end") == 0) {
		add_end(out, ref_record);
	} else {
		logs_add_short(out, event);
	}
	jv_free(part);
}

void
logs_begin_line(
    struct buf *line, const struct logs_source *source, jv ref_record)
{
	time_t at = (time_t)(json_get_int(ref_record, "at", 0) / 1000);
	char clock[TIME_SIZE] = "";
	struct tm tm;

	if (localtime_r(&at, &tm) != NULL)
		strftime(clock, sizeof clock, "%H:%M:%S", &tm);
	buf_printf(line, "%s  ", clock);
	logs_add_short(line, source->session);
	buf_add_string(line, "  ");
}

void
logs_print(const struct logs_source *source, jv ref_record, bool json)
{
	struct buf line = {0};

	if (json) {
		jv named =
		    json_set_string(json_copy(ref_record), "id", source->name);

		json_write(&line, named);
		jv_free(named);
	} else {
		logs_begin_line(&line, source, ref_record);
		add_event(&line, ref_record);
	}
	buf_add_byte(&line, '\n');
	io_write_stdout(line.data, line.length);
	buf_free(&line);
}
