#include <stdlib.h>
#include <string.h>
#include "event.h"
#include "json.h"
#include "secret.h"
#include "work.h"

enum {
	ANSWER_BODY_MAX = 8 * 1024 * 1024, /* of one model's answer */
};

/* Ends the attempt's resources; the work goes on. */
void
request_end(struct work *work)
{
	answer_free(&work->answer);
	sse_free(&work->sse);
	buf_free(&work->raw);
	buf_free(&work->body);
	buf_free(&work->system);
	free(work->url);
	work->url = NULL;
	jv_free(work->prompt.conversation);
	work->prompt = (struct prompt){.conversation = json_null()};
	work->transfer = NULL;
	work->told = 0;
}

void
request_tell(struct work *work)
{
	size_t length = work->answer.text.length;

	if (length <= work->told)
		return;
	event_write(work->turn, "text",
	    json_set(json_object(), "delta",
		json_string_sized(
		    work->answer.text.data + work->told, length - work->told)));
	work->told = length;
}

static bool
on_event(void *arg, const char *type, const char *data, size_t size)
{
	struct work *work = arg;

	(void)type;
	return work->backend->provider->event(&work->answer, data, size);
}

/*
 * Whether the body is a stream of events.  Some servers name it text/plain, or
 * not at all, and some answer with JSON though a stream was asked for.
 */
static bool
is_stream(const struct work *work, const struct http_transfer *transfer)
{
	const char *type = http_header(transfer, "content-type");
	long status = http_status(transfer);

	if (status < 200 || status > 299)
		return false;
	if (type == NULL || strncasecmp(type, "text/plain", 10) == 0)
		return work->prompt.stream;
	return strncasecmp(type, "text/event-stream", 17) == 0;
}

static bool
on_body(
    struct http_transfer *transfer, const char *bytes, size_t length, void *arg)
{
	struct work *work = arg;
	bool more = true;

	if (is_stream(work, transfer)) {
		more = sse_feed(&work->sse, bytes, length, on_event, work);
		if (!more && work->answer.error == ANSWER_OK)
			answer_fail(&work->answer, ANSWER_MALFORMED,
			    "an event of the stream is too large");
		request_tell(work);
	} else {
		buf_add(&work->raw, bytes, length);
	}
	return more;
}

/* What a transfer that broke off means. */
static enum answer_error
error_of(enum http_failure failure)
{
	switch (failure) {
	case HTTP_OK: return ANSWER_OK;
	case HTTP_UNRESOLVED:
	case HTTP_UNREACHABLE:
	case HTTP_TIMEOUT_CONNECT: return ANSWER_CONNECT;
	case HTTP_TIMEOUT_FIRST_BYTE:
	case HTTP_TIMEOUT_IDLE:
	case HTTP_TIMEOUT_TOTAL: return ANSWER_TIMEOUT;
	case HTTP_RESET: return ANSWER_RESET;
	case HTTP_CUT: return ANSWER_CUT;
	case HTTP_TOO_LARGE: return ANSWER_MALFORMED;
	case HTTP_ABORTED: return ANSWER_STOPPED;
	}
	return ANSWER_MALFORMED;
}

static void
read_answer(struct work *work, enum http_failure failure)
{
	const struct provider *provider = work->backend->provider;
	struct answer *answer = &work->answer;
	long status = http_status(work->transfer);
	int64_t retry_after = http_retry_after(work->transfer);

	if (answer->error != ANSWER_OK)
		return; /* an event of the stream told it */
	if (http_repeated(work->transfer))
		work->retried = true; /* as good as a retry of ours */
	/* when all was said, it does not matter how the connection ended */
	if (answer->finished && failure != HTTP_ABORTED)
		failure = HTTP_OK;
	if (failure != HTTP_OK) {
		answer_fail(answer, error_of(failure), "%s",
		    http_message(work->transfer));
	} else if (status < 200 || status > 299) {
		provider->failed(
		    answer, status, buf_string(&work->raw), work->raw.length);
		if (answer->retry_after_ms < 0 && retry_after >= 0)
			answer->retry_after_ms = retry_after * 1000;
	} else if (is_stream(work, work->transfer)) {
		provider->end(answer);
		request_tell(work);
	} else {
		provider->whole(
		    answer, buf_string(&work->raw), work->raw.length);
		request_tell(work);
	}
}

