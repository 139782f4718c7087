#include <stdlib.h>
#include <string.h>
#include "ask.h"
#include "caller.h"
#include "clock.h"
#include "completions.h"
#include "json.h"
#include "server.h"
#include "ulid.h"
#include "upstream.h"
#include "xalloc.h"

/* One request on its way. */
struct completion {
	struct request *request;
	char *id, *agent;
	int64_t created; /* seconds since the epoch */
	bool stream, wants_usage;
};

static void
completion_free(void *arg)
{
	struct completion *one = arg;

	free(one->id);
	free(one->agent);
	free(one);
}

/* ---- what both kinds of answers have */

static jv
envelope(const struct completion *one, const char *object)
{
	jv body = json_set_string(json_object(), "id", one->id);

	body = json_set_string(body, "object", object);
	body = json_set_int(body, "created", one->created);
	return json_set_string(body, "model", one->agent);
}

static jv
usage_of(jv ref_turn)
{
	jv told = json_get(ref_turn, "usage"), usage = json_object();
	int64_t in = json_get_int(told, "input", 0);
	int64_t out = json_get_int(told, "output", 0);

	usage = json_set_int(usage, "prompt_tokens", in);
	usage = json_set_int(usage, "completion_tokens", out);
	usage = json_set_int(usage, "total_tokens", in + out);
	usage = json_set(usage, "prompt_tokens_details",
	    json_set_int(json_object(), "cached_tokens",
		json_get_int(told, "cached", 0)));
	jv_free(told);
	return usage;
}

static const char *
finish_reason(jv ref_turn)
{
	jv cut = json_path(ref_turn, "usage.truncated");
	jv error = json_get(ref_turn, "error");
	bool limited = json_as_bool(cut, false) || json_is_object(error);

	jv_free(error);
	jv_free(cut);
	return limited ? "length" : "stop";
}

/* ---- a whole answer */

static void
answer(struct completion *one, jv ref_turn)
{
	jv reply, model = json_path(ref_turn, "usage.model");
	jv message = json_set_string(json_object(), "role", "assistant");
	jv choice = json_set_int(json_object(), "index", 0), body;

	message = json_set_string(
	    message, "content", upstream_reply(ref_turn, &reply));
	message = json_set(message, "refusal", json_null());
	choice = json_set(choice, "message", message);
	choice = json_set(choice, "logprobs", json_null());
	choice =
	    json_set_string(choice, "finish_reason", finish_reason(ref_turn));
	body = envelope(one, "chat.completion");
	body = json_set(body, "choices", json_append(json_array(), choice));
	body = json_set(body, "usage", usage_of(ref_turn));
	if (json_is_string(model))
		request_set_header(one->request, "X-OpenClaw-Model",
		    json_as_string(model, ""));
	request_answer(one->request, 200, body);
	jv_free(model);
	jv_free(reply);
}

/* ---- a stream */

static void
send_data(struct completion *one, jv own_data)
{
	struct buf line = {0};

	buf_add_string(&line, "data: ");
	json_write(&line, own_data);
	buf_add_string(&line, "\n\n");
	(void)request_send(one->request, line.data, line.length);
	buf_free(&line);
	jv_free(own_data);
}

static void
send_delta(struct completion *one, jv own_delta, const char *reason)
{
	jv choice = json_set_int(json_object(), "index", 0), body;

	choice = json_set(choice, "delta", own_delta);
	choice = json_set(choice, "finish_reason",
	    reason != NULL ? json_string(reason) : json_null());
	body = envelope(one, "chat.completion.chunk");
	body = json_set(body, "choices", json_append(json_array(), choice));
	if (one->wants_usage)
		body = json_set(body, "usage", json_null());
	send_data(one, body);
}

static void
begin(struct completion *one)
{
	jv delta;

	if (request_is_streaming(one->request))
		return;
	request_stream(one->request, "text/event-stream; charset=utf-8");
	delta = json_set_string(json_object(), "role", "assistant");
	send_delta(one, json_set_string(delta, "content", ""), NULL);
}

static void
end_stream(struct completion *one)
{
	static const char done[] = "data: [DONE]\n\n";

	(void)request_send(one->request, done, sizeof done - 1);
	request_end(one->request);
}

static void
on_text(const char *piece, size_t length, void *arg)
{
	struct completion *one = arg;

	begin(one);
	send_delta(one,
	    json_set(
		json_object(), "content", json_string_sized(piece, length)),
	    NULL);
}

