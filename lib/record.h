#ifndef OC_RECORD_H
#define OC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"

/*
 * Records: one JSON object a line (oc-turn(7)).  A reader takes them from a
 * descriptor, blocking or not.  A line that is too long, not UTF-8, not JSON
 * or not an object costs one line on standard error with its number and the
 * reason, is skipped, and is remembered for the exit status.  A last line
 * without its newline is taken if it is a whole object, else it was cut.
 */
enum {
	RECORD_LINE_MAX = 4 * 1024 * 1024, /* as oc-turn(7) says */
	RECORD_READ_SIZE = 64 * 1024,      /* a pipe's whole content */
};

struct record {
	char *line;    /* the bytes as they came, with the newline */
	size_t length; /* of line, newline included */
	jv value;      /* always an object */
};

void record_free(struct record *record); /* releases and zeroes */

struct record_reader {
	int fd;
	const char *name; /* for messages: "standard input"; kept, not copied */
	struct buf buf;
	size_t scanned;  /* bytes of buf known to hold no newline */
	size_t consumed; /* bytes of buf already handed out */
	uint64_t line;   /* number of the current line, from 1 */
	bool skipping;   /* inside a line that is too long */
	bool ended;      /* read(2) gave 0 */
	uint64_t bad;    /* lines refused so far */
};

void record_reader_init(struct record_reader *reader, int fd, const char *name);
void record_reader_free(struct record_reader *reader);

enum record_status {
	RECORD_OK,    /* *record is filled; the caller frees it */
	RECORD_AGAIN, /* no whole line yet: poll for input, then call again */
	RECORD_END,   /* end of input, nothing left */
};

/*
 * The next good record.  On a blocking descriptor it waits and never returns
 * RECORD_AGAIN.  A read error is fatal (EX_IOERR).
 */
enum record_status record_read(
    struct record_reader *reader, struct record *record);

/*
 * Hands out what is buffered already and reads nothing: for callers that
 * poll.  RECORD_AGAIN when a read is needed.
 */
enum record_status record_next(
    struct record_reader *reader, struct record *record);
/* One read(2) into the buffer; false when it would block. */
bool record_fill(struct record_reader *reader);

/*
 * Writes a value as one line to standard output (io_write_stdout).  False,
 * and nothing is written, when the line would be longer than
 * RECORD_LINE_MAX: the caller then answers with an error of its own.
 */
bool record_write(jv ref);
/* Writes the original bytes: for what a stage passes on unchanged. */
void record_forward(const struct record *record);

/* EX_DATAERR when lines were refused, else 0: a filter's exit status. */
int record_status(const struct record_reader *reader);

#endif
