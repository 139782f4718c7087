#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "state.h"
#include "timeline.h"
#include "turn.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	READ_SIZE = 64 * 1024,
	ARGS_MAX = 4 * 1024,
	LEDGER_MAX = 256 * 1024,
	SPACE = 4, /* for an ellipsis */
};

/* What is gathered line by line. */
struct reading {
	jv all;   /* the answer without items and sums */
	jv items; /* array */
	jv calls; /* of the last assistant step: id -> {"name","args"} */
	jv open;  /* call -> index of an item that has not ended */
	int64_t begun, ended, before; /* before: when the last step ended */
	int64_t steps, tools, fallbacks, runs, input, output, cached;
	double cost;
	bool priced;
};

jv
timeline_cut(const char *text, size_t most)
{
	size_t length = strlen(text);
	struct buf buf = {0};
	jv cut;

	if (length <= most)
		return json_string(text);
	buf_add(&buf, text, utf8_floor(text, length, most - SPACE));
	buf_add_string(&buf, "\xe2\x80\xa6");
	cut = json_string_sized(buf.data, buf.length);
	buf_free(&buf);
	return cut;
}

static jv
copy_key(jv own_to, jv ref_from, const char *key)
{
	jv value = json_get(ref_from, key);

	if (!json_is_null(value))
		return json_set(own_to, key, value);
	jv_free(value);
	return own_to;
}

static jv
item_new(const char *kind, int64_t at)
{
	jv item = json_set_string(json_object(), "kind", kind);

	return json_set_int(item, "at", at);
}

static void
add_item(struct reading *reading, jv own_item)
{
	if (json_length(reading->items) < TIMELINE_ITEMS_MAX)
		reading->items = json_append(reading->items, own_item);
	else
		jv_free(own_item);
}

/* ---- models */

static void
add_sums(struct reading *reading, jv ref_attempt)
{
	jv usage = json_get(ref_attempt, "usage");

	reading->input += json_get_int(usage, "input", 0);
	reading->output += json_get_int(usage, "output", 0);
	reading->cached += json_get_int(usage, "cached", 0);
	reading->cost += json_get_number(ref_attempt, "cost", 0);
	reading->priced = reading->priced || json_has(ref_attempt, "cost");
	jv_free(usage);
}

static jv
model_item(jv ref_attempt, int64_t at)
{
	jv item = item_new("model", at), error = json_get(ref_attempt, "error");

	item = copy_key(item, ref_attempt, "model");
	item = copy_key(item, ref_attempt, "ms");
	item = json_set_bool(item, "ok", json_is_null(error));
	jv_free(error);
	item = copy_key(item, ref_attempt, "error");
	item = copy_key(item, ref_attempt, "usage");
	return copy_key(item, ref_attempt, "cost");
}

static void
remember_calls(struct reading *reading, jv ref_step, jv *item)
{
	jv calls = json_get(ref_step, "calls"), names = json_array();

	jv_free(reading->calls);
	jv_free(reading->open);
	reading->calls = json_object();
	reading->open = json_object();
	for (int i = 0, n = json_length(calls); i < n; i++) {
		jv call = json_at(calls, i);

		names = json_append_string(
		    names, json_get_string(call, "name", ""));
		reading->calls = json_set(
		    reading->calls, json_get_string(call, "id", ""), call);
	}
	if (json_length(names) != 0)
		*item = json_set(*item, "calls", names);
	else
		jv_free(names);
	jv_free(calls);
}

/* Those that failed come one after the other from the step before on. */
static void
add_model_step(struct reading *reading, jv ref_step, int64_t at)
{
	jv attempts = json_get(ref_step, "attempts"), item;
	const char *text = json_get_string(ref_step, "text", "");
	int64_t begin = reading->before;
	int n = json_length(attempts);

	for (int i = 0; i < n; i++) {
		jv attempt = json_at(attempts, i);

		add_sums(reading, attempt);
		add_item(reading, model_item(attempt, begin));
		begin += json_get_int(attempt, "ms", 0);
		jv_free(attempt);
	}
	jv_free(attempts);
	reading->fallbacks += n;
	reading->steps++;
	if (!json_has(ref_step, "model"))
		return;
	add_sums(reading, ref_step);
	reading->all =
	    json_set(reading->all, "answered_by", json_get(ref_step, "model"));
	item = model_item(ref_step, at - json_get_int(ref_step, "ms", 0));
	if (*text != '\0')
		item = json_set(
		    item, "text", timeline_cut(text, TIMELINE_TEXT_MAX));
	remember_calls(reading, ref_step, &item);
	add_item(reading, item);
}

