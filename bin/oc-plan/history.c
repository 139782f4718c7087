#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "json.h"
#include "log.h"
#include "plan.h"
#include "shared.h"
#include "state.h"
#include "turn.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	KEPT = 16, /* transcripts that are remembered as they were read */
};

/*
 * A turn asks again at each of its steps while the transcript stands still, so
 * what was read is kept until the file is another.
 */
struct kept {
	char *path; /* NULL: free */
	size_t most;
	struct stat st;
	jv entries;
};
static struct kept kept[KEPT];
static unsigned next_kept;

static bool
has_role(jv ref_entry, const char *role)
{
	return strcmp(json_get_string(ref_entry, "role", ""), role) == 0;
}

/* What is before the first whole line goes. */
static void
drop_half_line(struct buf *tail)
{
	const char *newline;

	if (tail->length == 0)
		return;
	newline = memchr(tail->data, '\n', tail->length);
	buf_drop(tail, newline == NULL ? tail->length
				       : (size_t)(newline - tail->data) + 1);
}

/* The same of a transcript in Redis. */
static bool
read_shared_tail(const char *path, off_t size, size_t most, struct buf *tail)
{
	bool cut = size > (off_t)most;

	shared_read(path, cut ? -(int64_t)most : 0, (size_t)size, tail);
	if (cut)
		drop_half_line(tail);
	return true;
}

/* The last `most` bytes of the file, from the beginning of a line on. */
static bool
read_tail(const char *path, size_t most, struct buf *tail)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool ok = fd >= 0 && fstat(fd, &st) == 0;
	bool cut = ok && st.st_size > (off_t)most;

	if (cut)
		ok = lseek(fd, st.st_size - (off_t)most, SEEK_SET) >= 0;
	while (ok && tail->length < most) {
		ssize_t n = buf_read(tail, fd, most - tail->length);

		if (n <= 0) {
			ok = n == 0;
			break;
		}
	}
	if (ok && cut)
		drop_half_line(tail);
	if (!ok && errno != ENOENT)
		log_warn("%s: cannot be read: %s; the model does not see what "
			 "was said before",
		    path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

/*
 * Pictures of earlier messages are not sent again: their path is told, so that
 * the model can ask for them.
 */
static jv
without_media(jv own_entry)
{
	jv media = json_get(own_entry, "media");
	struct buf text = {0};

	if (json_length(media) != 0) {
		buf_add_string(&text, json_get_string(own_entry, "text", ""));
		for (int i = 0, n = json_length(media); i < n; i++) {
			jv one = json_at(media, i);

			buf_printf(&text, "\n[a file came with this: %s]",
			    json_get_string(one, "path", "?"));
			jv_free(one);
		}
		own_entry =
		    json_set_string(own_entry, "text", buf_string(&text));
		own_entry = json_delete(own_entry, "media");
		buf_free(&text);
	}
	jv_free(media);
	return own_entry;
}

static jv
parse_entries(const struct buf *tail)
{
	const char *at = buf_string(tail), *end = at + tail->length;
	jv entries = json_array();
	bool begun = false;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline ? newline : end) - at);
		jv entry = json_parse(at, length, NULL);

		/* an exchange begins with what the person said */
		begun = begun || has_role(entry, "user");
		if (begun && json_is_object(entry))
			entries = json_append(entries, without_media(entry));
		else
			jv_free(entry);
		at += length + 1;
	}
	return entries;
}

/* Whether two looks at a file saw the same content. */
static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
forget(struct kept *one)
{
	free(one->path);
	jv_free(one->entries);
	*one = (struct kept){.entries = json_null()};
}

void
history_forget(void)
{
	for (int i = 0; i < KEPT; i++)
		if (kept[i].path != NULL)
			forget(&kept[i]);
}

/* Reads what is not kept; consumes the path. */
static jv
read_entries(char *own_path, const struct stat *st, size_t most)
{
	struct kept *one = NULL;
	struct buf tail = {0};

	for (int i = 0; i < KEPT && one == NULL; i++)
		if (kept[i].path != NULL && strcmp(kept[i].path, own_path) == 0)
			one = &kept[i];
	if (one != NULL && one->most == most && same_file(&one->st, st)) {
		free(own_path);
		return json_copy(one->entries);
	}
	if (one == NULL)
		one = &kept[next_kept++ % KEPT];
	if (one->path != NULL)
		forget(one);
	if (redis_is_used())
		(void)read_shared_tail(own_path, st->st_size, most, &tail);
	else
		(void)read_tail(own_path, most, &tail);
	*one = (struct kept){own_path, most, *st, parse_entries(&tail)};
	buf_free(&tail);
	return json_copy(one->entries);
}

