#ifndef OC_EXEC_CALLS_H
#define OC_EXEC_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <jv.h>
#include "journal.h"
#include "tools.h"

/* A turn that is held because calls of it are ours. */
struct held {
	TAILQ_ENTRY(held) link;
	jv turn;
	struct call *call;  /* in the order of the turn */
	size_t count, open; /* open: not done yet */
	bool stopped;       /* by the person */
	bool journalled;    /* that its calls start; with what result: */
	enum journal_result journal;
};

enum call_state { CALL_WAITING, CALL_RUNNING, CALL_DONE };

struct call {
	TAILQ_ENTRY(call) link; /* in the stage's list of its state */
	enum call_state state;
	struct held *held;
	const struct tool *tool;
	jv value; /* {"id","name","args"} */
	int64_t started;
	struct run run;
	jv step; /* the result, once it is done */
};
TAILQ_HEAD(held_list, held);
TAILQ_HEAD(call_list, call);

/* The turn with those of its pending calls that are ours, or NULL if none. */
struct held *held_new(jv ref_turn);
/*
 * Adds the results to the turn, in the order of the calls, and writes it; not
 * when another run of the turn has taken it over.
 */
void held_write(struct held *held);
void held_free(struct held *held);

/*
 * Starts a call.  Afterwards it is running, or done at once with a step.
 */
void call_start(struct call *call, struct tools *tools);
/* Makes the step of a running call whose task is done. */
void call_finish(struct call *call);
/* Ends a call that has not started, with this as its result. */
void call_refuse(struct call *call, const char *reason);

#endif
