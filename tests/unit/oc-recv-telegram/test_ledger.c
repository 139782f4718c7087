#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "ledger.h"

static void
test_the_offset_stays_at_what_is_not_done(void **state)
{
	struct ledger ledger = {.count = 0};

	(void)state;
	assert_int_equal(ledger_take_offset(&ledger), 0);
	for (int64_t id = 10; id < 14; id++)
		assert_true(ledger_add(&ledger, id));
	ledger_done(&ledger, 11);
	ledger_done(&ledger, 12);
	assert_int_equal(ledger_take_offset(&ledger), 10);
	ledger_done(&ledger, 10);
	assert_int_equal(ledger_take_offset(&ledger), 13);
	assert_true(ledger_waits(&ledger));
	ledger_done(&ledger, 13);
	assert_false(ledger_waits(&ledger));
	assert_int_equal(ledger_take_offset(&ledger), 14);
	assert_int_equal(ledger_take_offset(&ledger), 14);
	ledger_free(&ledger);
}

/* An answer to a question that was asked before all was done. */
static void
test_what_is_done_is_known_until_an_offset_passes_it(void **state)
{
	struct ledger ledger = {.count = 0};

	(void)state;
	ledger_add(&ledger, 1);
	assert_int_equal(ledger_take_offset(&ledger), 1); /* under way */
	ledger_done(&ledger, 1);
	assert_false(ledger_add(&ledger, 1)); /* it comes again */
	assert_int_equal(ledger_take_offset(&ledger), 2);
	assert_int_equal(ledger.count, 0);
	ledger_free(&ledger);
}

static void
test_done_twice_or_never_added(void **state)
{
	struct ledger ledger = {.count = 0};

	(void)state;
	ledger_add(&ledger, 1);
	ledger_add(&ledger, 2);
	ledger_done(&ledger, 1);
	ledger_done(&ledger, 1);
	ledger_done(&ledger, 99);
	assert_true(ledger_waits(&ledger));
	assert_int_equal(ledger_take_offset(&ledger), 2);
	ledger_free(&ledger);
}

static void
test_numbers_that_begin_anew(void **state)
{
	struct ledger ledger = {.offset = 900000};

	(void)state;
	assert_true(ledger_add(&ledger, 17));
	ledger_done(&ledger, 17);
	assert_int_equal(ledger_take_offset(&ledger), 18);
	ledger_free(&ledger);
}

static void
test_updates_that_did_not_come_by_asking(void **state)
{
	struct ledger ledger = {.offset = 50};
	int64_t id = 0;

	(void)state;
	assert_true(ledger_add(&ledger, 100));
	assert_true(ledger_add(&ledger, 101));
	assert_false(ledger_take_done(&ledger, &id));
	ledger_done(&ledger, 101);
	assert_true(ledger_take_done(&ledger, &id));
	assert_int_equal(id, 101);
	assert_false(ledger_knows(&ledger, 101));
	assert_true(ledger_knows(&ledger, 100));
	ledger_done(&ledger, 100);
	assert_true(ledger_take_done(&ledger, &id));
	assert_false(ledger_waits(&ledger));
	assert_int_equal(ledger_take_offset(&ledger), 50);
	ledger_free(&ledger);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_offset_stays_at_what_is_not_done),
	    cmocka_unit_test(
		test_what_is_done_is_known_until_an_offset_passes_it),
	    cmocka_unit_test(test_done_twice_or_never_added),
	    cmocka_unit_test(test_numbers_that_begin_anew),
	    cmocka_unit_test(test_updates_that_did_not_come_by_asking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
