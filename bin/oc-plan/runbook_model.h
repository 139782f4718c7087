#ifndef OC_PLAN_RUNBOOK_MODEL_H
#define OC_PLAN_RUNBOOK_MODEL_H

#include <jv.h>
#include "provider.h"
#include "runbook.h"

/*
 * local/runbook: the model that needs no network.  Answers a turn with the
 * one command of the runbook that its text asks for, as a call of exec; or
 * with words, when no command clearly fits, a value is missing, or the text
 * asks about an operation rather than for it.  A turn that holds results of
 * tools is answered with what they say, and nothing more is run.
 */
void runbook_answer(
    struct answer *answer, const struct runbook *runbook, jv ref_turn);

#endif
