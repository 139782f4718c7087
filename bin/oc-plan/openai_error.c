#include <stdlib.h>
#include <string.h>
#include "answer.h"
#include "json.h"

/*
 * Errors of OpenAI-compatible servers: {"error":{message,type,code}},
 * {"error":"text"}, {"detail":…} (FastAPI), {"object":"error","message"}
 * (older vLLM), {"message"}, or a page of a proxy in between.
 */
struct words {
	const char *text;
	enum answer_error error;
};

/* Found in code or type. */
static const struct words code_words[] = {
    {"context_length_exceeded", ANSWER_TOO_LONG},
    {"exceed_context_size", ANSWER_TOO_LONG},
    {"insufficient_quota", ANSWER_BILLING},
    {"billing", ANSWER_BILLING},
    {"budget_exceeded", ANSWER_BILLING},
    {"invalid_api_key", ANSWER_AUTH},
    {"authentication", ANSWER_AUTH},
    {"permission", ANSWER_AUTH},
    {"model_not_found", ANSWER_NOT_FOUND},
    {"not_found_error", ANSWER_NOT_FOUND},
    {"rate_limit", ANSWER_RATE_LIMIT},
    {"overloaded", ANSWER_OVERLOADED},
    {"content_policy_violation", ANSWER_BLOCKED},
    {"content_filter", ANSWER_BLOCKED},
    {"timeout", ANSWER_TIMEOUT},
    {"invalid_request", ANSWER_BAD_REQUEST},
};

/* Found in the message, whatever the status. */
static const struct words message_words[] = {
    {"credit balance is too low", ANSWER_BILLING},
    {"budget has been exceeded", ANSWER_BILLING},
    {"insufficient_quota", ANSWER_BILLING},
    {"invalid model name", ANSWER_NOT_FOUND},
    {"try pulling it first", ANSWER_NOT_FOUND},
};

static enum answer_error
find_words(const struct words *words, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcasestr(text, words[i].text) != NULL)
			return words[i].error;
	return ANSWER_OK;
}

/* What the words say, which is more than the status does; else OK. */
static enum answer_error
error_by_words(const char *code, const char *type, const char *message)
{
	size_t count = sizeof code_words / sizeof code_words[0];
	enum answer_error error = find_words(code_words, count, code);

	if (error == ANSWER_OK || error == ANSWER_BAD_REQUEST) {
		enum answer_error by_type = find_words(code_words, count, type);

		error = by_type != ANSWER_OK ? by_type : error;
	}
	if (error == ANSWER_OK || error == ANSWER_BAD_REQUEST) {
		enum answer_error by_message = find_words(message_words,
		    sizeof message_words / sizeof message_words[0], message);

		error = by_message != ANSWER_OK ? by_message : error;
	}
	return error;
}

/* code as a number, which may be written as a string; 0 if it is a word. */
static long
code_number(jv ref_code)
{
	const char *problem;
	long number;

	if (json_is_number(ref_code))
		number = (long)json_as_int(ref_code, 0);
	else
		number = (long)strtonum(
		    json_as_string(ref_code, ""), 100, 599, &problem);
	return number >= 100 && number <= 599 ? number : 0;
}

static void
fail_with(struct answer *answer, long status, jv ref_code, const char *type,
    const char *message)
{
	const char *code = json_as_string(ref_code, "");
	long number = code_number(ref_code);
	enum answer_error error;

	if (number != 0)
		code = "";
	if (status == 0 || status == 200)
		status = number;
	error = error_by_words(code, type, message);
	/* a word never makes a rate limit of what the status says is worse */
	if (status == 429 && error != ANSWER_BILLING)
		error = ANSWER_RATE_LIMIT;
	else if (status != 429 && answer_means_too_long(message))
		error = ANSWER_TOO_LONG;
	else if (error == ANSWER_OK || error == ANSWER_BAD_REQUEST ||
		 status == 401 || status == 402 || status == 503)
		error = status != 0          ? answer_error_by_status(status)
			: error != ANSWER_OK ? error
					     : ANSWER_SERVER;
	answer_fail_http(
	    answer, error, status, code[0] != '\0' ? code : type, message);
}

/* FastAPI's detail: a string, or a list of what is wrong with the request. */
static jv
detail_message(jv ref_body)
{
	jv detail = json_get(ref_body, "detail"), first, message;

	if (!json_is_array(detail))
		return detail;
	first = json_at(detail, 0);
	message = json_get(first, "msg");
	jv_free(first);
	jv_free(detail);
	return message;
}

bool
openai_error(struct answer *answer, jv ref_body, long status)
{
	jv error = json_get(ref_body, "error"), code, message;
	bool flat =
	    strcmp(json_get_string(ref_body, "object", ""), "error") == 0;
	bool there = json_is_object(error) ? json_length(error) != 0
					   : json_string_length(error) != 0;
	const char *type;

	if (!there) {
		jv_free(error);
		if (!flat && status == 0)
			return false;
		error = json_copy(ref_body);
	}
	code = json_get(error, "code");
	type = json_get_string(error, "type", "");
	message = json_is_string(error) ? json_copy(error)
					: json_get(error, "message");
	if (!json_is_string(message)) {
		jv_free(message);
		message = detail_message(error);
	}
	if (!json_is_string(message)) { /* as it is, then */
		char *text = json_text(error);

		jv_free(message);
		message = json_string(text);
		free(text);
	}
	fail_with(answer, status, code, type, json_as_string(message, ""));
	jv_free(message);
	jv_free(code);
	jv_free(error);
	return true;
}

void
openai_failed(struct answer *answer, long status, const char *data, size_t size)
{
	jv body = answer_parse(data, size);
	jv first = json_is_array(body) ? json_at(body, 0) : json_copy(body);

	if (!json_is_object(first) || !openai_error(answer, first, status))
		answer_fail_page(answer, status, data, size);
	jv_free(first);
	jv_free(body);
}
