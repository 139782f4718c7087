#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "invoke.h"
#include "json.h"
#include "turn.h"
#include "ulid.h"
#include "xalloc.h"

#define CALL    "call"     /* the id of the one call */
#define DRY_RUN "dry_run:" /* oc-turn(7) */

enum { NAME_MAX_BYTES = 256 };

struct invocation {
	TAILQ_ENTRY(invocation) entry;
	struct invoker *invoker;
	struct request *request;
	struct waiting *waiting;
	char *id, *session;
	bool dry;
};

struct invoker {
	struct submit *submit;
	struct wait *wait;
	TAILQ_HEAD(invocation_list, invocation) invocations;
};

static void
forget(struct invocation *invocation)
{
	struct invoker *invoker = invocation->invoker;

	TAILQ_REMOVE(&invoker->invocations, invocation, entry);
	submit_forget(invoker->submit, invocation);
	wait_cancel(invocation->waiting);
	free(invocation->id);
	free(invocation->session);
	free(invocation);
}

/* Nobody wants the result any more. */
static void
on_gone(void *arg)
{
	struct invocation *invocation = arg;

	submit_stop(
	    invocation->invoker->submit, invocation->session, invocation->id);
	forget(invocation);
}

/* Lets go of it; the request is then to be answered. */
static struct request *
finish(struct invocation *invocation)
{
	struct request *request = invocation->request;

	request_on_gone(request, NULL, NULL);
	forget(invocation);
	return request;
}

/* ---- the answer */

/* {"content":[{"type":"text","text":…}],"isError","details"} of a tool step. */
static jv
make_result(jv ref_step)
{
	static const char *const keys[] = {
	    "exit", "signal", "timeout", "cut", "cpu_ms", "rss_bytes", "ms"};
	jv text = json_set_string(json_object(), "type", "text"), result;
	jv details = json_object();

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (json_has(ref_step, keys[i]))
			details = json_set(
			    details, keys[i], json_get(ref_step, keys[i]));
	text = json_set(text, "text", json_get(ref_step, "output"));
	result =
	    json_set(json_object(), "content", json_append(json_array(), text));
	if (!json_get_bool(ref_step, "ok", false))
		result = json_set_bool(result, "isError", true);
	return json_set(result, "details", details);
}

static void
answer_step(struct invocation *invocation, jv ref_step)
{
	bool denied = json_get_bool(ref_step, "denied", false);
	bool dry = invocation->dry;
	struct request *request = finish(invocation);
	jv body = json_set_bool(json_object(), "ok", true);

	if (dry) {
		body = json_set_bool(body, "dryRun", true);
		body = json_set_bool(
		    body, "permitted", json_get_bool(ref_step, "ok", false));
	} else if (!denied) {
		body = json_set(body, "result", make_result(ref_step));
	}
	if (dry || !denied) {
		request_answer(request, 200, body);
		return;
	}
	jv_free(body);
	/* the same for what is not permitted and for what is not there */
	request_error(request, 404, "not_found", "there is no such tool");
}

static void
on_reply(jv ref_turn, void *arg)
{
	struct invocation *invocation = arg;
	jv results = json_path(ref_turn, "reply.results");
	jv step = json_at(results, 0), error;

	invocation->waiting = NULL;
	if (json_is_object(step)) {
		answer_step(invocation, step);
	} else {
		error = json_get(ref_turn, "error");
		request_error(finish(invocation), 500, "api_error",
		    json_get_string(
			error, "message", "the tool gave no result"));
		jv_free(error);
	}
	jv_free(step);
	jv_free(results);
}

static void
on_safe(bool safe, void *arg)
{
	struct request *request;

	if (safe)
		return;
	request = finish(arg);
	request_set_header(request, "Retry-After", "5");
	request_error(request, 503, "api_error",
	    "the call could not be put on disk; try again later");
}

/* ---- the call */

