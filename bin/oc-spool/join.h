#ifndef OC_SPOOL_JOIN_H
#define OC_SPOOL_JOIN_H

#include <stdbool.h>
#include <jv.h>

/*
 * Messages of one session that are taken together into one turn.
 */

/*
 * Whether a message can be added to a turn: both are plain messages (neither
 * is answered already) by the same person, that go to the same place and ask
 * for the same model, and the text stays within TURN_TEXT_MAX.
 */
bool join_fits(jv ref_turn, jv ref_next);

/*
 * Adds it: texts parted by a blank line, media one after the other, the ids
 * of all in `ids`.  The turn keeps its id; the reply goes to the later
 * message, and every other key of the later one stands.
 */
jv join_add(jv own_turn, jv own_next);

#endif
