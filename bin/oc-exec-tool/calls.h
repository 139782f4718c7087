#ifndef OC_EXEC_CALLS_H
#define OC_EXEC_CALLS_H

#include <stdbool.h>
#include <sys/queue.h>
#include "tools.h"
#include "toolstage.h"

/* A call that is ours, until it has its result. */
struct call {
	TAILQ_ENTRY(call) link; /* in the stage's list of its state */
	struct toolstage_call *call;
	struct run run;
	bool running;
};
TAILQ_HEAD(call_list, call);

struct call *call_new(struct toolstage_call *of);

/*
 * Starts a call.  False when it is done at once, with its result in the turn;
 * then it is freed.
 */
bool call_start(struct call *call, struct tools *tools);
/* Ends a running call whose task is done, and frees it. */
void call_finish(struct call *call);
/* Ends a call that has not started, with this as its result; frees it. */
void call_refuse(struct call *call, const char *reason);

#endif
