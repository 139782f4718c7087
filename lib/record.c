#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "io.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "xalloc.h"

/* A buffer that one long line made large is given back after it. */
enum { KEEP_CAPACITY = 256 * 1024 };

void
record_free(struct record *record)
{
	free(record->line);
	jv_free(record->value);
	*record = (struct record){.value = jv_null()};
}

void
record_reader_init(struct record_reader *reader, int fd, const char *name)
{
	*reader = (struct record_reader){.fd = fd, .name = name, .line = 0};
}

void
record_reader_free(struct record_reader *reader)
{
	buf_free(&reader->buf);
}

static void
refuse(struct record_reader *reader, const char *reason, const char *detail)
{
	reader->bad++;
	log_warn("%s: line %" PRIu64 ": %s%s; skipped", reader->name,
	    reader->line, reason, detail);
}

/* Drops what was handed out, when that is cheap or needed. */
static void
compact(struct record_reader *reader)
{
	struct buf *buf = &reader->buf;

	if (reader->consumed == buf->length) {
		if (buf->capacity > KEEP_CAPACITY)
			buf_free(buf);
		else if (buf->length != 0)
			buf_clear(buf);
	} else {
		buf_drop(buf, reader->consumed);
	}
	reader->scanned -= reader->consumed;
	reader->consumed = 0;
}

/* Makes a record of one line (with its newline); false when it is refused. */
static bool
take_line(struct record_reader *reader, const char *line, size_t length,
    struct record *record)
{
	const char *problem;
	jv value;

	if (length == 1) {
		refuse(reader, "empty", "");
		return false;
	}
	value = json_parse(line, length, &problem);
	if (problem != NULL) {
		refuse(reader, "not JSON: ", problem);
		return false;
	}
	if (!json_is_object(value)) {
		jv_free(value);
		refuse(reader, "JSON, but not an object", "");
		return false;
	}
	record->line = xmalloc(length);
	memcpy(record->line, line, length);
	record->length = length;
	record->value = value;
	return true;
}

/*
 * What is left at the end of input has no newline.  A whole object cannot be
 * the beginning of another, so it is taken; anything else was cut.
 */
static enum record_status
take_rest(struct record_reader *reader, struct record *record)
{
	size_t length = reader->buf.length - reader->consumed;
	enum record_status status = RECORD_END;

	if (length != 0 && !reader->skipping) {
		const char *line;

		reader->line++;
		buf_add_byte(&reader->buf, '\n');
		line = reader->buf.data + reader->consumed;
		if (json_check(line, length) == NULL) {
			if (take_line(reader, line, length + 1, record))
				status = RECORD_OK;
		} else {
			refuse(reader, "cut off: it has no newline", "");
		}
	}
	reader->skipping = false;
	reader->consumed = reader->scanned = reader->buf.length;
	compact(reader);
	return status;
}

/* No newline so far: is the line too long already? */
static void
check_length(struct record_reader *reader)
{
	if (!reader->skipping &&
	    reader->buf.length - reader->consumed >= RECORD_LINE_MAX) {
		reader->skipping = true;
		reader->line++;
		refuse(reader, "longer than 4 MiB", "");
	}
	if (reader->skipping)
		reader->consumed = reader->buf.length;
	reader->scanned = reader->buf.length;
	compact(reader);
}

enum record_status
record_next(struct record_reader *reader, struct record *record)
{
	*record = (struct record){.value = jv_null()};
	while (reader->scanned < reader->buf.length) {
		const char *from = reader->buf.data + reader->scanned;
		const char *newline =
		    memchr(from, '\n', reader->buf.length - reader->scanned);
		const char *line = reader->buf.data + reader->consumed;
		size_t length;

		if (newline == NULL)
			break;
		length = (size_t)(newline - line) + 1;
		reader->scanned = reader->consumed += length;
		if (reader->skipping) {
			reader->skipping = false;
			continue;
		}
		reader->line++;
		if (length > RECORD_LINE_MAX)
			refuse(reader, "longer than 4 MiB", "");
		else if (take_line(reader, line, length, record))
			return RECORD_OK;
	}
	if (reader->ended)
		return take_rest(reader, record);
	check_length(reader);
	return RECORD_AGAIN;
}

bool
record_fill(struct record_reader *reader)
{
	ssize_t n;

	compact(reader);
	n = buf_read(&reader->buf, reader->fd, RECORD_READ_SIZE);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (n < 0)
		fatal(EX_IOERR, "%s: %s", reader->name, strerror(errno));
	if (n == 0)
		reader->ended = true;
	return true;
}

/* Waits for input, but not when nobody would read what comes of it. */
static void
wait_for_input(const struct record_reader *reader)
{
	struct pollfd p[] = {
	    {.fd = reader->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};

	if (poll(p, 2, -1) > 0 && p[0].revents == 0)
		io_check_stdout(p[1].revents);
}

enum record_status
record_read(struct record_reader *reader, struct record *record)
{
	for (;;) {
		enum record_status status = record_next(reader, record);

		if (status != RECORD_AGAIN)
			return status;
		if (reader->fd == STDIN_FILENO)
			wait_for_input(reader);
		if (!record_fill(reader))
			return status;
	}
}

bool
record_write(jv ref)
{
	struct buf line = {0};
	bool fits;

	assert(json_is_object(ref));
	json_write(&line, ref);
	buf_add_byte(&line, '\n');
	fits = line.length <= RECORD_LINE_MAX;
	if (fits)
		io_write_stdout(line.data, line.length);
	buf_free(&line);
	return fits;
}

void
record_forward(const struct record *record)
{
	io_write_stdout(record->line, record->length);
}

int
record_status(const struct record_reader *reader)
{
	return reader->bad != 0 ? EX_DATAERR : EX_OK;
}
