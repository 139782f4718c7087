#ifndef OC_FUZZ_PROVIDER_H
#define OC_FUZZ_PROVIDER_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "../../../bin/oc-plan/answer.h"
#include "json.h"
#include "utf8.h"

/*
 * The first byte of an input says what the rest is: events of a stream, one a
 * line ('e'), a whole answer ('w'), or the body of an error with one of the
 * statuses ('0' and on).
 */
static const long fuzz_status[] = {
    400, 401, 402, 403, 404, 413, 422, 429, 500, 503};

static inline void
fuzz_feed(const struct provider *provider, struct answer *answer,
    const char *text, size_t size)
{
	bool more = true;

	while (size > 0 && more) {
		const char *end = memchr(text, '\n', size);
		size_t length = end != NULL ? (size_t)(end - text) : size;

		more = provider->event(answer, text, length);
		assert(more == (answer->error == ANSWER_OK));
		text += length + (length < size);
		size -= length + (length < size);
	}
	provider->end(answer);
}

static inline void
fuzz_check(const struct answer *answer)
{
	const char *text = buf_string(&answer->text);
	int calls = json_length(answer->calls);

	assert(utf8_valid(text, answer->text.length));
	assert(answer->text.length <= ANSWER_TEXT_MAX);
	assert(json_is_array(answer->calls) && calls <= ANSWER_CALLS_MAX);
	assert(json_is_object(answer->extra));
	if (answer->error == ANSWER_OK) {
		assert(answer->finished && answer->message == NULL);
		assert(calls != 0 || answer->text.length != 0);
	} else {
		assert(answer->message != NULL);
		assert(strlen(answer->message) <= ANSWER_MESSAGE_MAX);
		assert(utf8_valid(answer->message, strlen(answer->message)));
	}
	for (int i = 0; i < calls; i++) {
		jv call = json_at(answer->calls, i);
		jv args = json_get(call, "args");

		assert(json_get_string(call, "id", "")[0] != '\0');
		assert(json_get_string(call, "name", "")[0] != '\0');
		assert(json_is_object(args));
		jv_free(args);
		jv_free(call);
	}
}

/* The answer as a step of the conversation makes a body that is JSON. */
static inline void
fuzz_body(const struct provider *provider, struct answer *answer, jv ref_extra)
{
	struct prompt prompt = {.model = "m", .system = "s"};
	struct json_iter iter = {0};
	struct buf out = {0};
	const char *problem, *key;
	jv step = json_object(), value;

	step = json_set_string(step, "role", "assistant");
	step = json_set(step, "text",
	    json_string_sized(buf_string(&answer->text), answer->text.length));
	step = json_set(step, "calls", json_copy(answer->calls));
	while (json_next(&iter, ref_extra, &key, &value))
		step = json_set(step, key, value);
	prompt.conversation = json_append(json_array(), step);
	prompt.tools = json_array();
	if (provider->body(&out, &prompt, &problem))
		assert(json_check(out.data, out.length) == NULL);
	buf_free(&out);
	jv_free(prompt.conversation);
	jv_free(prompt.tools);
}

/* The input as a tool's parameters. */
static inline void
fuzz_schema(const char *text, size_t size)
{
	struct buf out = {0};
	jv schema = answer_parse(text, size);

	if (json_is_valid(schema) && google_schema(&out, schema))
		assert(json_check(out.data, out.length) == NULL);
	jv_free(schema);
	buf_free(&out);
}

static inline void
fuzz_provider(const struct provider *provider, const uint8_t *data, size_t size)
{
	static const char declared[] =
	    "[{\"name\":\"exec\"},{\"name\":\"list_files\"}]";
	size_t count = sizeof fuzz_status / sizeof fuzz_status[0];
	const char *text = (const char *)data + 1;
	struct prompt prompt = {.conversation = json_null()};
	struct answer answer;

	if (size == 0)
		return;
	prompt.tools = json_parse(declared, strlen(declared), NULL);
	answer_init(&answer);
	answer_expect(&answer, &prompt);
	jv_free(prompt.tools);
	if (data[0] == 'e')
		fuzz_feed(provider, &answer, text, size - 1);
	else if (data[0] == 'w')
		provider->whole(&answer, text, size - 1);
	else if (data[0] == 's')
		fuzz_schema(text, size - 1);
	else
		provider->failed(&answer,
		    fuzz_status[(data[0] - (size_t)'0') % count], text,
		    size - 1);
	if (data[0] != 's')
		fuzz_check(&answer);
	answer_scrub(&answer, "abc");
	fuzz_body(provider, &answer, answer.extra);
	answer_free(&answer);
}

#endif
