#include "rate.h"

int64_t
rate_wait(const struct rate *rate, unsigned int count, int64_t now)
{
	int64_t oldest;

	if (count == 0)
		return 0;
	if (count > rate->most)
		count = rate->most;
	/* the last one that must have left the window */
	oldest = rate->at[(rate->next + count - 1) % rate->most];
	if (oldest == 0 || oldest + rate->span_ms <= now)
		return 0;
	return oldest + rate->span_ms - now;
}

void
rate_note(struct rate *rate, unsigned int count, int64_t now)
{
	if (count > rate->most)
		count = rate->most;
	while (count-- > 0) {
		rate->at[rate->next] = now;
		rate->next = (rate->next + 1) % rate->most;
	}
}
