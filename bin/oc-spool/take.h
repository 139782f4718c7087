#ifndef OC_SPOOL_TAKE_H
#define OC_SPOOL_TAKE_H

#include <stdbool.h>
#include <jv.h>
#include "queue.h"

struct take_options {
	unsigned in_flight; /* sessions at work at the same time */
	int poll_ms;        /* how often to look; 0: as needed */
	int drain_ms;     /* after SIGTERM: how long to wait for what is out */
	bool until_empty; /* end when the queue is empty */

	/* of a queue in Redis */
	jv labels;    /* of this node */
	bool only;    /* no turns without a label */
	int lease_ms; /* when a node that is not heard of is given up */
};

/*
 * Hands out the turns of the queue on standard output until SIGTERM; then it
 * waits until what it handed out was finished.  Returns the exit status.
 */
int take_run(struct queue *queue, const struct take_options *options);
/* The same for a queue in Redis, with other nodes. */
int take_run_shared(struct queue *queue, const struct take_options *options);

#endif
