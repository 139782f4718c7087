#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "yamldoc.h"

/* Reads text that must be right. */
static void
read_right(struct yamldoc *doc, const char *text)
{
	struct buf out = {0};
	struct problems problems = {.name = "f", .out = &out};

	if (!yamldoc_parse(doc, text, strlen(text), &problems) ||
	    problems.count != 0)
		fail_msg("%s\n%s", text, buf_string(&out));
	buf_free(&out);
}

/* The first problem of bytes that are wrong; the caller frees it. */
static char *
problem_of_bytes(const char *text, size_t length)
{
	struct buf out = {0};
	struct problems problems = {.name = "f", .out = &out};
	struct yamldoc doc;

	yamldoc_parse(&doc, text, length, &problems);
	if (problems.count == 0)
		fail_msg("accepted: %s", text);
	yamldoc_free(&doc);
	if (strchr(out.data, '\n') != NULL)
		*strchr(out.data, '\n') = '\0';
	return buf_take(&out);
}

/* The text is refused at the place, with the word. */
static void
refuse(const char *text, const char *place, const char *word)
{
	char *problem = problem_of_bytes(text, strlen(text));

	if (strncmp(problem, place, strlen(place)) != 0 ||
	    strstr(problem, word) == NULL)
		fail_msg(
		    "%s\n\"%s\" is not %s ... %s", text, problem, place, word);
	free(problem);
}

static const struct {
	const char *text;
	enum yamldoc_kind kind;
} example[] = {
    {"~", YAMLDOC_NULL},
    {"null", YAMLDOC_NULL},
    {"NULL", YAMLDOC_NULL},
    {"", YAMLDOC_NULL},
    {"nULL", YAMLDOC_STRING},
    {"true", YAMLDOC_BOOL},
    {"False", YAMLDOC_BOOL},
    {"yes", YAMLDOC_STRING},
    {"on", YAMLDOC_STRING},
    {"n", YAMLDOC_STRING},
    {"0", YAMLDOC_INT},
    {"-12", YAMLDOC_INT},
    {"+7", YAMLDOC_INT},
    {"010", YAMLDOC_INT},
    {"0o17", YAMLDOC_INT},
    {"0x1f", YAMLDOC_INT},
    {"0o8", YAMLDOC_STRING},
    {"0x", YAMLDOC_STRING},
    {"1_000", YAMLDOC_STRING},
    {"1.5", YAMLDOC_FLOAT},
    {".5", YAMLDOC_FLOAT},
    {"1.", YAMLDOC_FLOAT},
    {"1e3", YAMLDOC_FLOAT},
    {"-.inf", YAMLDOC_FLOAT},
    {".nan", YAMLDOC_FLOAT},
    {".", YAMLDOC_STRING},
    {"1e", YAMLDOC_STRING},
    {"1:30", YAMLDOC_STRING},
    {"2026-11-22", YAMLDOC_STRING},
    {"\"5\"", YAMLDOC_STRING},
    {"'true'", YAMLDOC_STRING},
    {"!!str 5", YAMLDOC_STRING},
    {"! 5", YAMLDOC_STRING},
    {"!!int 5", YAMLDOC_INT},
    {"|\n  5", YAMLDOC_STRING},
};

static void
plain_scalars_follow_the_core_schema(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof example / sizeof example[0]; i++) {
		struct yamldoc doc;
		char text[64];

		snprintf(text, sizeof text, "a: %s\n", example[i].text);
		read_right(&doc, text);
		if (yamldoc_get(doc.root, "a")->kind != example[i].kind)
			fail_msg("%s is %s", example[i].text,
			    yamldoc_kind_name(
				yamldoc_get(doc.root, "a")->kind));
		yamldoc_free(&doc);
	}
}

static void
numbers_have_their_values(void **state)
{
	struct yamldoc doc;
	int64_t whole;
	double number;

	(void)state;
	read_right(&doc, "[0x1f, 0o17, 010, -5, 9223372036854775807, "
			 "9223372036854775808, 1.5, .inf, .nan, 1e999]");
	assert_true(yamldoc_int(doc.root->item[0], &whole) && whole == 31);
	assert_true(yamldoc_int(doc.root->item[1], &whole) && whole == 15);
	assert_true(yamldoc_int(doc.root->item[2], &whole) && whole == 10);
	assert_true(yamldoc_int(doc.root->item[3], &whole) && whole == -5);
	assert_true(yamldoc_int(doc.root->item[4], &whole));
	assert_false(yamldoc_int(doc.root->item[5], &whole));
	assert_true(yamldoc_number(doc.root->item[6], &number));
	assert_true(number > 1.4 && number < 1.6);
	for (int i = 7; i < 10; i++)
		assert_false(yamldoc_number(doc.root->item[i], &number));
	yamldoc_free(&doc);
}

