#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../../bin/oc-recv-http/signature.h"

/* GitHub's own example, of its page on validating deliveries. */
#define SECRET "It's a Secret to Everybody"
#define BODY   "Hello, World!"
#define HEX    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

static bool
right(const char *header)
{
	return signature_is_right(header, SECRET, BODY, strlen(BODY));
}

static void
test_signatures(void **state)
{
	(void)state;
	assert_true(right("sha256=" HEX));
	assert_true(right("sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C"
			  "22C46F4379C8B043E17"));
	assert_false(right(NULL));
	assert_false(right(""));
	assert_false(right("sha256="));
	assert_false(right(HEX));
	assert_false(right("sha1=" HEX));
	assert_false(right("sha256=" HEX "0"));
	assert_false(right("sha256=057107ea0eb2509fc211221cce984b8a37570b6d758"
			   "6c22c46f4379c8b043e17"));
	assert_false(signature_is_right("sha256=" HEX, "other", BODY, 13));
	assert_false(signature_is_right("sha256=" HEX, SECRET, BODY, 12));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_signatures)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
