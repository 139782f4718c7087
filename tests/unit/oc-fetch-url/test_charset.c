#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "buf.h"
#include "charset.h"

static void
check_sized(const char *declared, enum charset_from from, const char *text,
    size_t length, const char *expected)
{
	struct charset *charset = charset_open(declared, from, text, length);
	struct buf out = {.data = NULL};

	charset_convert(charset, text, length, &out);
	charset_close(charset);
	assert_string_equal(buf_string(&out), expected);
	assert_int_equal(out.length, strlen(expected));
	buf_free(&out);
}

static void
check(const char *declared, enum charset_from from, const char *text,
    const char *expected)
{
	check_sized(declared, from, text, strlen(text), expected);
}

static void
test_the_declared_charset(void **state)
{
	(void)state;
	check("utf-8", CHARSET_PLAIN, "gr\xc3\xbcn", "gr\xc3\xbcn");
	check("ISO-8859-1", CHARSET_PLAIN, "gr\xfcn \x80",
	    "gr\xc3\xbcn \xe2\x82\xac");
	check("windows-1251", CHARSET_PLAIN, "\xcf\xf0\xe8",
	    "\xd0\x9f\xd1\x80\xd0\xb8");
	check("koi8-r", CHARSET_PLAIN, "\xf0\xd2\xc9",
	    "\xd0\x9f\xd1\x80\xd0\xb8");
	check("Shift_JIS", CHARSET_PLAIN, "\x93\xfa\x96\x7b",
	    "\xe6\x97\xa5\xe6\x9c\xac");
	check("euc-jp", CHARSET_PLAIN, "\xc6\xfc\xcb\xdc",
	    "\xe6\x97\xa5\xe6\x9c\xac");
	check("gb2312", CHARSET_PLAIN, "\xd6\xd0", "\xe4\xb8\xad");
	check("big5", CHARSET_PLAIN, "\xa4\xa4", "\xe4\xb8\xad");
	check("euc-kr", CHARSET_PLAIN, "\xc7\xd1", "\xed\x95\x9c");
	check_sized(
	    "utf-16le", CHARSET_PLAIN, "a\0\xac\x20", 4, "a\xe2\x82\xac");
}

static void
test_an_unknown_charset_counts_as_none(void **state)
{
	(void)state;
	check("no-such", CHARSET_PLAIN, "gr\xc3\xbcn", "gr\xc3\xbcn");
	check("no-such", CHARSET_PLAIN, "gr\xfcn", "gr\xc3\xbcn");
	check("", CHARSET_PLAIN, "gr\xfcn", "gr\xc3\xbcn");
	/* known to iconv, dangerous there, and on no page */
	check("ISO-2022-CN-EXT", CHARSET_PLAIN, "abc", "abc");
	check("UTF-7", CHARSET_PLAIN, "+AGE-", "+AGE-");
}

static void
test_a_byte_order_mark_wins(void **state)
{
	(void)state;
	check("iso-8859-1", CHARSET_PLAIN, "\xef\xbb\xbf\xc3\xbc", "\xc3\xbc");
	check_sized("utf-8", CHARSET_PLAIN, "\xff\xfe\xfc\0", 4, "\xc3\xbc");
	check_sized(NULL, CHARSET_PLAIN, "\xfe\xff\0\xfc", 4, "\xc3\xbc");
	check("utf-8", CHARSET_PLAIN, "\xff\xfe", "");
}

static void
test_what_the_page_says_of_itself(void **state)
{
	(void)state;
	check(NULL, CHARSET_HTML, "<meta charset=windows-1251>\xcf",
	    "<meta charset=windows-1251>\xd0\x9f");
	check(NULL, CHARSET_HTML,
	    "<META name=x><meta http-equiv=Content-Type content='text/html; "
	    "charset=koi8-r'>\xf0",
	    "<META name=x><meta http-equiv=Content-Type content='text/html; "
	    "charset=koi8-r'>\xd0\x9f");
	check(NULL, CHARSET_HTML, "<meta charset=utf-16>\xc3\xbc",
	    "<meta charset=utf-16>\xc3\xbc");
	check("utf-8", CHARSET_HTML, "<meta charset=koi8-r>\xc3\xbc",
	    "<meta charset=koi8-r>\xc3\xbc");
	check(NULL, CHARSET_PLAIN, "<meta charset=koi8-r>\xc3\xbc",
	    "<meta charset=koi8-r>\xc3\xbc");
	check(NULL, CHARSET_XML, "<?xml version='1.0' encoding='koi8-r'?>\xf0",
	    "<?xml version='1.0' encoding='koi8-r'?>\xd0\x9f");
	check(NULL, CHARSET_HTML, "<meta charset", "<meta charset");
	check(NULL, CHARSET_HTML, "<meta charset=", "<meta charset=");
	check(NULL, CHARSET_HTML, "<meta", "<meta");
}

static void
test_broken_text_is_repaired(void **state)
{
	(void)state;
	check("utf-8", CHARSET_PLAIN, "a\xff\xc3", "a\xef\xbf\xbd\xef\xbf\xbd");
	check_sized("utf-8", CHARSET_PLAIN, "a\0b", 3,
	    "a\xef\xbf\xbd"
	    "b");
	check_sized("koi8-r", CHARSET_PLAIN, "a\0b", 3,
	    "a\xef\xbf\xbd"
	    "b");
	check("windows-1252", CHARSET_PLAIN,
	    "a\x81"
	    "b",
	    "a\xef\xbf\xbd"
	    "b");
	check("shift_jis", CHARSET_PLAIN, "a\x93", "a\xef\xbf\xbd");
	check("euc-jp", CHARSET_PLAIN,
	    "\xff\xff"
	    "a",
	    "\xef\xbf\xbd\xef\xbf\xbd"
	    "a");
	check_sized("utf-16le", CHARSET_PLAIN, "\x00\xd8", 2, "\xef\xbf\xbd");
	check_sized("utf-16le", CHARSET_PLAIN, "a\0b", 3, "a\xef\xbf\xbd");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_declared_charset),
	    cmocka_unit_test(test_an_unknown_charset_counts_as_none),
	    cmocka_unit_test(test_a_byte_order_mark_wins),
	    cmocka_unit_test(test_what_the_page_says_of_itself),
	    cmocka_unit_test(test_broken_text_is_repaired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
