#ifndef OC_CDP_STAGE_H
#define OC_CDP_STAGE_H

#include <stddef.h>
#include "browser.h"
#include "record.h"

/*
 * The stage: turns come in, their calls run in the browser, those of one
 * session one after another, and each turn goes on as soon as the last of its
 * calls is done.  Works until the input has ended and the last turn is written.
 */
void stage_run(
    struct browser *browser, struct record_reader *input, size_t in_flight);

/* Whether the configuration gives the cookies to this turn's session. */
bool stage_gives_cookies(struct browser *browser, jv ref_turn);

#endif
