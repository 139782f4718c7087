#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include "json.h"
#include "server.h"
#include "ws_run.h"
#include "xalloc.h"

enum {
	WAITS_MAX = 64, /* of one connection */
	WAIT_MS = 30 * 1000,
	WAIT_MOST_MS = 24 * 60 * 60 * 1000,
};

/* Somebody who asked to be told when a run is over. */
struct ws_waiter {
	TAILQ_ENTRY(ws_waiter) entry;
	struct ws_conn *conn;
	char *request, *run;
	struct event *timer;
};

static void
waiter_free(struct ws_waiter *waiter)
{
	TAILQ_REMOVE(&waiter->conn->ws->waiters, waiter, entry);
	waiter->conn->waits--;
	event_free(waiter->timer);
	free(waiter->request);
	free(waiter->run);
	free(waiter);
}

static void
answer(struct ws_conn *conn, const char *id, const struct ws_run *run)
{
	jv payload = json_set_string(json_object(), "runId", run->id);

	payload = json_set_string(payload, "status", ws_run_status(run));
	payload = json_set_int(payload, "startedAt", run->started);
	payload = json_set_int(payload, "endedAt", run->ended);
	if (run->state != WS_RUN_OK)
		payload = json_set(
		    payload, "error", json_get(run->result, "summary"));
	if (run->state == WS_RUN_ABORTED)
		payload = json_set_string(payload, "stopReason", "rpc");
	ws_answer(conn, id, payload);
}

static void
answer_timeout(struct ws_conn *conn, const char *id, const char *run)
{
	ws_answer(conn, id,
	    json_set_string(json_set_string(json_object(), "runId", run),
		"status", "timeout"));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ws_waiter *waiter = arg;

	(void)fd;
	(void)what;
	answer_timeout(waiter->conn, waiter->request, waiter->run);
	waiter_free(waiter);
}

void
ws_run_tell_waiters(struct ws_run *run)
{
	struct ws_waiter *waiter, *next;

	for (waiter = TAILQ_FIRST(&run->ws->waiters); waiter != NULL;
	     waiter = next) {
		next = TAILQ_NEXT(waiter, entry);
		if (strcmp(waiter->run, run->id) != 0)
			continue;
		answer(waiter->conn, waiter->request, run);
		waiter_free(waiter);
	}
}

void
ws_waiters_forget(struct ws *ws, const struct ws_conn *conn)
{
	struct ws_waiter *waiter, *next;

	for (waiter = TAILQ_FIRST(&ws->waiters); waiter != NULL;
	     waiter = next) {
		next = TAILQ_NEXT(waiter, entry);
		if (conn == NULL || waiter->conn == conn)
			waiter_free(waiter);
	}
}

void
ws_method_wait(struct ws_conn *conn, const char *id, jv ref_params)
{
	const char *name = json_get_string(ref_params, "runId", NULL);
	int64_t ms = json_get_int(ref_params, "timeoutMs", WAIT_MS);
	struct ws_run *run = name != NULL ? ws_run_find(conn->ws, name) : NULL;
	struct ws_waiter *waiter;
	struct timeval wait;

	if (name == NULL || *name == '\0' || strlen(name) > WS_KEY_MAX) {
		ws_bad_params(conn, id, "agent.wait",
		    "must have required property 'runId'");
	} else if (run != NULL && ws_run_is_over(run)) {
		answer(conn, id, run);
	} else if (ms <= 0) {
		answer_timeout(conn, id, name);
	} else if (conn->waits == WAITS_MAX) {
		ws_unavailable(conn, id, "too many wait already");
	} else {
		if (ms > WAIT_MOST_MS)
			ms = WAIT_MOST_MS;
		wait = (struct timeval){.tv_sec = (time_t)(ms / 1000),
		    .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
		waiter = xcalloc(1, sizeof *waiter);
		waiter->conn = conn;
		waiter->request = xstrdup(id);
		waiter->run = xstrdup(name);
		waiter->timer = evtimer_new(
		    server_base(conn->ws->server), on_timer, waiter);
		evtimer_add(waiter->timer, &wait);
		TAILQ_INSERT_TAIL(&conn->ws->waiters, waiter, entry);
		conn->waits++;
	}
}
