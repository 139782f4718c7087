#ifndef OC_POLLER_H
#define OC_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>
#include "ledger.h"
#include "store.h"
#include "telegram.h"
#include "update.h"

/*
 * Asks for updates, for ever: getMe, deleteWebhook, setMyCommands, then
 * getUpdates.  It waits for what is not safe yet before it asks for long, and
 * after a failure as long as its kind demands.
 *
 * With a webhook it has Telegram send them there instead: getMe, setWebhook,
 * setMyCommands, then now and then getWebhookInfo, to learn whether they
 * arrive.
 */
struct poller;

struct poller_setup {
	struct telegram *telegram;
	struct ledger *ledger;
	struct store *store;
	struct bot *bot; /* filled in by getMe */
	int64_t timeout_s;
	bool reactions;                       /* they are wanted, too */
	const char *webhook, *webhook_secret; /* NULL: getUpdates */
	/* While it holds no updates are asked for. */
	bool (*held)(void *arg);
	/* Each update as it came; it may be there for the second time. */
	void (*update)(jv ref_update, void *arg);
	void *arg;
};

struct poller *poller_new(const struct poller_setup *setup);
void poller_free(struct poller *poller); /* gives up what is under way */

/* When poller_work has something to do (clock_mono_ms), or -1. */
int64_t poller_deadline(const struct poller *poller);
void poller_work(struct poller *poller);

#endif