jv
history_read(const char *session, size_t most)
{
	char *name = state_name(session);
	char *path = redis_is_used() ? xasprintf("sessions/%s.ndjson", name)
				     : state_path("sessions/%s.ndjson", name);
	struct stat st;

	free(name);
	if (path != NULL && most != 0 &&
	    (redis_is_used() ? shared_stat(path, &st) : stat(path, &st) == 0))
		return read_entries(path, &st, most);
	free(path);
	return json_array();
}

/* A tool entry with at most `most` bytes of output. */
static jv
cut_output(jv own_entry, size_t most)
{
	jv output = json_get(own_entry, "output");
	size_t length = json_string_length(output), head, tail;
	const char *text = json_as_string(output, "");
	struct buf cut = {0};

	if (has_role(own_entry, "tool") && length > most) {
		head = utf8_floor(text, length, most / 2);
		tail = length - most / 2;
		while (
		    tail < length && ((unsigned char)text[tail] & 0xc0) == 0x80)
			tail++;
		buf_add(&cut, text, head);
		buf_printf(
		    &cut, "\n[... %zu bytes left out here ...]\n", tail - head);
		buf_add(&cut, text + tail, length - tail);
		own_entry =
		    json_set_string(own_entry, "output", buf_string(&cut));
		buf_free(&cut);
	}
	jv_free(output);
	return own_entry;
}

/*
 * Appends an array of entries.  Every call of an assistant entry must be
 * answered before the next entry, or the provider refuses the request: what
 * has no answer (a crash) gets one that says so.
 */
static jv
append_entries(jv own_all, jv ref_entries, size_t output_max)
{
	jv open = json_object(), value;
	struct json_iter iter;
	const char *id;
	int count = json_length(ref_entries);

	for (int i = 0; i <= count; i++) {
		jv entry = json_at(ref_entries, i);
		bool is_tool = has_role(entry, "tool");
		jv calls;

		iter = (struct json_iter){0};
		while (!is_tool && json_next(&iter, open, &id, &value)) {
			if (json_as_bool(value, false))
				own_all = json_append(own_all,
				    turn_tool_step(id, false,
					"the outcome of this call is not "
					"known; it was not run again"));
			jv_free(value);
		}
		if (!is_tool) {
			jv_free(open);
			open = json_object();
		}
		calls = json_get(entry, "calls");
		for (int j = 0, n = json_length(calls); j < n; j++) {
			jv call = json_at(calls, j);

			open = json_set_bool(
			    open, json_get_string(call, "id", ""), true);
			jv_free(call);
		}
		jv_free(calls);
		if (is_tool)
			open = json_set_bool(
			    open, json_get_string(entry, "call", ""), false);
		if (json_is_object(entry))
			own_all =
			    json_append(own_all, cut_output(entry, output_max));
		else
			jv_free(entry);
	}
	jv_free(open);
	return own_all;
}

/*
 * What the caller says was said before, where the session has no transcript
 * of it: the last `most` bytes.
 */
static jv
before_of(jv ref_turn, size_t most)
{
	jv before = json_get(ref_turn, "before"), chosen = json_array();
	int count = json_length(before), from = count;
	size_t size = 0;
	bool begun = false;

	while (from > 0 && size <= most) {
		jv entry = json_at(before, --from),
		   text = json_get(entry, "text");

		size += json_string_length(text);
		jv_free(text);
		jv_free(entry);
	}
	if (size > most)
		from++;
	for (int i = from; i < count; i++) {
		jv entry = json_at(before, i);

		/* an exchange begins with what the person said */
		begun = begun || has_role(entry, "user");
		if (begun && json_is_object(entry))
			chosen = json_append(chosen, entry);
		else
			jv_free(entry);
	}
	jv_free(before);
	return chosen;
}

jv
history_conversation(jv ref_turn, size_t most, int shorten)
{
	size_t history_max = most >> shorten;
	size_t output_max = (size_t)TURN_OUTPUT_MAX >> 2 * shorten;
	jv entries, all = json_array(), user = json_object();

	if (shorten >= SHORTEN_MAX)
		history_max = 0;
	entries = history_read(turn_session(ref_turn), history_max);
	all = append_entries(all, entries, output_max);
	jv_free(entries);
	entries = before_of(ref_turn, history_max);
	all = append_entries(all, entries, output_max);
	jv_free(entries);
	user = json_set_string(user, "role", "user");
	user = json_set(user, "text", json_get(ref_turn, "text"));
	if (json_has(ref_turn, "media"))
		user = json_set(user, "media", json_get(ref_turn, "media"));
	all = json_append(all, user);
	entries = json_get(ref_turn, "steps");
	all = append_entries(all, entries, output_max);
	jv_free(entries);
	return all;
}