/*
 * As a comment, which every reader of such streams skips; an event of another
 * name would be handed to the program by OpenAI's own client.
 */
static void
on_tool(jv ref_event, void *arg)
{
	struct completion *one = arg;
	struct buf line = {0};

	begin(one);
	buf_add_string(&line, ": openclaw.tool ");
	json_write(&line, ref_event);
	buf_add_string(&line, "\n\n");
	(void)request_send(one->request, line.data, line.length);
	buf_free(&line);
}

static void
on_tick(void *arg)
{
	struct completion *one = arg;

	if (request_is_streaming(one->request))
		(void)request_send(one->request, ": ping\n\n", 8);
	else
		begin(one);
}

static void
finish(struct completion *one, jv ref_turn)
{
	begin(one);
	send_delta(one, json_object(), finish_reason(ref_turn));
	if (one->wants_usage) {
		jv body = envelope(one, "chat.completion.chunk");

		body = json_set(body, "choices", json_array());
		send_data(one, json_set(body, "usage", usage_of(ref_turn)));
	}
	end_stream(one);
}

/* ---- the end */

static void
fail(struct completion *one, const struct upstream_error *error)
{
	if (request_is_streaming(one->request)) {
		send_data(one, upstream_body(error));
		end_stream(one);
		return;
	}
	if (error->status == 429 || error->status == 503)
		request_set_header(one->request, "Retry-After", "10");
	request_answer(one->request, error->status, upstream_body(error));
}

static void
on_done(jv ref_turn, void *arg)
{
	struct completion *one = arg;
	struct upstream_error error;

	if (upstream_error(ref_turn, &error))
		fail(one, &error);
	else if (one->stream)
		finish(one, ref_turn);
	else
		answer(one, ref_turn);
}

static void
on_refused(void *arg)
{
	static const struct upstream_error full = {503, "api_error",
	    "the message could not be kept: the disk is full or slow"};

	fail(arg, &full);
}

/* ---- the request */

static int
read_messages(struct talk *talk, jv ref_body, const char **problem)
{
	jv messages = json_get(ref_body, "messages");
	int status = 0;

	*problem = "messages is an array of objects";
	if (!json_is_array(messages))
		status = 400;
	for (int i = 0, n = json_length(messages); i < n && status == 0; i++) {
		jv one = json_at(messages, i), content;

		content = json_get(one, "content");
		status = talk_add(
		    talk, json_get_string(one, "role", ""), content, problem);
		jv_free(content);
		jv_free(one);
	}
	jv_free(messages);
	return status != 0 ? status : talk_end(talk, problem);
}

static void
start(const struct asker *asker, struct request *request,
    const struct caller *caller, const struct talk *talk)
{
	static const struct ask_calls streamed = {.text = on_text,
	    .tool = on_tool,
	    .tick = on_tick,
	    .done = on_done,
	    .refused = on_refused,
	    .release = completion_free};
	static const struct ask_calls whole = {
	    .done = on_done, .refused = on_refused, .release = completion_free};
	struct completion *one;
	char ulid[ULID_SIZE];
	jv turn;

	ulid_make(ulid);
	if (!caller_turn(caller, asker, request, talk, ulid, &turn))
		return;
	one = xcalloc(1, sizeof *one);
	*one = (struct completion){.request = request,
	    .id = xasprintf("chatcmpl-%s", ulid),
	    .agent = xstrdup(caller->agent),
	    .created = clock_now_ms() / 1000,
	    .stream = caller->stream,
	    .wants_usage = caller->wants_usage};
	ask_start(
	    asker, request, turn, caller->stream ? &streamed : &whole, one);
}

static void
on_request(struct request *request, void *arg)
{
	const struct asker *asker = arg;
	const char *problem = NULL;
	struct caller caller;
	struct talk talk;
	int status;
	jv body;

	if (!request_json(request, &body))
		return;
	talk_init(&talk);
	if (caller_read(&caller, request, body, NULL)) {
		status = read_messages(&talk, body, &problem);
		if (status != 0)
			caller_refuse(request, status, problem);
		else
			start(asker, request, &caller, &talk);
	}
	caller_free(&caller);
	talk_free(&talk);
	jv_free(body);
}

void
completions_init(struct asker *asker)
{
	server_add(asker->server, &(struct route){.method = "POST",
				      .path = "/v1/chat/completions",
				      .need = NEED_TOKEN,
				      .handle = on_request,
				      .arg = asker,
				      .work = true});
}
