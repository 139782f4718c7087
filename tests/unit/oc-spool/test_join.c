#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "../../../bin/oc-spool/join.h"
#include "json.h"
#include "turn.h"

static jv
parse(const char *text)
{
	jv value = json_parse(text, strlen(text), NULL);

	assert_true(json_is_object(value));
	return value;
}

static bool
fits(const char *a, const char *b)
{
	jv first = parse(a), second = parse(b);
	bool result = join_fits(first, second);

	jv_free(first);
	jv_free(second);
	return result;
}

static void
test_what_fits(void **state)
{
	(void)state;
	assert_true(fits("{\"text\":\"a\"}", "{\"text\":\"b\"}"));
	assert_true(fits("{\"text\":\"a\",\"to\":{\"chat\":\"1\",\"message\":"
			 "\"1\"}}",
	    "{\"text\":\"b\",\"to\":{\"message\":\"2\",\"chat\":\"1\"}}"));
	assert_false(fits("{\"text\":\"a\",\"to\":{\"chat\":\"1\"}}",
	    "{\"text\":\"b\",\"to\":{\"chat\":\"2\"}}"));
	assert_false(fits("{\"text\":\"a\",\"from\":{\"id\":\"1\"}}",
	    "{\"text\":\"b\",\"from\":{\"id\":\"2\"}}"));
	assert_false(
	    fits("{\"text\":\"a\"}", "{\"text\":\"b\",\"model\":\"x/y\"}"));
	assert_false(fits("{\"text\":\"a\",\"reply\":{}}", "{\"text\":\"b\"}"));
	assert_false(
	    fits("{\"text\":\"a\"}", "{\"type\":\"stop\",\"session\":\"x\"}"));
}

static void
test_text_has_a_limit(void **state)
{
	char *text = calloc(1, TURN_TEXT_MAX);
	jv big, small = parse("{\"text\":\"b\"}");

	(void)state;
	memset(text, 'x', TURN_TEXT_MAX - 3);
	big = json_set_string(json_object(), "text", text);
	assert_true(join_fits(big, small));
	big = json_set(big, "text", json_string("")); /* drop the old text */
	text[TURN_TEXT_MAX - 3] = 'x';
	big = json_set_string(big, "text", text);
	assert_false(join_fits(big, small));
	jv_free(big);
	jv_free(small);
	free(text);
}

static void
test_three_become_one(void **state)
{
	jv turn = parse("{\"id\":\"1\",\"text\":\"a\",\"to\":{\"message\":1}}");
	jv expected =
	    parse("{\"id\":\"1\",\"text\":\"a\\n\\nc\",\"to\":{\"message\":3},"
		  "\"media\":[1,2],\"ids\":[\"1\",\"2\",\"3\"],\"x\":5}");

	(void)state;
	turn = join_add(
	    turn, parse("{\"id\":\"2\",\"text\":\"\",\"media\":[1],\"x\":4}"));
	turn = join_add(turn, parse("{\"id\":\"3\",\"text\":\"c\",\"media\":[2]"
				    ",\"to\":{\"message\":3},\"x\":5}"));
	assert_true(json_equal(turn, expected));
	jv_free(turn);
	jv_free(expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_fits),
	    cmocka_unit_test(test_text_has_a_limit),
	    cmocka_unit_test(test_three_become_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
