#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include "buf.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "session.h"
#include "shared.h"
#include "state.h"
#include "transcript.h"
#include "usage.h"
#include "xalloc.h"

static void
print(struct buf *line)
{
	buf_add_byte(line, '\n');
	io_write_stdout(line->data, line->length);
	buf_free(line);
}

/* ---- sessions */

struct listed {
	char *file; /* without .ndjson */
	struct stat st;
};

static int
compare_listed(const void *a, const void *b)
{
	const struct listed *left = a, *right = b;

	if (left->st.st_mtime != right->st.st_mtime)
		return left->st.st_mtime < right->st.st_mtime ? -1 : 1;
	return strcmp(left->file, right->file);
}

static const char suffix[] = ".ndjson";

/* Whether it is a transcript, and not one that was put aside. */
static bool
is_transcript(const char *name)
{
	size_t length = strlen(name);

	return length > strlen(suffix) &&
	       strcmp(name + length - strlen(suffix), suffix) == 0;
}

static struct listed *
add_listed(
    struct listed *all, size_t *count, const char *name, const struct stat *st)
{
	all = xreallocarray(all, *count + 1, sizeof *all);
	all[*count].file = xstrndup(name, strlen(name) - strlen(suffix));
	all[(*count)++].st = *st;
	return all;
}

/* They come in the order of their times. */
static struct listed *
read_shared_sessions(size_t *count)
{
	redisReply *reply = shared_list("sessions");
	struct listed *all = NULL;

	*count = 0;
	for (size_t i = 0; i < reply_count(reply); i += 2) {
		const char *name = reply_text(reply_at(reply, i), "");
		char *path = xasprintf("sessions/%s", name);
		struct stat st;

		if (is_transcript(name) && shared_stat(path, &st))
			all = add_listed(all, count, name, &st);
		free(path);
	}
	freeReplyObject(reply);
	return all;
}

static struct listed *
read_sessions(size_t *count)
{
	char *path = state_path("sessions");
	DIR *directory = path != NULL ? opendir(path) : NULL;
	struct listed *all = NULL;
	struct dirent *entry;

	*count = 0;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		struct stat st;

		if (is_transcript(entry->d_name) &&
		    fstatat(dirfd(directory), entry->d_name, &st, 0) == 0)
			all = add_listed(all, count, entry->d_name, &st);
	}
	if (directory != NULL)
		closedir(directory);
	free(path);
	if (*count != 0)
		qsort(all, *count, sizeof *all, compare_listed);
	return all;
}

static void
print_session(const struct listed *listed, bool json)
{
	int64_t changed = (int64_t)listed->st.st_mtime * 1000;
	int64_t tokens = listed->st.st_size / TRANSCRIPT_BYTES_PER_TOKEN;
	char when[CLOCK_RFC3339_SIZE];
	struct buf line = {0};
	jv object;

	if (!json) {
		buf_printf(&line, "%-40s %10" PRId64 " %9" PRId64 "  %s",
		    listed->file, (int64_t)listed->st.st_size, tokens,
		    clock_rfc3339(changed, when));
		print(&line);
		return;
	}
	object = json_set_string(json_object(), "file", listed->file);
	object = json_set_int(object, "bytes", listed->st.st_size);
	object = json_set_int(object, "tokens", tokens);
	object = json_set_int(object, "changed", changed);
	record_write(object);
	jv_free(object);
}

int
list_sessions(bool json)
{
	struct buf head = {0};
	size_t count;
	struct listed *all = redis_is_used() ? read_shared_sessions(&count)
					     : read_sessions(&count);

	if (!json) {
		buf_printf(&head, "%-40s %10s %9s  %s", "SESSION", "BYTES",
		    "TOKENS", "LAST");
		print(&head);
	}
	for (size_t i = 0; i < count; i++) {
		print_session(&all[i], json);
		free(all[i].file);
	}
	free(all);
	return EX_OK;
}

/* ---- one session */

static void
print_entry(jv ref_entry)
{
	char when[CLOCK_RFC3339_SIZE];
	struct buf line = {0};
	jv calls = json_get(ref_entry, "calls"), media;

	buf_printf(&line,
	    "%s %s: ", clock_rfc3339(json_get_int(ref_entry, "at", 0), when),
	    json_get_string(ref_entry, "role", "?"));
	buf_add_string(&line, json_get_string(ref_entry, "text",
				  json_get_string(ref_entry, "output", "")));
	for (int i = 0, n = json_length(calls); i < n; i++) {
		jv call = json_at(calls, i), args = json_get(call, "args");

		buf_printf(
		    &line, "\n\t%s ", json_get_string(call, "name", "?"));
		json_write(&line, args);
		jv_free(args);
		jv_free(call);
	}
	media = json_get(ref_entry, "media");
	for (int i = 0, n = json_length(media); i < n; i++) {
		jv one = json_at(media, i);

		buf_printf(
		    &line, "\n\t[%s]", json_get_string(one, "path", "?"));
		jv_free(one);
	}
	jv_free(media);
	jv_free(calls);
	print(&line);
}

