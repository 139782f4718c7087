#ifndef OC_SEND_PROGRESS_H
#define OC_SEND_PROGRESS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What a person sees of a turn that runs: "typing", and a message that grows
 * with the reply.  It follows $OC_STATE/turns.  All of it is best effort.
 */
struct courier;
struct progress;

/* NULL without a directory of state that can be watched. */
struct progress *progress_new(struct courier *courier);
void progress_free(struct progress *progress); /* NULL is fine */
struct pollfd progress_poll(const struct progress *progress);
/* Reads what is new and does what is due; until when nothing is (-1: ever). */
int64_t progress_step(struct progress *progress);

/*
 * The reply of a turn is here: no more progress of it.  False while a message
 * of it is under way: its id must be known first.  NULL is fine.
 */
bool progress_release(struct progress *progress, const char *turn_id);

#endif
