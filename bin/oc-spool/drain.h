#ifndef OC_SPOOL_DRAIN_H
#define OC_SPOOL_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The end of a taker: after SIGTERM no new turns; what is out is finished by
 * others, and then we end.  Told twice, we end at once.
 */
struct drain {
	int signals; /* to poll for input */
	int ms;      /* how long to wait for what is out */
	bool begun;
	int64_t until;
};

void drain_open(struct drain *drain, int ms);
void drain_close(struct drain *drain);

/* How long to wait at most, `timeout` or less. */
int drain_timeout(const struct drain *drain, int timeout);
/*
 * After a poll: takes a signal in.  `revents` is that of standard output,
 * which asked for nothing; its reader's end is ours, with EX_UNAVAILABLE.
 */
void drain_check(struct drain *drain, short revents);
bool drain_is_over(const struct drain *drain);

#endif
