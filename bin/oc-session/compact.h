#ifndef OC_SESSION_COMPACT_H
#define OC_SESSION_COMPACT_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>
#include "queue.h"

/*
 * A long transcript is shortened by a turn of its own, with the key
 * `compact`: it takes its place in the session's order, a model writes a
 * summary as its reply, and close puts that in the place of the older lines.
 */

/*
 * Puts such a turn into the queue, once for each state of the transcript.
 * `ref_turn` is one of the session, to know where the person is told; with
 * `tell`, the person is told of success too.
 */
void compact_request(struct queue *queue, jv ref_turn, bool tell);

bool compact_is(jv ref_turn);

/*
 * Shortens the transcript to `limit` bytes by the summary that is the turn's
 * reply, or without one if it failed.  Sets the turn's reply, channel and `to`
 * to what the person is told; false when that is nothing.
 */
bool compact_finish(jv *turn, int64_t limit);

#endif
