#ifndef OC_EVENT_H
#define OC_EVENT_H

#include <jv.h>

/*
 * Live progress of a turn, best effort: one JSON object a line, appended to
 * $OC_STATE/turns/<id>/events.ndjson if that directory is there (whoever
 * shows progress makes it).  Each has "at" (ms since the epoch), "event" and:
 *
 *	attempt     model                       a model is asked
 *	failed      model, class, message       it failed; the next one follows
 *	text        delta                       a piece of the answer
 *	tool_start  call, name, args
 *	tool_end    call, name, ok, ms
 *	reply                                   the turn is finished
 *
 * Without the directory, and on any error, nothing happens.
 */
void event_write(jv ref_turn, const char *event, jv own_details);

#endif
