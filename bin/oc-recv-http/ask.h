#ifndef OC_RECV_HTTP_ASK_H
#define OC_RECV_HTTP_ASK_H

#include <stddef.h>
#include <jv.h>
#include "request.h"
#include "submit.h"
#include "wait.h"

/*
 * A turn that a request waits for.  When the client leaves the turn is
 * stopped.
 */
struct asker {
	struct server *server;
	struct submit *submit;
	struct wait *wait;
	char *inbox; /* where files go */
};

struct ask_calls {
	/*
	 * The answer grows; NULL: only the end is wanted.  Put together, the
	 * pieces end with the reply; what a model says between tools, or said
	 * before it failed, stands before it.
	 */
	void (*text)(const char *piece, size_t length, void *arg);
	/* A tool began or has ended, as in event.h; NULL: not wanted. */
	void (*tool)(jv ref_event, void *arg);
	/* A second after the start, and then every 15: to keep a line open. */
	void (*tick)(void *arg);
	/* The end, one of the two.  The asking is gone when they are called. */
	void (*done)(jv ref_turn, void *arg);
	void (*refused)(void *arg); /* it could not be kept */
	/* The last call, also when the client left. */
	void (*release)(void *arg);
};

/*
 * Starts.  `calls` is not copied.  The turn needs id and session; channel and
 * address are added.
 */
void ask_start(const struct asker *asker, struct request *request, jv own_turn,
    const struct ask_calls *calls, void *arg);

#endif
