#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "commands.h"
#include "io.h"
#include "json.h"
#include "logs.h"
#include "xalloc.h"

enum { LINE_MAX_BYTES = 90 }; /* of text that has no newline: about a line */

struct logs_live {
	char *path;
	struct record_reader reader; /* fd -1: there is no file yet */
	struct record held;          /* it happened later than what was asked */
	bool holds;
	struct buf text; /* said, and not shown yet */
};

struct logs_live *
logs_live_new(const char *directory)
{
	struct logs_live *live = xcalloc(1, sizeof *live);

	live->path = xasprintf("%s/events.ndjson", directory);
	live->reader.fd = -1;
	return live;
}

void
logs_live_free(struct logs_live *live)
{
	if (live == NULL)
		return;
	if (live->reader.fd >= 0) {
		close(live->reader.fd);
		record_reader_free(&live->reader);
	}
	if (live->holds)
		record_free(&live->held);
	buf_free(&live->text);
	free(live->path);
	free(live);
}

static void
show(const struct logs_source *source, jv ref_event, const char *what,
    const char *text)
{
	struct buf line = {0};

	logs_begin_line(&line, source, ref_event);
	buf_add_string(&line, what);
	logs_add_short(&line, text);
	buf_add_byte(&line, '\n');
	io_write_stdout(line.data, line.length);
	buf_free(&line);
}

/* Shows what was said up to `length`. */
static void
show_text(struct logs_live *live, const struct logs_source *source,
    jv ref_event, size_t length)
{
	char *text = xstrndup(buf_string(&live->text), length);

	if (text[strspn(text, " \t\r\n")] != '\0')
		show(source, ref_event, "says   ", text);
	buf_drop(&live->text, length);
	free(text);
}

/* Whole lines, and of what has no end yet a line's length up to a blank. */
static void
take_text(
    struct logs_live *live, const struct logs_source *source, jv ref_event)
{
	buf_add_string(&live->text, json_get_string(ref_event, "delta", ""));
	for (;;) {
		const char *text = buf_string(&live->text);
		size_t end = strcspn(text, "\n");

		if (text[end] == '\n') {
			end++;
		} else if (end > LINE_MAX_BYTES) {
			end = LINE_MAX_BYTES;
			while (end > 0 && text[end - 1] != ' ')
				end--;
		} else {
			end = 0;
		}
		if (end == 0)
			return;
		show_text(live, source, ref_event, end);
	}
}

static void
take_event(
    struct logs_live *live, const struct logs_source *source, jv ref_event)
{
	const char *event = json_get_string(ref_event, "event", "");
	const char *model = json_get_string(ref_event, "model", "?");
	char *text = NULL;

	if (strcmp(event, "text") == 0) {
		take_text(live, source, ref_event);
		return;
	}
	show_text(live, source, ref_event, live->text.length);
	if (strcmp(event, "attempt") == 0) {
		show(source, ref_event, "ask    ", model);
	} else if (strcmp(event, "failed") == 0) {
		text = xasprintf("%s: %s", model,
		    json_get_string(ref_event, "message", "failed"));
		show(source, ref_event, "failed ", text);
	}
	free(text);
}

void
logs_live_flush(
    struct logs_live *live, const struct logs_source *source, jv ref_record)
{
	show_text(live, source, ref_record, live->text.length);
}

static bool
open_events(struct logs_live *live)
{
	int fd;

	if (live->reader.fd >= 0)
		return true;
	fd = open(live->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		record_reader_init(&live->reader, fd, "events");
	return fd >= 0;
}

/* The next one, held until it is shown. */
static bool
next_event(struct logs_live *live)
{
	if (!live->holds)
		live->holds =
		    record_next(&live->reader, &live->held) == RECORD_OK;
	return live->holds;
}

/* In the same millisecond what was said came before, all else after. */
static bool
is_before(jv ref_event, int64_t until)
{
	int64_t at = json_get_int(ref_event, "at", 0);

	return at < until ||
	       (at == until && strcmp(json_get_string(ref_event, "event", ""),
				   "text") == 0);
}

void
logs_live_read(struct logs_live *live, const struct logs_source *source,
    int64_t until, bool json)
{
	if (!open_events(live))
		return;
	/* the file grows: its end now is not its end */
	while (record_fill(&live->reader) && !live->reader.ended)
		;
	live->reader.ended = false;
	while (next_event(live) && is_before(live->held.value, until)) {
		if (json)
			logs_print(source, live->held.value, true);
		else
			take_event(live, source, live->held.value);
		record_free(&live->held);
		live->holds = false;
	}
}
