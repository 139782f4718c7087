#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "json.h"
#include "keys.h"

static void
assert_key(const char *name, const char *type, const char *key,
    const char *text, int64_t code, int64_t modifiers)
{
	jv down, up;

	assert_true(keys_event(name, &down, &up));
	assert_string_equal(json_get_string(down, "type", ""), type);
	assert_string_equal(json_get_string(down, "key", ""), key);
	assert_string_equal(json_get_string(down, "text", "-"), text);
	assert_int_equal(json_get_int(down, "windowsVirtualKeyCode", 0), code);
	assert_int_equal(json_get_int(down, "modifiers", -1), modifiers);
	assert_string_equal(json_get_string(up, "type", ""), "keyUp");
	jv_free(down);
	jv_free(up);
}

static void
test_keys(void **state)
{
	(void)state;
	assert_key("Enter", "keyDown", "Enter", "\r", 13, 0);
	assert_key("escape", "rawKeyDown", "Escape", "-", 27, 0);
	assert_key("a", "keyDown", "a", "a", 'A', 0);
	assert_key("+", "keyDown", "+", "+", 0, 0);
	assert_key("\xc3\xa9", "keyDown", "\xc3\xa9", "\xc3\xa9", 0, 0);
	assert_key("Control+a", "rawKeyDown", "a", "-", 'A', 2);
	assert_key("Shift+Tab", "rawKeyDown", "Tab", "-", 9, 8);
	assert_key("Shift+Control+F5", "rawKeyDown", "F5", "-", 116, 10);
	assert_key("Space", "keyDown", " ", " ", 32, 0);
}

static void
test_no_keys(void **state)
{
	jv down, up;

	(void)state;
	assert_false(keys_event("", &down, &up));
	assert_false(keys_event("ab", &down, &up));
	assert_false(keys_event("Control+", &down, &up));
	assert_false(keys_event("\xff", &down, &up));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_no_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
