#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include "clock.h"
#include "finished.h"
#include "json.h"
#include "server.h"
#include "submit.h"
#include "upstream.h"
#include "wait.h"
#include "ws_run.h"
#include "xalloc.h"

static void
run_free(struct ws_run *run)
{
	wait_cancel(run->waiting);
	submit_forget(run->ws->submit, run);
	event_free(run->deadline);
	event_free(run->pacer);
	buf_free(&run->text);
	jv_free(run->result);
	free(run->id);
	free(run->turn);
	free(run->session);
	free(run->key);
	free(run->request);
	free(run);
}

static void
release_starter(struct ws_run *run)
{
	if (run->starter != NULL)
		run->starter->runs--;
	run->starter = NULL;
}

static void
leave(struct ws_run *run)
{
	release_starter(run);
	TAILQ_REMOVE(&run->ws->runs, run, entry);
	run->ws->run_count--;
}

void
ws_run_drop(struct ws_run *run)
{
	leave(run);
	run_free(run);
}

/* ---- finding */

struct ws_run *
ws_run_find(struct ws *ws, const char *id)
{
	struct ws_run *run;

	TAILQ_FOREACH (run, &ws->runs, entry)
		if (strcmp(run->id, id) == 0)
			return run;
	TAILQ_FOREACH (run, &ws->finished, entry)
		if (strcmp(run->id, id) == 0)
			return run;
	return NULL;
}

bool
ws_session_runs(const struct ws *ws, const char *session)
{
	struct ws_run *run;

	TAILQ_FOREACH (run, &ws->runs, entry)
		if (strcmp(run->session, session) == 0)
			return true;
	return false;
}

void
ws_runs_forget(struct ws_conn *conn)
{
	struct ws_run *run;

	TAILQ_FOREACH (run, &conn->ws->runs, entry)
		if (run->starter == conn)
			release_starter(run);
}

void
ws_runs_free(struct ws *ws)
{
	struct ws_run *run;

	ws_waiters_forget(ws, NULL);
	while ((run = TAILQ_FIRST(&ws->runs)) != NULL)
		ws_run_drop(run);
	while ((run = TAILQ_FIRST(&ws->finished)) != NULL) {
		TAILQ_REMOVE(&ws->finished, run, entry);
		run_free(run);
	}
}

bool
ws_run_is_over(const struct ws_run *run)
{
	return run->state > WS_RUN_GOING;
}

const char *
ws_run_status(const struct ws_run *run)
{
	switch (run->state) {
	case WS_RUN_OK: return "ok";
	case WS_RUN_ERROR:
	case WS_RUN_ABORTED: return "error";
	case WS_RUN_TIMEOUT: return "timeout";
	default: return "pending";
	}
}

/* ---- answers */

static void
confirm(struct ws_run *run)
{
	jv payload = json_set_string(json_object(), "runId", run->id);

	run->state = WS_RUN_GOING;
	if (run->starter == NULL) {
		jv_free(payload);
		return;
	}
	if (run->agent) {
		payload = json_set_string(payload, "sessionKey", run->key);
		payload = json_set_string(payload, "agentId", "main");
		payload = json_set_string(payload, "status", "accepted");
		payload = json_set_int(payload, "acceptedAt", clock_now_ms());
	} else {
		payload = json_set_string(payload, "status", "started");
	}
	ws_answer(run->starter, run->request, payload);
}

void
ws_run_answer(struct ws_run *run, struct ws_conn *conn, const char *id)
{
	const char *summary = json_get_string(run->result, "summary", "");

	if (run->state == WS_RUN_OK || run->state == WS_RUN_TIMEOUT)
		ws_answer(conn, id, json_copy(run->result));
	else
		ws_error_with(conn, id, "UNAVAILABLE", summary,
		    json_set_string(json_object(), "code", "RUN_FAILED"),
		    json_copy(run->result));
}

/* {"input","output","cacheRead","total","cost"} of a turn's usage. */
static jv
make_usage(jv ref_usage)
{
	int64_t input = json_get_int(ref_usage, "input", 0);
	int64_t output = json_get_int(ref_usage, "output", 0);
	jv usage = json_set_int(json_object(), "input", input), cost;

	usage = json_set_int(usage, "output", output);
	usage = json_set_int(
	    usage, "cacheRead", json_get_int(ref_usage, "cached", 0));
	usage = json_set_int(usage, "total", input + output);
	cost = json_get(ref_usage, "cost");
	if (!json_is_number(cost)) {
		jv_free(cost);
		return usage;
	}
	return json_set(usage, "cost", json_set(json_object(), "total", cost));
}

/* {"durationMs","aborted","agentMeta":{sessionId,provider,model,usage}} */
static jv
make_meta(struct ws_run *run, jv ref_usage)
{
	const char *model = json_get_string(ref_usage, "model", "");
	size_t provider = strcspn(model, "/");
	char session_id[WS_SESSION_ID_SIZE];
	jv agent, meta;

	agent = json_set_string(json_object(), "sessionId",
	    ws_session_id(run->session, session_id));
	if (*model != '\0') {
		agent = json_set(
		    agent, "provider", json_string_sized(model, provider));
		agent = json_set_string(agent, "model",
		    model + provider + (model[provider] != '\0'));
		agent = json_set(agent, "usage", make_usage(ref_usage));
	}
	meta = json_set_int(
	    json_object(), "durationMs", run->ended - run->started);
	meta = json_set_bool(meta, "aborted", run->state == WS_RUN_ABORTED);
	return json_set(meta, "agentMeta", agent);
}

