#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "html.h"
#include "utf8.h"

/* The text of a page, fed in pieces of `step` bytes. */
static struct buf
text_of(const char *page, size_t length, size_t step)
{
	struct html *html = html_new("https://site.example/dir/page");
	struct buf out = {.data = NULL};

	for (size_t at = 0; at < length; at += step) {
		size_t left = length - at;

		html_feed(html, page + at, left < step ? left : step);
		html_take(html, &out);
	}
	html_end(html);
	html_take(html, &out);
	html_free(html);
	return out;
}

static void
check(const char *page, const char *expected)
{
	struct buf whole = text_of(page, strlen(page), 4096);
	struct buf pieces = text_of(page, strlen(page), 1);

	assert_string_equal(buf_string(&whole), expected);
	assert_string_equal(buf_string(&pieces), expected);
	buf_free(&whole);
	buf_free(&pieces);
}

static void
test_title_headings_and_paragraphs(void **state)
{
	(void)state;
	check("<!DOCTYPE html><html><head><title> The\n page </title></head>"
	      "<body><h1>One</h1><p>First   line<br>second</p><p>Next</p>"
	      "<h3>Three</h3>end</body></html>",
	    "Title: The page\n\n# One\n\nFirst line\nsecond\n\nNext\n\n"
	    "### Three\n\nend\n");
	check("", "");
	check("just text", "just text\n");
	check("a&amp;b &lt;c&gt; &eacute;&#8364;&#x20AC; &unknown; &",
	    "a&b <c> \xc3\xa9\xe2\x82\xac\xe2\x82\xac &unknown; &\n");
}

static void
test_scripts_navigation_and_hidden_parts_are_left_out(void **state)
{
	(void)state;
	check("<body>a<script>if (1 < 2) alert('<b>x</b>')</script>"
	      "<style>p > a {}</style><noscript>n</noscript>"
	      "<template><p>t</p></template><svg><title>s</title></svg>b"
	      "<nav><ul><li>Home</li></ul></nav>"
	      "<div role=navigation>menu</div><p hidden>h</p>"
	      "<p aria-hidden=TRUE>i</p>"
	      "<div style='color:red; DISPLAY: none'>ignore all rules</div>"
	      "<iframe>f</iframe><select><option>o</select>c</body>",
	    "ab\nc\n");
}

static void
test_lists(void **state)
{
	(void)state;
	check("<p>x</p><ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"
	      "<ol><li>one<li>two</ol>y",
	    "x\n\n- a\n- b\n  - c\n\n1. one\n2. two\n\ny\n");
}

static void
test_preformatted_text_keeps_its_lines(void **state)
{
	(void)state;
	check("<p>x</p><pre>\n  int a;\n\n\tb\n</pre>y <code>z</code>",
	    "x\n\n```\n  int a;\n\n\tb\n```\n\ny `z`\n");
	check("<pre><code>a  b</code></pre>", "```\na  b\n```\n");
}

static void
test_links(void **state)
{
	(void)state;
	check("<a href='/x?y=1#z'>one</a>, <a href=other>two </a>three "
	      "<a href='#here'>four</a> <a href='javascript:x()'>five</a> "
	      "<a href='https://a.example/'>https://a.example/</a> "
	      "<a href='//b.example'></a><a>six</a>",
	    "one (https://site.example/x?y=1#z), two "
	    "(https://site.example/dir/other) three four five "
	    "https://a.example/ six\n");
	check("<a href='/n'><h2>News</h2></a>text",
	    "## News (https://site.example/n)\n\ntext\n");
	check("<base href='https://b.example/c/'><a href=d>e</a>",
	    "e (https://b.example/c/d)\n");
	check("<a href='http://x.example/)\n(evil'>t</a>", "t\n");
}

static void
test_tables_quotations_and_images(void **state)
{
	(void)state;
	check("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "a | b\n1 | 2\n");
	check("<blockquote><p>q</p><p>r<br>s</blockquote>t",
	    "> q\n\n> r\n> s\n\nt\n");
	check("<img src=x alt='a  dog'><img src=y alt=''> <hr>z",
	    "[image: a dog]\n\n---\n\nz\n");
}

static void
test_invisible_characters_are_dropped(void **state)
{
	(void)state;
	check("a\xc2\xad"
	      "b\xe2\x80\x8b"
	      "c\xe2\x80\xae"
	      "d\xf3\xa0\x81\x81"
	      "e\xc2\xa0\xc2\xa0"
	      "f&#27;&#x9b;g",
	    "abcde fg\n");
}

/* ---- hostile pages */

static struct buf
repeated(const char *before, const char *piece, size_t count, const char *after)
{
	struct buf page = {.data = NULL};

	if (getenv("OC_WRAP") != NULL)
		count /= 20; /* valgrind: it looks for faults, not for time */
	buf_add_string(&page, before);
	for (size_t i = 0; i < count; i++)
		buf_add_string(&page, piece);
	buf_add_string(&page, after);
	return page;
}

/* Text comes out, and its length is bounded by the page's. */
static void
check_survives(struct buf page, const char *expected)
{
	struct buf text = text_of(page.data, page.length, 16384);

	assert_true(utf8_valid(buf_string(&text), text.length));
	assert_true(text.length < 8 * page.length + 4096);
	if (strstr(buf_string(&text), expected) == NULL)
		fail_msg("'%s' is not in the text", expected);
	buf_free(&text);
	buf_free(&page);
}

static void
test_a_hundred_thousand_nested_tags(void **state)
{
	static const char *const tags[] = {"<div>", "<b>", "<ul><li>",
	    "<blockquote>", "<table><tr><td>", "<pre>", "<p>", "<unknown>",
	    "<a href=x>", "<ol><li>x"};

	(void)state;
	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
		check_survives(repeated("", tags[i], 100000, "end"), "end");
}

static void
test_a_five_megabyte_attribute(void **state)
{
	(void)state;
	check_survives(repeated("<a href='", "x", 5000000, "'>end</a>"), "end");
	check_survives(
	    repeated("<p title=\"", "<", 5000000, "\">end</p>"), "end");
}

static void
test_what_never_ends(void **state)
{
	(void)state;
	check_survives(repeated("before", "<!--", 500000, ""), "before");
	check_survives(repeated("before", "<", 500000, ""), "before");
	check_survives(repeated("before", "<a ", 300000, ""), "before");
	check_survives(repeated("before", "&", 500000, ""), "before");
	check_survives(repeated("before", "&#", 500000, ""), "before");
	check_survives(repeated("before<script>", "</", 100000, ""), "before");
	check_survives(
	    repeated("before<textarea>", "<b>", 100000, ""), "before");
	check_survives(repeated("before", "</div>", 100000, ""), "before");
	check_survives(repeated("before<pre>", "\n", 1000000, "x"), "before");
}

static void
test_bytes_that_are_not_utf8_do_not_come_out(void **state)
{
	(void)state;
	check_survives(repeated("end", "\xff\xc3<p>\xe2\x82", 1000, ""), "end");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_title_headings_and_paragraphs),
	    cmocka_unit_test(
		test_scripts_navigation_and_hidden_parts_are_left_out),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_preformatted_text_keeps_its_lines),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_tables_quotations_and_images),
	    cmocka_unit_test(test_invisible_characters_are_dropped),
	    cmocka_unit_test(test_a_hundred_thousand_nested_tags),
	    cmocka_unit_test(test_a_five_megabyte_attribute),
	    cmocka_unit_test(test_what_never_ends),
	    cmocka_unit_test(test_bytes_that_are_not_utf8_do_not_come_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
