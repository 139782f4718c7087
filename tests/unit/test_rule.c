#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "json.h"
#include "rule.h"

static jv
parse(const char *text)
{
	jv value = json_parse(text, strlen(text), NULL);

	assert_true(json_is_valid(value));
	return value;
}

static struct rule *
compile(const char *text)
{
	char *error;
	struct rule *rule = rule_compile(text, &error);

	if (rule == NULL)
		fail_msg("%s: %s", text, error);
	assert_null(error);
	return rule;
}

static bool
holds(const char *text, const char *input)
{
	struct rule *rule = compile(text);
	char *error;
	bool is = rule_holds(rule, parse(input), &error);

	if (error != NULL)
		fail_msg("%s: %s", text, error);
	rule_free(rule);
	return is;
}

/* The text is refused, and the reason holds the word. */
static void
refuse(const char *text, const char *word)
{
	char *error;
	struct rule *rule = rule_compile(text, &error);

	if (rule != NULL)
		fail_msg("compiled: %s", text);
	if (strstr(error, word) == NULL)
		fail_msg("%s: \"%s\" without \"%s\"", text, error, word);
	free(error);
}

static void
a_rule_holds_unless_false_or_null(void **state)
{
	(void)state;
	assert_true(holds(
	    ".text | test(\"json|yaml\"; \"i\")", "{\"text\":\"some YAML\"}"));
	assert_false(
	    holds(".text | test(\"json|yaml\"; \"i\")", "{\"text\":\"hi\"}"));
	assert_true(holds("0", "{}"));
	assert_true(holds("\"\"", "{}"));
	assert_false(holds("null", "{}"));
	assert_false(holds("empty", "{}"));
	assert_true(holds(".a, false", "{\"a\":1}"));
}

static void
one_rule_runs_many_times(void **state)
{
	struct rule *rule = compile(".n % 3 == 0");
	char *error;
	int count = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		jv input = json_set_int(json_object(), "n", i);

		count += rule_holds(rule, input, &error);
		assert_null(error);
	}
	assert_int_equal(count, 334);
	rule_free(rule);
}

static void
many_rules_live_side_by_side(void **state)
{
	struct rule *rule[8];
	char *error;

	(void)state;
	for (int i = 0; i < 8; i++) {
		char text[] = ". == 0";

		text[5] = (char)('0' + i);
		rule[i] = compile(text);
	}
	for (int i = 0; i < 8; i++) {
		assert_true(rule_holds(rule[i], json_int(i), &error));
		assert_false(rule_holds(rule[i], json_int(i + 1), &error));
		rule_free(rule[i]);
	}
}

static void
the_first_result_is_given(void **state)
{
	struct rule *rule = compile("{a: .b}, 2");
	char *error, *text;
	jv result = rule_result(rule, parse("{\"b\":[1]}"), &error);

	(void)state;
	assert_null(error);
	text = json_text(result);
	assert_string_equal(text, "{\"a\":[1]}");
	free(text);
	jv_free(result);
	rule_free(rule);
}

static void
the_input_is_let_go(void **state)
{
	struct rule *rule = compile(".a, .b, .c");
	jv input = parse("{\"a\":true,\"b\":2}");
	char *error;

	(void)state;
	assert_true(rule_holds(rule, json_copy(input), &error));
	assert_int_equal(jv_get_refcnt(input), 1);
	jv_free(input);
	rule_free(rule);
}

static void
an_error_counts_as_false_and_hides_values(void **state)
{
	static const char *const text[] = {".text + 1", ".text[]",
	    ".text | tonumber", ".a[.text]", ".text.first"};
	jv input = parse("{\"text\":\"my diary\",\"a\":\"b\"}");

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
		struct rule *rule = compile(text[i]);
		char *error;

		assert_false(rule_holds(rule, json_copy(input), &error));
		assert_non_null(error);
		assert_null(strstr(error, "diary"));
		assert_null(strstr(error, "my"));
		free(error);
		rule_free(rule);
	}
	jv_free(input);
}

static void
a_wrong_key_is_named_in_the_error(void **state)
{
	struct rule *rule = compile(".text.first");
	char *error;

	(void)state;
	assert_false(rule_holds(rule, parse("{\"text\":\"x\"}"), &error));
	assert_non_null(strstr(error, "with string \"first\""));
	free(error);
	rule_free(rule);
}

static void
what_reaches_outside_is_refused(void **state)
{
	static const char *const text[] = {"env", "env.HOME", "$ENV", "$ ENV",
	    "$ENV.PATH", "$\nENV", ".a|env", "[env]", "{a:env}", "{$ENV}",
	    "input", "[inputs]", "first(inputs)", "input_filename",
	    "input_line_number", "debug", "stderr", "halt", "halt_error",
	    "\"x\"|halt_error(1)", "get_search_list", "\"a\"|modulemeta",
	    "import \"a\" as a; .", "include \"a\"; .", "a::b", "$a::b",
	    "$__prog_args", "\"\\(env)\"", "\"a\\(\"b\\(env)\")\"",
	    "@json \"\\($ENV)\"", "1.env", "1. env", "..env", ".. env",
	    "1e3env", "\"\" env", "#\nenv", "# \"\nenv # \"",
	    "\"\\\\\" | env | \"\"", "\".\\(1)\" | env", "?//env"};

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		refuse(text[i], "");
}

