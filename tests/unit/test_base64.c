#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base64.h"

static void
test_both_alphabets(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	for (int i = 0; i < 64; i++)
		assert_int_equal(base64_digit(digits[i]), i);
	assert_int_equal(base64_digit('-'), 62);
	assert_int_equal(base64_digit('_'), 63);
}

static void
test_every_other_byte(void **state)
{
	int known = 0;

	(void)state;
	for (int c = -128; c < 128; c++)
		known += base64_digit((char)c) >= 0;
	assert_int_equal(known, 66);
	assert_int_equal(base64_digit('='), -1);
	assert_int_equal(base64_digit('\0'), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_alphabets),
	    cmocka_unit_test(test_every_other_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
