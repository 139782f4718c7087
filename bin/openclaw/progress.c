#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "commands.h"
#include "io.h"
#include "json.h"
#include "state.h"
#include "utf8.h"
#include "xalloc.h"

enum { ARGUMENTS_MAX = 100 }; /* bytes of a call's arguments that are shown */

void
progress_follow(struct progress *progress, const char *turn_id)
{
	char *name = state_name(turn_id);

	*progress = (struct progress){.path = NULL};
	progress->directory = state_path("turns/%s", name);
	if (progress->directory != NULL)
		progress->path =
		    xasprintf("%s/events.ndjson", progress->directory);
	free(name);
}

void
progress_start(struct progress *progress, const char *turn_id)
{
	progress_follow(progress, turn_id);
	if (progress->path == NULL)
		return;
	progress->made = io_make_directories(progress->directory);
	if (!progress->made)
		progress_end(progress);
}

/* A line of its own, also in the middle of a text that grows. */
static void
show_line(struct progress *progress, const char *mark, const char *text)
{
	struct buf line = {0};
	size_t start;

	if (progress->line_open)
		buf_add_byte(&line, '\n');
	progress->line_open = false;
	buf_printf(&line, "%s ", mark);
	start = line.length;
	utf8_plain(&line, text, strlen(text));
	for (char *c = line.data + start; c < line.data + line.length; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	buf_add_byte(&line, '\n');
	(void)io_write_all(STDERR_FILENO, line.data, line.length);
	buf_free(&line);
}

static void
show_call(struct progress *progress, jv ref_event)
{
	jv args = json_get(ref_event, "args"), command;
	struct buf text = {0};

	command = json_get(args, "command");
	buf_printf(&text, "%s ", json_get_string(ref_event, "name", "?"));
	if (json_is_string(command))
		buf_add_string(&text, json_as_string(command, ""));
	else
		json_write(&text, args);
	if (text.length > ARGUMENTS_MAX) {
		buf_truncate(
		    &text, utf8_floor(text.data, text.length, ARGUMENTS_MAX));
		buf_add_string(&text, "...");
	}
	show_line(progress, "->", buf_string(&text));
	buf_free(&text);
	jv_free(command);
	jv_free(args);
}

static void
show_event(jv ref_event, void *arg)
{
	struct progress *progress = arg;
	const char *event = json_get_string(ref_event, "event", "");
	const char *model = json_get_string(ref_event, "model", "?");
	char *text = NULL;

	if (strcmp(event, "attempt") == 0) {
		text = xasprintf("asking %s", model);
		show_line(progress, "..", text);
	} else if (strcmp(event, "failed") == 0) {
		text = xasprintf("%s: %s %s", model,
		    json_get_string(ref_event, "class", "failed"),
		    json_get_string(ref_event, "message", ""));
		show_line(progress, "!!", text);
	} else if (strcmp(event, "tool_start") == 0) {
		show_call(progress, ref_event);
	} else if (strcmp(event, "tool_end") == 0) {
		text = xasprintf("%s %s, %" PRId64 " ms",
		    json_get_string(ref_event, "name", "?"),
		    json_get_bool(ref_event, "ok", false) ? "done" : "failed",
		    json_get_int(ref_event, "ms", 0));
		show_line(progress, "<-", text);
	}
	free(text);
}

void
progress_show(struct progress *progress)
{
	if (progress->path != NULL)
		(void)event_read(&progress->reader, AT_FDCWD, progress->path,
		    show_event, progress);
}

void
progress_end(struct progress *progress)
{
	event_reader_free(&progress->reader);
	if (progress->made) {
		unlink(progress->path);
		rmdir(progress->directory);
	}
	free(progress->path);
	free(progress->directory);
	*progress = (struct progress){.path = NULL};
}
