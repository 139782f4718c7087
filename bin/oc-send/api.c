#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "api.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "secret.h"
#include "telegram.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	ERROR_MAX = 300, /* of a description that is kept */
	/*
	 * A server closes idle connections, and a request that is lost to
	 * that would count as one that may have arrived: after so long a new
	 * connection is made instead.
	 */
	IDLE_MS = 20 * 1000,
};

struct api {
	const struct config *config;
	struct http *http;
	struct telegram *telegram;
	char *token;  /* belongs to telegram */
	int64_t used; /* when an answer last came */
};

struct api_call {
	struct api *api;
	struct upload *upload;
	struct telegram_call *call;
	void (*done)(void *arg, const struct api_answer *answer);
	void *arg;
};

struct api *
api_new(const struct config *config)
{
	struct api *api = xcalloc(1, sizeof *api);

	api->token = secret_take("TELEGRAM_BOT_TOKEN");
	if (api->token == NULL)
		fatal(EX_CONFIG, "TELEGRAM_BOT_TOKEN is not set; it or "
				 "TELEGRAM_BOT_TOKEN_FILE must be");
	api->config = config;
	api->http = http_new();
	api->telegram = telegram_new(api->http,
	    config_string(config, "channels.telegram.api_root"), api->token);
	return api;
}

void
api_free(struct api *api)
{
	if (api == NULL)
		return;
	telegram_free(api->telegram);
	http_free(api->http);
	free(api);
}

struct http *
api_http(const struct api *api)
{
	return api->http;
}

bool
api_error_says(const struct api_answer *answer, const char *words)
{
	return strcasestr(answer->error, words) != NULL;
}

static enum api_outcome
outcome_of(const struct telegram_answer *answer)
{
	switch (answer->outcome) {
	case TELEGRAM_OK: return API_OK;
	case TELEGRAM_TOKEN: return API_BAD_TOKEN;
	case TELEGRAM_FLOOD: return API_WAIT;
	case TELEGRAM_NOT_SENT: return API_NOT_SENT;
	case TELEGRAM_REFUSED:
	case TELEGRAM_CONFLICT: return API_REFUSED;
	case TELEGRAM_UNKNOWN: break;
	}
	return answer->status >= 500 ? API_SERVER : API_MAYBE;
}

/* The server's words, cut, and without the token should it repeat it. */
static char *
describe(const struct api *api, const struct telegram_answer *answer)
{
	const char *text = *answer->description != '\0' ? answer->description
							: answer->message;
	size_t token = strlen(api->token);
	struct buf out = {0};

	while (*text != '\0' && out.length < ERROR_MAX) {
		if (strncmp(text, api->token, token) == 0) {
			buf_add_string(&out, "(token)");
			text += token;
		} else {
			buf_add_byte(&out, *text++);
		}
	}
	if (*text != '\0')
		buf_truncate(
		    &out, utf8_floor(out.data, out.length, out.length - 1));
	return buf_take(&out);
}

/* As text, whichever way the number is written; the caller frees it. */
static char *
new_id_of(jv ref_parameters)
{
	jv id = json_get(ref_parameters, "migrate_to_chat_id");
	char *text = NULL;

	if (json_is_string(id))
		text = xstrdup(json_as_string(id, ""));
	else if (json_is_number(id))
		text = json_text(id);
	jv_free(id);
	return text;
}

static void
call_free(struct api_call *call)
{
	upload_free(call->upload);
	free(call);
}

static void
on_done(const struct telegram_answer *from, void *arg)
{
	struct api_call *call = arg;
	struct api_answer answer = {.outcome = outcome_of(from),
	    .result = from->result,
	    .error = "",
	    .wait_ms = from->retry_after_s * 1000};
	char *error = NULL, *new_id = new_id_of(from->parameters);

	if (from->status != 0)
		call->api->used = clock_mono_ms();
	if (answer.outcome != API_OK)
		answer.error = error = describe(call->api, from);
	answer.new_id = new_id;
	call->done(call->arg, &answer);
	free(error);
	free(new_id);
	call_free(call);
}

static size_t
read_upload(void *arg, uint64_t offset, char *into, size_t size)
{
	struct api_call *call = arg;

	return upload_read(call->upload, offset, into, size);
}

static void
add_fields(struct upload *upload, jv ref_params)
{
	struct json_iter iter = {0};
	const char *key;
	jv value;

	while (json_next(&iter, ref_params, &key, &value)) {
		char *text = json_is_string(value)
				 ? xstrdup(json_as_string(value, ""))
				 : json_text(value);

		upload_field(upload, key, text);
		free(text);
		jv_free(value);
	}
	upload_end(upload);
}

struct api_call *
api_start(struct api *api, const char *method, jv own_params,
    struct upload *own_upload,
    void (*done)(void *arg, const struct api_answer *answer), void *arg)
{
	struct api_call *call = xcalloc(1, sizeof *call);
	struct telegram_request request = {
	    .method = method,
	    .answer_ms = config_int(api->config, "limits.first_byte_s") * 1000,
	    .fresh = clock_mono_ms() - api->used > IDLE_MS,
	    .once = true,
	    .done = on_done,
	    .arg = call,
	};

	call->api = api;
	call->upload = own_upload;
	call->done = done;
	call->arg = arg;
	if (own_upload == NULL) {
		call->call = telegram_ask(api->telegram, &request, own_params);
		return call;
	}
	add_fields(own_upload, own_params);
	jv_free(own_params);
	request.content_type = upload_type(own_upload);
	request.read_body = read_upload;
	request.body_length = upload_length(own_upload);
	call->call = telegram_call(api->telegram, &request);
	return call;
}

void
api_cancel(struct api_call *call)
{
	telegram_cancel(call->call);
	call_free(call);
}
