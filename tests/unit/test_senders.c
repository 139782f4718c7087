#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "buf.h"
#include "child.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "senders.h"
#include "state.h"

/* The directory of state is read once, so all tests share one. */
static int
begin(void **state)
{
	char *path = state_path("senders.json");

	(void)state;
	if (!io_make_directories(state_directory()))
		return -1;
	unlink(path);
	free(path);
	return 0;
}

static void
write_file(const char *text)
{
	char *path = state_path("senders.json");

	assert_true(io_replace_file(path, text, strlen(text)));
	free(path);
}

static void
test_asking_and_approving(void **state)
{
	char code[SENDERS_CODE_SIZE], again[SENDERS_CODE_SIZE] = "";
	char *id = NULL;

	(void)state;
	assert_false(senders_is_approved("telegram", "43"));
	assert_int_equal(
	    senders_request("telegram", "43", "Bob", code), SENDERS_NEW);
	assert_int_equal(strlen(code), 8);
	assert_int_equal(strspn(code, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"), 8);
	assert_int_equal(
	    senders_request("telegram", "43", "Bob", again), SENDERS_WAITING);
	assert_string_equal(again, "");
	assert_false(senders_is_approved("telegram", "43"));
	assert_int_equal(
	    senders_approve("telegram", "WRONGONE", &id), SENDERS_NO_CODE);
	assert_null(id);
	assert_int_equal(senders_approve("other", code, &id), SENDERS_NO_CODE);
	assert_int_equal(
	    senders_approve("telegram", code, &id), SENDERS_APPROVED);
	assert_string_equal(id, "43");
	free(id);
	assert_true(senders_is_approved("telegram", "43"));
	assert_false(senders_is_approved("other", "43"));
	/* a code is good once */
	assert_int_equal(
	    senders_approve("telegram", code, &id), SENDERS_NO_CODE);
}

static void
test_revoking(void **state)
{
	char code[SENDERS_CODE_SIZE], *id = NULL;

	(void)state;
	assert_true(senders_revoke("telegram", "43"));
	senders_request("telegram", "43", "Bob", code);
	senders_approve("telegram", code, &id);
	free(id);
	assert_true(senders_revoke("other", "43"));
	assert_true(senders_is_approved("telegram", "43"));
	assert_true(senders_revoke("telegram", "43"));
	assert_false(senders_is_approved("telegram", "43"));
	/* who was let in once may ask again */
	assert_int_equal(
	    senders_request("telegram", "43", "Bob", code), SENDERS_NEW);
}

static void
test_a_code_in_small_letters(void **state)
{
	char code[SENDERS_CODE_SIZE], *id = NULL;

	(void)state;
	senders_request("telegram", "43", "Bob", code);
	for (char *c = code; *c != '\0'; c++)
		if (*c >= 'A')
			*c = (char)(*c - 'A' + 'a');
	assert_int_equal(
	    senders_approve("telegram", code, &id), SENDERS_APPROVED);
	free(id);
}

static void
test_an_empty_code_approves_nobody(void **state)
{
	char *id = NULL, text[200];

	(void)state;
	snprintf(text, sizeof text,
	    "{\"telegram\":{\"waiting\":{\"43\":{\"at\":%lld},\"44\":5}}}",
	    (long long)clock_now_ms());
	write_file(text);
	assert_int_equal(senders_approve("telegram", "", &id), SENDERS_NO_CODE);
	assert_null(id);
}

static void
test_at_most_three_wait(void **state)
{
	char code[SENDERS_CODE_SIZE];
	jv waiting;

	(void)state;
	assert_int_equal(
	    senders_request("telegram", "1", "", code), SENDERS_NEW);
	assert_int_equal(
	    senders_request("telegram", "2", "", code), SENDERS_NEW);
	assert_int_equal(
	    senders_request("telegram", "3", "", code), SENDERS_NEW);
	assert_int_equal(
	    senders_request("telegram", "4", "", code), SENDERS_FULL);
	assert_int_equal(senders_request("other", "4", "", code), SENDERS_NEW);
	waiting = senders_waiting("telegram");
	assert_int_equal(json_length(waiting), 3);
	jv_free(waiting);
	senders_withdraw("telegram", "2");
	assert_int_equal(
	    senders_request("telegram", "4", "", code), SENDERS_NEW);
}

static void
test_an_old_code_is_worth_nothing(void **state)
{
	char text[400], code[SENDERS_CODE_SIZE], *id = NULL;
	long long old = clock_now_ms() - SENDERS_VALID_MS - 1;
	long long future = clock_now_ms() + SENDERS_VALID_MS;
	jv waiting;

	(void)state;
	snprintf(text, sizeof text,
	    "{\"telegram\":{\"waiting\":{"
	    "\"1\":{\"name\":\"a\",\"at\":%lld,\"code\":\"AAAAAAAA\"},"
	    "\"2\":{\"name\":\"b\",\"at\":%lld,\"code\":\"BBBBBBBB\"}}}}",
	    old, future);
	write_file(text);
	assert_int_equal(
	    senders_approve("telegram", "AAAAAAAA", &id), SENDERS_NO_CODE);
	assert_int_equal(
	    senders_approve("telegram", "BBBBBBBB", &id), SENDERS_NO_CODE);
	waiting = senders_waiting("telegram");
	assert_int_equal(json_length(waiting), 0);
	jv_free(waiting);
	assert_int_equal(
	    senders_request("telegram", "1", "", code), SENDERS_NEW);
}

static void
test_a_broken_file_lets_nobody_in_and_stays(void **state)
{
	char code[SENDERS_CODE_SIZE], *id = NULL, *path;
	struct buf text = {.data = NULL};

	(void)state;
	write_file("{\"telegram\":");
	assert_false(senders_is_approved("telegram", "43"));
	assert_int_equal(
	    senders_request("telegram", "43", "", code), SENDERS_FAILED);
	assert_int_equal(
	    senders_approve("telegram", "AAAAAAAA", &id), SENDERS_NOT_WRITTEN);
	senders_withdraw("telegram", "43");
	path = state_path("senders.json");
	assert_true(io_read_file(AT_FDCWD, path, 1000, &text));
	assert_string_equal(buf_string(&text), "{\"telegram\":");
	free(path);
	buf_free(&text);
}

/* Four processes at once: nobody's request is lost. */
static void
test_writers_side_by_side(void **state)
{
	pid_t pid[4];
	jv waiting;

	(void)state;
	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			char code[SENDERS_CODE_SIZE], channel[8], id[8];

			snprintf(channel, sizeof channel, "c%d", i / 2);
			snprintf(id, sizeof id, "%d", i);
			_exit(senders_request(channel, id, "", code) ==
				      SENDERS_NEW
				  ? 0
				  : 1);
		}
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(child_exit_code(child_wait(pid[i])), 0);
	waiting = senders_waiting("c0");
	assert_int_equal(json_length(waiting), 2);
	jv_free(waiting);
	waiting = senders_waiting("c1");
	assert_int_equal(json_length(waiting), 2);
	jv_free(waiting);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_asking_and_approving, begin),
	    cmocka_unit_test_setup(test_revoking, begin),
	    cmocka_unit_test_setup(test_a_code_in_small_letters, begin),
	    cmocka_unit_test_setup(test_an_empty_code_approves_nobody, begin),
	    cmocka_unit_test_setup(test_at_most_three_wait, begin),
	    cmocka_unit_test_setup(test_an_old_code_is_worth_nothing, begin),
	    cmocka_unit_test_setup(
		test_a_broken_file_lets_nobody_in_and_stays, begin),
	    cmocka_unit_test_setup(test_writers_side_by_side, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
