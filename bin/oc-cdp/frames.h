#ifndef OC_CDP_FRAMES_H
#define OC_CDP_FRAMES_H

#include <stddef.h>
#include "buf.h"

/*
 * Messages that end with a NUL, as --remote-debugging-pipe has them, out of
 * pieces of any size.  Of a message longer than `most` the first `most` bytes
 * are handed out and the rest is dropped as it comes.
 */
struct frames {
	struct buf buf; /* the message that is not complete yet */
	size_t most;
};

/* The data is valid during the call and followed by a NUL. */
void frames_feed(struct frames *frames, const char *data, size_t length,
    void (*message)(void *arg, const char *data, size_t length), void *arg);
void frames_free(struct frames *frames);

#endif
