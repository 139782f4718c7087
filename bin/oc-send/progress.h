#ifndef OC_SEND_PROGRESS_H
#define OC_SEND_PROGRESS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include "ledger.h"

/*
 * What a person sees of a turn that runs: "typing", and a message that grows
 * with the reply.  It follows $OC_STATE/turns/ID, where turn.json says whose
 * turn it is and events.ndjson what happens.  All of it is best effort.
 */
struct chat;
struct courier;
struct progress;

/* NULL where $OC_STATE/turns cannot be watched. */
struct progress *progress_new(struct courier *courier);
void progress_free(struct progress *progress); /* NULL is fine */
struct pollfd progress_poll(const struct progress *progress);
/* Does what is due; how long until something is, -1: nothing will be. */
int64_t progress_step(struct progress *progress);

/*
 * The reply of a turn is here: there is no more progress of it.  False while
 * a message of it is under way, because its number must be known first; that
 * lasts three seconds at most.  Else *ledger is the turn's ledger, and the
 * caller's, if it is open already.
 */
bool progress_release(
    struct progress *progress, const char *turn_id, struct ledger **ledger);

/* Deletes a growing message that the reply did not replace; best effort. */
void progress_remove(
    struct progress *progress, struct chat *chat, const char *message);

#endif
