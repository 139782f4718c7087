#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "buf.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "record.h"
#include "shared.h"
#include "state.h"
#include "transcript.h"
#include "turn.h"
#include "xalloc.h"

enum {
	BLOCK_SIZE = 64 * 1024, /* read at a time, looking for a line's start */
};

static char *
transcript_path(const char *session)
{
	char *name = state_name(session);
	char *path = state_path("sessions/%s.ndjson", name);

	free(name);
	return path;
}

/* Where it is in Redis. */
static char *
shared_path(const char *session)
{
	char *name = state_name(session);
	char *path = xasprintf("sessions/%s.ndjson", name);

	free(name);
	return path;
}

static bool
sync_sessions(void)
{
	char *path = state_path("sessions");
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok =
	    fd >= 0 && (fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP);

	if (fd >= 0)
		close(fd);
	free(path);
	return ok;
}

/*
 * Opens and locks the transcript; *fresh when it was not there.  -1 with errno
 * set.
 */
static int
open_locked(const char *session, bool *fresh)
{
	char *directory = state_path("sessions"), *path;
	struct stat here, there;
	int fd = -1;

	if (directory == NULL || !io_make_directories(directory)) {
		free(directory);
		return -1;
	}
	path = transcript_path(session);
	for (;;) {
		*fresh = access(path, F_OK) != 0;
		fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0)
			break;
		while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
			continue;
		/* it may have been replaced while we waited */
		if (fstat(fd, &here) == 0 && stat(path, &there) == 0 &&
		    here.st_ino == there.st_ino)
			break;
		close(fd);
	}
	free(path);
	free(directory);
	return fd;
}

/* ---- appending */

/*
 * The start of the last line of the first `size` bytes, and the line itself.
 * -1 with errno set on failure.
 */
static int64_t
last_line(int fd, int64_t size, struct buf *line)
{
	int64_t start = size;
	char block[BLOCK_SIZE];

	while (start > 0) {
		size_t length = start < BLOCK_SIZE ? (size_t)start : BLOCK_SIZE;
		ssize_t n = pread(fd, block, length, start - (int64_t)length);
		const char *newline;

		if (n != (ssize_t)length)
			return -1;
		/* the line's own newline does not count */
		newline =
		    memrchr(block, '\n', start == size ? length - 1 : length);
		if (newline != NULL) {
			start -= (int64_t)length - (newline - block) - 1;
			break;
		}
		start -= (int64_t)length;
	}
	buf_clear(line);
	buf_reserve(line, (size_t)(size - start));
	if (pread(fd, line->data, (size_t)(size - start), start) !=
	    size - start)
		return -1;
	buf_truncate(line, (size_t)(size - start));
	return start;
}

static bool
is_of_turn(const struct buf *line, const char *id)
{
	jv value = json_parse(buf_string(line), line->length, NULL);
	bool is = strcmp(json_get_string(value, "turn", ""), id) == 0;

	jv_free(value);
	return is;
}

/* Where the transcript ends without half a line and without this turn. */
static int64_t
find_end(int fd, const char *id)
{
	struct buf line = {0};
	struct stat st;
	int64_t end = -1;

	if (fstat(fd, &st) != 0)
		return -1;
	end = st.st_size;
	while (end > 0) {
		int64_t start = last_line(fd, end, &line);

		if (start < 0) {
			end = -1;
			break;
		}
		if (line.data[line.length - 1] == '\n' &&
		    !is_of_turn(&line, id))
			break;
		end = start;
	}
	buf_free(&line);
	return end;
}

static void
add_entry(struct buf *out, jv own_entry, const char *id)
{
	own_entry = json_set_string(own_entry, "turn", id);
	own_entry = json_set_int(own_entry, "at", clock_now_ms());
	own_entry = json_delete(own_entry, "attempts");
	json_write(out, own_entry);
	buf_add_byte(out, '\n');
	jv_free(own_entry);
}

static jv
said(const char *role, const char *text)
{
	return json_set_string(
	    json_set_string(json_object(), "role", role), "text", text);
}

