#ifndef OC_SPOOL_CLAIM_H
#define OC_SPOOL_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/tree.h>
#include "queue_files.h"
#include "redis.h"

/*
 * What this node holds of a queue in Redis: sessions, and messages that
 * overtake (lib/queue_lua.h).  It is ours until it is finished or released,
 * as long as we say in time that we live.
 */
struct claim {
	RB_ENTRY(claim) node;
	bool urgent;
	char *of;    /* the session, or N of what overtakes */
	char *label; /* of the stream that its ticket is in */
	char *ticket, *lease;
};

RB_HEAD(claim_tree, claim);

struct claims {
	struct queue *queue;
	struct claim_tree tree;
	size_t sessions;
	char **labels; /* the streams to read; NULL ends, "" is the usual */
	int lease_ms;
};

void claims_open(struct claims *claims, struct queue *queue, jv ref_labels,
    bool only, int lease_ms);
void claims_free(struct claims *claims);

enum claim_mode {
	CLAIM_OWN, /* what a process before us held in this node's name */
	CLAIM_NEW, /* what waits */
	CLAIM_IDLE, /* what a node held that has not said for long that it lives */
};

/*
 * Claims at most `room` sessions, and what overtakes, and calls `each` with
 * the names of their messages' files, those that were handed out before
 * first.  `lost` is called before with what was held of the same session, and
 * has ended since; it drops it.
 */
void claims_get(struct claims *claims, enum claim_mode mode, size_t room,
    void (*each)(void *arg, const char *file),
    void (*lost)(void *arg, struct claim *claim, bool taken), void *arg);

/* Which it is, or NULL. */
struct claim *claims_find(struct claims *claims, bool urgent, const char *of);
/* The first and the one after it, for going through all; NULL at the end. */
struct claim *claims_first(struct claims *claims);
struct claim *claims_next(struct claim *claim);
/* Forgets it; it is somebody else's or finished. */
void claims_drop(struct claims *claims, struct claim *claim);
/* Gives it back: whoever has room may take what waits. */
void claims_release(struct claims *claims, struct claim *claim);

/*
 * Says that this node lives.  `lost` is called with each that is not ours any
 * more, and whether another node has it; it may drop it.
 */
void claims_beat(struct claims *claims,
    void (*lost)(void *arg, struct claim *claim, bool taken), void *arg);

/* Whether nothing waits or is handed out. */
bool claims_queue_is_empty(struct claims *claims);

/*
 * Takes a reply of the claiming script apart.  False when it has not the
 * form; then nothing is set.  The files are in `ref_one`, at CLAIM_OUT and
 * CLAIM_WAITING.
 */
enum { CLAIM_OUT = 5, CLAIM_WAITING = 6 };
bool claim_parse(struct claim *claim, const redisReply *ref_one);
void claim_clear(struct claim *claim);

#endif
