#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "answerid.h"
#include "dataurl.h"
#include "json.h"
#include "talk.h"
#include "upstream.h"

static int
add(struct talk *talk, const char *role, const char *content)
{
	const char *problem = NULL;
	jv value = json_parse(content, strlen(content), NULL);
	int status = talk_add(talk, role, value, &problem);

	assert_true(status == 0 || problem != NULL);
	jv_free(value);
	return status;
}

static void
test_who_said_what(void **state)
{
	const char *problem;
	struct talk talk;
	char *before;

	(void)state;
	talk_init(&talk);
	assert_int_equal(add(&talk, "system", "\"one\""), 0);
	assert_int_equal(add(&talk, "user", "\"a\""), 0);
	assert_int_equal(add(&talk, "assistant", "\"b\""), 0);
	assert_int_equal(talk_end(&talk, &problem), 400);
	assert_int_equal(add(&talk, "tool", "\"c\""), 0);
	assert_int_equal(add(&talk, "developer", "\"two\""), 0);
	assert_int_equal(add(&talk, "user",
			     "[{\"type\":\"text\",\"text\":\"d\"},"
			     "{\"type\":\"input_text\",\"text\":\"e\"}]"),
	    0);
	assert_int_equal(add(&talk, "user", "\"f\""), 0);
	assert_int_equal(talk_end(&talk, &problem), 0);
	assert_string_equal(buf_string(&talk.text), "d\ne\n\nf");
	assert_string_equal(buf_string(&talk.instructions), "one\n\ntwo");
	before = json_text(talk.before);
	assert_string_equal(before, "[{\"role\":\"user\",\"text\":\"a\"},"
				    "{\"role\":\"assistant\",\"text\":\"b\"},"
				    "{\"role\":\"user\",\"text\":\"c\"}]");
	free(before);
	talk_free(&talk);
}

static void
test_files(void **state)
{
	struct talk talk;

	(void)state;
	talk_init(&talk);
	assert_int_equal(
	    add(&talk, "user",
		"[{\"type\":\"input_image\","
		"\"image_url\":\"data:image/PNG;x=y;base64,aGVsbG8=\"},"
		"{\"type\":\"input_audio\",\"input_audio\":"
		"{\"format\":\"wav\",\"data\":\"aGk=\"}}]"),
	    0);
	assert_int_equal(talk.files, 2);
	assert_string_equal(talk.file[0].mime, "image/png");
	assert_string_equal(buf_string(&talk.file[0].bytes), "hello");
	assert_string_equal(talk.file[1].mime, "audio/wav");
	/* an answer to it: the files are only named from then on */
	assert_int_equal(add(&talk, "assistant", "\"nice\""), 0);
	assert_int_equal(talk.files, 0);
	assert_int_equal(add(&talk, "user",
			     "[{\"type\":\"image_url\",\"image_url\":"
			     "{\"url\":\"http://10.0.0.1/a.png\"}}]"),
	    400);
	talk_free(&talk);
}

static void
test_base64(void **state)
{
	static const struct {
		const char *text, *bytes;
	} good[] = {{"", ""}, {"YQ==", "a"}, {"YQ", "a"}, {"YWI=", "ab"},
	    {"YWJj", "abc"}, {"Y W\nJj", "abc"}, {"-_-_", "\xfb\xff\xbf"}};
	static const char *const bad[] = {
	    "Y", "Y===", "YQ=", "YQ==YQ==", "Y*==", "=", "YWJj=", "YQ==="};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct buf out = {0};

		assert_true(
		    base64_decode(good[i].text, strlen(good[i].text), &out));
		assert_string_equal(buf_string(&out), good[i].bytes);
		buf_free(&out);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf out = {0};

		if (base64_decode(bad[i], strlen(bad[i]), &out))
			fail_msg("taken: %s", bad[i]);
		buf_free(&out);
	}
}

static void
test_ids_of_responses(void **state)
{
	static const char ulid[] = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
	static const char *const bad[] = {"", "resp_", "resp_x",
	    "resp_01ARZ3NDEKTSV4RRFFQ69G5FAV",
	    "resp_01ARZ3NDEKTSV4RRFFQ69G5FAV7",
	    "resp_01ARZ3NDEKTSV4RRFFQ69G5FAV7G",
	    "resp_01ARZ3NDEKTSV4RRFFQ69G5FAV00",
	    "resp_01ARZ3NDEKTSV4RRFFQ69G5FAVff",
	    "chat_01ARZ3NDEKTSV4RRFFQ69G5FAV75"};
	char *id = answerid_make(ulid, "user:Ada é"), *key = answerid_key(id);

	(void)state;
	assert_string_equal(key, "user:Ada é");
	free(key);
	free(id);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_null(answerid_key(bad[i]));
}

static void
expect_error(const char *text, int status, const char *type)
{
	jv turn = json_parse(text, strlen(text), NULL);
	struct upstream_error error;

	assert_true(upstream_error(turn, &error));
	assert_int_equal(error.status, status);
	assert_string_equal(error.type, type);
	jv_free(turn);
}

static void
test_failures_by_their_class(void **state)
{
	struct upstream_error error;
	jv turn = json_object();

	(void)state;
	assert_false(upstream_error(turn, &error));
	jv_free(turn);
	expect_error("{\"error\":{\"class\":\"broken\"}}", 500, "api_error");
	expect_error("{\"error\":{\"class\":\"deadline\"}}", 504, "api_error");
	expect_error("{\"error\":{\"class\":\"unknown_model\"}}", 400,
	    "invalid_request_error");
	expect_error("{\"error\":{\"class\":\"no_model\"}}", 502, "api_error");
	expect_error("{\"error\":{\"class\":\"no_model\",\"cause\":"
		     "{\"class\":\"rate_limit\",\"status\":429}}}",
	    429, "rate_limit_error");
	expect_error("{\"error\":{\"class\":\"no_model\",\"cause\":"
		     "{\"class\":\"auth\"}}}",
	    401, "authentication_error");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_said_what),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_base64),
	    cmocka_unit_test(test_ids_of_responses),
	    cmocka_unit_test(test_failures_by_their_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