/* Whether the last step says what the reply says. */
static bool
is_said(jv ref_steps, const char *reply)
{
	jv last = json_at(ref_steps, json_length(ref_steps) - 1);
	jv calls = json_get(last, "calls");
	bool is = strcmp(json_get_string(last, "role", ""), "assistant") == 0 &&
		  json_length(calls) == 0 &&
		  strcmp(json_get_string(last, "text", ""), reply) == 0;

	jv_free(calls);
	jv_free(last);
	return is;
}

static void
format_turn(struct buf *out, jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps"), reply;
	jv user = said("user", json_get_string(ref_turn, "text", ""));
	const char *id = turn_id(ref_turn), *text;

	if (json_has(ref_turn, "media"))
		user = json_set(user, "media", json_get(ref_turn, "media"));
	add_entry(out, user, id);
	for (int i = 0, n = json_length(steps); i < n; i++)
		add_entry(out, json_at(steps, i), id);
	reply = json_get(ref_turn, "reply");
	text = json_as_string(reply, json_get_string(reply, "text", ""));
	if (*text != '\0' && !is_said(steps, text))
		add_entry(out, said("assistant", text), id);
	jv_free(reply);
	jv_free(steps);
}

static bool
append_shared(jv ref_turn, int64_t *size)
{
	struct shared_guard guard = shared_guard(ref_turn);
	char *path = shared_path(turn_session(ref_turn));
	struct buf lines = {0};

	format_turn(&lines, ref_turn);
	*size = shared_append_once(
	    path, &guard, turn_id(ref_turn), lines.data, lines.length);
	buf_free(&lines);
	shared_guard_free(&guard);
	free(path);
	errno = ESTALE;
	return *size >= 0;
}

bool
transcript_append(jv ref_turn, int64_t *size)
{
	struct buf lines = {0};
	bool fresh = false, ok;
	int fd, saved;
	int64_t end;

	if (redis_is_used())
		return append_shared(ref_turn, size);
	fd = open_locked(turn_session(ref_turn), &fresh);
	if (fd < 0)
		return false;
	end = find_end(fd, turn_id(ref_turn));
	format_turn(&lines, ref_turn);
	ok = end >= 0 && ftruncate(fd, end) == 0 &&
	     io_write_all(fd, lines.data, lines.length) && fdatasync(fd) == 0 &&
	     (!fresh || sync_sessions());
	saved = errno;
	/* half a turn would be read by the next one */
	if (!ok && end >= 0)
		(void)!ftruncate(fd, end);
	close(fd);
	*size = end + (int64_t)lines.length;
	buf_free(&lines);
	errno = saved;
	return ok;
}

/* ---- shortening */

/* The start of the first turn after `from`. */
static size_t
next_turn(const struct buf *text, size_t from)
{
	while (from < text->length) {
		const char *at = text->data + from;
		const char *newline = memchr(at, '\n', text->length - from);
		size_t length = newline != NULL ? (size_t)(newline - at) + 1
						: text->length - from;
		jv entry;
		bool user;

		from += length;
		if (from >= text->length)
			break;
		at = text->data + from;
		newline = memchr(at, '\n', text->length - from);
		length = newline != NULL ? (size_t)(newline - at)
					 : text->length - from;
		entry = json_parse(at, length, NULL);
		user = strcmp(json_get_string(entry, "role", ""), "user") == 0;
		jv_free(entry);
		if (user)
			break;
	}
	return from;
}

/* The next turn's lines follow: the model sees a conversation that goes on. */
static void
add_note(struct buf *out, const char *summary)
{
	char *text = xasprintf("[The beginning of this conversation was left "
			       "out because it had grown too long.%s%s]",
	    summary != NULL ? " In short:]\n\n[" : "",
	    summary != NULL ? summary : "");

	add_entry(out, said("user", text), "");
	add_entry(out, said("assistant", "Understood."), "");
	free(text);
}

/* What is left of a text; false when nothing is to be left out. */
static bool
shorten(const struct buf *text, int64_t keep, const char *summary,
    size_t *dropped, struct buf *shorter)
{
	size_t from = 0;

	*dropped = 0;
	while (text->length - from > (size_t)keep) {
		size_t next = next_turn(text, from);

		if (next >= text->length)
			break;
		from = next;
		(*dropped)++;
	}
	if (from == 0)
		return false;
	add_note(shorter, summary);
	buf_add(shorter, text->data + from, text->length - from);
	return true;
}

