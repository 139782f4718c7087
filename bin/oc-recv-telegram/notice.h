#ifndef OC_NOTICE_H
#define OC_NOTICE_H

#include <stdint.h>
#include "telegram.h"
#include "update.h"

/*
 * The little that a receiver says itself: the code for a stranger, and that a
 * button was felt.
 */
struct notices;

struct notices *notices_new(struct telegram *telegram);
void notices_free(struct notices *notices); /* gives up what is under way */

/*
 * A stranger wrote: they are told their number and a code, once.  When that
 * cannot be told, it is as if they had not written.
 */
void notices_pair(struct notices *notices, const struct update *update);
/* Stops the button from turning. */
void notices_button(struct notices *notices, const struct update *update);

/* When notices_work has something to do (clock_mono_ms), or -1. */
int64_t notices_deadline(const struct notices *notices);
void notices_work(struct notices *notices);

#endif
