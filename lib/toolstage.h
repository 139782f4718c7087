#ifndef OC_TOOLSTAGE_H
#define OC_TOOLSTAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <jv.h>
#include "record.h"

/*
 * What every tool stage does with the records that come in (oc-turn(7)): a
 * turn with pending calls that are the stage's own is held until each of them
 * has its result, and then written.  Calls are journalled before they start
 * and their steps before the turn goes on, so that none is run twice.  All
 * else is passed on as it came.  How a call is run is the stage's business.
 */
struct toolstage;
struct toolstage_turn;

/* A call, from when it is taken until toolstage_end. */
struct toolstage_call {
	TAILQ_ENTRY(toolstage_call) link; /* for a list of the stage's */
	struct toolstage_turn *turn;
	const void *tool; /* what `find` gave for its name */
	void *work;       /* the stage's; NULL at first */
	jv value;         /* {"id","name","args"} */
	int64_t started;  /* clock_mono_ms */
	jv step;          /* the result, once there is one */
};
TAILQ_HEAD(toolstage_calls, toolstage_call);

struct toolstage_hooks {
	/* The tool of this name, or NULL when it is not one of ours. */
	const void *(*find)(void *arg, const char *name);
	/* A call that is to be run now or later. */
	void (*add)(void *arg, struct toolstage_call *call);
	/*
	 * The person has stopped this call.  The stage ends it, now or a
	 * little later, by toolstage_end.
	 */
	void (*stop)(void *arg, struct toolstage_call *call);
	/* A turn with a reply, or a stop, passes by.  NULL: nothing to do. */
	void (*passed)(void *arg, jv ref_record);
	void *arg;
};

struct toolstage *toolstage_new(
    const struct toolstage_hooks *hooks, size_t in_flight);
void toolstage_free(struct toolstage *stage); /* no turn may be held */

/* Takes one record that the reader has; says what record_next said. */
enum record_status toolstage_take(
    struct toolstage *stage, struct record_reader *input);
/*
 * Whether another record may be taken.  One turn more than in_flight is: an
 * upstream that keeps to the limit then never fills us, and a stop does not
 * have to wait behind turns.
 */
bool toolstage_has_room(const struct toolstage *stage);
bool toolstage_is_empty(const struct toolstage *stage); /* holds no turn */

/* The turn that a call stands in, as it is now; it stays the stage's. */
jv toolstage_turn(const struct toolstage_call *call);

/*
 * Before a call may have an effect.  False when it must not be started: then
 * it was ended here, and is gone.
 */
bool toolstage_begin(struct toolstage_call *call);
/*
 * Nothing of the call can have an effect any more: its step, with the keys of
 * `own_details` beside the usual ones.  The turn is tainted with `taint`
 * unless that is NULL, and written if this was its last call.  The call is
 * gone after it.
 */
void toolstage_end(struct toolstage_call *call, bool ok, const char *output,
    jv own_details, const char *taint);

#endif
