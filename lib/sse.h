#ifndef OC_SSE_H
#define OC_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/*
 * Server-sent events, read as they come in (WHATWG HTML, 9.2.6): lines end in
 * LF, CRLF or CR, the data lines of one event are joined by newlines, comments
 * and unknown fields are skipped, a byte order mark at the start is skipped.
 * Zeroed is a valid reader.
 */
enum { SSE_EVENT_MAX = 4 * 1024 * 1024 }; /* more than any model sends */

struct sse {
	struct buf line, data, type;
	bool has_data, after_cr, after_bom;
};

/*
 * Feeds bytes; calls `event` for each complete event with its type ("message"
 * if none was named) and data, which are valid during the call.  Stops and
 * returns false when the callback does, or an event is larger than
 * SSE_EVENT_MAX.
 */
bool sse_feed(struct sse *sse, const char *bytes, size_t length,
    bool (*event)(void *arg, const char *type, const char *data, size_t size),
    void *arg);
void sse_free(struct sse *sse);

#endif
