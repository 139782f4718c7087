#ifndef OC_SEND_LEDGER_H
#define OC_SEND_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>

/*
 * What was sent of a reply: $OC_STATE/sent/ID, where ID is the turn's id as
 * state_name makes it a file name.  One JSON object a line, only ever
 * appended, each with "at" (ms since the epoch) and "event":
 *
 *	plan      parts, caption, draft   what the reply is made of
 *	intent    part, edit              it is about to be sent
 *	not_sent  part                    it surely did not arrive
 *	sent      part, messages          it arrived, as these messages
 *	split     part                    refused as it is: its files are sent
 *	                                  one by one, as parts of their own
 *	failed    part, error             it was refused for good
 *	unknown   part                    it may have arrived
 *	begun                             a growing message is about to be sent
 *	not_sent                          it surely did not arrive
 *	draft     message                 it has this id
 *	removed                           it was deleted again
 *	done      status, error           nothing is left to do
 *
 * A part with an intent that no line answers may have arrived.  Of a line
 * that was cut by a crash or a full disk nothing is believed.
 */
enum ledger_state {
	LEDGER_OPEN,  /* not sent, or surely not arrived */
	LEDGER_MAYBE, /* it may have arrived */
	LEDGER_SENT,
	LEDGER_SPLIT,
	LEDGER_FAILED,
	LEDGER_UNKNOWN,
};

struct ledger;

enum {
	LEDGER_KEEP_DAYS = 7, /* as long as a queue remembers */
	LEDGER_KEEP_S = LEDGER_KEEP_DAYS * 24 * 60 * 60,
	LEDGER_PARTS_MAX = 100000, /* more is no ledger of ours */
};

/*
 * Opens a turn's ledger and makes it if there is none; NULL with errno set
 * when that cannot be, EWOULDBLOCK when another process has it open.
 */
struct ledger *ledger_open(const char *turn_id);
/* The same, but makes none: NULL with errno ENOENT when there is none. */
struct ledger *ledger_reopen(const char *turn_id);
/*
 * The same for a reply that was taken from a queue.  In Redis, where another
 * gateway may have taken it over: NULL with errno ESTALE, and what is added
 * later fails with ESTALE.
 */
struct ledger *ledger_open_taken(jv ref_turn);
void ledger_free(struct ledger *ledger); /* NULL is fine */

/* A line to be added; more keys are set by json_set. */
jv ledger_line(const char *event);
jv ledger_part_line(const char *event, size_t part);
/*
 * Appends a line and acts on it; `sync`: it is on disk when this returns.
 * False with errno set when the disk refuses: then nothing has changed.
 */
bool ledger_add(struct ledger *ledger, jv own_line, bool sync);
/*
 * Appends a line of which only this process must know for sure: on a disk
 * that refuses it is acted on all the same.
 */
void ledger_remark(struct ledger *ledger, jv own_line);

enum ledger_state ledger_part(const struct ledger *ledger, size_t part);
/* The line of the plan, and of the end; null when there is none. */
jv ledger_plan(const struct ledger *ledger);
jv ledger_done(const struct ledger *ledger);
bool ledger_is_done(const struct ledger *ledger);
bool ledger_has_plan(const struct ledger *ledger);
/* Whether a growing message may have been sent. */
bool ledger_has_begun(const struct ledger *ledger);
/* The same, and its id is not known: it may show what the reply says. */
bool ledger_draft_is_lost(const struct ledger *ledger);
/* Numbers of the parts that were split, in that order. */
jv ledger_splits(const struct ledger *ledger);
/* All messages that arrived, in the order of the parts. */
jv ledger_messages(const struct ledger *ledger, size_t parts);
/* The error of the first part that failed; null when none did. */
jv ledger_error(const struct ledger *ledger);
/* The id of the growing message, or "". */
const char *ledger_draft(const struct ledger *ledger);

/* Removes what is older than LEDGER_KEEP_S, but for what is open here. */
void ledger_sweep(void);

#endif