static void
nodes_know_their_places(void **state)
{
	static const char *const text[] = {
	    "# first\na: 1\nb:\n  - x\n  - \"\xc3\xa4\": {c: 5}\n",
	    "\n{\"a\": 1,\n  \"b\":\n  [\"x\",\n    {\"\xc3\xa4\": "
	    "{\"c\":5}}\n]}",
	};
	static const unsigned place[][2] = {{5, 14}, {5, 16}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct yamldoc_node *b, *c;
		struct yamldoc doc;

		read_right(&doc, text[i]);
		assert_int_equal(yamldoc_get(doc.root, "a")->line, 2);
		b = yamldoc_get(doc.root, "b");
		assert_int_equal(b->kind, YAMLDOC_LIST);
		assert_int_equal(b->item[0]->line, 4);
		c = yamldoc_get(yamldoc_get(b->item[1], "\xc3\xa4"), "c");
		assert_int_equal(c->line, place[i][0]);
		assert_int_equal(c->column, place[i][1]);
		yamldoc_free(&doc);
	}
}

static void
json_is_read_with_tabs_and_escapes(void **state)
{
	const struct yamldoc_node *b;
	struct yamldoc doc;

	(void)state;
	read_right(&doc,
	    "{\n\t\"a\"\n\t:\t\"\\ud83d\\ude00\\/\\n\",\r\n\t\"b\": "
	    "[\t1, 1.0, true, null, [], {} ]\n}\n");
	assert_string_equal(
	    yamldoc_get(doc.root, "a")->text, "\xf0\x9f\x98\x80/\n");
	b = yamldoc_get(doc.root, "b");
	assert_int_equal(b->count, 6);
	assert_int_equal(b->item[0]->kind, YAMLDOC_INT);
	assert_int_equal(b->item[1]->kind, YAMLDOC_FLOAT);
	assert_int_equal(b->item[2]->kind, YAMLDOC_BOOL);
	assert_int_equal(b->item[3]->kind, YAMLDOC_NULL);
	yamldoc_free(&doc);
	/* not JSON, but YAML */
	read_right(&doc, "{a: 1, 'b': [2,],} # flow");
	yamldoc_free(&doc);
}

static void
an_empty_file_has_no_root(void **state)
{
	static const char *const text[] = {"", "\n", "# only a comment\n"};
	struct yamldoc doc;

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
		read_right(&doc, text[i]);
		assert_null(doc.root);
		yamldoc_free(&doc);
	}
	read_right(&doc, "---\n");
	assert_int_equal(doc.root->kind, YAMLDOC_NULL);
	yamldoc_free(&doc);
}

static void
aliases_stand_for_what_they_name(void **state)
{
	struct yamldoc doc;

	(void)state;
	read_right(&doc, "a: &x [1, 2]\nb: *x\nc: &x 5\nd: *x\n");
	assert_ptr_equal(
	    yamldoc_get(doc.root, "a"), yamldoc_get(doc.root, "b"));
	assert_string_equal(yamldoc_get(doc.root, "d")->text, "5");
	yamldoc_free(&doc);
}

static void
what_is_not_one_plain_document_is_refused(void **state)
{
	(void)state;
	refuse("a: 1\na: 2\n", "f:2:1:", "twice");
	refuse("{\"a\": 1,\n \"a\": 2}", "f:2:2:", "twice");
	refuse("{\"a\": {\"b\":1,\n\"b\":2}}", "f:2:1:", "twice");
	refuse("a: 1\n---\nb: 2\n", "f:2:1:", "second document");
	refuse("a: !foo x\n", "f:1:4:", "tag `!foo`");
	refuse("a: !!binary eA==\n", "f:1:4:", "tag `binary`");
	refuse("a: !!int x\n", "f:1:4:", "tag `int`");
	refuse("a: !!set {x}\n", "f:1:4:", "tag `set`");
	refuse("[a]: 1\n", "f:1:1:", "as a key");
	refuse("a: *b\n", "f:1:4:", "no anchor `b`");
	refuse("a: {b: 1\nc: 2\n", "f:2:", "not YAML");
	refuse("a:\n\tb: 1\n", "f:2:1:", "tab");
	refuse("a: b: c\n", "f:1:5:", "not YAML");
	refuse("a: \"x\n", "f:2:1:", "not YAML");
	refuse("a: \x01\n", "f:1:4:", "control characters");
	refuse("a: \"\\0\"\n", "f:1:4:", "NUL");
	refuse("{\"a\": \"\\u0000\"}", "f:1:7:", "NUL");
	refuse("a: 1\nb: \xff\n", "f:2:4:", "UTF-8");
	refuse("\xc3\xa4: \xc3\n", "f:1:4:", "UTF-8");
}

