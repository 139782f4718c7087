#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "buf.h"
#include "edit.h"

static const struct {
	const char *before, *after; /* after: NULL when it is refused */
} texts[] = {
    {"", "a:\n  b:\n    c: true\n"},
    {"# only this\n", "# only this\na:\n  b:\n    c: true\n"},
    {"x: 1 # one", "x: 1 # one\na:\n  b:\n    c: true\n"},
    {"x: 1\na:\n  # why\n  b:\n    c: false # because\n    d: 2\n",
	"x: 1\na:\n  # why\n  b:\n    c: true # because\n    d: 2\n"},
    {"a:\n    b:\n        d: 2\n        e: 3\nx: 1\n",
	"a:\n    b:\n        c: true\n        d: 2\n        e: 3\nx: 1\n"},
    {"a:\n  z: {c: false}\n", "a:\n  b:\n    c: true\n  z: {c: false}\n"},
    {"a:\nx: 1\n", "a: {\"b\": {\"c\": true}}\nx: 1\n"},
    {"a: ~\n", "a: {\"b\": {\"c\": true}}\n"},
    {"a: {b: null}\n", "a: {b: {\"c\": true}}\n"},
    {"a: {b: {c: false, d: 2}}\n", "a: {b: {c: true, d: 2}}\n"},
    {"a: {}\n", "a: {\"b\": {\"c\": true}}\n"},
    {"{}", "{\"a\": {\"b\": {\"c\": true}}}"},
    {"{\n  \"x\": 1\n}\n", "{\"a\": {\"b\": {\"c\": true}}, \n  \"x\": 1\n}\n"},
    {"{\"a\": {\"b\": {\"c\": false}}}", "{\"a\": {\"b\": {\"c\": true}}}"},
    {"{\"\u00e9\": 1, \"a\": {\"b\": {\"c\": false}}}",
	"{\"\u00e9\": 1, \"a\": {\"b\": {\"c\": true}}}"},
    {"a: {\"\u00e9\": 1, b: {c: false}}\n",
	"a: {\"\u00e9\": 1, b: {c: true}}\n"},
    {"a: 5\n", NULL},
    {"a: [b]\n", NULL},
    {"a: {b\n", NULL},
    {"- a\n", NULL},
};

static void
test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct buf out = {0};
		bool ok = edit_set(texts[i].before, strlen(texts[i].before),
		    "a.b.c", "true", &out);

		if (texts[i].after == NULL) {
			assert_false(ok);
		} else {
			assert_true(ok);
			assert_string_equal(buf_string(&out), texts[i].after);
		}
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
