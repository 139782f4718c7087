#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "buf.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "shared.h"
#include "state.h"
#include "turn.h"
#include "usage.h"
#include "xalloc.h"

enum {
	READ_SIZE = 32 * 1024, /* some hundred lines, some milliseconds */
	SHARED_DAYS = 400,     /* a year, and time to look at it */
};

/* ---- writing */

char *
usage_day(int64_t at, char out[USAGE_DAY_SIZE])
{
	time_t seconds = (time_t)(at / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	if (strftime(out, USAGE_DAY_SIZE, "%Y-%m-%d", &tm) == 0)
		out[0] = '\0';
	return out;
}

static jv
set_count(jv own, const char *key, jv ref_usage)
{
	int64_t count = json_get_int(ref_usage, key, -1);

	return count >= 0 ? json_set_int(own, key, count) : own;
}

static void
add_attempt(struct buf *out, jv ref_turn, jv ref_attempt, int step, int try)
{
	jv line = json_set_int(json_object(), "at", clock_now_ms());
	jv usage = json_get(ref_attempt, "usage");
	jv error = json_get(ref_attempt, "error");

	line = json_set_string(line, "turn", turn_id(ref_turn));
	line = json_set_string(line, "session", turn_session(ref_turn));
	line = json_set_int(line, "step", step);
	line = json_set_int(line, "try", try);
	line = json_set(line, "model", json_get(ref_attempt, "model"));
	line = set_count(line, "input", usage);
	line = set_count(line, "output", usage);
	line = set_count(line, "cached", usage);
	if (json_has(ref_attempt, "cost"))
		line = json_set(line, "cost", json_get(ref_attempt, "cost"));
	if (!json_is_null(error))
		line = json_set_bool(line, "failed", true);
	json_write(out, line);
	buf_add_byte(out, '\n');
	jv_free(error);
	jv_free(usage);
	jv_free(line);
}

/*
 * `attempts` holds those that failed; the step itself is the one that
 * answered, unless the last of them is it.
 */
static void
add_step(struct buf *out, jv ref_turn, jv ref_step, int index)
{
	jv attempts = json_get(ref_step, "attempts");
	bool answered = false;
	int n = json_length(attempts);

	for (int i = 0; i < n; i++) {
		jv attempt = json_at(attempts, i);
		jv error = json_get(attempt, "error");

		add_attempt(out, ref_turn, attempt, index, i);
		answered = json_is_null(error);
		jv_free(error);
		jv_free(attempt);
	}
	if (!answered && json_has(ref_step, "model") &&
	    strcmp(json_get_string(ref_step, "role", ""), "assistant") == 0)
		add_attempt(out, ref_turn, ref_step, index, n);
	jv_free(attempts);
}

static bool
append_shared(const struct buf *lines)
{
	char day[USAGE_DAY_SIZE];
	char *path =
	    xasprintf("usage/%s.ndjson", usage_day(clock_now_ms(), day));
	bool ok =
	    shared_append(path, NULL, SHARED_DAYS, lines->data, lines->length);

	free(path);
	return ok;
}

static bool
append(const struct buf *lines)
{
	char *directory, *path, day[USAGE_DAY_SIZE];
	int fd = -1;
	bool ok;

	if (lines->length == 0)
		return true;
	if (redis_is_used())
		return append_shared(lines);
	directory = state_path("usage");
	path = state_path("usage/%s.ndjson", usage_day(clock_now_ms(), day));
	if (path != NULL && io_make_directories(directory))
		fd =
		    open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	ok = fd >= 0 && io_write_all(fd, lines->data, lines->length);
	if (fd >= 0)
		close(fd);
	free(path);
	free(directory);
	return ok;
}

bool
usage_add_step(jv ref_turn, jv ref_step, int index)
{
	struct buf lines = {0};
	bool ok;

	add_step(&lines, ref_turn, ref_step, index);
	ok = append(&lines);
	buf_free(&lines);
	return ok;
}

bool
usage_add_turn(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps");
	struct buf lines = {0};
	bool ok;

	for (int i = 0, n = json_length(steps); i < n; i++) {
		jv step = json_at(steps, i);

		add_step(&lines, ref_turn, step, i);
		jv_free(step);
	}
	jv_free(steps);
	ok = append(&lines);
	buf_free(&lines);
	return ok;
}

/* ---- reading */

struct usage_reader {
	char *path, *shared; /* one of them */
	int fd;
	int64_t offset; /* in `shared` */
	struct buf buf;
	uint64_t *seen; /* hashes of attempts; 0 is free */
	size_t count, capacity;
	struct usage_total total;
};

struct usage_reader *
usage_open(const char *day)
{
	struct usage_reader *reader = xcalloc(1, sizeof *reader);

	reader->fd = -1;
	if (redis_is_used())
		reader->shared = xasprintf("usage/%s.ndjson", day);
	else
		reader->path = state_path("usage/%s.ndjson", day);
	return reader;
}

void
usage_free(struct usage_reader *reader)
{
	if (reader == NULL)
		return;
	if (reader->fd >= 0)
		close(reader->fd);
	buf_free(&reader->buf);
	free(reader->seen);
	free(reader->path);
	free(reader->shared);
	free(reader);
}

/* FNV-1a */
static uint64_t
hash(uint64_t state, const void *data, size_t length)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < length; i++)
		state = (state ^ byte[i]) * 0x100000001b3;
	return state;
}

