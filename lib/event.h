#ifndef OC_EVENT_H
#define OC_EVENT_H

#include <stdbool.h>
#include <jv.h>
#include "record.h"

/*
 * Live progress of a turn, best effort: one JSON object a line, appended to
 * $OC_STATE/turns/<id>/events.ndjson if that directory is there (whoever
 * shows progress makes it).  Each has "at" (ms since the epoch), "event" and:
 *
 *	attempt     model                       a model is asked
 *	failed      model, class, message       it failed; the next one follows
 *	text        delta                       a piece of the answer
 *	tool_start  call, name, args
 *	tool_end    call, name, ok, ms
 *	reply                                   the turn is finished
 *
 * Without the directory, and on any error, nothing happens.
 */
void event_write(jv ref_turn, const char *event, jv own_details);

/* Follows such a file; zeroed is one that was not opened yet. */
struct event_reader {
	struct record_reader records;
	bool open;
};

/*
 * Calls `each` with every whole line that was added since the last call.
 * `directory` and `path` are as for openat(2).  False while there is no file.
 */
bool event_read(struct event_reader *reader, int directory, const char *path,
    void (*each)(jv ref_event, void *arg), void *arg);
void event_reader_free(struct event_reader *reader); /* zeroes it too */

#endif