/* ---- tools */

static jv
tool_item(jv ref_call, const char *id, int64_t at)
{
	jv item = item_new("tool", at), args = json_get(ref_call, "args");
	char *text = json_text(args);

	item = json_set_string(item, "call", id);
	item = copy_key(item, ref_call, "name");
	if (strlen(text) <= ARGS_MAX)
		item = json_set(item, "args", json_copy(args));
	else
		item = json_set(item, "args", timeline_cut(text, ARGS_MAX));
	free(text);
	jv_free(args);
	return item;
}

/* A call that is about to run. */
static void
add_call(struct reading *reading, jv ref_line, int64_t at)
{
	jv call = json_get(ref_line, "call");
	const char *id = json_get_string(call, "id", "");

	reading->open =
	    json_set_int(reading->open, id, json_length(reading->items));
	add_item(reading, tool_item(call, id, at));
	jv_free(call);
}

static void
add_tool_step(struct reading *reading, jv ref_step, int64_t at)
{
	static const char *const keys[] = {"ms", "ok", "exit", "signal",
	    "timeout", "cut", "cpu_ms", "rss_bytes"};
	const char *id = json_get_string(ref_step, "call", "");
	int64_t index = json_get_int(reading->open, id, -1);
	jv call = json_get(reading->calls, id);
	jv item = tool_item(call, id, at - json_get_int(ref_step, "ms", 0));

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		item = copy_key(item, ref_step, keys[i]);
	item = json_set(item, "output",
	    timeline_cut(
		json_get_string(ref_step, "output", ""), TIMELINE_TEXT_MAX));
	if (index >= 0 && index < json_length(reading->items))
		reading->items = json_set_at(reading->items, (int)index, item);
	else
		add_item(reading, item);
	reading->tools++;
	jv_free(call);
}

/* ---- the journal */

static void
begin(struct reading *reading, jv ref_line, int64_t at)
{
	static const char *const keys[] = {
	    "id", "ids", "session", "channel", "from", "model", "command"};
	jv turn = json_get(ref_line, "turn");

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		reading->all = copy_key(reading->all, turn, keys[i]);
	reading->all = json_set(reading->all, "text",
	    timeline_cut(json_get_string(turn, "text", ""), TIMELINE_TEXT_MAX));
	reading->begun = reading->before = at;
	reading->runs = 1;
	jv_free(turn);
}

static void
again(struct reading *reading, jv ref_line, int64_t at)
{
	jv item = item_new("again", at);

	reading->runs = json_get_int(ref_line, "run", reading->runs + 1);
	add_item(reading, json_set_int(item, "run", reading->runs));
	reading->before = at;
}

static void
end(struct reading *reading, jv ref_line, int64_t at)
{
	jv reply = json_get(ref_line, "reply");
	const char *text =
	    json_as_string(reply, json_get_string(reply, "text", ""));
	jv short_reply = json_set(
	    json_object(), "text", timeline_cut(text, TIMELINE_REPLY_MAX));

	reading->ended = at;
	reading->all = json_set(reading->all, "reply", short_reply);
	reading->all = copy_key(reading->all, ref_line, "route");
	reading->all = copy_key(reading->all, ref_line, "error");
	jv_free(reply);
}

static void
take_line(struct reading *reading, jv ref_line)
{
	const char *event = json_get_string(ref_line, "event", "");
	int64_t at = json_get_int(ref_line, "at", 0);
	jv step;

	if (strcmp(event, "begin") == 0) {
		begin(reading, ref_line, at);
	} else if (strcmp(event, "again") == 0) {
		again(reading, ref_line, at);
	} else if (strcmp(event, "call") == 0) {
		add_call(reading, ref_line, at);
	} else if (strcmp(event, "end") == 0) {
		end(reading, ref_line, at);
	} else if (strcmp(event, "step") == 0) {
		step = json_get(ref_line, "step");
		if (strcmp(json_get_string(step, "role", ""), "tool") == 0)
			add_tool_step(reading, step, at);
		else
			add_model_step(reading, step, at);
		reading->before = at;
		jv_free(step);
	}
}

