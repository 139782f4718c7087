#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../../bin/oc-plan/answer.h"
#include "json.h"
#include "utf8.h"

static void
assert_repaired(const char *in, const char *want)
{
	struct buf out = {0};

	answer_repair(&out, in, strlen(in));
	assert_string_equal(buf_string(&out), want);
	buf_free(&out);
}

static void
test_lone_surrogates_are_replaced(void **state)
{
	(void)state;
	assert_repaired("\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"");
	assert_repaired("\"\\uD83D\\uDE00\"", "\"\\uD83D\\uDE00\"");
	assert_repaired("\"\\ud83d\"", "\"\\ufffd\"");
	assert_repaired("\"\\ude00x\"", "\"\\ufffdx\"");
	assert_repaired(
	    "\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\"");
	assert_repaired("\"\\ud83d\\u0041\"", "\"\\ufffd\\u0041\"");
	assert_repaired("\"a\\u0000b\"", "\"a\\ufffdb\"");
}

static void
test_escaped_backslashes_are_left_alone(void **state)
{
	(void)state;
	assert_repaired("\"\\\\ud83d\"", "\"\\\\ud83d\"");
	assert_repaired("\"\\\\\\ud83d\"", "\"\\\\\\ufffd\"");
	assert_repaired("\"\\ud8", "\"\\ud8");
	assert_repaired("\\", "\\");
}

static void
test_bad_utf8_is_replaced(void **state)
{
	(void)state;
	assert_repaired("\"\xff\xed\xa0\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void
test_parse_takes_what_models_write(void **state)
{
	static const char text[] = "{\"t\":\"\\ud800 \xc3\"}";
	jv value = answer_parse(text, strlen(text));

	(void)state;
	assert_string_equal(
	    json_get_string(value, "t", ""), "\xef\xbf\xbd \xef\xbf\xbd");
	jv_free(value);
	value = answer_parse("{\"t\":", 5);
	assert_false(json_is_valid(value));
	jv_free(value);
}

static void
test_messages_are_cut_and_clean(void **state)
{
	struct answer answer;
	char text[1201];

	(void)state;
	for (size_t i = 0; i < 400; i++)
		memcpy(text + 3 * i, "\xe2\x82\xac", 3);
	text[1200] = '\0';
	answer_init(&answer);
	answer_fail(&answer, ANSWER_SERVER, "a\nb\x1b[1m\xc2\x9b%s", text);
	assert_int_equal(answer.error, ANSWER_SERVER);
	assert_true(strlen(answer.message) <= ANSWER_MESSAGE_MAX);
	assert_true(utf8_valid(answer.message, strlen(answer.message)));
	assert_memory_equal(answer.message, "a b [1m  ", 9);
	answer_fail(&answer, ANSWER_CUT, "again");
	assert_string_equal(answer.message, "again");
	answer_free(&answer);
	answer_free(&answer);
}

static void
test_the_key_is_taken_out_of_messages(void **state)
{
	struct answer answer;
	char long_text[600];

	(void)state;
	answer_init(&answer);
	answer_scrub(&answer, "secretkey");
	answer_fail(&answer, ANSWER_AUTH, "bad secretkey, secretkey");
	answer_scrub(&answer, "secretkey");
	assert_string_equal(answer.message, "bad [key], [key]");
	/* cut off in the middle of the key */
	memset(long_text, 'x', sizeof long_text);
	memcpy(long_text + ANSWER_MESSAGE_MAX - 6, "secretkey", 10);
	answer_fail(&answer, ANSWER_AUTH, "%s", long_text);
	answer_scrub(&answer, "secretkey");
	assert_null(strstr(answer.message, "secret"));
	answer_scrub(&answer, "");
	answer_scrub(&answer, NULL);
	answer_free(&answer);
}

static void
test_ids_are_plain_and_unique(void **state)
{
	struct answer answer;
	struct prompt prompt = {.tools = json_array()};
	static const char earlier[] =
	    "[{\"role\":\"assistant\",\"calls\":[{\"id\":\"call_0\"}]}]";
	static const char *const wanted[] = {
	    "call_0", "ok-1", "ok-1", "", "../../x", "a b"};
	jv conversation = json_parse(earlier, strlen(earlier), NULL);

	(void)state;
	prompt.conversation = conversation;
	answer_init(&answer);
	answer_expect(&answer, &prompt);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		const char *id = NULL;

		assert_true(answer_add_call(
		    &answer, wanted[i], "exec", json_object(), &id));
		assert_non_null(id);
		if (i == 1)
			assert_string_equal(id, "ok-1");
		else
			assert_int_equal(strlen(id), 9);
	}
	for (int i = 0; i < json_length(answer.calls); i++)
		for (int k = 0; k < i; k++) {
			jv a = json_at(answer.calls, i);
			jv b = json_at(answer.calls, k);

			assert_string_not_equal(json_get_string(a, "id", ""),
			    json_get_string(b, "id", ""));
			jv_free(a);
			jv_free(b);
		}
	answer_free(&answer);
	jv_free(conversation);
	jv_free(prompt.tools);
}

static void
write_text(struct buf *out, jv ref)
{
	json_write(out, ref);
}

static void
test_a_kept_part_is_made_anew_for_another_value(void **state)
{
	struct body_kept kept = {0};
	struct buf out = {0};
	jv one = json_append_string(json_array(), "a");
	jv two = json_append_string(json_array(), "b");

	(void)state;
	body_keep(&out, &kept, one, write_text);
	body_keep(&out, &kept, one, write_text);
	body_keep(&out, &kept, two, write_text);
	assert_string_equal(out.data, "[\"a\"],[\"a\"],[\"b\"]");
	body_forget(&kept);
	body_keep(&out, &kept, two, write_text);
	body_forget(&kept);
	body_forget(&kept);
	provider_forget();
	jv_free(one);
	jv_free(two);
	buf_free(&out);
}

static void
test_kinds_have_names(void **state)
{
	(void)state;
	assert_ptr_equal(provider_by_kind("google"), &provider_google);
	assert_ptr_equal(provider_by_kind("openai"), &provider_openai);
	assert_null(provider_by_kind("local"));
	for (int e = ANSWER_OK; e <= ANSWER_STOPPED; e++)
		assert_string_not_equal(
		    answer_error_name((enum answer_error)e), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lone_surrogates_are_replaced),
	    cmocka_unit_test(test_escaped_backslashes_are_left_alone),
	    cmocka_unit_test(test_bad_utf8_is_replaced),
	    cmocka_unit_test(test_parse_takes_what_models_write),
	    cmocka_unit_test(test_messages_are_cut_and_clean),
	    cmocka_unit_test(test_the_key_is_taken_out_of_messages),
	    cmocka_unit_test(test_ids_are_plain_and_unique),
	    cmocka_unit_test(test_a_kept_part_is_made_anew_for_another_value),
	    cmocka_unit_test(test_kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
