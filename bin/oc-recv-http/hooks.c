#include <stdlib.h>
#include <string.h>
#include "hook_post.h"
#include "hooks.h"
#include "json.h"
#include "log.h"
#include "mapping.h"
#include "signature.h"
#include "turn.h"
#include "utf8.h"
#include "xalloc.h"

struct hooked {
	struct hooks *hooks;
	struct mapping *mapping;
	char *path; /* "/hooks/alertmanager" */
};

struct hooks {
	const struct config *config;
	struct server *server;
	struct hook_poster *poster;
	struct hooked *hooked;
	size_t count;
};

static void
bad_request(struct request *request, const char *message)
{
	request_error(request, 400, "invalid_request_error", message);
}

/* ---- the fields of a body */

/* Whether what is there is of the right kind. */
static const char *
check_kinds(jv ref_body)
{
	static const char *const strings[] = {"message", "text", "mode", "name",
	    "sessionKey", "channel", "to", "model", "idempotencyKey"};
	static const char *const bools[] = {"deliver", "waitForCompletion"};

	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
		jv value = json_get(ref_body, strings[i]);
		const char *text = json_as_string(value, "");
		bool right = json_is_null(value) ||
			     (json_is_string(value) &&
				 strlen(text) == json_string_length(value));

		jv_free(value);
		if (!right)
			return "message, text, mode, name, sessionKey, "
			       "channel, to, model and idempotencyKey must be "
			       "strings without NUL";
	}
	for (size_t i = 0; i < sizeof bools / sizeof *bools; i++) {
		jv value = json_get(ref_body, bools[i]);
		bool right = json_is_null(value) || json_is_bool(value);

		jv_free(value);
		if (!right)
			return "deliver and waitForCompletion must be true or "
			       "false";
	}
	return NULL;
}

static bool
is_name(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return strlen(text) <= HOOK_KEY_MAX;
}

/* A body's string; NULL when it is not there or empty. */
static const char *
get(jv ref_body, const char *key)
{
	const char *text = json_get_string(ref_body, key, "");

	return *text != '\0' ? text : NULL;
}

static const char *
read_names(const struct request *request, jv ref_body, struct hook *hook)
{
	hook->key = get(ref_body, "idempotencyKey");
	if (hook->key == NULL)
		hook->key = request_header(request, "Idempotency-Key");
	if (hook->key != NULL && *hook->key == '\0')
		hook->key = NULL;
	hook->name = get(ref_body, "name");
	hook->session = get(ref_body, "sessionKey");
	hook->model = get(ref_body, "model");
	if ((hook->key != NULL &&
		(!is_name(hook->key) ||
		    !utf8_valid(hook->key, strlen(hook->key)))) ||
	    (hook->name != NULL && !is_name(hook->name)) ||
	    (hook->session != NULL && !is_name(hook->session)))
		return "idempotencyKey, name and sessionKey have at most 256 "
		       "bytes and no control characters";
	if (hook->model != NULL && strchr(hook->model, '/') == NULL)
		return "model must be PROVIDER/MODEL";
	return NULL;
}

static const char *
read_time(jv ref_body, struct hook *hook)
{
	jv value = json_get(ref_body, "timeoutSeconds");
	double seconds = json_as_number(value, 0);
	bool right =
	    json_is_null(value) ||
	    (json_is_number(value) && seconds >= 1 && seconds <= 24 * 60 * 60);

	jv_free(value);
	if (!right)
		return "timeoutSeconds must be a number from 1 to 86400";
	hook->timeout_s = (int64_t)seconds;
	return NULL;
}

/*
 * Where the reply goes: to Telegram if an address is given or delivery is
 * asked for, else nowhere.
 */
static const char *
read_address(const struct hooks *hooks, jv ref_body, char **chat, char **thread)
{
	const char *channel = get(ref_body, "channel");
	const char *to = get(ref_body, "to");
	jv usual;
	bool right = true;

	*chat = *thread = NULL;
	if (channel != NULL && strcmp(channel, "telegram") != 0 &&
	    strcmp(channel, "last") != 0)
		return "there is no such channel: telegram, or last for the "
		       "chat of hooks.to";
	if (!json_get_bool(ref_body, "deliver", channel != NULL || to != NULL))
		return NULL;
	if (!config_bool(hooks->config, "channels.telegram.enabled"))
		return "channels.telegram.enabled is false: nothing can be "
		       "delivered";
	usual = config_get(hooks->config, "hooks.to");
	if (to == NULL)
		to = json_as_string(usual, NULL);
	right = to != NULL && hook_address(to, chat, thread);
	jv_free(usual); /* the configuration holds it */
	if (to == NULL)
		return "to is missing: a chat's number (or set hooks.to)";
	return right ? NULL
		     : "to must be a chat's number, as 42, -10042 or "
		       "-10042:topic:7";
}

/* ---- the hooks that are built in */

static void
post(struct hooks *hooks, struct request *request, const struct hook *hook,
    bool wait)
{
	jv prefixes = config_get(hooks->config, "hooks.sessions");
	jv turn = hook_turn(hook, prefixes);

	jv_free(prefixes);
	hook_post(hooks->poster, request, turn, hook->key != NULL, wait);
}

static void
take(struct hooks *hooks, struct request *request, jv ref_body,
    struct hook *hook)
{
	char *chat = NULL, *thread = NULL;
	const char *problem = check_kinds(ref_body);

