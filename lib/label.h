#ifndef OC_LABEL_H
#define OC_LABEL_H

#include <jv.h>
#include "config.h"

/*
 * Which nodes may take a turn from a shared queue: the key `labels` of the
 * configuration, rules over the turn of which the first that matches gives
 * the label.
 */

/* Compiles the rules; a wrong one ends the program with EX_CONFIG. */
void label_setup(const struct config *config);
/*
 * The label of a turn: its own key `label`, else the first rule's, else "".
 * Valid until the next call, and as long as the turn.
 */
const char *label_of(jv ref_turn);
void label_close(void);

#endif
