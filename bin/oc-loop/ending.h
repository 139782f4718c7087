#ifndef OC_LOOP_ENDING_H
#define OC_LOOP_ENDING_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>

/*
 * How a turn ends that did not end by itself.  Each adds an error and a reply
 * that says so, with the last text that the model wrote if there is one.
 */
jv ending_steps(jv own_turn, int64_t limit);
jv ending_repeated(jv own_turn);
jv ending_deadline(jv own_turn, int64_t limit_s);
jv ending_stopped(jv own_turn);
jv ending_broken(jv own_turn, const char *how);
jv ending_unchanged(jv own_turn);

/*
 * The end of an invoked turn: the results of its calls are the reply.  Its
 * text is what they put out, and `results` has the tool steps.
 */
jv ending_invoked(jv own_turn);

/*
 * Whether a call of the last assistant step is there for the third time with
 * the same arguments and the same result.
 */
bool ending_is_repeated(jv ref_turn);

/* Answers the pending calls that no stage of the loop acted on. */
jv ending_answer_unserved(jv own_turn);

#endif
