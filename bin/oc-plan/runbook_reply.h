#ifndef OC_PLAN_RUNBOOK_REPLY_H
#define OC_PLAN_RUNBOOK_REPLY_H

#include <stdbool.h>
#include <jv.h>
#include "buf.h"
#include "runbook_rank.h"

/* What local/runbook says, in words. */

#define RUNBOOK_MODEL "local/runbook"

/*
 * Appends what became of the last calls of the turn; false when it holds no
 * result.
 */
bool runbook_report(struct buf *out, jv ref_turn);

/* Appends the operations that can be run, or how to write one. */
void runbook_list(struct buf *out, const struct runbook *runbook);
/* Appends the first of a ranking, for the person to choose from. */
void runbook_offer(struct buf *out, const struct ranking *ranking);
/* Appends "title", and the command that stands there. */
void runbook_name(struct buf *out, const struct choice *choice);

#endif
