#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "clock.h"
#include "ulid.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void
has_the_form_of_the_specification(void **state)
{
	char id[ULID_SIZE];

	(void)state;
	ulid_make(id);
	assert_int_equal(strlen(id), 26);
	assert_int_equal(strspn(id, alphabet), 26);
	assert_true(id[0] <= '7');
}

static void
begins_with_the_time(void **state)
{
	char id[ULID_SIZE];
	int64_t before, after, told = 0;

	(void)state;
	before = clock_now_ms();
	ulid_make(id);
	after = clock_now_ms();
	for (int i = 0; i < 10; i++)
		told = told * 32 + (strchr(alphabet, id[i]) - alphabet);
	assert_true(told >= before && told <= after);
}

static void
each_is_greater_than_the_one_before(void **state)
{
	char last[ULID_SIZE] = "", id[ULID_SIZE];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		ulid_make(id);
		assert_true(strcmp(id, last) > 0);
		memcpy(last, id, sizeof last);
	}
}

static void
differs_in_its_random_part(void **state)
{
	char a[ULID_SIZE], b[ULID_SIZE];
	int64_t now = clock_now_ms();

	(void)state;
	ulid_make(a);
	while (clock_now_ms() <= now + 1)
		continue;
	ulid_make(b);
	assert_string_not_equal(a + 10, b + 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_the_form_of_the_specification),
	    cmocka_unit_test(begins_with_the_time),
	    cmocka_unit_test(each_is_greater_than_the_one_before),
	    cmocka_unit_test(differs_in_its_random_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
