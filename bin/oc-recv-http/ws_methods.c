#include <stdlib.h>
#include "command.h"
#include "config.h"
#include "json.h"
#include "server.h"
#include "ws_parts.h"
#include "xalloc.h"

/* What there is none of here. */
static void
no_questions(struct ws_conn *conn, const char *id, jv ref_params)
{
	(void)ref_params;
	ws_answer(conn, id, json_set(json_object(), "questions", json_array()));
}

static void
no_approvals(struct ws_conn *conn, const char *id, jv ref_params)
{
	(void)ref_params;
	ws_answer(conn, id, json_array());
}

static void
no_suggestions(struct ws_conn *conn, const char *id, jv ref_params)
{
	(void)ref_params;
	ws_answer(
	    conn, id, json_set(json_object(), "suggestions", json_array()));
}

static void
list_agents(struct ws_conn *conn, const char *id, jv ref_params)
{
	const struct config *config = server_config(conn->ws->server);
	char *workspace = config_workspace(config);
	jv agent = json_set_string(json_object(), "id", "main"), all;

	(void)ref_params;
	agent = json_set_string(agent, "kind", "agent");
	agent = json_set_string(agent, "workspace", workspace);
	agent = json_set(agent, "model",
	    json_set_string(json_object(), "primary",
		config_string(config, "primary_model")));
	free(workspace);
	all = json_set_string(json_object(), "defaultId", "main");
	all = json_set_string(all, "mainKey", "main");
	all = json_set_string(all, "scope", "per-sender");
	ws_answer(conn, id,
	    json_set(all, "agents", json_append(json_array(), agent)));
}

static jv
make_command(const char *name, const char *description, bool argument)
{
	char *alias = xasprintf("/%s", name);
	jv command = json_set_string(json_object(), "name", name);

	command = json_set(
	    command, "textAliases", json_append_string(json_array(), alias));
	free(alias);
	command = json_set_string(command, "description", description);
	command = json_set_string(command, "category", "status");
	command = json_set_string(command, "source", "native");
	command = json_set_string(command, "scope", "text");
	return json_set_bool(command, "acceptsArgs", argument);
}

static void
list_commands(struct ws_conn *conn, const char *id, jv ref_params)
{
	static const struct {
		enum command command;
		const char *description;
		bool argument;
	} known[] = {
	    {COMMAND_HELP, "What there is to say to the gateway itself.",
		false},
	    {COMMAND_NEW, "Begin a new conversation.", false},
	    {COMMAND_STOP, "End what is being done in this session.", false},
	    {COMMAND_STATUS, "What is being done.", false},
	    {COMMAND_MODEL, "Which model answers, or choose one.", true},
	    {COMMAND_USAGE, "Tokens and cost of today.", false},
	    {COMMAND_COMPACT, "Shorten what is remembered.", false},
	    {COMMAND_APPROVE, "Permit a command that waits for you.", true},
	    {COMMAND_DENY, "Refuse it.", true},
	    {COMMAND_WHOAMI, "How the gateway knows you.", false},
	};
	jv commands = json_array();

	(void)ref_params;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		commands = json_append(
		    commands, make_command(command_name(known[i].command),
				  known[i].description, known[i].argument));
	ws_answer(conn, id, json_set(json_object(), "commands", commands));
}

static void
subscribe(struct ws_conn *conn, const char *id, jv ref_params)
{
	(void)ref_params;
	conn->subscribed = true;
	ws_answer(conn, id, json_set_bool(json_object(), "subscribed", true));
}

void
ws_bad_params(struct ws_conn *conn, const char *id, const char *method,
    const char *problem)
{
	struct buf message = {0};

	buf_printf(&message, "invalid %s params: %s", method, problem);
	ws_error(conn, id, "INVALID_REQUEST", buf_string(&message));
	buf_free(&message);
}

const struct ws_method ws_methods[] = {
    {"health", WS_SCOPE_READ, ws_method_health},
    {"status", WS_SCOPE_READ, ws_method_status},
    {"agents.list", WS_SCOPE_READ, list_agents},
    {"agent", WS_SCOPE_WRITE, ws_method_agent},
    {"agent.wait", WS_SCOPE_READ, ws_method_wait},
    {"chat.history", WS_SCOPE_READ, ws_method_history},
    {"chat.send", WS_SCOPE_WRITE, ws_method_send},
    {"chat.abort", WS_SCOPE_WRITE, ws_method_abort},
    {"sessions.list", WS_SCOPE_READ, ws_method_list},
    {"sessions.describe", WS_SCOPE_READ, ws_method_describe},
    {"sessions.subscribe", WS_SCOPE_READ, subscribe},
    {"commands.list", WS_SCOPE_READ, list_commands},
    {"question.list", WS_SCOPE_NONE, no_questions},
    {"plugin.approval.list", WS_SCOPE_NONE, no_approvals},
    {"taskSuggestions.list", WS_SCOPE_NONE, no_suggestions},
    {NULL, 0, NULL},
};
