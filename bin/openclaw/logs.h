#ifndef OPENCLAW_LOGS_H
#define OPENCLAW_LOGS_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"
#include "record.h"

/* The journal of a turn, which moves to the archive while it is open. */
struct logs_source {
	char *name; /* of the turn, as a file name */
	char *session;
	struct record_reader reader;
	struct logs_live *live; /* NULL: of a finished turn, or not followed */
	struct logs_source *next;
};

/* A line of a journal for people, or with `json` as it is, with its id. */
void logs_print(const struct logs_source *source, jv ref_record, bool json);

/* The beginning of a line for people: the time, the session. */
void logs_begin_line(
    struct buf *line, const struct logs_source *source, jv ref_record);
/* The beginning of a text, on one line and without control characters. */
void logs_add_short(struct buf *line, const char *text);

/* ---- logs_live.c: what happens in a turn while it runs */

struct logs_live *logs_live_new(const char *directory);
void logs_live_free(struct logs_live *live); /* NULL is fine */
/*
 * Shows what is new up to a time (ms): models that are asked and fail, and what
 * they say, a line at a time.  Calls and results are in the journal.
 */
void logs_live_read(struct logs_live *live, const struct logs_source *source,
    int64_t until, bool json);
/* Shows what has no end yet, because a line of the journal says that it has. */
void logs_live_flush(
    struct logs_live *live, const struct logs_source *source, jv ref_record);

#endif
