#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "caller.h"
#include "json.h"
#include "log.h"
#include "server.h"
#include "transcript.h"
#include "ulid.h"
#include "xalloc.h"

enum { KEY_MAX = 200 };

void
caller_refuse(struct request *request, int status, const char *problem)
{
	request_error(request, status, "invalid_request_error", problem);
}

bool
caller_knows_agent(const char *model)
{
	static const char *const names[] = {
	    "openclaw", "openclaw/default", "openclaw:default"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], model) == 0)
			return true;
	return false;
}

/* A name that goes into logs and file names. */
static const char *
check_key(const char *key)
{
	if (*key == '\0' || strlen(key) > KEY_MAX)
		return "a session's key has 1 to 200 bytes";
	for (const char *c = key; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return "a session's key has no control bytes";
	return NULL;
}

const char *
caller_key(const struct caller *caller)
{
	return caller->session + strlen("http:");
}

bool
caller_knows_session(const char *key)
{
	char *session = xasprintf("http:%s", key);
	bool knows = transcript_size(session) != 0;

	free(session);
	return knows;
}

/* The session, and whether it lasts. */
static const char *
choose_session(struct caller *caller, struct request *request, jv ref_body,
    const char *key)
{
	const char *user = json_get_string(ref_body, "user", "");
	const char *problem = NULL;
	char ulid[ULID_SIZE];

	if (key == NULL)
		key = request_header(request, "x-openclaw-session-key");
	if (key != NULL) {
		problem = check_key(key);
		caller->session = xasprintf("http:%s", key);
	} else if (*user != '\0') {
		problem = check_key(user);
		caller->session = xasprintf("http:user:%s", user);
	} else {
		ulid_make(ulid);
		caller->session = xasprintf("http:%s", ulid);
		caller->once = true;
	}
	caller->fresh = caller->once || transcript_size(caller->session) == 0;
	return problem;
}

static const char *
check_options(struct caller *caller, jv ref_body)
{
	jv stream = json_get(ref_body, "stream");
	jv options = json_get(ref_body, "stream_options");
	jv user = json_get(ref_body, "user"), n = json_get(ref_body, "n");
	const char *problem = NULL;

	if (!json_is_null(stream) && !json_is_bool(stream))
		problem = "stream is true or false";
	else if (!json_is_null(options) && !json_is_object(options))
		problem = "stream_options is an object";
	else if (!json_is_null(user) && !json_is_string(user))
		problem = "user is a string";
	else if (!json_is_null(n) && json_as_int(n, 0) != 1)
		problem = "n is 1 here: one answer to one question";
	caller->stream = json_as_bool(stream, false);
	caller->wants_usage = json_get_bool(options, "include_usage", false);
	jv_free(n);
	jv_free(user);
	jv_free(options);
	jv_free(stream);
	return problem;
}

bool
caller_read(struct caller *caller, struct request *request, jv ref_body,
    const char *key)
{
	const char *problem;

	*caller =
	    (struct caller){.agent = json_get_string(ref_body, "model", "")};
	problem = check_options(caller, ref_body);
	if (problem == NULL && !caller_knows_agent(caller->agent))
		problem = "model names the agent: openclaw; another model is "
			  "asked for with the header x-openclaw-model";
	if (problem == NULL)
		problem = choose_session(caller, request, ref_body, key);
	if (problem != NULL)
		caller_refuse(request, 400, problem);
	return problem == NULL;
}

void
caller_free(struct caller *caller)
{
	free(caller->session);
	*caller = (struct caller){.session = NULL};
}

bool
caller_turn(const struct caller *caller, const struct asker *asker,
    struct request *request, const struct talk *talk, const char *ulid,
    jv *own_turn)
{
	const char *model = request_header(request, "x-openclaw-model");
	char *id = xasprintf("http-%s", ulid);
	jv turn = json_set_string(json_object(), "type", "turn");

	turn = json_set_string(turn, "id", id);
	turn = json_set_string(turn, "session", caller->session);
	turn =
	    json_set(turn, "from", json_set_string(json_object(), "id", "api"));
	if (caller->once)
		turn = json_set_bool(turn, "once", true);
	if (model != NULL && *model != '\0')
		turn = json_set_string(turn, "model", model);
	request_set_header(request, "X-OpenClaw-Turn", id);
	free(id);
	if (!talk_to_turn(talk, &turn, asker->inbox, caller->fresh)) {
		log_error("%s: a file cannot be written: %s", asker->inbox,
		    strerror(errno));
		jv_free(turn);
		request_error(request, 503, "api_error",
		    "a file of the message could not be kept");
		return false;
	}
	*own_turn = turn;
	return true;
}
