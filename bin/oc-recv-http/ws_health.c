#include <stdlib.h>
#include "clock.h"
#include "config.h"
#include "json.h"
#include "server.h"
#include "state.h"
#include "survey.h"
#include "ws_parts.h"
#include "ws_transcript.h"

enum { RECENT = 5 };

/* {"path","count","recent":[{"key","updatedAt","age"}]} */
static jv
make_sessions(void)
{
	jv all = ws_transcript_sessions(), recent = json_array(), found;
	char *path = state_path("sessions");
	int count = json_length(all);

	for (int i = 0; i < count && i < RECENT; i++) {
		jv one = json_at(all, i), entry;
		int64_t changed = json_get_int(one, "changed", 0);
		char *key = ws_session_key(json_get_string(one, "session", ""));

		entry = json_set_string(json_object(), "key", key);
		entry = json_set_int(entry, "updatedAt", changed);
		recent = json_append(recent,
		    json_set_int(entry, "age", clock_now_ms() - changed));
		free(key);
		jv_free(one);
	}
	jv_free(all);
	found =
	    json_set_string(json_object(), "path", path != NULL ? path : "");
	found = json_set_int(found, "count", count);
	free(path);
	return json_set(found, "recent", recent);
}

static jv
make_agent(jv ref_sessions)
{
	jv agent = json_set_string(json_object(), "agentId", "main");
	jv heartbeat = json_set_bool(json_object(), "enabled", false);

	heartbeat = json_set_string(heartbeat, "every", "disabled");
	heartbeat = json_set(heartbeat, "everyMs", json_null());
	agent = json_set_bool(agent, "isDefault", true);
	agent = json_set(agent, "heartbeat", heartbeat);
	return json_set(agent, "sessions", json_copy(ref_sessions));
}

/*
 * In the official form, and beside it what `openclaw status` of ours tells:
 * queues, models, problems.
 */
jv
ws_health(struct ws *ws)
{
	const struct config *config = server_config(ws->server);
	int64_t begun = clock_mono_ms();
	jv sessions = make_sessions(), health = json_object();
	jv survey =
	    survey_all(config_bool(config, "channels.telegram.enabled"));

	health = json_set_bool(health, "ok", true);
	health = json_set_int(health, "ts", clock_now_ms());
	health = json_set(health, "channels", json_object());
	health = json_set(health, "channelOrder", json_array());
	health = json_set(health, "channelLabels", json_object());
	health = json_set_int(health, "heartbeatSeconds", 0);
	health = json_set_string(health, "defaultAgentId", "main");
	health = json_set(
	    health, "agents", json_append(json_array(), make_agent(sessions)));
	health = json_set(health, "sessions", sessions);
	health = json_set(health, "queues", json_get(survey, "queues"));
	health = json_set(health, "problems", json_get(survey, "problems"));
	jv_free(survey);
	return json_set_int(health, "durationMs", clock_mono_ms() - begun);
}

void
ws_method_health(struct ws_conn *conn, const char *id, jv ref_params)
{
	(void)ref_params;
	ws_answer(conn, id, ws_health(conn->ws));
}

void
ws_method_status(struct ws_conn *conn, const char *id, jv ref_params)
{
	const struct config *config = server_config(conn->ws->server);
	jv status =
	    json_set_string(json_object(), "runtimeVersion", OC_VERSION);
	jv defaults = json_set_string(
	    json_object(), "model", config_string(config, "primary_model"));
	jv sessions = make_sessions();

	(void)ref_params;
	sessions = json_set(sessions, "defaults", defaults);
	status = json_set(status, "channelSummary", json_array());
	status = json_set(status, "queuedSystemEvents", json_array());
	status = json_set(status, "sessions", sessions);
	ws_answer(conn, id,
	    json_set(status, "survey",
		survey_all(config_bool(config, "channels.telegram.enabled"))));
}
