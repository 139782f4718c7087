#ifndef OC_RECV_HTTP_TIMELINE_H
#define OC_RECV_HTTP_TIMELINE_H

#include <jv.h>

/*
 * What became of a turn, told from its journal (lib/journal.h):
 *
 *	id, session, channel, from, text    the message
 *	state     "running", "done" or "failed"
 *	begun, ended, ms                    times; `ended` once it is
 *	runs                                begun so often, after crashes
 *	route, error, reply                 as in oc-turn(7)
 *	answered_by                         the last model that answered
 *	steps, calls, fallbacks             how many
 *	input, output, cached, cost         the sum of all attempts
 *	items     in order, each with `kind` and `at`:
 *	    model  model, ms, ok, error, usage, cost, text, calls (names)
 *	    tool   call, name, args, ms, ok, exit, timeout, output; while it
 *	           runs neither ms nor ok
 *	    again  run: it was begun again here
 *
 * Long texts are cut and end in an ellipsis.  `cut` is true when the journal
 * is longer than is read.
 */
enum {
	TIMELINE_JOURNAL_MAX = 4 * 1024 * 1024, /* as a turn's line */
	TIMELINE_ITEMS_MAX = 1000,
	TIMELINE_TEXT_MAX = 8 * 1024,
	TIMELINE_REPLY_MAX = 64 * 1024,
	TIMELINE_SHORT_MAX = 160, /* of a summary */
};

/* Null when there is no such file, or nothing of a turn in it. */
jv timeline_read(const char *path);

/* The same without `items` and `reply`, and with little of the text. */
jv timeline_summary(jv ref_timeline);

/*
 * What was delivered of a turn's reply, from $OC_STATE/sent: {"status","at",
 * "begun","parts","error"}, with status "sending" before the end.  Null when
 * nothing is known.  `name` is the turn's id as a file name.
 */
jv timeline_delivery(const char *name);

/* A text cut to so many bytes, with an ellipsis. */
jv timeline_cut(const char *text, size_t most);

#endif
