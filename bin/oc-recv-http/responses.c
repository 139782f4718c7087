#include <stdlib.h>
#include <string.h>
#include "answerid.h"
#include "caller.h"
#include "clock.h"
#include "completions.h"
#include "json.h"
#include "server.h"
#include "ulid.h"
#include "upstream.h"
#include "xalloc.h"

/* One request on its way. */
struct response {
	struct request *request;
	char *id, *message_id, *agent;
	jv asked; /* what of the request is repeated in the answer */
	int64_t created;
	bool stream;
	int events;      /* sent so far */
	struct buf text; /* that was streamed */
};

static void
response_free(void *arg)
{
	struct response *one = arg;

	free(one->id);
	free(one->message_id);
	free(one->agent);
	jv_free(one->asked);
	buf_free(&one->text);
	free(one);
}

/* ---- the object */

static jv
content_part(const char *text, size_t length)
{
	jv part = json_set_string(json_object(), "type", "output_text");

	part = json_set(part, "text", json_string_sized(text, length));
	return json_set(part, "annotations", json_array());
}

static jv
message(const struct response *one, const char *status, jv own_content)
{
	jv item = json_set_string(json_object(), "id", one->message_id);

	item = json_set_string(item, "type", "message");
	item = json_set_string(item, "status", status);
	item = json_set_string(item, "role", "assistant");
	return json_set(item, "content", own_content);
}

/* `own_output`: an array. */
static jv
object(const struct response *one, const char *status, jv own_output)
{
	static const char *const nulls[] = {"error", "incomplete_details",
	    "max_output_tokens", "temperature", "top_p", "usage"};
	jv body = json_copy(one->asked);

	for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
		body = json_set(body, nulls[i], json_null());
	body = json_set_string(body, "id", one->id);
	body = json_set_string(body, "object", "response");
	body = json_set_int(body, "created_at", one->created);
	body = json_set_string(body, "status", status);
	body = json_set_string(body, "model", one->agent);
	body = json_set(body, "output", own_output);
	body = json_set_bool(body, "parallel_tool_calls", true);
	body = json_set_string(body, "tool_choice", "auto");
	return json_set(body, "tools", json_array());
}

static jv
usage_of(jv ref_turn)
{
	jv told = json_get(ref_turn, "usage"), usage = json_object();
	int64_t in = json_get_int(told, "input", 0);
	int64_t out = json_get_int(told, "output", 0);

	usage = json_set_int(usage, "input_tokens", in);
	usage = json_set(usage, "input_tokens_details",
	    json_set_int(json_object(), "cached_tokens",
		json_get_int(told, "cached", 0)));
	usage = json_set_int(usage, "output_tokens", out);
	usage = json_set(usage, "output_tokens_details",
	    json_set_int(json_object(), "reasoning_tokens", 0));
	usage = json_set_int(usage, "total_tokens", in + out);
	jv_free(told);
	return usage;
}

/* The finished one. */
static jv
finished(const struct response *one, const char *text, jv ref_turn)
{
	jv cut = json_path(ref_turn, "usage.truncated"), body;
	bool whole = !json_as_bool(cut, false);
	const char *status = whole ? "completed" : "incomplete";

	body = object(one, status,
	    json_append(
		json_array(), message(one, status,
				  json_append(json_array(),
				      content_part(text, strlen(text))))));
	if (!whole)
		body = json_set(body, "incomplete_details",
		    json_set_string(
			json_object(), "reason", "max_output_tokens"));
	jv_free(cut);
	return json_set(body, "usage", usage_of(ref_turn));
}

/* ---- a stream */

static void
send_event(struct response *one, const char *type, jv own_data)
{
	struct buf line = {0};

	own_data = json_set_string(own_data, "type", type);
	own_data = json_set_int(own_data, "sequence_number", one->events++);
	buf_printf(&line, "event: %s\ndata: ", type);
	json_write(&line, own_data);
	buf_add_string(&line, "\n\n");
	(void)request_send(one->request, line.data, line.length);
	buf_free(&line);
	jv_free(own_data);
}

