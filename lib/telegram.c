#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "json_outside.h"
#include "secret.h"
#include "telegram.h"
#include "xalloc.h"

enum {
	CONNECT_MS = 10 * 1000,
	ANSWER_MS = 30 * 1000,
	IDLE_MS = 30 * 1000,
	SENDING_MS = 120 * 1000, /* for 50 MB on a slow line */
	ANSWER_MAX = 32 << 20,   /* 100 updates at their longest: 10 MB */
	RETRY_AFTER_S = 5,       /* for a 429 that does not say */
	RETRY_AFTER_MAX_S = 24 * 3600,
};

struct telegram {
	struct http *http;
	char *root, *token;
};

struct telegram_call {
	struct http_transfer *transfer;
	char *url, *body;
	char *name; /* of the method, for messages */
	void (*done)(const struct telegram_answer *answer, void *arg);
	size_t (*read_body)(
	    void *arg, uint64_t offset, char *into, size_t size);
	void *arg;
	bool is_file;
};

struct telegram *
telegram_new(struct http *http, const char *root, char *own_token)
{
	struct telegram *telegram = xcalloc(1, sizeof *telegram);
	size_t length = strlen(root);

	while (length > 0 && root[length - 1] == '/')
		length--;
	telegram->http = http;
	telegram->root = xstrndup(root, length);
	telegram->token = own_token;
	return telegram;
}

void
telegram_free(struct telegram *telegram)
{
	if (telegram == NULL)
		return;
	secret_free(telegram->token);
	free(telegram->root);
	free(telegram);
}

static void
call_free(struct telegram_call *call)
{
	explicit_bzero(call->url, strlen(call->url));
	free(call->url);
	free(call->body);
	free(call->name);
	free(call);
}

/* ---- what came of it */

static enum telegram_outcome
outcome_of_status(int64_t code)
{
	switch (code) {
	case 401:
	case 404: return TELEGRAM_TOKEN;
	case 409: return TELEGRAM_CONFLICT;
	case 429: return TELEGRAM_FLOOD;
	default: break;
	}
	return code >= 400 && code < 500 ? TELEGRAM_REFUSED : TELEGRAM_UNKNOWN;
}

static enum telegram_outcome
outcome_of_failure(enum http_failure failure)
{
	switch (failure) {
	case HTTP_UNRESOLVED:
	case HTTP_UNREACHABLE:
	case HTTP_TIMEOUT_CONNECT: return TELEGRAM_NOT_SENT;
	case HTTP_TOO_LARGE: return TELEGRAM_REFUSED;
	default: return TELEGRAM_UNKNOWN;
	}
}

static int64_t
retry_after(jv ref_parameters, const struct http_transfer *transfer)
{
	int64_t s = json_get_int(ref_parameters, "retry_after", -1);

	if (s < 0)
		s = http_retry_after(transfer);
	if (s < 0)
		s = RETRY_AFTER_S;
	return s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S;
}

/* The answer of a method, which is JSON whatever its status. */
static void
read_answer(
    struct http_transfer *transfer, jv ref_body, struct telegram_answer *answer)
{
	answer->description = json_get_string(ref_body, "description", "");
	answer->parameters = json_get(ref_body, "parameters");
	if (json_get_bool(ref_body, "ok", false)) {
		answer->outcome = TELEGRAM_OK;
		answer->result = json_get(ref_body, "result");
		return;
	}
	answer->outcome = outcome_of_status(
	    json_get_int(ref_body, "error_code", answer->status));
	if (answer->outcome == TELEGRAM_FLOOD)
		answer->retry_after_s =
		    retry_after(answer->parameters, transfer);
}

static void
read_transfer(struct telegram_call *call, struct http_transfer *transfer,
    enum http_failure failure, jv ref_body, struct telegram_answer *answer)
{
	answer->status = http_status(transfer);
	answer->body = http_body(transfer);
	if (failure != HTTP_OK)
		answer->outcome = outcome_of_failure(failure);
	else if (call->is_file && answer->status == 200)
		answer->outcome = TELEGRAM_OK;
	else if (json_is_object(ref_body))
		read_answer(transfer, ref_body, answer);
	else if (answer->status >= 400)
		answer->outcome = outcome_of_status(answer->status);
	else
		answer->outcome = TELEGRAM_UNKNOWN;
}