static int
open_transcript(const char *name)
{
	char *path = redis_is_used() ? xasprintf("sessions/%s.ndjson", name)
				     : state_path("sessions/%s.ndjson", name);
	int fd = redis_is_used() ? shared_open(path)
				 : open(path, O_RDONLY | O_CLOEXEC);

	free(path);
	return fd;
}

int
list_show(const char *session, bool json)
{
	char *name = state_name(session);
	int fd = open_transcript(name), status;
	struct record_reader reader;
	struct record record;

	/* as `ls` shows it */
	if (fd < 0 && errno == ENOENT && strchr(session, '/') == NULL)
		fd = open_transcript(session);
	free(name);
	if (fd < 0) {
		log_error("session %s: %s", session, strerror(errno));
		return EX_NOINPUT;
	}
	record_reader_init(&reader, fd, session);
	while (record_read(&reader, &record) == RECORD_OK) {
		if (json)
			record_forward(&record);
		else
			print_entry(record.value);
		record_free(&record);
	}
	status = record_status(&reader);
	record_reader_free(&reader);
	close(fd);
	return status;
}

int
list_reset(char *const *sessions, int count)
{
	int status = EX_OK;

	for (int i = 0; i < count; i++)
		if (!transcript_reset(sessions[i])) {
			log_error("session %s: cannot be reset: %s",
			    sessions[i], strerror(errno));
			status = EX_IOERR;
		}
	return status;
}

/* ---- usage */

/* Totals by "model" and by "session". */
struct group {
	const char *kind;
	char *name;
	struct usage_total total;
	struct group *next;
};

static void
add_to_group(struct group **groups, const char *kind, jv ref_line)
{
	const char *name = json_get_string(ref_line, kind, "?");
	struct group *group = *groups;

	while (group != NULL &&
	       (group->kind != kind || strcmp(group->name, name) != 0))
		group = group->next;
	if (group == NULL) {
		group = xcalloc(1, sizeof *group);
		group->kind = kind;
		group->name = xstrdup(name);
		group->next = *groups;
		*groups = group;
	}
	usage_total_add(&group->total, ref_line);
}

static const char by_model[] = "model", by_session[] = "session";

static void
add_line(void *arg, jv ref_line)
{
	struct group **groups = arg;

	add_to_group(groups, by_model, ref_line);
	add_to_group(groups, by_session, ref_line);
}

static void
print_total(const char *day, const char *kind, const char *name,
    const struct usage_total *total, bool json)
{
	struct buf line = {0};
	jv object;

	if (!json) {
		buf_printf(&line,
		    "%-8s %-36s %7" PRId64 " %6" PRId64 " %10" PRId64
		    " %9" PRId64 " %10.4f",
		    kind, name, total->attempts, total->failed, total->input,
		    total->output, total->cost);
		print(&line);
		return;
	}
	object = json_set_string(json_object(), "day", day);
	object = json_set_string(object, "by", kind);
	object = json_set_string(object, "name", name);
	object = json_set_int(object, "calls", total->attempts);
	object = json_set_int(object, "failed", total->failed);
	object = json_set_int(object, "input", total->input);
	object = json_set_int(object, "output", total->output);
	object = json_set_int(object, "cached", total->cached);
	object = json_set(object, "cost", json_number(total->cost));
	record_write(object);
	jv_free(object);
}

int
list_usage(const char *wanted, bool json)
{
	char day[USAGE_DAY_SIZE];
	struct usage_reader *reader;
	const struct usage_total *all;
	struct group *groups = NULL, *next;
	struct buf head = {0};

	usage_day(clock_now_ms(), day);
	if (wanted != NULL)
		(void)snprintf(day, sizeof day, "%s", wanted);
	reader = usage_open(day);
	all = usage_read(reader, add_line, &groups);
	if (!json) {
		buf_printf(&head, "%-8s %-36s %7s %6s %10s %9s %10s", day, "",
		    "CALLS", "FAILED", "INPUT", "OUTPUT", "COST");
		print(&head);
	}
	print_total(day, "all", "", all, json);
	for (struct group *group = groups; group != NULL; group = next) {
		next = group->next;
		print_total(day, group->kind, group->name, &group->total, json);
		free(group->name);
		free(group);
	}
	usage_free(reader);
	return EX_OK;
}
