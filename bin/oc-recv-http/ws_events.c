#include <string.h>
#include <event2/event.h>
#include "clock.h"
#include "json.h"
#include "ws_run.h"

/*
 * What happens in a run, as the clients know it: `chat` is what a chat window
 * needs, `agent` is everything.  They go to the one who began the run and to
 * those who subscribed to sessions.
 */
enum {
	/*
	 * Each piece repeats the whole text, which clients want; so pieces
	 * that come faster are sent as one.
	 */
	PACE_MS = 100,
};

static bool
hears(const struct ws_run *run, const struct ws_conn *conn)
{
	return conn->greeted && ws_scope_allows(conn->scopes, WS_SCOPE_READ) &&
	       (conn->subscribed || conn == run->starter);
}

static jv
base(struct ws_run *run)
{
	jv payload = json_set_string(json_object(), "runId", run->id);

	payload = json_set_string(payload, "sessionKey", run->key);
	payload = json_set_string(payload, "agentId", "main");
	return json_set_int(payload, "seq", ++run->seq);
}

static void
tell(struct ws_run *run, const char *event, bool tool, jv own_payload)
{
	struct ws_conn *conn;

	TAILQ_FOREACH (conn, &run->ws->conns, entry)
		if (hears(run, conn) && (!tool || conn->tools))
			ws_event(conn, event, json_copy(own_payload));
	jv_free(own_payload);
}

static void
tell_agent(struct ws_run *run, const char *stream, jv own_data)
{
	char session_id[WS_SESSION_ID_SIZE];
	jv payload = json_set_string(base(run), "stream", stream);

	payload = json_set(payload, "data", own_data);
	payload = json_set_string(
	    payload, "sessionId", ws_session_id(run->session, session_id));
	tell(run, "agent", strcmp(stream, "tool") == 0,
	    json_set_int(payload, "ts", clock_now_ms()));
}

void
ws_run_lifecycle(struct ws_run *run, const char *phase, jv own_data)
{
	tell_agent(run, "lifecycle", json_set_string(own_data, "phase", phase));
}

jv
ws_run_message(const char *text)
{
	jv part = json_set_string(json_object(), "type", "text"), message;

	part = json_set_string(part, "text", text);
	message = json_set_string(json_object(), "role", "assistant");
	message = json_set(message, "content", json_append(json_array(), part));
	return json_set_int(message, "timestamp", clock_now_ms());
}

/* ---- text */

static void
tell_text(struct ws_run *run)
{
	const char *text = buf_string(&run->text);
	const char *piece = text + run->text_told;
	jv data, payload;

	evtimer_del(run->pacer);
	if (run->text_told == run->text.length)
		return;
	data = json_set_string(json_object(), "text", text);
	tell_agent(run, "assistant", json_set_string(data, "delta", piece));
	payload = json_set_string(base(run), "state", "delta");
	payload = json_set_string(payload, "deltaText", piece);
	tell(run, "chat", false,
	    json_set(payload, "message", ws_run_message(text)));
	run->text_told = run->text.length;
	run->told = clock_mono_ms();
}

void
ws_run_pace(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tell_text(arg);
}

static void
add_text(struct ws_run *run, const char *text)
{
	int64_t left = run->told + PACE_MS - clock_mono_ms();
	struct timeval wait = {.tv_usec = left * 1000};

	if (run->text.length + strlen(text) > TURN_TEXT_MAX)
		return; /* the reply will say it all, or tell why not */
	buf_add_string(&run->text, text);
	if (left <= 0)
		tell_text(run);
	else if (!evtimer_pending(run->pacer, NULL))
		evtimer_add(run->pacer, &wait);
}

/* ---- tools */

