#ifndef OC_SEND_COURIER_H
#define OC_SEND_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <jv.h>
#include "api.h"
#include "config.h"
#include "ledger.h"
#include "parts.h"
#include "queue.h"
#include "rate.h"
#include "record.h"

/*
 * The telegram channel: replies of many chats side by side, those of one chat
 * in order.
 */
struct progress;

/* Where messages go, and how often they may. */
struct chat {
	TAILQ_ENTRY(chat) entry;
	char *id;     /* as turns name it */
	char *new_id; /* the group became another one; NULL: it did not */
	TAILQ_HEAD(delivery_list, delivery)
	deliveries; /* the first one is under way */
	struct rate rate, group_rate;
	int64_t paused_until; /* by a 429; monotonic */
	int64_t used;
	unsigned int users; /* growing messages that hold a pointer to it */
};

/* A reply on its way. */
struct delivery {
	TAILQ_ENTRY(delivery) entry;
	struct courier *courier;
	struct chat *chat;
	jv turn;
	struct ledger *ledger; /* NULL until it could be opened */
	struct parts parts;
	char *draft; /* message that the first text replaces, or NULL */
	jv owed;     /* a line for the ledger that the disk refused */
	struct api_call *call;
	size_t part;              /* of the call */
	bool taken;               /* by another gateway: it ends here */
	bool plain;               /* this part again, without formats */
	bool no_thread, no_reply; /* what it named is gone */
	unsigned int failures;    /* in a row */
	int64_t due;              /* nothing before this; monotonic */
};

struct courier {
	const struct config *config;
	struct api *api;
	struct queue *queue;
	char *workspace;
	bool at_most_once;
	TAILQ_HEAD(chat_list, chat) chats;
	size_t count; /* deliveries */
	struct rate rate;
	struct progress *progress; /* NULL: none is shown */
	/* a pause of all: the token is refused, or 429 everywhere */
	int64_t paused_until, token_wait_ms;
	bool token_refused, disk_refused;
	unsigned int calls;         /* under way */
	const struct chat *limited; /* the last one that was told to wait */
	unsigned int limited_chats; /* in a row, without a success between */
	bool stopping, bad_input;
};

/* ---- chat.c */

struct chat *chat_get(struct courier *courier, const char *id);
/* What the Bot API is to be given as chat_id. */
jv chat_number(const struct chat *chat);
/* A message's or thread's number; null for what is none. */
jv chat_integer(const char *text);
/* Adds where a message goes: the thread, and the message that it answers. */
jv chat_place(jv own_params, jv ref_to, bool thread, bool reply);
/* How long until so many messages may be sent to it, and notes them. */
int64_t chat_wait(const struct courier *courier, const struct chat *chat,
    unsigned int count, int64_t now);
void chat_note(struct courier *courier, struct chat *chat, unsigned int count,
    int64_t now);
/* The same for what may be left out: it leaves room for replies. */
bool chat_has_room(
    const struct courier *courier, const struct chat *chat, int64_t now);
/* Forgets chats that nothing was sent to for a while. */
void chat_sweep(struct courier *courier, int64_t now);
void chat_free_all(struct courier *courier);

/*
 * What every answer tells about the token, the chat and its rate.  Called by
 * whoever made the call, after `calls` was counted down.
 */
void chat_learn(struct courier *courier, struct chat *chat,
    const struct api_answer *answer);

/* ---- delivery.c */

void delivery_start(struct courier *courier, jv own_turn, const char *chat);
/* Goes on with it; it may be gone when this returns. */
void delivery_step(struct delivery *delivery);
void delivery_free(struct delivery *delivery);

/* ---- delivery_part.c */

/* Starts the call that sends a part.  False: there is nothing to send. */
bool delivery_send(struct delivery *delivery, size_t part, bool repeat,
    void (*done)(void *arg, const struct api_answer *answer));
/* Whether this part replaces the growing message. */
bool delivery_is_edit(const struct delivery *delivery, size_t part);
/* The messages' ids out of an answer: an array of strings. */
jv delivery_messages(jv ref_result);

#endif
