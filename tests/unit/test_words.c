#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "buf.h"
#include "words.h"

/* Each word in brackets; the error when there is one. */
static char *
split(const char *line)
{
	struct words words;
	struct buf out = {0};
	const char *error = NULL;

	if (!words_split(line, &words, &error)) {
		assert_non_null(error);
		assert_null(words.word);
		assert_int_equal(words.count, 0);
		buf_add_string(&out, "error: ");
		buf_add_string(&out, error);
		return buf_take(&out);
	}
	for (size_t i = 0; i < words.count; i++)
		buf_printf(&out, "[%s]", words.word[i]);
	assert_true(words.count == 0 || words.word[words.count] == NULL);
	words_free(&words);
	return buf_take(&out);
}

static void
assert_split(const char *line, const char *expected)
{
	char *got = split(line);

	assert_string_equal(got, expected);
	free(got);
}

static void
assert_refused(const char *line, const char *part)
{
	char *got = split(line);

	if (strncmp(got, "error: ", 7) != 0 || strstr(got, part) == NULL)
		fail_msg("%s: %s", line, got);
	free(got);
}

static void
plain_words_and_quotes(void **state)
{
	(void)state;
	assert_split("", "");
	assert_split("  \t ", "");
	assert_split("df -h", "[df][-h]");
	assert_split("  df \t -h  ", "[df][-h]");
	assert_split("a 'b c' \"d e\"", "[a][b c][d e]");
	assert_split("a '' \"\"", "[a][][]");
	assert_split("a'b'\"c\"d", "[abcd]");
	assert_split("'a\\b' \"a\\b\" a\\b", "[a\\b][a\\b][ab]");
	assert_split("\"\\$x \\` \\\" \\\\\"", "[$x ` \" \\]");
	assert_split("a\\ b \\; \\$x '$x;|&'", "[a b][;][$x][$x;|&]");
	assert_split("it\\'s 'it'\\''s'", "[it's][it's]");
	assert_split("a#b 'tab\there'", "[a#b][tab\there]");
	assert_split("gr\xc3\xbc\xc3\x9f"
		     "e",
	    "[gr\xc3\xbc\xc3\x9f"
	    "e]");
	/* what a shell would only expand stands for itself */
	assert_split(
	    "*.txt ~/x a?b [ab] {a,b}", "[*.txt][~/x][a?b][[ab]][{a,b}]");
}

static void
shell_syntax_is_refused(void **state)
{
	(void)state;
	assert_refused("a; rm -rf x", "; stands at byte 2");
	assert_refused("a & b", "&");
	assert_refused("a && b", "&");
	assert_refused("a | b", "|");
	assert_refused("a < b", "<");
	assert_refused("a > b", ">");
	assert_refused("a $(id)", "$");
	assert_refused("a `id`", "`");
	assert_refused("(a)", "(");
	assert_refused("a $HOME", "$");
	assert_refused("a \"$HOME\"", "$ stands at byte 4 in quotes");
	assert_refused("a \"`id`\"", "`");
	assert_refused("a # comment", "#");
}

static void
control_bytes_are_refused(void **state)
{
	(void)state;
	assert_refused("a\nrm x", "a line break stands at byte 2");
	assert_refused("a 'x\ny'", "line break");
	assert_refused("a \"x\ny\"", "line break");
	assert_refused("a \\\nb", "line break");
	assert_refused("a \x1b[31m", "0x1b");
	assert_refused("a '\x7f'", "0x7f");
	assert_refused("a\rb", "0x0d");
}

static void
unfinished_is_refused(void **state)
{
	(void)state;
	assert_refused("a 'b", "the ' at byte 3 is never closed");
	assert_refused("a \"b", "the \" at byte 3 is never closed");
	assert_refused("a \"b\\\"", "never closed");
	assert_refused("a \\", "at the end");
}

static void
limits_hold(void **state)
{
	char *line = malloc(WORDS_LINE_MAX + 2);
	struct words words;
	const char *error;

	(void)state;
	memset(line, 'a', WORDS_LINE_MAX + 1);
	line[WORDS_LINE_MAX + 1] = '\0';
	assert_false(words_split(line, &words, &error));
	line[WORDS_LINE_MAX] = '\0';
	assert_true(words_split(line, &words, &error));
	assert_int_equal(words.count, 1);
	words_free(&words);
	for (size_t i = 0; i < 2 * WORDS_MAX; i++)
		line[i] = i % 2 == 0 ? 'x' : ' ';
	line[2 * WORDS_MAX] = '\0';
	assert_true(words_split(line, &words, &error));
	assert_int_equal(words.count, WORDS_MAX);
	words_free(&words);
	memcpy(line + 2 * WORDS_MAX, "x", 2);
	assert_false(words_split(line, &words, &error));
	assert_non_null(strstr(error, "more than 256 words"));
	free(line);
}

static void
joined_is_split_to_the_same(void **state)
{
	char texts[][16] = {"df", "", "a b", "it's", "$x;`", "\"q\"", "\\",
	    "#c", "\xc3\xbc", "*", "tab\t", "-n"};
	char *vector[sizeof(texts) / sizeof(*texts)];
	size_t count = sizeof(texts) / sizeof(*texts);
	struct words words;
	const char *error;
	char *line;

	(void)state;
	for (size_t i = 0; i < count; i++)
		vector[i] = texts[i];
	line = words_join(vector, count);
	assert_true(words_split(line, &words, &error));
	assert_int_equal(words.count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(words.word[i], vector[i]);
	words_free(&words);
	free(line);
	line = words_join(vector, 0);
	assert_string_equal(line, "");
	free(line);
}

static void
join_quotes_only_what_needs_it(void **state)
{
	char a[] = "https://a.example/1?x=1", b[] = "--from=cronjob/x",
	     c[] = "a b";
	char *vector[] = {b, a, c};
	char *line = words_join(vector, 3);

	(void)state;
	assert_string_equal(
	    line, "--from=cronjob/x 'https://a.example/1?x=1' 'a b'");
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_words_and_quotes),
	    cmocka_unit_test(shell_syntax_is_refused),
	    cmocka_unit_test(control_bytes_are_refused),
	    cmocka_unit_test(unfinished_is_refused),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(joined_is_split_to_the_same),
	    cmocka_unit_test(join_quotes_only_what_needs_it),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
