#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "buf.h"
#include "json.h"

static const char *const valid[] = {"null", "true", "false", "0", "-0", "-0.0",
    "1", "-1", "123456789012345678", "0.5", "1e5", "1E+5", "1e-5", "1.5e300",
    "1e-999", "\"\"", "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
    "\"\\ud83d\\ude00\"", "\"\x7f\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"",
    "\"\xef\xbf\xbf\"", "[]", "[ ]", "[1,2 , 3]", "[[[[]]]]", "{}", "{ }",
    "{\"a\":1}", "{\"a\":1,\"a\":2}", "{\"\":{}}", " \t\r\n1 \t\r\n",
    "{ \"a\" : [ 1 , { } ] }"};

static const char *const invalid[] = {"", " ", "nul", "nulll", "True", "NULL",
    "nan", "NaN", "-NaN", "Infinity", "-Infinity", "inf", "undefined", "01",
    "-01", "00", "+1", ".5", "-.5", "1.", "1.e5", "-", "--1", "1e", "1e+",
    "0x10", "1_000", "1e999", "-1e999", "'a'", "\"", "\"a", "\"\\", "\"\\x\"",
    "\"\\u\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\U00e9\"", "\"a\nb\"",
    "\"a\tb\"", "\"\x01\"", "\"\x1e\"", "\"\\u0000\"", "\"\\ud800\"",
    "\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"",
    "\"\\ude00\\ud83d\"", "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"",
    "\"\xc3\"",
    "\xef\xbb\xbf"
    "1",
    "\x1e"
    "1",
    "1\x1e", "\f1", "\v1",
    "\xc2\xa0"
    "1",
    "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1,,2]", "[1}", "{",
    "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}",
    "{1:2}", "{a:1}", "{'a':1}", "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1 \"b\":2}",
    "{\"a\":1]", "{\"a\"}", "{\"a\",1}", "1 2", "{}{}", "[] []", "null x", "1,",
    "// x\n1", "1 // x", "/**/1", "#1", "\"a\"\"b\"", "*", "\\", ":", ","};

static void
takes_what_is_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
		const char *error = "unset";
		jv value = json_parse(valid[i], strlen(valid[i]), &error);

		if (error != NULL)
			fail_msg("%s: %s", valid[i], error);
		assert_true(json_is_valid(value));
		jv_free(value);
	}
}

static void
refuses_what_is_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
		const char *error = NULL;
		jv value = json_parse(invalid[i], strlen(invalid[i]), &error);

		if (json_is_valid(value) || error == NULL)
			fail_msg("taken: %s", invalid[i]);
		assert_non_null(strstr(error, " at byte "));
		jv_free(value);
		value = json_parse(invalid[i], strlen(invalid[i]), NULL);
		assert_false(json_is_valid(value));
		jv_free(value);
	}
}

static void
refuses_a_nul_byte_wherever_it_is(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} cases[] = {{"\0", 1}, {"1\0", 2},
	    {"\0"
	     "1",
		2},
	    {"\"a\0b\"", 5}, {"[\0]", 3}, {"{\"a\0\":1}", 8}, {"\"\\\0\"", 4},
	    {"tru\0", 4}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_non_null(json_check(cases[i].text, cases[i].length));
}

static void
length_bounds_the_text(void **state)
{
	(void)state;
	/* what stands behind the length is not read */
	assert_null(json_check("12x", 2));
	assert_null(json_check("nullify", 4));
	assert_non_null(json_check("null", 3));
	assert_non_null(json_check("\"\\u00e9\"", 6));
	assert_non_null(json_check("\"\\ud83d\\ude00\"", 9));
	assert_non_null(json_check("", 0));
}

static void
error_tells_the_place_and_never_the_text(void **state)
{
	const char *error;
	char text[] = "{\"key\":\"s3cr3t\",\"s3cr3t\":s3cr3t}";

	(void)state;
	error = json_check(text, strlen(text));
	assert_non_null(error);
	assert_non_null(strstr(error, "at byte 26"));
	assert_null(strstr(error, "s3cr3t"));
}

/* depth times `open`, a value, depth times `shut`. */
static char *
nested(size_t depth, const char *open, const char *shut)
{
	struct buf text = {0};

	for (size_t i = 0; i < depth; i++)
		buf_add_string(&text, open);
	buf_add_string(&text, "1");
	for (size_t i = 0; i < depth; i++)
		buf_add_string(&text, shut);
	return buf_take(&text);
}