static jv
finish(struct reading *reading)
{
	jv all = reading->all, error = json_get(all, "error");

	all = json_set_string(all, "state",
	    reading->ended == 0   ? "running"
	    : json_is_null(error) ? "done"
				  : "failed");
	jv_free(error);
	all = json_set_int(all, "begun", reading->begun);
	if (reading->ended != 0) {
		all = json_set_int(all, "ended", reading->ended);
		all = json_set_int(all, "ms", reading->ended - reading->begun);
	}
	all = json_set_int(all, "runs", reading->runs);
	all = json_set_int(all, "steps", reading->steps);
	all = json_set_int(all, "calls", reading->tools);
	all = json_set_int(all, "fallbacks", reading->fallbacks);
	all = json_set_int(all, "input", reading->input);
	all = json_set_int(all, "output", reading->output);
	all = json_set_int(all, "cached", reading->cached);
	if (reading->priced)
		all = json_set(all, "cost", json_number(reading->cost));
	return json_set(all, "items", json_copy(reading->items));
}

static void
take_lines(struct reading *reading, const struct buf *text)
{
	for (size_t from = 0; from < text->length;) {
		const char *at = text->data + from;
		const char *newline = memchr(at, '\n', text->length - from);
		size_t length = newline != NULL ? (size_t)(newline - at)
						: text->length - from;
		jv line = json_parse(at, length, NULL);

		if (newline != NULL && json_is_object(line))
			take_line(reading, line);
		jv_free(line);
		from += length + 1;
	}
}

/* Reads up to `most` bytes; *cut: there is more. */
static bool
read_some(const char *path, size_t most, struct buf *text, bool *cut)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = 1;

	if (fd < 0)
		return false;
	while (n > 0 && text->length <= most)
		n = buf_read(text, fd, READ_SIZE);
	close(fd);
	*cut = text->length > most;
	if (*cut)
		buf_truncate(text, most);
	return n >= 0;
}

jv
timeline_read(const char *path)
{
	struct reading reading = {.all = json_object(),
	    .items = json_array(),
	    .calls = json_object(),
	    .open = json_object()};
	struct buf text = {0};
	jv all = json_null();
	bool cut = false;

	if (read_some(path, TIMELINE_JOURNAL_MAX, &text, &cut))
		take_lines(&reading, &text);
	if (reading.begun != 0) {
		all = finish(&reading);
		if (cut)
			all = json_set_bool(all, "cut", true);
	} else {
		jv_free(reading.all);
	}
	jv_free(reading.items);
	jv_free(reading.calls);
	jv_free(reading.open);
	buf_free(&text);
	return all;
}

jv
timeline_summary(jv ref_timeline)
{
	jv all = json_copy(ref_timeline);

	all = json_delete(all, "items");
	all = json_delete(all, "reply");
	all = json_delete(all, "route");
	return json_set(all, "text",
	    timeline_cut(
		json_get_string(ref_timeline, "text", ""), TIMELINE_SHORT_MAX));
}

/* ---- delivery */

static jv
take_ledger_line(jv own, jv ref_line)
{
	const char *event = json_get_string(ref_line, "event", "");

	if (!json_has(own, "begun")) {
		own = copy_key(own, ref_line, "at");
		own =
		    json_set_int(own, "begun", json_get_int(ref_line, "at", 0));
	}
	if (strcmp(event, "plan") == 0)
		return copy_key(own, ref_line, "parts");
	if (strcmp(event, "done") != 0)
		return own;
	own = copy_key(own, ref_line, "status");
	own = copy_key(own, ref_line, "error");
	return copy_key(own, ref_line, "at");
}

jv
timeline_delivery(const char *name)
{
	char *path = state_path("sent/%s", name);
	struct buf text = {0};
	jv all = json_null();
	bool cut;

	if (path != NULL && read_some(path, LEDGER_MAX, &text, &cut) &&
	    text.length != 0) {
		all = json_set_string(json_object(), "status", "sending");
		for (size_t from = 0; from < text.length;) {
			size_t length = strcspn(text.data + from, "\n");
			jv line = json_parse(text.data + from, length, NULL);

			if (json_is_object(line))
				all = take_ledger_line(all, line);
			jv_free(line);
			from += length + 1;
		}
	}
	buf_free(&text);
	free(path);
	return all;
}
