#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "chunk.h"
#include "rich.h"
#include "xalloc.h"

static void
is(const char *markdown, const char *html)
{
	struct rich rich;
	struct buf out = {0};

	markdown_read(&rich, markdown, strlen(markdown));
	rich_html(&rich, 0, rich.text.length, &out);
	assert_string_equal(buf_string(&out), html);
	buf_free(&out);
	rich_free(&rich);
}

static void
test_formats(void **state)
{
	(void)state;
	is("**b** *i* ~~s~~ `c`", "<b>b</b> <i>i</i> <s>s</s> <code>c</code>");
	is("# Head\ntext", "<b>Head</b>\n\ntext");
	is("a\nb\n\nc", "a\nb\n\nc");
	is("> q\n> r\n>\n> > s", "<blockquote>q\nr\n\ns</blockquote>");
	is("```c++\nint a;\n```",
	    "<pre><code class=\"language-c++\">int a;</code></pre>");
	is("```a\"b\nx\n```", "<pre>x</pre>");
	is("a\n\n---\n\nb", "a\n\n\u2014\u2014\u2014\n\nb");
}

static void
test_lists(void **state)
{
	(void)state;
	is("- a\n- b", "\u2022 a\n\u2022 b");
	is("3. a\n4. b\n   - c\n     d", "3. a\n4. b\n  \u2022 c\n    d");
	is("- [x] a\n- [ ] b", "\u2611 a\n\u2610 b");
	is("x\n\n- a\n\n  b\n- c", "x\n\n\u2022 a\n\n  b\n\n\u2022 c");
}

static void
test_links(void **state)
{
	(void)state;
	is("[a](https://x.y/?r=\"2)",
	    "<a href=\"https://x.y/?r=&quot;2\">a</a>");
	is("[a](https://x.y/?q=1&r=2)",
	    "<a href=\"https://x.y/?q=1&amp;r=2\">a</a>");
	is("[a](b.md)", "a (b.md)");
	is("[a](javascript:x)", "a (javascript:x)");
	is("![pic](http://x/p.png)", "<a href=\"http://x/p.png\">pic</a>");
	is("<mailto:a@b.c>", "mailto:a@b.c");
}

static void
test_literal(void **state)
{
	(void)state;
	is("a <x> & b", "a &lt;x&gt; &amp; b");
	is("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;");
	is("&lt;&amp;&#65;&#x1F600;&nope;", "&lt;&amp;A\U0001F600&amp;nope;");
	is("&#0;&#xD800;", "\ufffd\ufffd");
	is("**open *and [broken](", "**open *and [broken](");
	is("\xff\xfe", "\ufffd\ufffd");
}

/* md4c opens a format here and never closes it. */
static void
test_format_without_an_end(void **state)
{
	static const char text[] = "~~s~\xff\0\xf3` [l](ht~\xff=)\n\n> q";
	struct rich rich;

	(void)state;
	markdown_read(&rich, text, sizeof text - 1);
	assert_int_equal(rich.depth, 0);
	for (size_t i = 0; i < rich.count; i++)
		assert_true(rich.span[i].end <= rich.text.length);
	rich_free(&rich);
	is("a\n\n> **b", "a\n\n<blockquote>**b</blockquote>");
}

static void
test_table(void **state)
{
	(void)state;
	is("|a|bc|\n|---|---|\n|1 <|`2`|",
	    "<pre>a   | bc\n----+---\n1 &lt; | 2</pre>");
}

/* A short text that asks for a thousand million cells. */
static void
test_table_of_too_many_cells(void **state)
{
	struct buf text = {0};
	struct rich rich;

	(void)state;
	for (int row = 0; row < 2; row++) {
		for (int i = 0; i < 5000; i++)
			buf_add_string(&text, row == 0 ? "|a" : "|---");
		buf_add_byte(&text, '\n');
	}
	for (int row = 0; row < 5000; row++)
		buf_add_string(&text, "|x\n");
	markdown_read(&rich, text.data, text.length);
	assert_int_equal(rich.count, 0); /* as plain text */
	assert_true(rich.text.length == text.length);
	rich_free(&rich);
	buf_free(&text);
}