static uint64_t
attempt_hash(jv ref_line)
{
	const char *turn = json_get_string(ref_line, "turn", "");
	int64_t step = json_get_int(ref_line, "step", 0);
	int64_t try = json_get_int(ref_line, "try", 0);
	uint64_t state = 0xcbf29ce484222325;

	state = hash(state, turn, strlen(turn) + 1);
	state = hash(state, &step, sizeof step);
	state = hash(state, &try, sizeof try);
	return state != 0 ? state : 1;
}

static size_t
slot_of(const uint64_t *seen, size_t capacity, uint64_t value)
{
	size_t slot = (size_t)value & (capacity - 1);

	while (seen[slot] != 0 && seen[slot] != value)
		slot = (slot + 1) & (capacity - 1);
	return slot;
}

static void
grow(struct usage_reader *reader)
{
	size_t capacity = reader->capacity != 0 ? reader->capacity * 2 : 1024;
	uint64_t *seen = xcalloc(capacity, sizeof *seen);

	for (size_t i = 0; i < reader->capacity; i++)
		if (reader->seen[i] != 0)
			seen[slot_of(seen, capacity, reader->seen[i])] =
			    reader->seen[i];
	free(reader->seen);
	reader->seen = seen;
	reader->capacity = capacity;
}

static bool
is_new(struct usage_reader *reader, uint64_t value)
{
	size_t slot;

	if (reader->count * 2 >= reader->capacity)
		grow(reader);
	slot = slot_of(reader->seen, reader->capacity, value);
	if (reader->seen[slot] != 0)
		return false;
	reader->seen[slot] = value;
	reader->count++;
	return true;
}

void
usage_total_add(struct usage_total *total, jv ref_line)
{
	total->attempts++;
	total->failed += json_get_bool(ref_line, "failed", false);
	total->input += json_get_int(ref_line, "input", 0);
	total->output += json_get_int(ref_line, "output", 0);
	total->cached += json_get_int(ref_line, "cached", 0);
	total->cost += json_get_number(ref_line, "cost", 0);
}

/* Takes the whole lines out of the buffer. */
static void
take_lines(struct usage_reader *reader, void (*each)(void *arg, jv ref_line),
    void *arg)
{
	struct buf *buf = &reader->buf;
	size_t from = 0;
	char *newline;

	while (from < buf->length && (newline = memchr(buf->data + from, '\n',
					  buf->length - from)) != NULL) {
		size_t length = (size_t)(newline - buf->data) - from;
		jv line = json_parse(buf->data + from, length, NULL);

		if (json_is_object(line) &&
		    is_new(reader, attempt_hash(line))) {
			usage_total_add(&reader->total, line);
			if (each != NULL)
				each(arg, line);
		}
		jv_free(line);
		from += length + 1;
	}
	buf_drop(buf, from);
}

static bool
read_shared(struct usage_reader *reader)
{
	size_t before = reader->buf.length;

	shared_read(reader->shared, reader->offset, READ_SIZE, &reader->buf);
	reader->offset += (int64_t)(reader->buf.length - before);
	return reader->buf.length != before;
}

static bool
read_file(struct usage_reader *reader)
{
	if (reader->fd < 0 && reader->path != NULL)
		reader->fd = open(reader->path, O_RDONLY | O_CLOEXEC);
	return reader->fd >= 0 &&
	       buf_read(&reader->buf, reader->fd, READ_SIZE) > 0;
}

bool
usage_read_some(struct usage_reader *reader,
    void (*each)(void *arg, jv ref_line), void *arg)
{
	if (reader->shared != NULL ? !read_shared(reader) : !read_file(reader))
		return false;
	take_lines(reader, each, arg);
	return true;
}

const struct usage_total *
usage_read(struct usage_reader *reader, void (*each)(void *arg, jv ref_line),
    void *arg)
{
	while (usage_read_some(reader, each, arg))
		continue;
	return &reader->total;
}