	if (problem == NULL)
		problem = read_names(request, ref_body, hook);
	if (problem == NULL)
		problem = read_time(ref_body, hook);
	if (problem == NULL)
		problem = read_address(hooks, ref_body, &chat, &thread);
	if (problem == NULL && hook->text == NULL)
		problem = "the message is missing or empty";
	hook->chat = chat;
	hook->thread = thread;
	hook->wrap = config_bool(hooks->config, "hooks.wrap");
	if (problem != NULL)
		bad_request(request, problem);
	else if (strlen(hook->text) > TURN_TEXT_MAX)
		request_error(request, 413, "invalid_request_error",
		    "the message has more than 256 KiB");
	else
		post(hooks, request, hook,
		    json_get_bool(ref_body, "waitForCompletion", false));
	free(chat);
	free(thread);
}

static void
on_agent(struct request *request, void *arg)
{
	struct hook hook = {.source = "agent"};
	jv body;

	if (!request_json(request, &body))
		return;
	hook.text = get(body, "message");
	take(arg, request, body, &hook);
	jv_free(body);
}

/*
 * There is no heartbeat that it could wait for: both modes are now.  All of
 * them are one conversation.
 */
static void
on_wake(struct request *request, void *arg)
{
	struct hook hook = {.source = "wake"};
	struct hooks *hooks = arg;
	const char *mode;
	jv body, to;

	if (!request_json(request, &body))
		return;
	mode = json_get_string(body, "mode", "now");
	if (strcmp(mode, "now") != 0 && strcmp(mode, "next-heartbeat") != 0) {
		bad_request(request, "mode must be now or next-heartbeat");
		jv_free(body);
		return;
	}
	to = config_get(hooks->config, "hooks.to");
	if (json_is_string(to) &&
	    config_bool(hooks->config, "channels.telegram.enabled") &&
	    !json_has(body, "deliver"))
		body = json_set_bool(body, "deliver", true);
	jv_free(to);
	if (!json_has(body, "sessionKey"))
		body = json_set_string(body, "sessionKey", "hook:wake");
	hook.text = get(body, "text");
	take(hooks, request, body, &hook);
	jv_free(body);
}

/* ---- mappings */

static void
map(struct hooked *hooked, struct request *request, jv own_body)
{
	jv input = json_set(json_object(), "body", own_body), answer;
	struct mapped mapped;

	input = json_set(input, "headers", request_headers(request));
	if (mapping_run(hooked->mapping, input, &mapped)) {
		post(hooked->hooks, request, &mapped.hook, false);
	} else {
		answer = json_set_bool(json_object(), "ok", true);
		request_answer(
		    request, 200, json_set_bool(answer, "skipped", true));
	}
	mapped_free(&mapped);
}

/* Whoever has no signature is counted like whoever has no token. */
static bool
is_signed(const struct hooked *hooked, struct request *request)
{
	const char *secret = mapping_secret(hooked->mapping);
	const struct buf *body = request_body(request);
	struct auth *auth = server_auth(request_server(request));
	const char *peer = request_peer(request);
	int64_t retry_s = 0;

	if (secret == NULL)
		return true;
	if (!auth_is_out(auth, peer, &retry_s)) {
		if (signature_is_right(
			request_header(request, "X-Hub-Signature-256"), secret,
			buf_string(body), body->length))
			return true;
		(void)auth_failed(auth, peer, &retry_s);
	}
	request_error(request, 401, "unauthorized", "Unauthorized");
	return false;
}

static void
on_mapping(struct request *request, void *arg)
{
	struct hooked *hooked = arg;
	jv body;

	if (is_signed(hooked, request) && request_json(request, &body))
		map(hooked, request, body);
}

/* ---- life */

struct hooks *
hooks_new(const struct config *config)
{
	struct hooks *hooks = xcalloc(1, sizeof *hooks);
	jv mappings = config_get(config, "hooks.mappings");
	int count = json_length(mappings);

	jv_free(mappings);
	hooks->config = config;
	hooks->count = (size_t)count;
	hooks->hooked = xcalloc(hooks->count + 1, sizeof *hooks->hooked);
	for (int i = 0; i < count; i++) {
		struct hooked *hooked = &hooks->hooked[i];

		hooked->hooks = hooks;
		hooked->mapping = mapping_new(config, i);
		hooked->path =
		    xasprintf("/hooks/%s", mapping_path(hooked->mapping));
	}
	return hooks;
}

void
hooks_serve(struct hooks *hooks, struct server *server, struct submit *submit,
    struct wait *wait)
{
	struct route route = {.method = "POST",
	    .need = NEED_HOOK_TOKEN,
	    .arg = hooks,
	    .work = true};

	hooks->server = server;
	hooks->poster = hook_poster_new(server, submit, wait);
	route.path = "/hooks/agent";
	route.handle = on_agent;
	server_add(server, &route);
	route.path = "/hooks/wake";
	route.handle = on_wake;
	server_add(server, &route);
	route.handle = on_mapping;
	for (size_t i = 0; i < hooks->count; i++) {
		struct hooked *hooked = &hooks->hooked[i];

		route.path = hooked->path;
		route.arg = hooked;
		route.need = mapping_secret(hooked->mapping) != NULL
				 ? NEED_OWN
				 : NEED_HOOK_TOKEN;
		server_add(server, &route);
	}
}

void
hooks_free(struct hooks *hooks)
{
	if (hooks == NULL)
		return;
	hook_poster_free(hooks->poster);
	for (size_t i = 0; i < hooks->count; i++) {
		mapping_free(hooks->hooked[i].mapping);
		free(hooks->hooked[i].path);
	}
	free(hooks->hooked);
	free(hooks);
}
