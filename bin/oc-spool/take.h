#ifndef OC_SPOOL_TAKE_H
#define OC_SPOOL_TAKE_H

#include <stdbool.h>
#include "queue.h"

struct take_options {
	unsigned in_flight; /* sessions at work at the same time */
	int poll_ms;        /* how often to look; 0: as needed */
	int drain_ms;     /* after SIGTERM: how long to wait for what is out */
	bool until_empty; /* end when the queue is empty */
};

/*
 * Hands out the turns of the queue on standard output until SIGTERM; then it
 * waits until what it handed out was finished.  Returns the exit status.
 */
int take_run(struct queue *queue, const struct take_options *options);

#endif
