#ifndef OC_SEND_RATE_H
#define OC_SEND_RATE_H

#include <stdint.h>

/*
 * So many messages within so long a time, over a window that slides.  Zeroed
 * but for `most` and `span_ms` is a window in which nothing was sent yet.
 */
enum { RATE_MOST_MAX = 32 };

struct rate {
	unsigned int most; /* at most RATE_MOST_MAX */
	int64_t span_ms;
	int64_t at[RATE_MOST_MAX]; /* of the last ones, a ring */
	unsigned int next;
};

/*
 * How long until `count` more may be sent, 0: now.  More than `most` at once
 * wait until the window is empty.
 */
int64_t rate_wait(const struct rate *rate, unsigned int count, int64_t now);
void rate_note(struct rate *rate, unsigned int count, int64_t now);

#endif
