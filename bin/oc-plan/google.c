#include <stdlib.h>
#include <string.h>
#include "answer.h"
#include "json.h"
#include "xalloc.h"

/*
 * Google's Generative Language API: URL, key, answers.  The request's body is
 * made in google_body.c.
 */
enum {
	RETRY_MAX_S = 24 * 60 * 60, /* no delay that is told is longer */
};

/* A model's name in a URL: all but unreserved characters and : encoded. */
static void
add_encoded(struct buf *out, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~:";

	for (; *text != '\0'; text++) {
		if (strchr(plain, *text) != NULL)
			buf_add_byte(out, *text);
		else
			buf_printf(out, "%%%02X", (unsigned char)*text);
	}
}

static char *
google_url(const char *base_url, const struct prompt *prompt)
{
	static const char tuned[] = "tunedModels/";
	const char *model = prompt->model;
	struct buf url = {0};

	buf_printf(&url, "%s/", base_url);
	if (strncmp(model, tuned, strlen(tuned)) == 0) {
		buf_add_string(&url, tuned);
		model += strlen(tuned);
	} else {
		buf_add_string(&url, "models/");
	}
	add_encoded(&url, model);
	buf_add_string(&url, prompt->stream ? ":streamGenerateContent?alt=sse"
					    : ":generateContent");
	return buf_take(&url);
}

static char *
google_auth_header(const char *key)
{
	return xasprintf("x-goog-api-key: %s", key);
}

/* "17s" or "1.250s" in milliseconds, or -1. */
static int64_t
duration_ms(const char *text)
{
	int64_t ms = 0, unit = 100;

	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9' && ms <= RETRY_MAX_S; text++)
		ms = ms * 10 + (*text - '0');
	if (ms > RETRY_MAX_S)
		return (int64_t)RETRY_MAX_S * 1000;
	ms *= 1000;
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++) {
			ms += (*text - '0') * unit;
			unit /= 10;
		}
	return *text == 's' ? ms : -1;
}

/* Looks through an error's details; true if the key is what is wrong. */
static bool
read_details(struct answer *answer, jv ref_error)
{
	jv details = json_get(ref_error, "details");
	bool bad_key = false;

	for (int i = 0, n = json_length(details); i < n; i++) {
		jv detail = json_at(details, i);
		const char *delay = json_get_string(detail, "retryDelay", NULL);

		if (delay != NULL)
			answer->retry_after_ms = duration_ms(delay);
		if (strcmp(json_get_string(detail, "reason", ""),
			"API_KEY_INVALID") == 0)
			bad_key = true;
		jv_free(detail);
	}
	jv_free(details);
	return bad_key;
}

/*
 * "check your plan and billing details" stands in every 429, so there only
 * words that mean an empty account count.
 */
static bool
means_billing(long status, const char *message)
{
	if (strcasestr(message, "credits are depleted") != NULL)
		return true;
	return status != 429 && strcasestr(message, "billing") != NULL;
}

static void
fail_with(struct answer *answer, jv ref_error, long status)
{
	const char *message = json_get_string(ref_error, "message", "");
	const char *name = json_get_string(ref_error, "status", "");
	bool bad_key = read_details(answer, ref_error);
	enum answer_error error;

	if (status == 0 || status == 200)
		status = (long)json_get_int(ref_error, "code", 500);
	error = answer_error_by_status(status);
	if (status >= 400 && status < 500 && means_billing(status, message))
		error = ANSWER_BILLING;
	else if (bad_key || strcasestr(message, "API key not valid") != NULL ||
		 strcasestr(message, "API key expired") != NULL)
		error = ANSWER_AUTH;
	else if (status != 429 && answer_means_too_long(message))
		error = ANSWER_TOO_LONG;
	answer_fail_http(answer, error, status, name, message);
}

/* The error object of a body, which may stand in an array; else null. */
static jv
error_of(jv ref_body)
{
	jv first = json_is_array(ref_body) ? json_at(ref_body, 0)
					   : json_copy(ref_body);
	jv error = json_get(first, "error");

	jv_free(first);
	return error;
}

static void
google_failed(struct answer *answer, long status, const char *data, size_t size)
{
	jv body = answer_parse(data, size);
	jv error = error_of(body);

	if (json_is_object(error))
		fail_with(answer, error, status);
	else
		answer_fail_page(answer, status, data, size);
	jv_free(error);
	jv_free(body);
}

/* Adds one part to those that go back; false when they are too many. */
static bool
keep_part(struct answer *answer, jv ref_part)
{
	struct buf *parts = &answer->state->parts;

	if (parts->length != 0)
		buf_add_byte(parts, ',');
	json_write(parts, ref_part);
	if (parts->length <= ANSWER_EXTRA_MAX)
		return true;
	answer_fail(answer, ANSWER_MALFORMED,
	    "the answer's parts are longer than %d bytes", ANSWER_EXTRA_MAX);
	return false;
}

/*
 * The text that came since the last part of another sort, as one part: text
 * comes in many small ones, and only those with a signature must stay apart.
 */
static bool
keep_text(struct answer *answer)
{
	size_t mark = answer->state->mark, length = answer->text.length - mark;
	jv part;
	bool kept;

	if (length == 0)
		return true;
	part = json_set(json_object(), "text",
	    json_string_sized(answer->text.data + mark, length));
	kept = keep_part(answer, part);
	jv_free(part);
	answer->state->mark = answer->text.length;
	return kept;
}

