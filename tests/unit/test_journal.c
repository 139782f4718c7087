#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io.h"
#include "journal.h"
#include "json.h"
#include "state.h"
#include "turn.h"

static const char text[] = "{\"id\":\"t1\",\"text\":\"x\",\"journal\":1}";

static jv
parse(const char *json)
{
	jv value = json_parse(json, strlen(json), NULL);

	assert_true(json_is_object(value) || json_is_array(value));
	return value;
}

/* A state with the journal of one turn, as oc-session open makes it. */
static void
make_journal(void)
{
	char *folder = state_path("turns/t1");
	char *path = state_path("turns/t1/journal.ndjson");
	char *run = state_path("turns/t1/run");

	assert_true(io_make_directories(folder));
	assert_true(io_replace_file(path, "{\"event\":\"begin\"}\n", 18));
	(void)unlink(run);
	free(run);
	free(path);
	free(folder);
}

static char *
read_journal(void)
{
	char *path = state_path("turns/t1/journal.ndjson");
	struct buf content = {0};

	assert_true(io_read_file(AT_FDCWD, path, 1 << 20, &content));
	free(path);
	return buf_take(&content);
}

static void
test_calls_and_steps(void **state)
{
	jv turn = parse(text), step = turn_tool_step("c1", true, "fine");
	jv calls = parse("[{\"id\":\"c1\"},{\"id\":\"c2\"}]");
	char *journal;

	(void)state;
	make_journal();
	turn = turn_add_taint(turn, "web");
	assert_int_equal(journal_calls_started(turn, calls), JOURNAL_OK);
	assert_int_equal(journal_step(turn, step), JOURNAL_OK);
	journal = read_journal();
	assert_non_null(strstr(journal, "\"event\":\"call\""));
	assert_non_null(strstr(journal, "\"id\":\"c2\""));
	assert_non_null(strstr(journal, "\"taint\":[\"web\"]"));
	free(journal);
	jv_free(calls);
	jv_free(step);
	jv_free(turn);
}

static void
test_by_hand_there_is_none(void **state)
{
	jv turn = parse("{\"id\":\"by-hand\",\"text\":\"x\"}");
	jv calls = json_array();

	(void)state;
	assert_int_equal(journal_calls_started(turn, calls), JOURNAL_NONE);
	jv_free(calls);
	jv_free(turn);
}

static void
test_later_run_has_the_turn(void **state)
{
	char *run = state_path("turns/t1/run"), *before, *after;
	jv turn = parse(text), calls = parse("[{\"id\":\"c1\"}]");

	(void)state;
	make_journal();
	assert_true(io_replace_file(run, "2\n", 2));
	before = read_journal();
	assert_int_equal(journal_calls_started(turn, calls), JOURNAL_STALE);
	assert_int_equal(journal_step(turn, turn), JOURNAL_STALE);
	after = read_journal();
	assert_string_equal(before, after);
	turn = json_set_int(turn, "journal", 2);
	assert_int_equal(journal_calls_started(turn, calls), JOURNAL_OK);
	free(after);
	free(before);
	free(run);
	jv_free(calls);
	jv_free(turn);
}

static void
test_archived_turn_is_stale(void **state)
{
	char *path = state_path("turns/t1/journal.ndjson");
	jv turn = parse(text), calls = parse("[{\"id\":\"c1\"}]");

	(void)state;
	make_journal();
	assert_int_equal(unlink(path), 0);
	assert_int_equal(journal_calls_started(turn, calls), JOURNAL_STALE);
	free(path);
	jv_free(calls);
	jv_free(turn);
}

static void
test_line_after_half_a_line(void **state)
{
	char *path = state_path("turns/t1/journal.ndjson"), *journal;
	jv turn = parse(text), calls = parse("[{\"id\":\"c1\"}]");

	(void)state;
	make_journal();
	assert_true(io_replace_file(path, "{\"event\":\"be", 12));
	assert_int_equal(journal_calls_started(turn, calls), JOURNAL_OK);
	journal = read_journal();
	assert_non_null(strstr(journal, "{\"event\":\"be\n{"));
	free(journal);
	free(path);
	jv_free(calls);
	jv_free(turn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_calls_and_steps),
	    cmocka_unit_test(test_by_hand_there_is_none),
	    cmocka_unit_test(test_later_run_has_the_turn),
	    cmocka_unit_test(test_archived_turn_is_stale),
	    cmocka_unit_test(test_line_after_half_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
