#ifndef OC_OUTBOX_H
#define OC_OUTBOX_H

#include <stddef.h>
#include <jv.h>

/*
 * Replies on their way out: a turn with `reply` goes into the queue of its
 * channel, under its own id, so that it is put once however often that is
 * tried.  What delivery has no use for (text, media, steps, route, attempt,
 * lease, before, instructions) is left out; every other key is kept.  `usage`
 * is added: input, output, cached, cost, summed up over the steps, and of the
 * last one model and truncated.
 */

/* The line for the queue with its newline; the caller frees it. */
char *outbox_line(jv ref_turn, size_t *length);

/* Puts it, and returns when it is safe on disk, however long that takes. */
void outbox_put(jv ref_turn);

#endif