static jv
with_response(jv own_response)
{
	return json_set(json_object(), "response", own_response);
}

/* Where in the output it is; there is only one place. */
static jv
at_item(const struct response *one)
{
	jv data = json_set_int(json_object(), "output_index", 0);

	return json_set_string(data, "item_id", one->message_id);
}

static jv
at_part(const struct response *one)
{
	return json_set_int(at_item(one), "content_index", 0);
}

static void
begin(struct response *one)
{
	jv item;

	if (request_is_streaming(one->request))
		return;
	request_stream(one->request, "text/event-stream; charset=utf-8");
	send_event(one, "response.created",
	    with_response(object(one, "in_progress", json_array())));
	send_event(one, "response.in_progress",
	    with_response(object(one, "in_progress", json_array())));
	item = json_set_int(json_object(), "output_index", 0);
	send_event(one, "response.output_item.added",
	    json_set(item, "item", message(one, "in_progress", json_array())));
	send_event(one, "response.content_part.added",
	    json_set(at_part(one), "part", content_part("", 0)));
}

static void
on_text(const char *piece, size_t length, void *arg)
{
	struct response *one = arg;

	begin(one);
	buf_add(&one->text, piece, length);
	send_event(one, "response.output_text.delta",
	    json_set(at_part(one), "delta", json_string_sized(piece, length)));
}

/* A comment, as in a chat completion. */
static void
on_tool(jv ref_event, void *arg)
{
	struct response *one = arg;
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
	struct response *one = arg;

	if (request_is_streaming(one->request))
		(void)request_send(one->request, ": ping\n\n", 8);
	else
		begin(one);
}

static void
finish(struct response *one, jv ref_turn)
{
	const char *text;
	jv response, output, data;

	begin(one);
	text = buf_string(&one->text);
	response = finished(one, text, ref_turn);
	output = json_get(response, "output");
	send_event(one, "response.output_text.done",
	    json_set_string(at_part(one), "text", text));
	send_event(one, "response.content_part.done",
	    json_set(
		at_part(one), "part", content_part(text, one->text.length)));
	data = json_set_int(json_object(), "output_index", 0);
	send_event(one, "response.output_item.done",
	    json_set(data, "item", json_at(output, 0)));
	send_event(one,
	    strcmp(json_get_string(response, "status", ""), "completed") == 0
		? "response.completed"
		: "response.incomplete",
	    with_response(response));
	jv_free(output);
	request_end(one->request);
}

/* ---- the end */

static void
fail(struct response *one, const struct upstream_error *error)
{
	jv body, why;

	if (!request_is_streaming(one->request)) {
		if (error->status == 429 || error->status == 503)
			request_set_header(one->request, "Retry-After", "10");
		request_answer(
		    one->request, error->status, upstream_body(error));
		return;
	}
	why = json_set_string(json_object(), "code",
	    error->status == 429 ? "rate_limit_exceeded" : "server_error");
	why = json_set_string(why, "message", error->message);
	body = object(one, "failed", json_array());
	send_event(one, "response.failed",
	    with_response(json_set(body, "error", why)));
	request_end(one->request);
}

