#ifndef OC_RECV_HTTP_REPLY_FILES_H
#define OC_RECV_HTTP_REPLY_FILES_H

#include <jv.h>
#include "queue.h"

/*
 * Replies from a queue that is a directory, read where they arrive.  Handing
 * a reply out once more does no harm here, and handing it out after a crash
 * no good, because its caller is gone with us: so nothing is synced, as
 * `oc-spool take` would do.
 */
struct event_base;
struct reply_files;

/* The queue is borrowed. */
struct reply_files *reply_files_open(struct event_base *base,
    struct queue *queue, void (*reply)(jv ref_turn, void *arg), void *arg);
void reply_files_close(struct reply_files *files); /* NULL is fine */

#endif
