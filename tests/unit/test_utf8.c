#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "buf.h"
#include "utf8.h"

#define FFFD "\xef\xbf\xbd"

static void
every_character_is_a_sequence(void **state)
{
	struct buf buf = {0};

	(void)state;
	for (unsigned c = 0; c <= 0x10ffff; c++) {
		size_t length = c < 0x80      ? 1
				: c < 0x800   ? 2
				: c < 0x10000 ? 3
					      : 4;

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		buf_clear(&buf);
		utf8_encode(&buf, c);
		assert_int_equal(buf.length, length);
		assert_int_equal(utf8_sequence(buf.data, buf.length), length);
		if (length > 1)
			assert_int_equal(
			    utf8_sequence(buf.data, length - 1), 0);
	}
	buf_free(&buf);
}

static void
what_is_no_character_is_encoded_as_fffd(void **state)
{
	unsigned none[] = {0xd800, 0xdbff, 0xdc00, 0xdfff, 0x110000, ~0u};

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		struct buf buf = {0};

		utf8_encode(&buf, none[i]);
		assert_string_equal(buf_string(&buf), FFFD);
		buf_free(&buf);
	}
}

static const char *const ill_formed[] = {
    "\x80", "\xbf", "\xc0\x80", "\xc0\xaf", "\xc1\xbf", /* overlong "/" */
    "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf",
    "\xed\xa0\x80", "\xed\xbf\xbf", /* surrogates */
    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe",
    "\xff", /* beyond U+10FFFF */
    "\xc3", "\xc3(", "\xe2\x82", "\xe2(\xac", "\xe2\x82(", "\xf0\x9f\x98",
    "\xf0\x9f\x98(", "\xf0(\x98\x80", /* broken off */
};

static void
ill_formed_is_refused_and_repaired(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ill_formed / sizeof *ill_formed; i++) {
		const char *text = ill_formed[i];
		struct buf buf = {0};

		assert_int_equal(utf8_sequence(text, strlen(text)), 0);
		assert_false(utf8_valid(text, strlen(text)));
		buf_add_string(&buf, "before");
		utf8_repair(&buf, text, strlen(text));
		assert_true(utf8_valid(buf.data, buf.length));
		assert_non_null(strstr(buf.data, "before" FFFD));
		buf_free(&buf);
	}
}

static void
repair_keeps_what_is_right(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"", ""},
	    {"abc", "abc"},
	    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
	    {"a\xff"
	     "b",
		"a" FFFD "b"},
	    {"\xffz", FFFD "z"},
	    {"z\xe2\x82", "z" FFFD},
	    {"a\xc3(b", "a" FFFD "(b"},
	    {"\xed\xa0\xbd\xed\xb8\x80!", FFFD FFFD "!"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf buf = {0};

		utf8_repair(&buf, cases[i].in, strlen(cases[i].in));
		assert_string_equal(buf_string(&buf), cases[i].out);
		buf_free(&buf);
	}
}

static void
floor_never_splits_a_character(void **state)
{
	static const char text[] = "a\xc3\xa9"
				   "b\xe2\x82\xac"
				   "c\xf0\x9f\x98\x80"
				   "d";
	size_t length = sizeof text - 1;

	(void)state;
	for (size_t most = 0; most <= length + 3; most++) {
		size_t cut = utf8_floor(text, length, most);

		assert_true(cut <= most && cut <= length);
		assert_true(utf8_valid(text, cut));
		/* and it is the greatest such length */
		for (size_t more = cut + 1; more <= most && more <= length;
		     more++)
			assert_false(utf8_valid(text, more));
	}
}

static void
floor_of_what_is_ill_formed_ends(void **state)
{
	(void)state;
	assert_int_equal(utf8_floor("", 0, 10), 0);
	assert_int_equal(utf8_floor("\x80\x80\x80\x80\x80", 5, 4), 4);
	assert_true(utf8_floor("\xff\xff\xff", 3, 2) <= 2);
}

static void
counts_characters(void **state)
{
	(void)state;
	assert_int_equal(utf8_count("", 0), 0);
	assert_int_equal(utf8_count("a\xc3\xa9\xe2\x82\xac", 6), 3);
}

static void
plain_text_has_no_control_characters(void **state)
{
	struct buf out = {0};

	(void)state;
	utf8_plain(&out, "a\x1b[m\n\tb\xc2\x9b\xc3\xa9\x7f\r", 12);
	assert_string_equal(buf_string(&out), "a?[m\n\tb?\xc3\xa9?");
	buf_free(&out);
	utf8_plain(&out, "\xc2", 1); /* cut in the middle */
	utf8_plain(&out, "\0", 1);
	assert_int_equal(out.length, 2);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_character_is_a_sequence),
	    cmocka_unit_test(what_is_no_character_is_encoded_as_fffd),
	    cmocka_unit_test(ill_formed_is_refused_and_repaired),
	    cmocka_unit_test(repair_keeps_what_is_right),
	    cmocka_unit_test(floor_never_splits_a_character),
	    cmocka_unit_test(floor_of_what_is_ill_formed_ends),
	    cmocka_unit_test(counts_characters),
	    cmocka_unit_test(plain_text_has_no_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