static void
on_done(struct http_transfer *transfer, enum http_failure failure, void *arg)
{
	struct telegram_call *call = arg;
	struct telegram_answer answer = {.result = json_null(),
	    .parameters = json_null(),
	    .description = ""};
	const struct buf *body = http_body(transfer);
	struct buf message = {.data = NULL};
	jv value = json_null();

	if (call->done == NULL) { /* cancelled */
		call_free(call);
		return;
	}
	if (failure == HTTP_OK &&
	    !(call->is_file && http_status(transfer) == 200))
		value = json_parse_outside(buf_string(body), body->length);
	read_transfer(call, transfer, failure, value, &answer);
	buf_printf(&message, "%s: %s", call->name, http_message(transfer));
	if (failure == HTTP_OK && answer.description[0] != '\0')
		buf_printf(&message, ": %s", answer.description);
	else if (failure == HTTP_OK && !call->is_file && !json_is_object(value))
		buf_add_string(&message, ", and not with JSON");
	answer.message = buf_string(&message);
	call->done(&answer, call->arg);
	buf_free(&message);
	jv_free(answer.result);
	jv_free(answer.parameters);
	jv_free(value);
	call_free(call);
}

/* ---- asking */

static struct telegram_call *
call_new(const char *name, char *own_url,
    void (*done)(const struct telegram_answer *answer, void *arg), void *arg)
{
	struct telegram_call *call = xcalloc(1, sizeof *call);

	call->name = xstrdup(name);
	call->url = own_url;
	call->done = done;
	call->arg = arg;
	return call;
}

static size_t
on_read(void *arg, uint64_t offset, char *into, size_t size)
{
	struct telegram_call *call = arg;

	return call->read_body(call->arg, offset, into, size);
}

/* What goes out: a copy of the body, or what read_body gives. */
static size_t
set_body(struct telegram_call *call, const struct telegram_request *request)
{
	const char *body = request->body != NULL ? request->body : "{}";
	size_t length = request->body != NULL ? request->body_length : 2;

	call->read_body = request->read_body;
	if (request->read_body != NULL)
		return request->body_length;
	call->body = xmalloc(length + 1);
	memcpy(call->body, body, length);
	return length;
}

struct telegram_call *
telegram_call(struct telegram *telegram, const struct telegram_request *request)
{
	const char *type = request->content_type != NULL ? request->content_type
							 : "application/json";
	char *header = xasprintf("Content-Type: %s", type);
	const char *const headers[] = {header, NULL};
	int64_t answer_ms =
	    request->answer_ms != 0 ? request->answer_ms : ANSWER_MS;
	struct telegram_call *call = call_new(request->method,
	    xasprintf("%s/bot%s/%s", telegram->root, telegram->token,
		request->method),
	    request->done, request->arg);
	size_t length = set_body(call, request);

	call->transfer = http_start(telegram->http,
	    &(struct http_request){.method = "POST",
		.url = call->url,
		.headers = headers,
		.body = call->body,
		.body_length = length,
		.read_body = call->read_body != NULL ? on_read : NULL,
		.connect_ms = CONNECT_MS,
		.first_byte_ms = answer_ms,
		.idle_ms = IDLE_MS,
		.total_ms = answer_ms + SENDING_MS,
		.answer_max = ANSWER_MAX,
		.once = request->once,
		.fresh = request->fresh,
		.done = on_done,
		.arg = call});
	free(header);
	return call;
}

struct telegram_call *
telegram_ask(struct telegram *telegram, const struct telegram_request *request,
    jv own_params)
{
	struct telegram_request whole = *request;
	struct telegram_call *call;
	struct buf body = {.data = NULL};

	json_write(&body, own_params);
	jv_free(own_params);
	whole.body = buf_string(&body);
	whole.body_length = body.length;
	call = telegram_call(telegram, &whole);
	buf_free(&body);
	return call;
}

/* A path out of an answer becomes part of an address: nothing else of it. */
static void
add_path(struct buf *url, const char *path)
{
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if (isalnum(c) || strchr("-._~/", c) != NULL)
			buf_add_byte(url, *path);
		else
			buf_printf(url, "%%%02X", c);
	}
}

struct telegram_call *
telegram_fetch(struct telegram *telegram, const char *file_path, size_t most,
    void (*done)(const struct telegram_answer *answer, void *arg), void *arg)
{
	struct buf url = {.data = NULL};
	struct telegram_call *call;

	buf_reserve(&url, strlen(telegram->root) + strlen(telegram->token) +
			      3 * strlen(file_path) + 16);
	buf_printf(&url, "%s/file/bot%s/", telegram->root, telegram->token);
	add_path(&url, file_path);
	call = call_new("file", buf_take(&url), done, arg);
	call->is_file = true;
	call->transfer =
	    http_start(telegram->http, &(struct http_request){.method = "GET",
					   .url = call->url,
					   .connect_ms = CONNECT_MS,
					   .first_byte_ms = ANSWER_MS,
					   .idle_ms = IDLE_MS,
					   .total_ms = ANSWER_MS + SENDING_MS,
					   .answer_max = most,
					   .done = on_done,
					   .arg = call});
	return call;
}

void
telegram_cancel(struct telegram_call *call)
{
	call->done = NULL;
	http_abort(call->transfer);
}