static jv
make_turn(const struct invocation *invocation, jv ref_body)
{
	const char *tool = json_get_string(ref_body, "tool", "");
	char *name = xasprintf("%s%s", invocation->dry ? DRY_RUN : "", tool);
	jv args = json_get(ref_body, "args"), call, step, turn;

	call = json_set_string(json_object(), "id", CALL);
	call = json_set_string(call, "name", name);
	call =
	    json_set(call, "args", json_is_null(args) ? json_object() : args);
	step = json_set_string(json_object(), "role", "assistant");
	step = json_set_string(step, "text", "");
	step = json_set(step, "calls", json_append(json_array(), call));
	turn = json_set_string(json_object(), "type", "turn");
	turn = json_set_string(turn, "id", invocation->id);
	turn = json_set_string(turn, "session", invocation->session);
	turn = json_set_string(turn, "channel", "http");
	turn = json_set(turn, "to",
	    json_set_string(json_object(), "request", invocation->id));
	turn =
	    json_set(turn, "from", json_set_string(json_object(), "id", "api"));
	turn = json_set_string(turn, "text", "");
	turn = json_set_bool(turn, "invoke", true);
	free(name);
	return turn_add_step(turn, step);
}

static bool
is_name(jv ref)
{
	const char *text = json_as_string(ref, "");
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return length != 0 && length <= NAME_MAX_BYTES &&
	       length == json_string_length(ref);
}

static const char *
check(jv ref_body)
{
	jv tool = json_get(ref_body, "tool"), args = json_get(ref_body, "args");
	jv dry = json_get(ref_body, "dryRun");
	jv session = json_get(ref_body, "sessionKey");
	const char *problem = NULL;

	/* a dry run is asked for by its own key */
	if (!is_name(tool) || strchr(json_as_string(tool, ""), ':') != NULL)
		problem = "tool must be the name of a tool";
	else if (!json_is_null(args) && !json_is_object(args))
		problem = "args must be an object";
	else if (!json_is_null(dry) && !json_is_bool(dry))
		problem = "dryRun must be true or false";
	else if (!json_is_null(session) && !is_name(session))
		problem = "sessionKey must have 1 to 256 bytes and no control "
			  "characters";
	jv_free(tool);
	jv_free(args);
	jv_free(dry);
	jv_free(session);
	return problem;
}

static void
on_invoke(struct request *request, void *arg)
{
	struct invoker *invoker = arg;
	struct invocation *invocation;
	const char *problem;
	char ulid[ULID_SIZE];
	jv body;

	if (!request_json(request, &body))
		return;
	problem = check(body);
	if (problem != NULL) {
		request_error(request, 400, "invalid_request_error", problem);
		jv_free(body);
		return;
	}
	ulid_make(ulid);
	invocation = xcalloc(1, sizeof *invocation);
	invocation->invoker = invoker;
	invocation->request = request;
	invocation->dry = json_get_bool(body, "dryRun", false);
	invocation->id = xasprintf("tool-%s", ulid);
	invocation->session =
	    xstrdup(json_get_string(body, "sessionKey", invocation->id));
	TAILQ_INSERT_TAIL(&invoker->invocations, invocation, entry);
	request_on_gone(request, on_gone, invocation);
	invocation->waiting = wait_reply(
	    invoker->wait, invocation->id, NULL, on_reply, invocation);
	submit_turn(
	    invoker->submit, make_turn(invocation, body), on_safe, invocation);
	jv_free(body);
}

struct invoker *
invoker_new(struct server *server, struct submit *submit, struct wait *wait)
{
	struct invoker *invoker = xcalloc(1, sizeof *invoker);

	invoker->submit = submit;
	invoker->wait = wait;
	TAILQ_INIT(&invoker->invocations);
	server_add(server, &(struct route){.method = "POST",
			       .path = "/tools/invoke",
			       .need = NEED_TOKEN,
			       .handle = on_invoke,
			       .arg = invoker,
			       .work = true});
	return invoker;
}

void
invoker_free(struct invoker *invoker)
{
	if (invoker == NULL)
		return;
	while (!TAILQ_EMPTY(&invoker->invocations))
		forget(TAILQ_FIRST(&invoker->invocations));
	free(invoker);
}