static bool
take_call(struct answer *answer, jv ref_part)
{
	jv call = json_get(ref_part, "functionCall");
	bool ok = answer_add_call(answer, json_get_string(call, "id", ""),
	    json_get_string(call, "name", ""), json_get(call, "args"), NULL);

	jv_free(call);
	answer->state->keep_parts = true;
	return ok && keep_text(answer) && keep_part(answer, ref_part);
}

static bool
take_part(struct answer *answer, jv ref_part)
{
	jv text = json_get(ref_part, "text");
	bool is_text = json_is_string(text);
	bool thought = json_get_bool(ref_part, "thought", false);
	bool is_signed = json_has(ref_part, "thoughtSignature"), ok = true;

	if (json_has(ref_part, "functionCall")) {
		ok = take_call(answer, ref_part);
	} else if (is_signed) {
		ok = keep_text(answer) && keep_part(answer, ref_part);
		answer->state->keep_parts = true;
	}
	if (ok && is_text && !thought) {
		ok = answer_add_text(
		    answer, json_as_string(text, ""), json_string_length(text));
		if (is_signed)
			answer->state->mark = answer->text.length;
	}
	jv_free(text);
	return ok;
}

/* What an answer ended for: true when it is a good end, or none. */
static bool
take_finish(struct answer *answer, jv ref_candidate)
{
	static const char *const blocked[] = {"SAFETY", "RECITATION",
	    "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
	    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"};
	const char *reason = json_get_string(ref_candidate, "finishReason", "");
	const char *message =
	    json_get_string(ref_candidate, "finishMessage", "");
	enum answer_error error = ANSWER_MALFORMED;

	if (reason[0] == '\0' ||
	    strcmp(reason, "FINISH_REASON_UNSPECIFIED") == 0)
		return true;
	answer->finished = true;
	answer->truncated = strcmp(reason, "MAX_TOKENS") == 0;
	if (answer->truncated || strcmp(reason, "STOP") == 0)
		return true;
	for (size_t i = 0; i < sizeof blocked / sizeof blocked[0]; i++)
		if (strcmp(reason, blocked[i]) == 0)
			error = ANSWER_BLOCKED;
	answer_fail(answer, error, "the model ended with %s%s%s", reason,
	    message[0] != '\0' ? ": " : "", message);
	return false;
}

static void
take_usage(struct answer *answer, jv ref_usage)
{
	int64_t output;

	if (!json_is_object(ref_usage))
		return;
	answer->thoughts = json_get_int(ref_usage, "thoughtsTokenCount", 0);
	answer->cached = json_get_int(ref_usage, "cachedContentTokenCount", 0);
	answer->input =
	    json_get_int(ref_usage, "promptTokenCount", answer->input);
	output = json_get_int(ref_usage, "candidatesTokenCount", 0);
	answer->output = output + answer->thoughts;
}

/* One response object: an event of a stream, or a whole answer. */
static bool
take_response(struct answer *answer, jv ref)
{
	jv error = json_get(ref, "error");
	jv reason = json_path(ref, "promptFeedback.blockReason");
	jv usage = json_get(ref, "usageMetadata");
	jv candidates = json_get(ref, "candidates");
	jv candidate = json_at(candidates, 0);
	jv parts = json_path(candidate, "content.parts");
	bool ok = false;

	take_usage(answer, usage);
	if (!json_is_object(ref)) {
		answer_fail(answer, ANSWER_MALFORMED,
		    "the answer is not a JSON object");
	} else if (json_is_object(error)) {
		fail_with(answer, error, 0);
	} else if (json_is_string(reason)) {
		answer_fail(answer, ANSWER_BLOCKED,
		    "the prompt was blocked: %s", json_as_string(reason, ""));
	} else {
		ok = true;
		for (int i = 0, n = json_length(parts); i < n && ok; i++) {
			jv part = json_at(parts, i);

			ok = take_part(answer, part);
			jv_free(part);
		}
		ok = ok && take_finish(answer, candidate);
	}
	jv_free(parts);
	jv_free(candidate);
	jv_free(candidates);
	jv_free(usage);
	jv_free(reason);
	jv_free(error);
	return ok;
}

static bool
google_event(struct answer *answer, const char *data, size_t size)
{
	jv response;
	bool ok;

	if (size == 0)
		return true;
	response = answer_parse(data, size);
	ok = take_response(answer, response);
	jv_free(response);
	return ok;
}

static void
google_end(struct answer *answer)
{
	struct buf *parts = &answer->state->parts;
	jv value;

	if (answer->error == ANSWER_OK && answer->state->keep_parts &&
	    keep_text(answer)) {
		struct buf array = {0};

		buf_add_byte(&array, '[');
		buf_add(&array, parts->data, parts->length);
		buf_add_byte(&array, ']');
		value = json_parse(array.data, array.length, NULL);
		if (json_is_valid(value))
			answer->extra = json_set(answer->extra, "google",
			    json_set(json_object(), "parts", value));
		buf_free(&array);
	}
	answer_finish(answer);
}

static void
google_whole(struct answer *answer, const char *data, size_t size)
{
	jv body = answer_parse(data, size);
	bool ok = true;

	if (json_is_array(body)) { /* a stream that was not asked for as SSE */
		for (int i = 0, n = json_length(body); i < n && ok; i++) {
			jv response = json_at(body, i);

			ok = take_response(answer, response);
			jv_free(response);
		}
	} else {
		ok = take_response(answer, body);
	}
	jv_free(body);
	/* it came as a whole, so it has not been cut */
	answer->finished = answer->finished || ok;
	google_end(answer);
}

const struct provider provider_google = {
    .kind = "google",
    .url = google_url,
    .auth_header = google_auth_header,
    .body = google_body,
    .event = google_event,
    .end = google_end,
    .whole = google_whole,
    .failed = google_failed,
};
