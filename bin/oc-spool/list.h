#ifndef OC_SPOOL_LIST_H
#define OC_SPOOL_LIST_H

#include <stdbool.h>
#include "queue.h"

/* What people look at and change by hand.  All return the exit status. */

/* One line a queue: how many turns are where, and since when. */
int list_queues(bool json);
/* One line a turn that is not finished. */
int list_turns(struct queue *queue, bool json);
/* A turn by its id: as it is in the queue, or key by key for people. */
int list_show(struct queue *queue, const char *id, bool json);
/* From dead/ to new/; without ids all of dead/. */
int list_retry(struct queue *queue, char *const *ids, int count);
/* To done/, wherever it waits; one that is handed out is refused. */
int list_drop(struct queue *queue, char *const *ids, int count);

#endif
