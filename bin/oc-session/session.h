#ifndef OC_SESSION_SESSION_H
#define OC_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"
#include "config.h"
#include "queue.h"

/* What the parts of oc-session share. */

/* ---- begin.c: journals */

enum begun {
	BEGUN,        /* *turn is to be written on */
	BEGUN_CLOSED, /* it was closed already, but for its queue entry */
	BEGUN_STALE,  /* another node has it; it is none of ours */
	BEGUN_FAILED, /* the disk refused (errno): try again */
};

/*
 * Begins a turn that was taken: makes its journal, or, where a crash left
 * one, goes on from there: the steps are those of the journal, and a call that
 * was started and has no result gets a step that says that its outcome is
 * unknown.
 */
enum begun turn_begin(jv *turn);

/* Removes what is left of a turn's directory when its journal is archived. */
void turn_clear(const char *id);

/* ---- answer.c: chat commands */

struct answering {
	const struct config *config;
	struct queue *queue; /* `in` */
	bool stop; /* set: a stop for the session is to be written first */
};

/*
 * Answers a chat command: sets `reply` and `command`.  Anything else comes
 * back as it was.
 */
jv command_answer(struct answering *answering, jv own_turn);

/* ---- approve.c: commands that wait for a person's approval */

/*
 * Answers /approve and /deny into *out.  True: there is no answer, because
 * the turn is now the one that runs the command, and goes on.
 */
bool approve_answer(struct answering *answering, jv *turn, const char *argument,
    bool approves, struct buf *out);

/*
 * Adds to the reply what the turn asked approval for: each command exactly as
 * it would be run, and how to decide.  Not again if it is there already.
 */
void approve_announce(jv *turn);

/* ---- settings.c: what a person set for a session */

/* The model that was chosen with /model, or NULL; the caller frees it. */
char *settings_model(const char *session);
/* NULL: the usual one again.  False with errno set. */
bool settings_set_model(const char *session, const char *model);

/* ---- close.c */

int close_run(const struct config *config, struct queue *queue);

/* ---- open.c */

int open_run(const struct config *config, struct queue *queue);

/* ---- keep.c: the archive's retention */

/* Removes what the configuration does not want kept; looks once an hour. */
void keep_tidy(const struct config *config, struct queue *queue);

/* ---- keep_inbox.c */

/*
 * Removes the oldest files of the workspace's inbox, down to
 * sessions.inbox_bytes, but for those that a turn which is not finished names.
 */
void inbox_tidy(const struct config *config, struct queue *queue);

/* ---- list.c: for people; the exit status */

int list_sessions(bool json);
int list_show(const char *session, bool json);
int list_reset(char *const *sessions, int count);
int list_usage(const char *day, bool json);

/* ---- wait.c */

/*
 * After a failure of the disk that may pass: says so once (*told), and
 * pauses.
 */
void wait_for_disk(const char *what, bool *told);
void disk_recovered(const char *what, bool *told);

#endif
