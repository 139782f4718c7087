#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "name.h"
#include "utf8.h"

static void
check(const char *name, const char *expected)
{
	char *clean = name_clean(name);

	assert_string_equal(clean, expected);
	free(clean);
}

static void
test_ordinary_names_stay(void **state)
{
	(void)state;
	check("report.pdf", "report.pdf");
	check("a-b_c+d@e=f.tar", "a-b_c+d@e=f.tar");
	check("\xc3\xbc.pdf", "\xc3\xbc.pdf");
}

static void
test_hostile_names(void **state)
{
	(void)state;
	check("", "file");
	check(".", "file");
	check("..", "file");
	check("-rf", "rf");
	check("/etc/passwd", "_etc_passwd");
	check("../../x", "_.._x");
	check("a b\n$(c)'\"\\", "a_b___c____");
	check("..-.hidden", "hidden");
}

static void
test_long_names_keep_their_extension(void **state)
{
	char name[400], *clean;

	(void)state;
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	memcpy(name + 390, ".jpeg", 6);
	clean = name_clean(name);
	assert_int_equal(strlen(clean), 80);
	assert_string_equal(clean + 75, ".jpeg");
	free(clean);
	/* not cut inside of a character, and no extension of 300 bytes */
	for (size_t i = 0; i + 2 < sizeof name; i += 2)
		memcpy(name + i, "\xc3\xbc", 3);
	name[1] = '.';
	name[0] = 'a';
	clean = name_clean(name);
	assert_true(strlen(clean) <= 80);
	assert_true(utf8_valid(clean, strlen(clean)));
	free(clean);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ordinary_names_stay),
	    cmocka_unit_test(test_hostile_names),
	    cmocka_unit_test(test_long_names_keep_their_extension),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