static void
fields_strings_and_comments_may_hold_any_word(void **state)
{
	(void)state;
	assert_true(holds(".input", "{\"input\":1}"));
	assert_true(holds(".call.args.input", "{\"call\":{\"args\":{"
					      "\"input\":1}}}"));
	assert_true(holds(".\"env\"", "{\"env\":1}"));
	assert_true(holds(".[\"env\"]", "{\"env\":1}"));
	assert_true(
	    holds(".text == \"env debug\"", "{\"text\":\"env debug\"}"));
	assert_true(holds("# env input\n.a", "{\"a\":1}"));
	assert_true(holds(".a # env", "{\"a\":1}"));
	assert_true(holds(".environment", "{\"environment\":1}"));
	assert_true(holds("\"\\(.a)env\" == \"1env\"", "{\"a\":1}"));
	assert_true(holds("[..] | length > 1", "{\"a\":1}"));
	assert_true(holds(". as $turn | $turn.a", "{\"a\":1}"));
	assert_true(holds(". as $_x | $_x.a", "{\"a\":1}"));
}

static void
assignments_are_refused(void **state)
{
	static const char *const text[] = {".[2147483647]=1", ".a = 1",
	    ".a |= 1", ".a += 1", ".a -= 1", ".a *= 1", ".a /= 1", ".a %= 1",
	    ".a //= 1", "setpath([2147483647]; 1)", "delpaths([[0]])",
	    "_modify(.[2147483647]; 1)", "_assign(.a; 1)", "fromstream(empty)",
	    ".a==1=2"};

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		refuse(text[i], "");
	assert_true(
	    holds(".a == 1 and .a != 2 and .a <= 1 and .a >= 1", "{\"a\":1}"));
	assert_true(holds(".b // .a", "{\"a\":1}"));
}

/* Each of these aborts, traps or never ends in libjq 1.6. */
static void
what_crashes_libjq_does_not(void **state)
{
	static const char *const refused[] = {"-9223372036854775808 % -1",
	    ". % .", "[match(\"\";\"g\")]", "gsub(\"\";\"x\")", "[scan(\"\")]",
	    "[splits(\"\")]"};
	static const char *const failing[] = {"strftime(\"%Y\")", "todate",
	    "split(\"\"; null)", "todateiso8601", "strflocaltime(\"%Y\")",
	    "date"};

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		refuse(refused[i], "");
	for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++) {
		struct rule *rule = compile(failing[i]);
		char *error;

		assert_false(rule_holds(rule, json_number(1e18), &error));
		assert_non_null(error);
		free(error);
		rule_free(rule);
	}
	assert_false(holds("index(\"\")", "\"abc\""));
	assert_false(holds("rindex(\"\")", "\"abc\""));
	assert_true(holds("indices(\"b\") == [1]", "\"abc\""));
	assert_true(holds("index(\"b\") == 1", "\"abcb\""));
	assert_true(holds("rindex(\"b\") == 3", "\"abcb\""));
	assert_true(holds("todate == \"1970-01-01T00:00:00Z\"", "0"));
	assert_true(holds("strftime(\"%H\") == \"00\"", "0"));
	assert_true(holds("split(\"\") | length == 3", "\"abc\""));
}

static void
the_error_of_a_wrong_rule_is_plain(void **state)
{
	char *error;

	(void)state;
	assert_null(rule_compile(".a &&", &error));
	assert_string_equal(error,
	    "syntax error, unexpected INVALID_CHARACTER, expecting $end, "
	    "line 1");
	free(error);
	assert_null(rule_compile("\n\nfoo", &error));
	assert_string_equal(error, "foo/0 is not defined, line 3");
	free(error);
	assert_null(rule_compile("\n.a | input", &error));
	assert_string_equal(
	    error, "line 2: `input` reaches outside of the rule");
	free(error);
}

static void
unbalanced_and_hostile_text_is_refused(void **state)
{
	char deep[201], *error;

	(void)state;
	refuse("(", "missing");
	refuse(")", "closes");
	refuse("[}", "closes");
	refuse("\"abc", "does not end");
	refuse("\"abc\\", "does not end");
	refuse("\"\\(1", "");
	refuse("# a\\\nenv", "comment");
	refuse(". \r env", "control");
	refuse("\x01", "control");
	memset(deep, '(', 200);
	deep[200] = '\0';
	refuse(deep, "deep");
	{
		char *text = malloc(10001);

		memset(text, ' ', 10000);
		text[10000] = '\0';
		assert_null(rule_compile(text, &error));
		assert_non_null(strstr(error, "too long"));
		free(error);
		free(text);
	}
}

static void
the_environment_stays_as_it_was(void **state)
{
	struct rule *rule;
	char *error;

	(void)state;
	setenv("OC_TEST_RULE", "kept", 1);
	rule = compile(".");
	assert_string_equal(getenv("OC_TEST_RULE"), "kept");
	assert_true(rule_holds(rule, json_bool(true), &error));
	assert_string_equal(getenv("OC_TEST_RULE"), "kept");
	rule_free(rule);
	unsetenv("OC_TEST_RULE");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_rule_holds_unless_false_or_null),
	    cmocka_unit_test(one_rule_runs_many_times),
	    cmocka_unit_test(many_rules_live_side_by_side),
	    cmocka_unit_test(the_first_result_is_given),
	    cmocka_unit_test(the_input_is_let_go),
	    cmocka_unit_test(an_error_counts_as_false_and_hides_values),
	    cmocka_unit_test(a_wrong_key_is_named_in_the_error),
	    cmocka_unit_test(what_reaches_outside_is_refused),
	    cmocka_unit_test(fields_strings_and_comments_may_hold_any_word),
	    cmocka_unit_test(assignments_are_refused),
	    cmocka_unit_test(what_crashes_libjq_does_not),
	    cmocka_unit_test(the_error_of_a_wrong_rule_is_plain),
	    cmocka_unit_test(unbalanced_and_hostile_text_is_refused),
	    cmocka_unit_test(the_environment_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