static void
takes_64_levels_and_no_more(void **state)
{
	static const char *const kinds[][2] = {
	    {"[", "]"}, {"{\"a\":", "}"}, {"[1,", "]"}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t depths[] = {65, 10000, 1000000};
		char *text = nested(JSON_DEPTH_MAX, kinds[i][0], kinds[i][1]);
		jv value = json_parse(text, strlen(text), NULL);

		assert_true(json_is_valid(value));
		jv_free(value);
		free(text);
		for (size_t j = 0; j < 3; j++) {
			text = nested(depths[j], kinds[i][0], kinds[i][1]);
			assert_non_null(
			    strstr(json_check(text, strlen(text)), "levels"));
			free(text);
		}
	}
}

static void
numbers_of_any_length_are_bounded(void **state)
{
	struct buf text = {0};

	(void)state;
	for (int i = 0; i < 1000000; i++)
		buf_add_byte(&text, '1');
	assert_non_null(json_check(text.data, text.length));
	buf_free(&text);
	buf_add_string(&text, "0.");
	for (int i = 0; i < 100; i++)
		buf_add_byte(&text, '3');
	assert_null(json_check(text.data, text.length));
	buf_free(&text);
}

static void
the_last_of_equal_names_counts(void **state)
{
	jv value = json_parse("{\"a\":1,\"a\":2}", 13, NULL);

	(void)state;
	assert_int_equal(json_get_int(value, "a", 0), 2);
	assert_int_equal(json_length(value), 1);
	jv_free(value);
}

static void
rewrites(const char *in, const char *out)
{
	jv value = json_parse(in, strlen(in), NULL);
	char *text = json_text(value);

	assert_string_equal(text, out);
	free(text);
	jv_free(value);
}

static void
writes_numbers_shortly_and_exactly(void **state)
{
	(void)state;
	rewrites("0", "0");
	rewrites("-1", "-1");
	rewrites("1.0", "1");
	rewrites("0.1", "0.1");
	rewrites("1e3", "1000");
	rewrites("0.30000000000000004", "0.30000000000000004");
	rewrites("1700000000000", "1700000000000");
	rewrites("9007199254740992", "9007199254740992");
	rewrites("-9007199254740991", "-9007199254740991");
	rewrites("1e17", "1e+17");
	rewrites("1e300", "1e+300");
	rewrites("1.7976931348623157e308", "1.7976931348623157e+308");
	rewrites("5e-324", "4.94065645841247e-324");
	rewrites("1e-999", "0");
}

static void
writes_strings_as_they_were(void **state)
{
	(void)state;
	rewrites("\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"");
	rewrites("\"\\/\"", "\"/\"");
	rewrites("\"\\\"\\\\\\b\\f\\n\\r\\t\"", "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
	rewrites("\"\\u0001\\u001f\"", "\"\\u0001\\u001f\"");
	rewrites("\"\x7f\"", "\"\\u007f\"");
	rewrites("\"\\u2028\"", "\"\xe2\x80\xa8\"");
	rewrites("{\"\\n\":1}", "{\"\\n\":1}");
}

static void
writes_one_line(void **state)
{
	(void)state;
	rewrites("{ \"a\" : [ 1 , null , true , false ] }",
	    "{\"a\":[1,null,true,false]}");
	rewrites("[\n]", "[]");
	rewrites("{\n}", "{}");
	rewrites("[[],{},\"\"]", "[[],{},\"\"]");
}

static void
write_string_repairs(void **state)
{
	struct buf out = {0};

	(void)state;
	json_write_string(&out, "a\xff\0b", 4);
	assert_string_equal(buf_string(&out), "\"a\xef\xbf\xbd\xef\xbf\xbd"
					      "b\"");
	buf_free(&out);
}

static void
parse_keeps_nothing_of_a_failure(void **state)
{
	(void)state;
	/* LeakSanitizer tells whether this is true. */
	for (int i = 0; i < 1000; i++) {
		jv value = json_parse("{\"a\":[1,2,", 10, NULL);

		jv_free(value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_what_is_json),
	    cmocka_unit_test(refuses_what_is_not),
	    cmocka_unit_test(refuses_a_nul_byte_wherever_it_is),
	    cmocka_unit_test(length_bounds_the_text),
	    cmocka_unit_test(error_tells_the_place_and_never_the_text),
	    cmocka_unit_test(takes_64_levels_and_no_more),
	    cmocka_unit_test(numbers_of_any_length_are_bounded),
	    cmocka_unit_test(the_last_of_equal_names_counts),
	    cmocka_unit_test(writes_numbers_shortly_and_exactly),
	    cmocka_unit_test(writes_strings_as_they_were),
	    cmocka_unit_test(writes_one_line),
	    cmocka_unit_test(write_string_repairs),
	    cmocka_unit_test(parse_keeps_nothing_of_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