static void
on_done(struct http_transfer *transfer, enum http_failure failure, void *arg)
{
	struct work *work = arg;
	long status = http_status(transfer);

	read_answer(work, failure);
	work->transfer = NULL;
	if (work->answer.error != ANSWER_OK) {
		answer_scrub(&work->answer, work->backend->key);
		attempt_failed(work, status);
		return;
	}
	breaker_succeeded(work->planner->breaker, work->name);
	attempt_succeeded(work);
}

static void
send_request(struct work *work)
{
	struct planner *planner = work->planner;
	const struct config *config = planner->config;
	const struct backend *backend = work->backend;
	int64_t call_ms = config_int(config, "limits.call_s") * 1000;
	char *auth = backend->key != NULL
			 ? backend->provider->auth_header(backend->key)
			 : NULL;
	const char *headers[] = {"Content-Type: application/json", auth, NULL};
	struct http_request request;

	work->url = backend->provider->url(backend->base_url, &work->prompt);
	request = (struct http_request){
	    .method = "POST",
	    .url = work->url,
	    .headers = headers,
	    .body = work->body.data,
	    .body_length = work->body.length,
	    .connect_ms = config_int(config, "limits.connect_s") * 1000,
	    .first_byte_ms = config_int(config, "limits.first_byte_s") * 1000,
	    .idle_ms = config_int(config, "limits.idle_s") * 1000,
	    .total_ms = call_ms,
	    .answer_max = ANSWER_BODY_MAX,
	    .once = work->retried,
	    .on_body = on_body,
	    .done = on_done,
	    .arg = work,
	};

	/* without a stream the first byte comes when all is thought */
	if (!work->prompt.stream)
		request.first_byte_ms = call_ms;
	event_write(work->turn, "attempt",
	    json_set_string(json_object(), "model", work->name));
	work->transfer = http_start(planner->http, &request);
	secret_free(auth);
}

/*
 * How much of the history goes along: what fits beside the rest into half of
 * the model's window, at about four bytes a token, where that is known.
 */
static size_t
history_bytes(jv ref_model)
{
	enum { UNKNOWN = 96 * 1024, MOST = 1024 * 1024, A_TOKEN = 4 };
	int64_t context = json_get_int(ref_model, "context", 0);

	if (context <= 0)
		return UNKNOWN;
	if (context > 2 * MOST / A_TOKEN)
		return MOST;
	return (size_t)(context * A_TOKEN / 2);
}

/* The system prompt, and after it what the caller wants of this turn. */
static const char *
system_of(struct work *work)
{
	const char *system = workspace_system(work->planner->workspace);
	const char *more = json_get_string(work->turn, "instructions", "");

	if (*more == '\0')
		return system;
	buf_clear(&work->system);
	buf_printf(&work->system, "%s\n\n%s", system, more);
	return buf_string(&work->system);
}

static void
make_prompt(struct work *work, const char *model)
{
	struct planner *planner = work->planner;
	jv models = config_get(planner->config, "models");
	jv entry = json_get(models, work->name);

	work->prompt = (struct prompt){
	    .model = model,
	    .system = system_of(work),
	    .conversation = history_conversation(
		work->turn, history_bytes(entry), work->shorten),
	    .tools = planner->tools,
	    .images = !work->no_images &&
		      attempt_takes_images(planner->config, work->name),
	    .stream = work->backend->stream,
	    .max_output = json_get_int(entry, "max_output", 0),
	};
	jv_free(entry);
	jv_free(models);
	answer_expect(&work->answer, &work->prompt);
}

/* The body; false when it is too large, also without the images. */
static bool
make_body(struct work *work, const char **problem)
{
	const struct provider *provider = work->backend->provider;

	if (provider->body(&work->body, &work->prompt, problem))
		return true;
	if (!work->prompt.images)
		return false;
	buf_clear(&work->body);
	work->no_images = true;
	work->prompt.images = false;
	return provider->body(&work->body, &work->prompt, problem);
}

void
request_start(struct work *work, const char *model)
{
	const char *problem = NULL;
	bool made;

	make_prompt(work, model);
	made = make_body(work, &problem);
	jv_free(work->prompt.conversation);
	work->prompt.conversation = json_null();
	if (made && work->shorten > 0 && work->body.length >= work->sent) {
		/* nothing was left to leave out: not the same once more */
		made = false;
		work->shorten = SHORTEN_MAX;
		problem = "the request is too long for the model, and there "
			  "is nothing left to leave out";
	}
	work->sent = work->body.length;
	if (made) {
		send_request(work);
		return;
	}
	answer_fail(&work->answer, ANSWER_TOO_LONG, "%s", problem);
	attempt_failed(work, 0);
}