static void
tell_tool(struct ws_run *run, jv ref_event, bool end)
{
	jv data =
	    json_set_string(json_object(), "phase", end ? "result" : "start");

	data = json_set(data, "name", json_get(ref_event, "name"));
	data = json_set(data, "toolCallId", json_get(ref_event, "call"));
	if (end) {
		data = json_set_bool(
		    data, "isError", !json_get_bool(ref_event, "ok", true));
		data = json_set(data, "result",
		    json_set(json_object(), "content", json_array()));
	} else {
		data = json_set(data, "args", json_get(ref_event, "args"));
	}
	tell_agent(run, "tool", data);
}

/* ---- what the turn's event file says (event.h) */

static void
begin(struct ws_run *run)
{
	if (run->begun)
		return;
	run->begun = true;
	ws_run_lifecycle(run, "start",
	    json_set_int(json_object(), "startedAt", run->started));
}

void
ws_run_event(jv ref_event, void *arg)
{
	struct ws_run *run = arg;
	const char *event = json_get_string(ref_event, "event", "");

	begin(run);
	if (strcmp(event, "text") == 0) {
		add_text(run, json_get_string(ref_event, "delta", ""));
		return;
	}
	tell_text(run);
	if (strcmp(event, "attempt") == 0 || strcmp(event, "failed") == 0) {
		/* the next text is another one */
		buf_clear(&run->text);
		run->text_told = 0;
	}
	if (strcmp(event, "attempt") == 0)
		ws_run_lifecycle(run, "model",
		    json_set(
			json_object(), "model", json_get(ref_event, "model")));
	else if (strncmp(event, "tool_", 5) == 0)
		tell_tool(run, ref_event, strcmp(event, "tool_end") == 0);
}

/* ---- the end */

static void
tell_chat_end(struct ws_run *run, const char *text)
{
	jv payload = base(run);

	if (run->state == WS_RUN_OK || run->state == WS_RUN_ABORTED) {
		bool done = run->state == WS_RUN_OK;
		const char *said = done ? text : buf_string(&run->text);

		payload = json_set_string(
		    payload, "state", done ? "final" : "aborted");
		payload = json_set_string(
		    payload, "stopReason", done ? "stop" : "rpc");
		if (done || *said != '\0')
			payload =
			    json_set(payload, "message", ws_run_message(said));
	} else {
		payload = json_set_string(payload, "state", "error");
		payload = json_set_string(payload, "errorMessage",
		    run->state == WS_RUN_TIMEOUT ? "not done in time" : text);
	}
	tell(run, "chat", false, payload);
}

static void
tell_changed(struct ws_run *run)
{
	char session_id[WS_SESSION_ID_SIZE];
	jv payload = json_set_string(json_object(), "runId", run->id);
	struct ws_conn *conn;

	payload = json_set_string(payload, "sessionKey", run->key);
	payload = json_set_string(payload, "agentId", "main");
	payload = json_set_string(
	    payload, "sessionId", ws_session_id(run->session, session_id));
	payload = json_set_string(
	    payload, "phase", run->state == WS_RUN_OK ? "end" : "error");
	payload = json_set_int(payload, "ts", clock_now_ms());
	TAILQ_FOREACH (conn, &run->ws->conns, entry)
		if (conn->subscribed && hears(run, conn))
			ws_event(conn, "sessions.changed", json_copy(payload));
	jv_free(payload);
}

void
ws_run_show_end(struct ws_run *run, const char *text)
{
	bool failed =
	    run->state == WS_RUN_ERROR || run->state == WS_RUN_TIMEOUT;
	jv data = json_set_int(json_object(), "startedAt", run->started);

	begin(run);
	if (run->state == WS_RUN_ABORTED)
		tell_text(run);
	evtimer_del(run->pacer);
	tell_chat_end(run, text);
	data = json_set_int(data, "endedAt", run->ended);
	data = json_set_bool(data, "aborted", run->state == WS_RUN_ABORTED);
	if (failed)
		data = json_set_string(
		    data, "error", *text != '\0' ? text : "not done in time");
	ws_run_lifecycle(run, failed ? "error" : "end", data);
	tell_changed(run);
}
