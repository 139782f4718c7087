#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <cmocka.h>
#include "buf.h"
#include "state.h"
#include "watch.h"

/* state_directory keeps what it found, so each case is a child of its own. */
struct place {
	const char *state, *home, *wanted;
};

static void
check_directory(void *arg)
{
	const struct place *place = arg;
	const char *found;
	char *path;

	if (place->state != NULL)
		setenv("OC_STATE", place->state, 1);
	else
		unsetenv("OC_STATE");
	if (place->home != NULL)
		setenv("HOME", place->home, 1);
	else
		unsetenv("HOME");
	found = state_directory();
	path = state_path("turns/%s/x", "t1");
	if (place->wanted == NULL)
		_exit(found == NULL && path == NULL ? 0 : 1);
	if (found == NULL || strcmp(found, place->wanted) != 0)
		_exit(2);
	if (strncmp(path, found, strlen(found)) != 0 ||
	    strcmp(path + strlen(found), "/turns/t1/x") != 0)
		_exit(3);
	free(path);
}

static void
directory_from_the_environment(void **state)
{
	struct place places[] = {
	    {"/s", "/h", "/s"},
	    {NULL, "/h", "/h/.openclaw/state"},
	    {"", "/h", "/h/.openclaw/state"},
	    {NULL, NULL, NULL},
	    {"", "", NULL},
	};
	struct buf err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		assert_int_equal(
		    ends_with(check_directory, &places[i], &err), 0);
	assert_string_equal(buf_string(&err), "");
	buf_free(&err);
}

static void
directory_that_is_too_long(void **state)
{
	struct buf path = {0}, err = {0};
	struct place place = {.wanted = ""};

	(void)state;
	while (path.length < 100000)
		buf_add_string(&path, "/long");
	place.state = path.data;
	assert_int_equal(ends_with(check_directory, &place, &err), EX_CONFIG);
	buf_free(&path);
	buf_free(&err);
}

static void
names(void **state)
{
	static const struct {
		const char *identifier, *name;
	} cases[] = {
	    {"telegram:42", "telegram:42"},
	    {"Az09_:@+=,.-", "Az09_:@+=,.-"},
	    {"", "%"},
	    {"%", "%25"},
	    {".", "%2E"},
	    {"..", "%2E."},
	    {".hidden", "%2Ehidden"},
	    {"../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"},
	    {"a/b", "a%2Fb"},
	    {"a b\n\x01", "a%20b%0A%01"},
	    {"\xc3\xa9", "%C3%A9"},
	    {"~*?$`'\"\\", "%7E%2A%3F%24%60%27%22%5C"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *name = state_name(cases[i].identifier);

		assert_string_equal(name, cases[i].name);
		free(name);
	}
}

/* A file of that name, and the queue's additions to it, must be possible. */
static void
long_names_are_cut_and_stay_apart(void **state)
{
	struct buf identifier = {0};
	char *last = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char *name = state_name(buf_string(&identifier));

		assert_true(strlen(name) <= 200);
		assert_null(strchr(name, '/'));
		if (last != NULL)
			assert_string_not_equal(name, last);
		free(last);
		last = name;
		buf_add_byte(&identifier, '/');
	}
	free(last);
	buf_clear(&identifier);
	for (int i = 0; i < 200; i++)
		buf_add_byte(&identifier, 'a');
	last = state_name(buf_string(&identifier));
	assert_string_equal(last, buf_string(&identifier));
	free(last);
	buf_free(&identifier);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(directory_from_the_environment),
	    cmocka_unit_test(directory_that_is_too_long),
	    cmocka_unit_test(names),
	    cmocka_unit_test(long_names_are_cut_and_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
