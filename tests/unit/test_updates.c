#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "updates.h"
#include "xalloc.h"

static char *state;

static struct updates *
open_empty(void)
{
	const char *temporary = getenv("TMPDIR");

	state = xasprintf("%s/oc-test-updates-XXXXXX",
	    temporary != NULL ? temporary : "/tmp");
	assert_non_null(mkdtemp(state));
	setenv("OC_STATE", state, 1);
	return updates_open();
}

static bool
put(struct updates *updates, int64_t id, const char *text)
{
	return updates_put(updates, id, text, strlen(text));
}

static size_t
count(struct updates *updates)
{
	int64_t *ids;
	size_t n = updates_waiting(updates, &ids);

	free(ids);
	return n;
}

static void
test_updates(void **unused)
{
	struct updates *updates = open_empty();
	struct buf text = {0};
	struct stat st;
	int64_t *ids;
	char *path;

	(void)unused;
	assert_int_equal(count(updates), 0);
	assert_true(put(updates, 100, "a hundred"));
	assert_true(put(updates, 9, "nine"));
	assert_true(put(updates, 9, "nine, but different"));
	/* by number, not as text */
	assert_int_equal(updates_waiting(updates, &ids), 2);
	assert_int_equal(ids[0], 9);
	assert_int_equal(ids[1], 100);
	free(ids);
	assert_true(updates_read(updates, 9, &text));
	assert_string_equal(buf_string(&text), "nine");
	/* what is done does not come back, however often it is sent */
	assert_true(updates_done(updates, 9));
	assert_true(updates_done(updates, 9));
	assert_true(put(updates, 9, "nine"));
	assert_int_equal(count(updates), 1);
	assert_false(updates_read(updates, 9, &text));
	path = xasprintf("%s/updates/done/9", state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	free(path);
	/* what was put lately is remembered */
	updates_tidy(updates);
	assert_true(put(updates, 9, "nine"));
	assert_int_equal(count(updates), 1);
	/* a second process sees the same */
	updates_free(updates);
	updates = updates_open();
	assert_int_equal(count(updates), 1);
	assert_true(updates_done(updates, 100));
	assert_int_equal(count(updates), 0);
	updates_free(updates);
	buf_free(&text);
}

static void
test_what_is_no_update_is_passed_over(void **unused)
{
	struct updates *updates = updates_open();
	char *path = xasprintf("%s/notes.txt", updates_folder(updates));
	FILE *file = fopen(path, "w");

	(void)unused;
	assert_non_null(file);
	fclose(file);
	assert_int_equal(count(updates), 0);
	unlink(path);
	free(path);
	updates_free(updates);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_updates),
	    cmocka_unit_test(test_what_is_no_update_is_passed_over)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
