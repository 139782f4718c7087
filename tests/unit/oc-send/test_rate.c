#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "rate.h"

static void
test_window(void **state)
{
	struct rate rate = {.most = 3, .span_ms = 3000};

	(void)state;
	for (int64_t now = 100; now < 103; now++) {
		assert_int_equal(rate_wait(&rate, 1, now), 0);
		rate_note(&rate, 1, now);
	}
	assert_int_equal(rate_wait(&rate, 1, 103), 2997);
	assert_int_equal(rate_wait(&rate, 1, 3100), 0);
	assert_int_equal(rate_wait(&rate, 2, 3100), 1);
	rate_note(&rate, 1, 3100);
	assert_int_equal(rate_wait(&rate, 1, 3100), 1);
}

static void
test_more_than_fits(void **state)
{
	struct rate rate = {.most = 3, .span_ms = 3000};

	(void)state;
	assert_int_equal(rate_wait(&rate, 10, 100), 0);
	rate_note(&rate, 10, 100);
	assert_int_equal(rate_wait(&rate, 10, 200), 2900);
	assert_int_equal(rate_wait(&rate, 10, 3100), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_window),
	    cmocka_unit_test(test_more_than_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
