#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io.h"
#include "json.h"
#include "state.h"
#include "transcript.h"

static jv
make_turn(const char *session, const char *id, size_t length)
{
	char *text = malloc(length + 1);
	jv turn = json_set_string(json_object(), "session", session);

	assert_non_null(text);
	memset(text, 'x', length);
	text[length] = '\0';
	turn = json_set_string(turn, "id", id);
	turn = json_set_string(turn, "text", text);
	turn = json_set_string(turn, "reply", "ok");
	free(text);
	return turn;
}

static int64_t
append(const char *session, const char *id, size_t length)
{
	jv turn = make_turn(session, id, length);
	int64_t size = 0;

	assert_true(transcript_append(turn, &size));
	jv_free(turn);
	return size;
}

static size_t
count_lines(const char *session, const char *needle)
{
	char *path = state_path("sessions/%s.ndjson", session);
	struct buf content = {0};
	size_t count = 0;

	assert_true(io_read_file(AT_FDCWD, path, SIZE_MAX / 4, &content));
	for (const char *at = buf_string(&content);
	     (at = strstr(at, needle)) != NULL; at++)
		count++;
	buf_free(&content);
	free(path);
	return count;
}

static void
test_same_turn_again_is_there_once(void **state)
{
	(void)state;
	append("again", "t1", 10);
	append("again", "t2", 10);
	append("again", "t2", 20);
	assert_int_equal(count_lines("again", "\n"), 4);
	assert_int_equal(count_lines("again", "xxxxxxxxxxxxxxxxxxxx"), 1);
}

/* Lines longer than the blocks that are read while looking for them. */
static void
test_long_lines(void **state)
{
	(void)state;
	for (size_t length = 64 * 1024 - 200; length < 64 * 1024 + 50;
	     length += 7) {
		append("long", "t1", length);
		append("long", "t2", 300000);
		append("long", "t2", length);
		assert_int_equal(count_lines("long", "\n"), 4);
		assert_true(transcript_reset("long"));
	}
}

static void
test_half_a_line_is_cut_off(void **state)
{
	char *path = state_path("sessions/half.ndjson");
	int fd;

	(void)state;
	append("half", "t1", 10);
	for (int i = 0; i < 3; i++) {
		fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		assert_true(io_write_all(fd, "{\"turn\":\"t2\",\"ro", 16));
		close(fd);
		append("half", "t2", 10);
		assert_int_equal(count_lines("half", "\n"), 4);
	}
	free(path);
}

static void
test_shorten_keeps_the_newest(void **state)
{
	size_t dropped;
	char id[16];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof id, "turn-%02d", i);
		append("short", id, 1000);
	}
	assert_true(transcript_shorten("short", 5000, NULL, &dropped));
	assert_int_equal(dropped, 16);
	assert_int_equal(count_lines("short", "turn-15"), 0);
	assert_int_equal(count_lines("short", "turn-16"), 2);
	assert_int_equal(count_lines("short", "turn-19"), 2);
	assert_true(transcript_shorten("short", 1, "In short.", &dropped));
	assert_int_equal(count_lines("short", "turn-19"), 2);
	assert_int_equal(count_lines("short", "left out"), 1);
	assert_int_equal(count_lines("short", "[In short.]"), 1);
}

static void
test_reset(void **state)
{
	(void)state;
	assert_true(transcript_reset("never"));
	append("reset", "t1", 10);
	assert_true(transcript_reset("reset"));
	append("reset", "t2", 10);
	assert_int_equal(count_lines("reset", "t1"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_turn_again_is_there_once),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_half_a_line_is_cut_off),
	    cmocka_unit_test(test_shorten_keeps_the_newest),
	    cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
