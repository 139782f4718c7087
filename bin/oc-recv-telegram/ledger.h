#ifndef OC_LEDGER_H
#define OC_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which updates came and which of them are done with.  getUpdates with an
 * offset confirms all below it for ever, so the offset stays at the first one
 * that is not done.  All zero is a valid empty ledger: no offset is known.
 */
struct ledger {
	struct ledger_entry {
		int64_t id;
		bool done;
	} * entry; /* in the order in which they came */
	size_t count, capacity;
	size_t waiting; /* entries that are not done */
	int64_t offset; /* below all entries; 0: not known */
};

void ledger_free(struct ledger *ledger);
/* False when it came before and no offset was taken that passes it. */
bool ledger_add(struct ledger *ledger, int64_t id);
bool ledger_knows(const struct ledger *ledger, int64_t id);
void ledger_done(struct ledger *ledger, int64_t id);

/*
 * For updates that did not come by getUpdates: takes one that is done out of
 * the ledger.  False when there is none; the offset stays as it is.
 */
bool ledger_take_done(struct ledger *ledger, int64_t *id);

/*
 * The offset for the next getUpdates; 0: none.  What it passes is forgotten,
 * and not earlier: a call that is under way may still bring it again.
 */
int64_t ledger_take_offset(struct ledger *ledger);
/* Whether some are not done yet. */
bool ledger_waits(const struct ledger *ledger);

#endif
