#ifndef OC_TURN_H
#define OC_TURN_H

#include <stdbool.h>
#include <jv.h>
#include "buf.h"

/*
 * What the keys of a turn mean, for every stage alike (oc-turn(7)).  A jv
 * parameter `own` is consumed, `ref` borrowed.
 */
enum {
	TURN_TEXT_MAX = 256 * 1024,  /* outside text that an edge admits */
	TURN_OUTPUT_MAX = 64 * 1024, /* what one tool result puts in */
};

/* Whether a record is a turn: its type is "turn" or missing. */
bool turn_is_turn(jv ref);
/* Whether it is {"type":"stop"}. */
bool turn_is_stop(jv ref);

/*
 * Whether a stop record is for a turn: the session is the same, and the id
 * too if the record has one.
 */
bool turn_stop_is_for(jv ref_stop, const char *id, const char *session);

/*
 * Adds what the first stage adds: type, id (a ULID), session "local",
 * channel "stdout".  Sets *changed when something was missing (may be NULL).
 */
jv turn_complete(jv own, bool *changed);

/*
 * Checks the standard keys' types: NULL when right, else what is wrong with
 * which key, in words for a person.  A stage answers a wrong turn by
 * turn_fail.
 */
const char *turn_check(jv ref);

const char *turn_id(jv ref);      /* "" when missing */
const char *turn_session(jv ref); /* "local" when missing */
bool turn_has_reply(jv ref);      /* an object or a string that is not null */

/*
 * The calls of the last assistant step that no tool step answers: an array,
 * empty when there are none.
 */
jv turn_pending(jv ref);
bool turn_has_pending(jv ref);
int turn_step_count(jv ref); /* assistant steps */

/*
 * Whether it is asked for the calls of its own last step alone: no model is
 * asked, and their results are the reply.
 */
bool turn_is_invoked(jv ref);

jv turn_add_step(jv own_turn, jv own_step);
/* Adds one to `taint` unless it is there. */
jv turn_add_taint(jv own_turn, const char *taint);

/*
 * A tool step that answers a call: {"role":"tool","call":…,"ok":…,
 * "output":…}.  The caller may set more keys (exit, ms).
 */
jv turn_tool_step(const char *call, bool ok, const char *output);

/*
 * Sets the reply: its text (repaired to UTF-8), and the files of tool steps
 * that bear `send`.
 */
jv turn_reply(jv own_turn, const char *text);
/*
 * Ends a turn that cannot be served: `error` = {"class","message"} and, if
 * there is none yet, a reply with `text` for the person.
 */
jv turn_fail(
    jv own_turn, const char *class, const char *message, const char *text);

/*
 * Writes a turn to standard output.  One that outgrew RECORD_LINE_MAX is
 * shortened to its identity and ended with an error and a reply that says so.
 */
void turn_write(jv own_turn);

#endif
