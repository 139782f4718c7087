#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "command.h"

static void
assert_command(const char *text, enum command command, const char *argument)
{
	const char *rest;

	assert_int_equal(command_parse(text, &rest), command);
	assert_string_equal(rest, argument);
}

static void
test_commands(void **state)
{
	(void)state;
	assert_command("/new", COMMAND_NEW, "");
	assert_command("  /NEW \n", COMMAND_NEW, "");
	assert_command("/stop@some_bot", COMMAND_STOP, "");
	assert_command("/model google/x", COMMAND_MODEL, "google/x");
	assert_command("/model@bot  google/x y", COMMAND_MODEL, "google/x y");
	assert_command("/start", COMMAND_HELP, "");
	assert_command("/start payload", COMMAND_HELP, "payload");
}

static void
test_what_is_none(void **state)
{
	static const char *const texts[] = {"", "/", "new", "hi /new", "/newer",
	    "/etc/passwd", "/new/x", "//new", "/ new", "/stop@", "/@bot"};

	(void)state;
	for (size_t i = 0; i < 9; i++)
		assert_command(texts[i], COMMAND_NONE, "");
	assert_command(texts[9], COMMAND_STOP, "");
	assert_command(texts[10], COMMAND_NONE, "");
}

static void
test_names_and_order(void **state)
{
	(void)state;
	assert_string_equal(command_name(COMMAND_HELP), "help");
	assert_string_equal(command_name(COMMAND_NONE), "");
	assert_true(command_overtakes(COMMAND_STOP));
	assert_true(command_overtakes(COMMAND_STATUS));
	assert_false(command_overtakes(COMMAND_NEW));
	assert_false(command_overtakes(COMMAND_NONE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_commands),
	    cmocka_unit_test(test_what_is_none),
	    cmocka_unit_test(test_names_and_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
