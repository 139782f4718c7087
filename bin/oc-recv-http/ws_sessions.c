#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "config.h"
#include "json.h"
#include "server.h"
#include "transcript.h"
#include "ws_parts.h"
#include "ws_transcript.h"

enum {
	LIST = 50, /* sessions, when nobody says how many */
	LIST_MAX = 200,
	HISTORY = 200, /* messages */
	HISTORY_MAX = 1000,
	HISTORY_BYTES = 1024 * 1024,
	LAST_BYTES = 64 * 1024, /* of a transcript, for what it cost */
	DEFAULT_CONTEXT = 128 * 1024,
};

static int64_t
bounded(jv ref_params, const char *key, int64_t otherwise, int64_t most)
{
	int64_t number = json_get_int(ref_params, key, otherwise);

	return number < 1 || number > most ? otherwise : number;
}

/* ---- models */

/* "google/gemini" as the two names that clients know. */
static jv
set_model(jv own, const char *model)
{
	size_t provider = strcspn(model, "/");

	if (model[provider] == '\0')
		return json_set_string(own, "model", model);
	own =
	    json_set(own, "modelProvider", json_string_sized(model, provider));
	return json_set_string(own, "model", model + provider + 1);
}

static int64_t
context_of(const struct config *config, const char *model)
{
	jv models = config_get(config, "models");
	jv one = json_get(models, model);
	int64_t context = json_get_int(one, "context", DEFAULT_CONTEXT);

	jv_free(one);
	jv_free(models);
	return context;
}

static jv
set_defaults(jv own, const struct config *config, const char *model)
{
	if (model == NULL)
		model = config_string(config, "primary_model");
	own = set_model(own, model);
	return json_set_int(own, "contextTokens", context_of(config, model));
}

/* ---- one session */

static jv
make_session(
    struct ws *ws, const char *session, struct ws_transcript file, jv own_spent)
{
	const struct config *config = server_config(ws->server);
	char *key = ws_session_key(session), id[WS_SESSION_ID_SIZE];
	bool runs = ws_session_runs(ws, session);
	jv one = json_set_string(json_object(), "key", key);
	jv usage = json_get(own_spent, "usage");

	one = json_set_string(one, "kind", "direct");
	one = json_set_string(one, "agentId", "main");
	one = json_set_bool(one, "isMain", strcmp(session, "main") == 0);
	one = json_set_string(one, "sessionId", ws_session_id(session, id));
	one = json_set_int(one, "updatedAt", file.changed);
	one = json_set_bool(one, "hasActiveRun", runs);
	one = json_set_string(one, "status", runs ? "running" : "done");
	one = set_defaults(
	    one, config, json_get_string(own_spent, "model", NULL));
	if (json_is_object(usage)) {
		one = json_set(one, "inputTokens", json_get(usage, "input"));
		one = json_set(one, "outputTokens", json_get(usage, "output"));
		one = json_set_int(one, "totalTokens",
		    json_get_int(usage, "input", 0) +
			json_get_int(usage, "output", 0));
	} else {
		one = json_set_int(one, "totalTokens",
		    file.bytes / TRANSCRIPT_BYTES_PER_TOKEN);
	}
	one = json_set_bool(one, "totalTokensFresh", true);
	jv_free(usage);
	jv_free(own_spent);
	free(key);
	return one;
}

jv
ws_session(struct ws *ws, const char *session)
{
	jv lines = ws_transcript_tail(session, LAST_BYTES);
	jv spent = ws_transcript_spent(lines);

	jv_free(lines);
	return make_session(ws, session, ws_transcript_stat(session), spent);
}

void
ws_method_describe(struct ws_conn *conn, const char *id, jv ref_params)
{
	const char *key = json_get_string(ref_params, "key", NULL);
	const char *session = ws_session_of(key);
	jv found = json_null();

	if (key == NULL) {
		ws_bad_params(conn, id, "sessions.describe",
		    "must have required property 'key'");
		return;
	}
	if (session != NULL && (ws_transcript_stat(session).changed != 0 ||
				   ws_session_runs(conn->ws, session)))
		found = ws_session(conn->ws, session);
	ws_answer(conn, id, json_set(json_object(), "session", found));
}

/* ---- the list */

void
ws_method_list(struct ws_conn *conn, const char *id, jv ref_params)
{
	int64_t most = bounded(ref_params, "limit", LIST, LIST_MAX);
	jv all = ws_transcript_sessions(), sessions = json_array(), answer;
	int count = json_length(all);

	for (int i = 0; i < count && i < most; i++) {
		jv one = json_at(all, i);
		struct ws_transcript file = {
		    .bytes = json_get_int(one, "bytes", 0),
		    .changed = json_get_int(one, "changed", 0)};

		sessions = json_append(sessions,
		    make_session(conn->ws, json_get_string(one, "session", ""),
			file, json_object()));
		jv_free(one);
	}
	jv_free(all);
	answer = json_set_int(json_object(), "ts", clock_now_ms());
	answer = json_set_int(answer, "count", json_length(sessions));
	answer = json_set_int(answer, "totalCount", count);
	answer = json_set_bool(answer, "hasMore", count > most);
	answer = json_set(answer, "defaults",
	    set_defaults(json_object(), server_config(conn->ws->server), NULL));
	ws_answer(conn, id, json_set(answer, "sessions", sessions));
}

/* ---- what was said */

void
ws_method_history(struct ws_conn *conn, const char *id, jv ref_params)
{
	int64_t most = bounded(ref_params, "limit", HISTORY, HISTORY_MAX);
	const char *key = json_get_string(ref_params, "sessionKey", NULL);
	const char *session = ws_session_of(key);
	char session_id[WS_SESSION_ID_SIZE], *whole;
	jv lines, answer;

	if (session == NULL) {
		ws_bad_params(conn, id, "chat.history",
		    key == NULL ? "must have required property 'sessionKey'"
				: "no session of this gateway's agent");
		return;
	}
	whole = ws_session_key(session);
	lines = ws_transcript_tail(session, HISTORY_BYTES);
	answer = json_set_string(json_object(), "sessionKey", whole);
	answer = json_set_string(
	    answer, "sessionId", ws_session_id(session, session_id));
	answer = json_set(
	    answer, "messages", ws_transcript_messages(lines, (int)most));
	answer = json_set(answer, "defaults",
	    set_defaults(json_object(), server_config(conn->ws->server), NULL));
	answer = json_set(answer, "sessionInfo", ws_session(conn->ws, session));
	ws_answer(conn, id, answer);
	jv_free(lines);
	free(whole);
}
