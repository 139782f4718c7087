#ifndef OC_TEST_PROVIDER_TEST_H
#define OC_TEST_PROVIDER_TEST_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../../bin/oc-plan/provider.h"
#include "json.h"

/* JSON with ' for ", so that tests can be read; ' itself cannot be written. */
static inline char *
quoted(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	for (char *c = copy; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	return copy;
}

static inline jv
parse(const char *text)
{
	char *json = quoted(text);
	const char *error;
	jv value = json_parse(json, strlen(json), &error);

	if (!json_is_valid(value))
		fail_msg("%s: %s", error, json);
	free(json);
	return value;
}

/* That a value is what the text says, whatever the order of its keys. */
static inline void
assert_json(jv ref, const char *want)
{
	jv wanted = parse(want);

	if (!json_equal(ref, wanted)) {
		char *is = json_text(ref), *should = json_text(wanted);

		print_error("is   %s\nwant %s\n", is, should);
		free(is);
		free(should);
		fail();
	}
	jv_free(wanted);
}

/* The body for a conversation and tools, read back. */
static inline jv
body_of(const struct provider *provider, struct prompt prompt,
    const char *conversation, const char *tools)
{
	struct buf out = {0};
	const char *problem = NULL, *error;
	jv value;

	prompt.conversation = parse(conversation);
	prompt.tools = parse(tools);
	if (!provider->body(&out, &prompt, &problem))
		fail_msg("no body: %s", problem);
	value = json_parse(out.data, out.length, &error);
	if (!json_is_valid(value))
		fail_msg("%s: %s", error, out.data);
	buf_free(&out);
	jv_free(prompt.conversation);
	jv_free(prompt.tools);
	return value;
}

static inline void
assert_body(const struct provider *provider, struct prompt prompt,
    const char *conversation, const char *tools, const char *path,
    const char *want)
{
	jv body = body_of(provider, prompt, conversation, tools);
	jv part = json_path(body, path);

	assert_json(part, want);
	jv_free(part);
	jv_free(body);
}

/* Answers with the tools exec and list_files declared. */
static inline void
begin(struct answer *answer)
{
	struct prompt prompt = {.conversation = json_array()};

	prompt.tools = parse("[{'name':'exec'},{'name':'list_files'}]");
	answer_init(answer);
	answer_expect(answer, &prompt);
	jv_free(prompt.tools);
	jv_free(prompt.conversation);
}

/* A stream of events, a line each; `end` too. */
static inline void
stream(
    const struct provider *provider, struct answer *answer, const char *events)
{
	char *json = quoted(events);
	bool more = true;

	begin(answer);
	for (char *line = json; *line != '\0' && more;) {
		size_t length = strcspn(line, "\n");

		more = provider->event(answer, line, length);
		line += length + (line[length] == '\n');
	}
	provider->end(answer);
	free(json);
}

static inline void
whole(const struct provider *provider, struct answer *answer, const char *text)
{
	char *json = quoted(text);

	begin(answer);
	provider->whole(answer, json, strlen(json));
	free(json);
}

/* A failed answer's class, and words that its message must have. */
static inline void
assert_failed(const struct provider *provider, long status, const char *text,
    enum answer_error error, const char *words)
{
	struct answer answer;
	char *json = quoted(text);

	answer_init(&answer);
	provider->failed(&answer, status, json, strlen(json));
	assert_non_null(answer.message);
	if (answer.error != error)
		fail_msg("%s is %s and not %s", text,
		    answer_error_name(answer.error), answer_error_name(error));
	if (strstr(answer.message, words) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", answer.message, words);
	free(json);
	answer_free(&answer);
}

#endif
