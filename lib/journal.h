#ifndef OC_JOURNAL_H
#define OC_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>
#include "buf.h"

/*
 * The journal of a running turn, $OC_STATE/turns/<id>/journal.ndjson: what a
 * crash must not make us forget.  `oc-session open` makes it and sets the
 * turn's `journal` to the number of this run (1, then one more each time that
 * the turn is begun again); `oc-session close` archives it.  Every stage that
 * adds a step or starts a call says so here first.
 *
 * A line is an object with `at` (ms since the epoch), `event` and more:
 *
 *	begin  run, turn   the turn as it was taken
 *	again  run         it is begun again, after a crash
 *	call   call        this call may have an effect from now on
 *	step   step, taint a step that was added to the turn
 *	end    reply, error, route  it is finished
 *
 * A run that a later one has replaced may still have processes that do not
 * know it yet.  They are told JOURNAL_STALE, under a lock, so that no call is
 * started by two.  In Redis the same is true of a node that was declared dead
 * and lives: with the turn's lease it has lost the right to write here.
 */
enum journal_result {
	JOURNAL_OK,     /* on disk: go on */
	JOURNAL_NONE,   /* the turn has no journal (a pipe by hand): go on */
	JOURNAL_STALE,  /* another run has the turn: drop it in silence */
	JOURNAL_FAILED, /* the disk refused, and it was logged */
};

/*
 * Before calls of the last assistant step start: an array of them.  Synced:
 * after JOURNAL_OK a crash cannot hide that they may have run.  After
 * JOURNAL_FAILED they must not be started; they are answered by an error.
 */
enum journal_result journal_calls_started(jv ref_turn, jv ref_calls);

/*
 * A step, before the turn that holds it is written on.  A tool's step is
 * synced.  An assistant's is not: if the machine crashes before the next
 * sync, the model is asked again, and nothing was done in between.  After
 * JOURNAL_FAILED the turn goes on; a crash may then forget the step.
 */
enum journal_result journal_step(jv ref_turn, jv ref_step);

/* ---- for oc-session */

/*
 * The journal of a turn that is ours: its file, locked until it is closed, or
 * where the state is shared in Redis, guarded by the turn's lease.
 */
struct journal;

/*
 * NULL with errno set: ENOENT, there is none; ESTALE, another node has the
 * turn; anything else, it cannot be opened.
 */
struct journal *journal_open(jv ref_turn);
/* Makes it, with a first line.  NULL with errno set, and then there is none. */
struct journal *journal_create(jv ref_turn, const char *event, jv own_details);
void journal_close(struct journal *journal); /* NULL is fine */

/* The number of the run that has the turn now. */
int journal_run(const struct journal *journal);
/* From here on the runs before this one are told that they are stale. */
bool journal_raise(struct journal *journal, int run);
bool journal_read(struct journal *journal, struct buf *into);
/*
 * Appends a line with `event`; after what a crash may have cut off, on a line
 * of its own.  False with errno set (ESTALE: another node has the turn), and
 * then nothing was appended.
 */
bool journal_append(struct journal *journal, const char *event, jv own_details);
bool journal_sync(struct journal *journal);
/*
 * Moves it to archive/DAY.  One that is not there any more is no failure;
 * false with errno set (ESTALE, as above) when it cannot be moved.
 */
bool journal_archive(struct journal *journal, const char *day);

#endif
