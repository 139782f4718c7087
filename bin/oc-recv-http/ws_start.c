#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "json.h"
#include "server.h"
#include "submit.h"
#include "ws_run.h"
#include "xalloc.h"

/* `agent` and `chat.send` begin a run, `chat.abort` ends it. */

enum { TIMEOUT_MOST_S = 24 * 60 * 60 };

/* What is asked for; strings point into the parameters. */
struct ask {
	const char *message, *key, *session, *model;
	int64_t timeout_s;
};

static bool
is_configured(const struct config *config, const char *model)
{
	jv models = config_models(config);
	bool is = false;

	for (int i = 0, n = json_length(models); !is && i < n; i++) {
		jv one = json_at(models, i);

		is = strcmp(json_as_string(one, ""), model) == 0;
		jv_free(one);
	}
	jv_free(models);
	return is;
}

static const char *
read_session(struct ask *ask, jv ref_params)
{
	const char *agent = json_get_string(ref_params, "agentId", "main");
	const char *session = json_get_string(ref_params, "sessionKey", NULL);

	if (strcmp(agent, "main") != 0)
		return "unknown agent id";
	if (session == NULL || *session == '\0')
		session = json_get_string(ref_params, "sessionId", "");
	if (*session == '\0')
		session = "main";
	ask->session = ws_session_of(session);
	return ask->session != NULL ? NULL
				    : "no session of this gateway's agent";
}

/* NULL when it is right, else what is wrong. */
static const char *
read_ask(struct ask *ask, const struct config *config, jv ref_params)
{
	jv attachments = json_get(ref_params, "attachments");
	int attached = json_length(attachments);

	jv_free(attachments);
	ask->message = json_get_string(ref_params, "message", NULL);
	ask->key = json_get_string(ref_params, "idempotencyKey", NULL);
	ask->model = json_get_string(ref_params, "model", NULL);
	if (ask->message == NULL)
		return "must have required property 'message'";
	if (ask->key == NULL || *ask->key == '\0')
		return "must have required property 'idempotencyKey'";
	if (strlen(ask->key) > WS_KEY_MAX)
		return "idempotencyKey is too long";
	if (attached != 0)
		return "attachments are not taken here; send them by "
		       "/v1/chat/completions or a channel";
	if (ask->message[strspn(ask->message, " \t\r\n")] == '\0')
		return "message is empty";
	if (strlen(ask->message) > TURN_TEXT_MAX)
		return "message is longer than 256 KiB";
	if (ask->model != NULL && !is_configured(config, ask->model))
		return "there is no such model in the configuration";
	return read_session(ask, ref_params);
}

/* ---- the turn */

static jv
make_turn(const struct ws_run *run, const struct ask *ask)
{
	jv turn = json_set_string(json_object(), "type", "turn"), from;

	turn = json_set_string(turn, "id", run->turn);
	turn = json_set_string(turn, "session", run->session);
	turn = json_set_string(turn, "channel", "http");
	turn = json_set(
	    turn, "to", json_set_string(json_object(), "request", run->turn));
	from = json_set_string(json_object(), "id", "api");
	turn = json_set(turn, "from", from);
	if (ask->model != NULL)
		turn = json_set_string(turn, "model", ask->model);
	return json_set_string(turn, "text", ask->message);
}

static void
on_put(bool safe, void *arg)
{
	struct ws_run *run = arg;

	if (safe) {
		ws_run_put(run);
		return;
	}
	if (run->starter != NULL)
		ws_unavailable(run->starter, run->request,
		    "the message could not be kept; nothing was begun");
	ws_run_drop(run);
}

/* The same request again, of a client that came back, say. */
static void
repeat(struct ws_run *run, struct ws_conn *conn, const char *id)
{
	jv payload = json_set_string(json_object(), "runId", run->id);

	if (run->agent && ws_run_is_over(run)) {
		jv_free(payload);
		ws_run_answer(run, conn, id);
		return;
	}
	if (run->agent) {
		/* the answer goes to who asked last */
		if (run->starter != NULL)
			run->starter->runs--;
		run->starter = conn;
		conn->runs++;
		free(run->request);
		run->request = xstrdup(id);
	}
	ws_answer(conn, id,
	    json_set_string(payload, "status",
		ws_run_is_over(run) ? ws_run_status(run)
		: run->agent        ? "accepted"
				    : "in_flight"));
}

static void
start(struct ws_conn *conn, const char *id, jv ref_params, const char *method)
{
	bool agent = strcmp(method, "agent") == 0;
	struct ask ask = {.timeout_s = 0};
	const char *problem =
	    read_ask(&ask, server_config(conn->ws->server), ref_params);
	struct ws_run *run;

	if (problem != NULL) {
		ws_bad_params(conn, id, method, problem);
		return;
	}
	run = ws_run_find(conn->ws, ask.key);
	if (run != NULL) {
		repeat(run, conn, id);
		return;
	}
	if (conn->runs >= WS_RUNS_OF_ONE_MAX ||
	    conn->ws->run_count >= WS_RUNS_MAX) {
		ws_unavailable(conn, id, "too much is under way already");
		return;
	}
	ask.timeout_s = agent ? json_get_int(ref_params, "timeout", 0) : 0;
	if (ask.timeout_s > TIMEOUT_MOST_S)
		ask.timeout_s = TIMEOUT_MOST_S;
	run = ws_run_new(conn, id, ask.key, ask.session, ask.timeout_s);
	run->agent = agent;
	submit_turn(conn->ws->submit, make_turn(run, &ask), on_put, run);
}

void
ws_method_agent(struct ws_conn *conn, const char *id, jv ref_params)
{
	start(conn, id, ref_params, "agent");
}

void
ws_method_send(struct ws_conn *conn, const char *id, jv ref_params)
{
	start(conn, id, ref_params, "chat.send");
}

void
ws_method_abort(struct ws_conn *conn, const char *id, jv ref_params)
{
	const char *session =
	    ws_session_of(json_get_string(ref_params, "sessionKey", NULL));
	const char *wanted = json_get_string(ref_params, "runId", NULL);
	jv ids = json_array(), payload;
	struct ws_run *run;

	if (session == NULL) {
		jv_free(ids);
		ws_bad_params(conn, id, "chat.abort",
		    "must have required property 'sessionKey'");
		return;
	}
	TAILQ_FOREACH (run, &conn->ws->runs, entry) {
		if (strcmp(run->session, session) != 0 ||
		    (wanted != NULL && strcmp(run->id, wanted) != 0))
			continue;
		if (!run->aborting)
			submit_stop(conn->ws->submit, run->session, run->turn);
		run->aborting = true;
		ids = json_append_string(ids, run->id);
	}
	payload = json_set_bool(json_object(), "ok", true);
	payload = json_set_bool(payload, "aborted", json_length(ids) != 0);
	ws_answer(conn, id, json_set(payload, "runIds", ids));
}