static void
on_done(jv ref_turn, void *arg)
{
	struct response *one = arg;
	struct upstream_error error;
	jv reply;

	if (upstream_error(ref_turn, &error)) {
		fail(one, &error);
	} else if (one->stream) {
		finish(one, ref_turn);
	} else {
		const char *text = upstream_reply(ref_turn, &reply);

		request_answer(
		    one->request, 200, finished(one, text, ref_turn));
		jv_free(reply);
	}
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
read_item(struct talk *talk, jv ref_item, const char **problem)
{
	const char *type = json_get_string(ref_item, "type", "message");
	const char *role = json_get_string(ref_item, "role", "");
	jv content;
	int status = 0;

	*problem = "an item of the input is no object";
	if (!json_is_object(ref_item))
		return 400;
	if (strcmp(type, "message") == 0) {
		content = json_get(ref_item, "content");
	} else if (strcmp(type, "function_call_output") == 0) {
		content = json_get(ref_item, "output");
		role = "tool";
	} else {
		return 0; /* calls and thoughts of other agents */
	}
	status = talk_add(talk, role, content, problem);
	jv_free(content);
	return status;
}

static int
read_input(struct talk *talk, jv ref_body, const char **problem)
{
	jv instructions = json_get(ref_body, "instructions");
	jv input = json_get(ref_body, "input");
	int status = 0;

	*problem = "input is a text, or an array of items; instructions a text";
	if (json_is_string(instructions))
		status = talk_add(talk, "system", instructions, problem);
	else if (!json_is_null(instructions))
		status = 400;
	if (status == 0 && json_is_string(input))
		status = talk_add(talk, "user", input, problem);
	else if (!json_is_array(input))
		status = 400;
	for (int i = 0, n = json_is_array(input) ? json_length(input) : 0;
	     i < n && status == 0; i++) {
		jv item = json_at(input, i);

		status = read_item(talk, item, problem);
		jv_free(item);
	}
	jv_free(input);
	jv_free(instructions);
	return status != 0 ? status : talk_end(talk, problem);
}

static void
start(const struct asker *asker, struct request *request,
    const struct caller *caller, const struct talk *talk, jv ref_body)
{
	static const char *const repeated[] = {
	    "instructions", "metadata", "previous_response_id", "user"};
	static const struct ask_calls streamed = {.text = on_text,
	    .tool = on_tool,
	    .tick = on_tick,
	    .done = on_done,
	    .refused = on_refused,
	    .release = response_free};
	static const struct ask_calls whole = {
	    .done = on_done, .refused = on_refused, .release = response_free};
	struct response *one;
	char ulid[ULID_SIZE];
	jv turn;

	ulid_make(ulid);
	if (!caller_turn(caller, asker, request, talk, ulid, &turn))
		return;
	one = xcalloc(1, sizeof *one);
	*one = (struct response){.request = request,
	    .id = answerid_make(ulid, caller_key(caller)),
	    .message_id = xasprintf("msg_%s", ulid),
	    .agent = xstrdup(caller->agent),
	    .asked = json_object(),
	    .created = clock_now_ms() / 1000,
	    .stream = caller->stream};
	for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++)
		one->asked = json_set(
		    one->asked, repeated[i], json_get(ref_body, repeated[i]));
	ask_start(
	    asker, request, turn, caller->stream ? &streamed : &whole, one);
}

/* The key of the session that the request goes on with; NULL: none. */
static bool
read_previous(struct request *request, jv ref_body, char **key)
{
	jv previous = json_get(ref_body, "previous_response_id");
	bool given = !json_is_null(previous);

	*key = answerid_key(json_as_string(previous, ""));
	jv_free(previous);
	if (!given || (*key != NULL && caller_knows_session(*key)))
		return true;
	caller_refuse(request, 404, "there is no such previous response");
	free(*key);
	*key = NULL;
	return false;
}

static void
on_request(struct request *request, void *arg)
{
	const struct asker *asker = arg;
	const char *problem = NULL;
	struct caller caller = {0};
	struct talk talk;
	char *key;
	int status;
	jv body;

	if (!request_json(request, &body))
		return;
	talk_init(&talk);
	if (read_previous(request, body, &key) &&
	    caller_read(&caller, request, body, key)) {
		/* what is kept can be gone on with */
		caller.once =
		    caller.once && !json_get_bool(body, "store", true);
		status = read_input(&talk, body, &problem);
		if (status != 0)
			caller_refuse(request, status, problem);
		else
			start(asker, request, &caller, &talk, body);
	}
	free(key);
	caller_free(&caller);
	talk_free(&talk);
	jv_free(body);
}

void
responses_init(struct asker *asker)
{
	server_add(asker->server, &(struct route){.method = "POST",
				      .path = "/v1/responses",
				      .need = NEED_TOKEN,
				      .handle = on_request,
				      .arg = asker,
				      .work = true});
}