static jv
make_payloads(jv ref_reply, const char *text)
{
	jv payload = json_set_string(json_object(), "text", text);
	jv media = json_get(ref_reply, "media"), urls = json_array();

	for (int i = 0, n = json_length(media); i < n; i++) {
		jv one = json_at(media, i);

		urls = json_append(urls, json_get(one, "path"));
		jv_free(one);
	}
	payload = json_set(payload, "mediaUrl", json_at(urls, 0));
	if (json_length(urls) != 0)
		payload = json_set(payload, "mediaUrls", urls);
	else
		jv_free(urls);
	jv_free(media);
	return json_append(json_array(), payload);
}

static jv
make_result(struct ws_run *run, jv ref_turn, const char *text)
{
	jv reply = json_get(ref_turn, "reply");
	jv usage = json_get(ref_turn, "usage");
	jv result = json_set_string(json_object(), "runId", run->id), inner;
	const char *summary = run->state == WS_RUN_OK ? "completed"
			      : run->state == WS_RUN_TIMEOUT
				  ? "not done in time"
				  : text;

	result = json_set_string(result, "status", ws_run_status(run));
	result = json_set_string(result, "summary", summary);
	inner = json_set(json_object(), "payloads", make_payloads(reply, text));
	inner = json_set(inner, "meta", make_meta(run, usage));
	jv_free(usage);
	jv_free(reply);
	return json_set(result, "result", inner);
}

/* ---- the end */

static void
remember(struct ws_run *run)
{
	struct ws *ws = run->ws;
	struct ws_run *oldest;

	leave(run);
	buf_free(&run->text);
	TAILQ_INSERT_TAIL(&ws->finished, run, entry);
	if (++ws->finished_count <= WS_FINISHED_MAX)
		return;
	oldest = TAILQ_FIRST(&ws->finished);
	TAILQ_REMOVE(&ws->finished, oldest, entry);
	ws->finished_count--;
	run_free(oldest);
}

/* `ref_turn` as outbox.h leaves it; null when there is none. */
static void
finish(struct ws_run *run, enum ws_run_state state, jv ref_turn)
{
	jv reply;
	const char *text = upstream_reply(ref_turn, &reply);

	if (run->state == WS_RUN_PUTTING) {
		submit_forget(run->ws->submit, run);
		confirm(run);
	}
	wait_cancel(run->waiting);
	run->waiting = NULL;
	run->state = state;
	run->ended = clock_now_ms();
	run->result = make_result(run, ref_turn, text);
	evtimer_del(run->deadline);
	ws_run_show_end(run, text);
	if (run->starter != NULL && run->agent)
		ws_run_answer(run, run->starter, run->request);
	ws_run_tell_waiters(run);
	remember(run);
	jv_free(reply);
}

static void
finish_with(struct ws_run *run, jv ref_turn)
{
	jv error = json_get(ref_turn, "error");
	bool stopped =
	    strcmp(json_get_string(error, "class", ""), "stopped") == 0;
	struct upstream_error ignored;

	finish(run,
	    run->aborting || stopped             ? WS_RUN_ABORTED
	    : upstream_error(ref_turn, &ignored) ? WS_RUN_ERROR
						 : WS_RUN_OK,
	    ref_turn);
	jv_free(error);
}

static void
on_reply(jv ref_turn, void *arg)
{
	struct ws_run *run = arg;

	run->waiting = NULL;
	finish_with(run, ref_turn);
}

void
ws_run_put(struct ws_run *run)
{
	jv turn;

	confirm(run);
	/* the same key, from before we were started: no reply will come */
	if (finished_find(run->turn, &turn)) {
		finish_with(run, turn);
		jv_free(turn);
	}
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct ws_run *run = arg;

	(void)fd;
	(void)what;
	submit_stop(run->ws->submit, run->session, run->turn);
	finish(run, WS_RUN_TIMEOUT, json_null());
}

/* ---- the beginning */

struct ws_run *
ws_run_new(struct ws_conn *conn, const char *request, const char *key,
    const char *session, int64_t timeout_s)
{
	struct event_base *base = server_base(conn->ws->server);
	struct ws_run *run = xcalloc(1, sizeof *run);
	struct timeval wait = {.tv_sec = (time_t)timeout_s};

	run->ws = conn->ws;
	run->id = xstrdup(key);
	run->turn = xasprintf("ws-%s", key);
	run->session = xstrdup(session);
	run->key = ws_session_key(session);
	run->request = xstrdup(request);
	run->starter = conn;
	run->started = clock_now_ms();
	run->result = json_null();
	run->deadline = evtimer_new(base, on_deadline, run);
	run->pacer = evtimer_new(base, ws_run_pace, run);
	if (timeout_s > 0)
		evtimer_add(run->deadline, &wait);
	run->waiting =
	    wait_reply(conn->ws->wait, run->turn, ws_run_event, on_reply, run);
	conn->runs++;
	conn->ws->run_count++;
	TAILQ_INSERT_TAIL(&conn->ws->runs, run, entry);
	return run;
}
