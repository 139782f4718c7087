#ifndef OC_RECV_HTTP_CHUNKS_H
#define OC_RECV_HTTP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/*
 * A body in chunks (RFC 9112, 7.1), put together again.  Fed as the bytes
 * come; a zeroed struct is at the start.  As strict as head.h: a size is one
 * to eight hexadecimal digits, lines end with CR LF, and trailers are taken
 * off and forgotten.
 */
struct chunks {
	enum {
		CHUNKS_SIZE,
		CHUNKS_EXTENSION,
		CHUNKS_SIZE_LF,
		CHUNKS_DATA,
		CHUNKS_DATA_CR,
		CHUNKS_DATA_LF,
		CHUNKS_TRAILER,    /* at the start of a line */
		CHUNKS_TRAILER_IN, /* inside one */
		CHUNKS_TRAILER_LF,
		CHUNKS_END_LF,
	} state;
	size_t left;   /* bytes of this chunk */
	int digits;    /* of its size, so far */
	size_t around; /* bytes of extensions and trailers */
};

enum chunks_result {
	CHUNKS_MORE,
	CHUNKS_DONE, /* the body is whole */
	CHUNKS_BAD,
	CHUNKS_TOO_LARGE, /* it would have more than `most` bytes */
};

/* Appends to `body`.  *used: how many bytes of `data` were taken. */
enum chunks_result chunks_feed(struct chunks *chunks, const char *data,
    size_t length, size_t most, struct buf *body, size_t *used);

#endif
