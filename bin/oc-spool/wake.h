#ifndef OC_SPOOL_WAKE_H
#define OC_SPOOL_WAKE_H

#include <stdbool.h>
#include <stdint.h>
#include "redis.h"

/*
 * A second connection, on which Redis tells what happened in a queue.  It
 * only saves time: what it misses is seen by looking.
 */
struct wake {
	redisContext *context;
	char *wake, *done; /* channels */
	int64_t retry_at;
};

void wake_open(struct wake *wake, const char *prefix, const char *node);
void wake_close(struct wake *wake);

int wake_fd(const struct wake *wake); /* to poll for input; -1: none now */

/*
 * Takes in what is there.  `done` is called with what was finished.  True
 * when there may be something to take.
 */
bool wake_read(
    struct wake *wake, void (*done)(void *arg, const char *what), void *arg);

#endif
