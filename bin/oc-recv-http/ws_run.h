#ifndef OC_RECV_HTTP_WS_RUN_H
#define OC_RECV_HTTP_WS_RUN_H

#include "buf.h"
#include "ws_parts.h"

/*
 * A run: a turn that a client began, from its request on.  A client that
 * leaves does not end it.  The last that finished are remembered, so that the
 * same request (by its idempotencyKey) gets the same answer.
 */
enum {
	WS_RUNS_MAX = 1024, /* under way */
	WS_RUNS_OF_ONE_MAX = 32,
	WS_FINISHED_MAX = 256,
};

enum ws_run_state {
	WS_RUN_PUTTING, /* not safe on disk yet */
	WS_RUN_GOING,
	WS_RUN_OK,
	WS_RUN_ERROR,
	WS_RUN_ABORTED,
	WS_RUN_TIMEOUT,
};

struct waiting;

struct ws_run {
	TAILQ_ENTRY(ws_run) entry;
	struct ws *ws;
	char *id;   /* its idempotencyKey, by which clients call it */
	char *turn; /* the turn's id */
	char *session, *key;
	struct ws_conn *starter; /* NULL: it left */
	char *request;           /* the id of the request that began it */
	bool agent; /* it was `agent`, which gets a second answer */
	bool begun; /* somebody works at it */
	bool aborting;
	enum ws_run_state state;
	struct waiting *waiting;
	struct event *deadline, *pacer;
	int64_t started, ended; /* ms since the epoch */
	int64_t told;           /* when the last piece was sent */
	struct buf text;        /* what the model says, so far */
	size_t text_told;       /* as much of it was sent */
	int64_t seq;
	jv result; /* of `agent`; null before the end */
};

/* The run of this key, under way or remembered; NULL: none. */
struct ws_run *ws_run_find(struct ws *ws, const char *id);
/* Under way from now on; `agent` and `timeout_s` (0: none) as asked for. */
struct ws_run *ws_run_new(struct ws_conn *conn, const char *request,
    const char *key, const char *session, int64_t timeout_s);
/* It could not be begun. */
void ws_run_drop(struct ws_run *run);
bool ws_run_is_over(const struct ws_run *run);
/* "ok", "error", "timeout"; "pending" before the end. */
const char *ws_run_status(const struct ws_run *run);
/* The second answer of `agent`. */
void ws_run_answer(struct ws_run *run, struct ws_conn *conn, const char *id);
/* Its turn is safe: the first answer. */
void ws_run_put(struct ws_run *run);

/* ---- ws_wait.c */
/* Tells those who wait for it that it is over. */
void ws_run_tell_waiters(struct ws_run *run);

/* ---- ws_events.c: what is shown while it runs */
void ws_run_event(jv ref_event, void *run);
void ws_run_pace(int fd, short what, void *run);
void ws_run_lifecycle(struct ws_run *run, const char *phase, jv own_data);
/* The end, with the reply's text or what went wrong. */
void ws_run_show_end(struct ws_run *run, const char *text);
jv ws_run_message(const char *text);

#endif