static void
a_nul_byte_is_refused(void **state)
{
	char *problem = problem_of_bytes("a: 1\nb\0c: 2\n", 12);

	(void)state;
	assert_int_equal(strncmp(problem, "f:2:2: a NUL byte", 17), 0);
	free(problem);
}

static void
a_cycle_of_aliases_is_refused(void **state)
{
	(void)state;
	refuse("a: &x [1, *x]\n", "f:1:11:", "inside of what it names");
	refuse("&x a: &y {b: [*y]}\n", "f:1:15:", "inside of what it names");
}

static void
a_billion_laughs_are_refused(void **state)
{
	struct buf text = {0};

	(void)state;
	buf_add_string(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 20; i++)
		buf_printf(&text,
		    "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i,
		    i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	refuse(text.data, "f:", "more than 10000 values");
	buf_free(&text);
}

static void
depth_is_limited_also_through_aliases(void **state)
{
	struct buf text = {0};
	struct yamldoc doc;

	(void)state;
	for (int i = 0; i < YAMLDOC_DEPTH_MAX - 1; i++)
		buf_add_byte(&text, '[');
	for (int i = 0; i < YAMLDOC_DEPTH_MAX - 1; i++)
		buf_add_byte(&text, ']');
	read_right(&doc, text.data);
	yamldoc_free(&doc);
	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		buf_add_byte(&text, '[');
	refuse(text.data, "f:1:33:", "deeper than 32");
	buf_clear(&text);
	for (int i = 0; i < 40; i++)
		buf_add_string(&text, "{\"a\":");
	buf_add_byte(&text, '1');
	for (int i = 0; i < 40; i++)
		buf_add_byte(&text, '}');
	refuse(text.data, "f:1:", "deeper than 32");
	buf_clear(&text);
	for (int i = 1; i < 40; i++)
		buf_printf(&text,
		    i == 1 ? "a1: &a1 [x]\n" : "a%d: &a%d [*a%d]\n", i, i,
		    i - 1);
	refuse(text.data, "f:", "deeper than 32");
	buf_free(&text);
}

static void
size_is_limited(void **state)
{
	size_t length = YAMLDOC_SIZE_MAX + 1;
	char *text = malloc(length + 1), *problem;

	(void)state;
	memset(text, ' ', length);
	text[length] = '\0';
	problem = problem_of_bytes(text, length);
	assert_non_null(strstr(problem, "more than 1048576 bytes"));
	free(problem);
	memset(text, 'x', length);
	problem = problem_of_bytes(text, length);
	assert_non_null(strstr(problem, "more than 1048576 bytes"));
	free(problem);
	/* many small values, as a list and as a map */
	for (size_t i = 0; i < length - 1; i += 2)
		memcpy(text + i, i == 0 ? "[1" : ",1", 2);
	problem = problem_of_bytes(text, length - 1);
	assert_non_null(strstr(problem, "more than 10000 values"));
	free(problem);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_scalars_follow_the_core_schema),
	    cmocka_unit_test(numbers_have_their_values),
	    cmocka_unit_test(nodes_know_their_places),
	    cmocka_unit_test(json_is_read_with_tabs_and_escapes),
	    cmocka_unit_test(an_empty_file_has_no_root),
	    cmocka_unit_test(aliases_stand_for_what_they_name),
	    cmocka_unit_test(what_is_not_one_plain_document_is_refused),
	    cmocka_unit_test(a_nul_byte_is_refused),
	    cmocka_unit_test(a_cycle_of_aliases_is_refused),
	    cmocka_unit_test(a_billion_laughs_are_refused),
	    cmocka_unit_test(depth_is_limited_also_through_aliases),
	    cmocka_unit_test(size_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
