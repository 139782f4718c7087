#ifndef OC_PICKUP_H
#define OC_PICKUP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <jv.h>
#include "ledger.h"

/*
 * Picks up the updates that a webhook took (updates.h), and lets go of each
 * once it is done with.
 */
struct pickup;

struct pickup_setup {
	struct ledger *ledger;
	/* Each update; the ledger learns of it there. */
	void (*update)(jv ref_update, void *arg);
	void *arg;
	bool follow; /* more may come; else only what is there is taken */
};

/*
 * NULL when there is nothing and no more may come; then the other functions
 * find nothing to do.
 */
struct pickup *pickup_new(const struct pickup_setup *setup);
void pickup_free(struct pickup *pickup); /* NULL is fine */

/* To be waited for; its fd is -1 where nothing tells of new ones. */
struct pollfd pickup_pollfd(const struct pickup *pickup);
/* When pickup_work has something to do (clock_mono_ms), or -1. */
int64_t pickup_deadline(const struct pickup *pickup);
/* `woken`: the descriptor is ready. */
void pickup_work(struct pickup *pickup, bool woken);

/* Whether all that was there is done with, and no more will come. */
bool pickup_is_over(const struct pickup *pickup);

#endif