/* Another node may write meanwhile; then it is read again. */
static bool
shorten_shared(
    const char *session, int64_t keep, const char *summary, size_t *dropped)
{
	char *path = shared_path(session);
	bool done = false;

	while (!done) {
		struct buf text = {0}, shorter = {0};
		struct stat st;

		(void)shared_stat(path, &st);
		shared_read(path, 0, (size_t)st.st_size, &text);
		done = !shorten(&text, keep, summary, dropped, &shorter) ||
		       shared_replace(path, NULL, (int64_t)st.st_ino,
			   shorter.data, shorter.length);
		buf_free(&shorter);
		buf_free(&text);
	}
	free(path);
	return true;
}

bool
transcript_shorten(
    const char *session, int64_t keep, const char *summary, size_t *dropped)
{
	char *path;
	struct buf text = {0}, shorter = {0};
	bool fresh, ok;
	int fd;

	if (redis_is_used())
		return shorten_shared(session, keep, summary, dropped);
	*dropped = 0;
	path = transcript_path(session);
	fd = open_locked(session, &fresh);
	ok = fd >= 0 && io_read_file(AT_FDCWD, path, SIZE_MAX / 4, &text);
	if (ok && shorten(&text, keep, summary, dropped, &shorter))
		ok = io_replace_file(path, shorter.data, shorter.length);
	if (fd >= 0)
		close(fd);
	buf_free(&shorter);
	buf_free(&text);
	free(path);
	return ok;
}

int64_t
transcript_size(const char *session)
{
	char *path =
	    redis_is_used() ? shared_path(session) : transcript_path(session);
	struct stat st;
	bool there = path != NULL && (redis_is_used() ? shared_stat(path, &st)
						      : stat(path, &st) == 0);

	free(path);
	return there ? (int64_t)st.st_size : 0;
}

int64_t
transcript_begun(const char *session)
{
	char *path =
	    redis_is_used() ? shared_path(session) : transcript_path(session);
	int fd = -1;
	struct buf text = {0};
	int64_t begun = 0;
	char *newline = NULL;
	ssize_t n;

	if (redis_is_used())
		shared_read(path, 0, RECORD_LINE_MAX, &text);
	else if (path != NULL)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (text.length != 0)
		newline = memchr(text.data, '\n', text.length);
	n = fd >= 0 ? 1 : 0;
	while (n > 0 && newline == NULL) {
		n = buf_read(&text, fd, BLOCK_SIZE);
		if (text.length != 0)
			newline = memchr(text.data, '\n', text.length);
	}
	if (newline != NULL) {
		jv line =
		    json_parse(text.data, (size_t)(newline - text.data), NULL);

		begun = json_get_int(line, "at", 0);
		jv_free(line);
	}
	if (fd >= 0)
		close(fd);
	buf_free(&text);
	free(path);
	return begun;
}

/* ---- beginning anew */

static bool
reset_shared(const char *session)
{
	char *path = shared_path(session), *name = state_name(session);
	char *old =
	    xasprintf("sessions/%s.%" PRId64 ".old", name, clock_now_ms());
	bool ok = shared_rename(path, old, NULL);

	free(old);
	free(name);
	free(path);
	return ok;
}

bool
transcript_reset(const char *session)
{
	char *path, *name, *old;
	bool fresh, ok;
	int fd;

	if (redis_is_used())
		return reset_shared(session);
	path = transcript_path(session);
	if (path == NULL || (access(path, F_OK) != 0 && errno == ENOENT)) {
		free(path);
		return true;
	}
	fd = open_locked(session, &fresh);
	name = state_name(session);
	old = state_path("sessions/%s.%" PRId64 ".old", name, clock_now_ms());
	ok = fd >= 0 && rename(path, old) == 0 && sync_sessions();
	if (fd >= 0)
		close(fd);
	free(old);
	free(name);
	free(path);
	return ok;
}
