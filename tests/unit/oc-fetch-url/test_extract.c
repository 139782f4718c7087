#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "clock.h"
#include "extract.h"

enum { PLENTY = 1 << 20 };

static struct extract_input
input_of(const char *type, const char *body, size_t length)
{
	return (struct extract_input){.type = type,
	    .url = "http://site.example/",
	    .body = body,
	    .length = length};
}

static enum extract_kind
kind(const char *type, const char *body)
{
	struct extract_input input = input_of(type, body, strlen(body));

	return extract_kind(&input);
}

static void
test_kinds(void **state)
{
	(void)state;
	assert_int_equal(kind("text/html", ""), EXTRACT_HTML);
	assert_int_equal(kind("application/xhtml+xml", ""), EXTRACT_HTML);
	assert_int_equal(kind("text/plain", "<html>"), EXTRACT_TEXT);
	assert_int_equal(kind("application/json", ""), EXTRACT_TEXT);
	assert_int_equal(kind("application/ld+json", ""), EXTRACT_TEXT);
	assert_int_equal(kind("application/rss+xml", ""), EXTRACT_XML);
	assert_int_equal(kind("image/svg+xml", ""), EXTRACT_XML);
	assert_int_equal(kind("image/png", "text"), EXTRACT_NONE);
	assert_int_equal(kind("application/pdf", "%PDF"), EXTRACT_NONE);
	assert_int_equal(kind("", " \n<!DOCTYPE HTML>"), EXTRACT_HTML);
	assert_int_equal(kind("", "plain"), EXTRACT_TEXT);
	assert_int_equal(kind("", ""), EXTRACT_TEXT);
	assert_int_equal(kind("", "\x89PNG"), EXTRACT_NONE);
	assert_int_equal(
	    kind("application/octet-stream", "plain"), EXTRACT_TEXT);
}

/* Below valgrind the child's limits leave it too little to begin. */
static void
need_limits(void)
{
	if (getenv("OC_WRAP") != NULL)
		skip();
}

static void
test_the_child_gives_what_this_process_would(void **state)
{
	const char *page = "<meta charset=koi8-r><title>\xf0</title>"
			   "<p>x <a href=y>y</a>";
	struct extract_input input = input_of("text/html", page, strlen(page));
	struct buf out = {.data = NULL};

	(void)state;
	need_limits();
	assert_true(extract_confined(
	    &input, EXTRACT_HTML, PLENTY, clock_mono_ms() + 10000, &out));
	assert_string_equal(buf_string(&out),
	    "Title: \xd0\x9f\n\nx y (http://site.example/y)\n");
	buf_free(&out);
}

static void
test_text_is_cut_between_characters(void **state)
{
	const char *text = "ab\xe2\x82\xac\xe2\x82\xac";
	struct extract_input input = input_of("text/plain", text, strlen(text));
	struct buf out = {.data = NULL};

	(void)state;
	need_limits();
	assert_false(extract_confined(
	    &input, EXTRACT_TEXT, 6, clock_mono_ms() + 10000, &out));
	assert_string_equal(buf_string(&out), "ab\xe2\x82\xac");
	buf_free(&out);
}

/*
 * libxml2 compares each attribute of a tag with all before it.  The child's
 * processor time ends that; what stood before is kept.
 */
static void
test_a_tag_with_half_a_million_attributes(void **state)
{
	struct extract_input input;
	struct buf page = {.data = NULL}, out = {.data = NULL};

	(void)state;
	need_limits();
	for (int i = 0; i < 4000; i++)
		buf_add_string(&page, "<p>before</p>\n");
	buf_add_string(&page, "<p ");
	for (int i = 0; i < 500000; i++)
		buf_printf(&page, "a%d=1 ", i);
	buf_add_string(&page, ">after");
	input = input_of("text/html", page.data, page.length);
	assert_false(extract_confined(
	    &input, EXTRACT_HTML, PLENTY, clock_mono_ms() + 60000, &out));
	assert_non_null(strstr(buf_string(&out), "before\n"));
	buf_free(&page);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_the_child_gives_what_this_process_would),
	    cmocka_unit_test(test_text_is_cut_between_characters),
	    cmocka_unit_test(test_a_tag_with_half_a_million_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
