#ifndef OC_UPDATES_H
#define OC_UPDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buf.h"

/*
 * Updates of the Bot API between the webhook, which answers only once one is
 * on disk, and oc-recv-telegram, which makes turns of them.  A file each,
 * below $OC_STATE/updates, named after the update's number:
 *
 *	tmp/ID.PID  is being written
 *	new/ID      waits
 *	done/ID     became a turn, or is for nobody; empty
 *
 *	put     write tmp/ID.PID, fsync it; rename to new/ID; sync new;
 *	        then it is answered.  One that is in new or done already is
 *	        answered at once, without a second file.
 *	done    rename new/ID to done/ID, then empty it
 *
 * Every line can be the last thing that happened before a crash.  done/
 * remembers for UPDATES_REMEMBER_S: Telegram sends an update again until it
 * has seen the answer.
 */
enum {
	UPDATES_REMEMBER_S = 3 * 24 * 60 * 60, /* Telegram keeps them a day */
	UPDATES_MAX = 1024 * 1024, /* bytes; a message has a few thousand */
};

struct updates;

/*
 * The secret that Telegram shows with each update, and that it is told by
 * setWebhook: TELEGRAM_WEBHOOK_SECRET, for secret_free.  Without one, or one
 * that Telegram would not take, the program ends (EX_CONFIG).
 */
char *updates_take_secret(void);

/* Makes the directories.  Failure is fatal (EX_CANTCREAT). */
struct updates *updates_open(void);
void updates_free(struct updates *updates); /* NULL is fine */

/* For whoever waits for more: the path of new/, valid as long as `updates`. */
const char *updates_folder(const struct updates *updates);

/*
 * Puts one: true when it is safe on disk.  False with errno set, and then
 * nothing was left behind.
 */
bool updates_put(
    struct updates *updates, int64_t id, const void *data, size_t length);

/*
 * The numbers of those that wait, lowest first; the caller frees *ids.  A
 * directory that cannot be read counts as empty, and is logged.
 */
size_t updates_waiting(struct updates *updates, int64_t **ids);
/* False with errno set. */
bool updates_read(struct updates *updates, int64_t id, struct buf *text);
/* It is not to be read again.  False with errno set; it may be tried again. */
bool updates_done(struct updates *updates, int64_t id);

/* Removes what is remembered for longer than needed, and what crashes left. */
void updates_tidy(struct updates *updates);

#endif
