#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "args.h"
#include "json.h"

static const struct arg known[] = {
    {"name", ARG_STRING, true, 0, 0},
    {"text", ARG_TEXT, false, 0, 0},
    {"count", ARG_INT, false, -5, 10},
    {"any", ARG_ANY, false, 0, 0},
};

/* What is wrong with the arguments of a call, "" if nothing is. */
static void
assert_problem(const char *call_text, const char *expected)
{
	jv call = json_parse(call_text, strlen(call_text), NULL), args;
	struct buf problem = {0};
	bool right;

	assert_true(json_is_valid(call));
	right = args_get(
	    call, known, sizeof known / sizeof *known, &args, &problem);
	assert_int_equal(right, *expected == '\0');
	if (strstr(buf_string(&problem), expected) == NULL)
		fail_msg("%s: \"%s\" instead of \"%s\"", call_text,
		    buf_string(&problem), expected);
	jv_free(args);
	jv_free(call);
	buf_free(&problem);
}

static void
takes_what_is_right(void **state)
{
	(void)state;
	assert_problem("{\"args\":{\"name\":\"a\"}}", "");
	assert_problem("{\"args\":{\"name\":\"a\",\"text\":\"\","
		       "\"count\":-5,\"any\":[1]}}",
	    "");
	assert_problem("{\"args\":{\"name\":\"a\",\"count\":10.0}}", "");
	assert_problem("{\"args\":{\"name\":\"a\",\"count\":null}}", "");
}

static void
says_what_is_wrong(void **state)
{
	(void)state;
	assert_problem("{\"args\":{}}", "name is missing");
	assert_problem("{}", "name is missing");
	assert_problem("{\"args\":{\"name\":null}}", "name is missing");
	assert_problem("{\"args\":{\"name\":\"\"}}", "must not be empty");
	assert_problem("{\"args\":{\"name\":5}}", "must be a string");
	assert_problem(
	    "{\"args\":{\"name\":\"a\",\"text\":{}}}", "text must be a string");
	assert_problem("{\"args\":{\"name\":\"a\",\"other\":1}}", "\"other\"");
	assert_problem("{\"args\":{\"name\":\"a\",\"other\":1}}",
	    "it takes name, text (optional)");
	assert_problem("{\"args\":[1]}", "must be a JSON object");
	assert_problem("{\"args\":\"x\"}", "must be a JSON object");
	assert_problem(
	    "{\"args\":{\"name\":\"a\"},\"bad_args\":\"{\"}", "JSON object");
}

static void
keeps_numbers_in_their_range(void **state)
{
	static const char *const wrong[] = {"11", "-6", "1.5", "1e300",
	    "-1e300", "\"1\"", "true", "[]", "9007199254740993"};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct buf call = {0};

		buf_printf(&call, "{\"args\":{\"name\":\"a\",\"count\":%s}}",
		    wrong[i]);
		assert_problem(buf_string(&call),
		    "count must be a whole number from -5 to 10");
		buf_free(&call);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_what_is_right),
	    cmocka_unit_test(says_what_is_wrong),
	    cmocka_unit_test(keeps_numbers_in_their_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