static void
test_deep_nesting(void **state)
{
	struct buf text = {0}, out = {0};
	struct rich rich;

	(void)state;
	for (int i = 0; i < 500; i++)
		buf_add_string(&text, "> - **a ");
	markdown_read(&rich, text.data, text.length);
	rich_html(&rich, 0, rich.text.length, &out);
	assert_true(out.length > 0);
	buf_free(&out);
	buf_free(&text);
	rich_free(&rich);
}

/* ---- pieces */

/* The pieces' HTML, parted by a bar. */
static void
cuts(const char *markdown, size_t most, const char *expected)
{
	struct rich rich;
	struct chunk piece;
	struct buf out = {0};
	size_t position = 0;

	markdown_read(&rich, markdown, strlen(markdown));
	while (chunk_next(&rich, &position, most, &piece)) {
		if (out.length > 0)
			buf_add_byte(&out, '|');
		rich_html(&rich, piece.from, piece.to, &out);
		assert_true(chunk_units(rich.text.data + piece.from,
				piece.to - piece.from) <= most);
	}
	assert_string_equal(buf_string(&out), expected);
	buf_free(&out);
	rich_free(&rich);
}

static void
test_where_it_is_cut(void **state)
{
	(void)state;
	cuts("one two\n\nthree\nfour", 16, "one two|three\nfour");
	cuts("one two\nthree four", 12, "one two|three four");
	cuts("one two three", 9, "one two|three");
	cuts("abcdefgh", 3, "abc|def|gh");
	cuts("  \n\n ", 3, "");
	cuts("", 3, "");
}

static void
test_formats_go_on(void **state)
{
	(void)state;
	cuts("**one two *three***", 8, "<b>one two</b>|<b><i>three</i></b>");
	cuts("```sh\nab\ncd\n```", 3,
	    "<pre><code class=\"language-sh\">ab</code></pre>|"
	    "<pre><code class=\"language-sh\">cd</code></pre>");
	cuts("<<<<", 2, "&lt;&lt;|&lt;&lt;");
}

static void
test_characters_stay_whole(void **state)
{
	(void)state;
	cuts("\U0001F600\U0001F600", 3, "\U0001F600|\U0001F600");
	cuts("ab\U0001F600", 3, "ab|\U0001F600");
	cuts("ae\u0301", 2, "a|e\u0301");
	/* a family, and two flags */
	cuts("a\U0001F468\u200d\U0001F469", 5, "a|\U0001F468\u200d\U0001F469");
	cuts("\U0001F1E6\U0001F1FA\U0001F1E6\U0001F1FA", 6,
	    "\U0001F1E6\U0001F1FA|\U0001F1E6\U0001F1FA");
}

static void
test_invisible_pieces_are_left_out(void **state)
{
	(void)state;
	cuts("\u200b\u2800\u3164", 10, "");
	cuts("ab \u200b\u200b cd", 3, "ab|cd");
	cuts("\u200fab", 10, "\u200fab");
}

/* Links make the HTML far longer than the text. */
static void
test_long_html(void **state)
{
	struct buf text = {0}, html = {0};
	struct rich rich;
	struct chunk piece;
	size_t position = 0, pieces = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_add_string(&text,
		    "[a](https://example.com/some/long/path/to/a/page) ");
	markdown_read(&rich, text.data, text.length);
	while (chunk_next(&rich, &position, 4000, &piece)) {
		buf_clear(&html);
		rich_html(&rich, piece.from, piece.to, &html);
		assert_true(html.length <= CHUNK_HTML_MAX);
		pieces++;
	}
	assert_true(pieces > 1);
	buf_free(&html);
	buf_free(&text);
	rich_free(&rich);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_formats),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_literal),
	    cmocka_unit_test(test_format_without_an_end),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_table_of_too_many_cells),
	    cmocka_unit_test(test_deep_nesting),
	    cmocka_unit_test(test_where_it_is_cut),
	    cmocka_unit_test(test_formats_go_on),
	    cmocka_unit_test(test_characters_stay_whole),
	    cmocka_unit_test(test_invisible_pieces_are_left_out),
	    cmocka_unit_test(test_long_html),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
