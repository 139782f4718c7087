#ifndef OC_STORE_H
#define OC_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>
#include "update.h"

/*
 * What outlives a restart, and what others want to know of us:
 * $OC_STATE/telegram.json
 *
 *	{"bot":"7001","username":"claw_bot","offset":881220,
 *	 "offset_at":1795406641000,"polled_at":1795406642000,"problem":null,
 *	 "moved":{"-100200":"-300"}}
 *
 * `polled_at` is when getUpdates was last answered well; nothing else tells
 * that messages arrive.  `moved` has, for each supergroup, the number that it
 * had as a group.  Without a directory of state nothing is kept.
 */
struct store;

struct store *store_open(void);
void store_free(struct store *store); /* writes what is not written yet */

/*
 * Says who we are.  What belongs to another bot is forgotten.  Returns the
 * offset to begin with; 0 for none, and when it is so old that the numbers may
 * have begun anew (Telegram keeps updates for a day, and numbers for a week).
 */
int64_t store_bot(struct store *store, const struct bot *bot);

void store_set_offset(struct store *store, int64_t offset);
void store_polled(struct store *store);
void store_set_problem(struct store *store, const char *problem); /* or NULL */

void store_moved(struct store *store, const char *from, const char *to);
/* The number that a supergroup had before, for the caller to free, or NULL. */
char *store_former(const struct store *store, const char *chat);

/*
 * Writes when there is something new, but not at every call: losing the last
 * of it costs nothing but updates that come twice, which the queue notices.
 */
void store_save(struct store *store);
int64_t store_deadline(const struct store *store); /* clock_mono_ms, or -1 */

#endif
