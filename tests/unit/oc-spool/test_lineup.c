#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../../bin/oc-spool/lineup.h"

/* Hands out the next turn with all that may be joined; its first message. */
static struct entry *
out(struct lineup *lineup)
{
	struct entry *first = lineup_next(lineup), *next;

	if (first == NULL)
		return NULL;
	next = lineup_joinable(first);
	lineup_out(lineup, first, first->attempts + 1);
	while (next != NULL) {
		struct entry *after = lineup_joinable(next);

		lineup_out(lineup, next, next->attempts + 1);
		next = after;
	}
	return first;
}

static void
assert_out(struct lineup *lineup, const char *base)
{
	struct entry *entry = out(lineup);

	if (base == NULL)
		assert_null(entry);
	else
		assert_non_null(entry);
	if (base != NULL && entry != NULL)
		assert_string_equal(entry->base, base);
}

static void
gone(struct lineup *lineup, const char *base)
{
	struct entry *entry = lineup_find(lineup, base);

	assert_non_null(entry);
	lineup_remove(lineup, entry);
}

static void
test_one_turn_of_a_session_at_a_time(void **state)
{
	struct lineup *l = lineup_new(10);

	(void)state;
	assert_true(lineup_add(l, "1", "a", ENTRY_ORDINARY, 0));
	assert_false(lineup_add(l, "1", "a", ENTRY_ORDINARY, 0));
	assert_out(l, "1");
	lineup_add(l, "2", "a", ENTRY_ORDINARY, 0);
	lineup_add(l, "3", "b", ENTRY_ORDINARY, 0);
	assert_out(l, "3");
	assert_out(l, NULL);
	gone(l, "1");
	assert_out(l, "2");
	assert_int_equal(lineup_count_out(l), 2);
	lineup_free(l);
}

static void
test_earliest_session_first_up_to_the_limit(void **state)
{
	struct lineup *l = lineup_new(2);

	(void)state;
	lineup_add(l, "3", "c", ENTRY_ORDINARY, 0);
	lineup_add(l, "1", "a", ENTRY_ORDINARY, 0);
	lineup_add(l, "2", "b", ENTRY_ORDINARY, 0);
	assert_out(l, "1");
	assert_out(l, "2");
	assert_out(l, NULL);
	gone(l, "2");
	assert_out(l, "3");
	lineup_free(l);
}

static void
test_a_turn_ends_with_its_last_message(void **state)
{
	struct lineup *l = lineup_new(2);

	(void)state;
	lineup_add(l, "1", "a", ENTRY_ORDINARY, 0);
	lineup_add(l, "2", "a", ENTRY_ORDINARY, 0);
	assert_out(l, "1");
	assert_int_equal(lineup_count_out(l), 2);
	lineup_add(l, "3", "a", ENTRY_ORDINARY, 0);
	gone(l, "2");
	assert_out(l, NULL);
	gone(l, "1");
	assert_out(l, "3");
	lineup_free(l);
}

static void
test_commands_are_alone_in_their_order(void **state)
{
	struct lineup *l = lineup_new(2);

	(void)state;
	lineup_add(l, "1", "a", ENTRY_ORDINARY, 0);
	lineup_add(l, "2", "a", ENTRY_ALONE, 0);
	lineup_add(l, "3", "a", ENTRY_ORDINARY, 0);
	assert_out(l, "1");
	gone(l, "1");
	assert_out(l, "2");
	assert_int_equal(lineup_count_out(l), 1);
	gone(l, "2");
	assert_out(l, "3");
	lineup_free(l);
}

static void
test_urgent_overtakes_and_counts_for_nothing(void **state)
{
	struct lineup *l = lineup_new(1);

	(void)state;
	lineup_add(l, "1", "a", ENTRY_ORDINARY, 0);
	assert_out(l, "1");
	lineup_add(l, "2", "a", ENTRY_URGENT, 0);
	lineup_add(l, "3", "b", ENTRY_STOP, 0);
	lineup_add(l, "4", "b", ENTRY_ORDINARY, 0);
	assert_out(l, "2");
	assert_out(l, "3");
	assert_out(l, NULL);
	gone(l, "3");
	gone(l, "2");
	gone(l, "1");
	assert_out(l, "4");
	lineup_free(l);
}

static void
test_held_messages_stay_together(void **state)
{
	struct lineup *l = lineup_new(2);

	(void)state;
	lineup_add(l, "0", "a", ENTRY_ORDINARY, 0); /* retried by hand */
	lineup_add(l, "2", "a", ENTRY_ORDINARY, 1);
	lineup_add(l, "1", "a", ENTRY_ORDINARY, 1);
	lineup_add(l, "3", "a", ENTRY_ORDINARY, 0);
	assert_out(l, "1");
	assert_int_equal(lineup_count_out(l), 2);
	gone(l, "2");
	gone(l, "1");
	assert_out(l, "0");
	assert_int_equal(lineup_count_out(l), 2);
	lineup_free(l);
}

static void
test_one_suspect_at_a_time_fewest_attempts_first(void **state)
{
	struct lineup *l = lineup_new(9);

	(void)state;
	lineup_add(l, "1", "a", ENTRY_ORDINARY, 4);
	lineup_add(l, "2", "b", ENTRY_ORDINARY, 2);
	lineup_add(l, "3", "c", ENTRY_ORDINARY, 1);
	lineup_add(l, "4", "d", ENTRY_ORDINARY, 2);
	assert_out(l, "2");
	assert_out(l, "3");
	assert_out(l, NULL);
	gone(l, "2");
	assert_out(l, "4");
	gone(l, "4");
	assert_out(l, "1");
	lineup_free(l);
}

static void
test_held_stop_waits_for_its_turn(void **state)
{
	struct lineup *l = lineup_new(9);

	(void)state;
	lineup_add(l, "2", "a", ENTRY_STOP, 1);
	lineup_add(l, "1", "a", ENTRY_ORDINARY, 1);
	assert_out(l, "1");
	assert_out(l, "2");
	lineup_free(l);
}

/* Whatever comes and goes: one of a session at a time, in order. */
static void
test_random_traffic(void **state)
{
	enum { SESSIONS = 8, LIMIT = 5, SESSION_AT = 9 };
	struct lineup *l = lineup_new(LIMIT);
	char running[SESSIONS][16] = {{0}}, last[SESSIONS][16] = {{0}};
	unsigned next = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		unsigned s = (unsigned)rand() % SESSIONS;
		char base[16], session[2] = {(char)('a' + s), '\0'};
		struct entry *entry;

		if (rand() % 2 == 0) {
			snprintf(base, sizeof base, "%08u-%s", next++, session);
			lineup_add(l, base, session, ENTRY_ALONE, 0);
		} else if (running[s][0] != '\0') {
			gone(l, running[s]);
			running[s][0] = '\0';
		}
		while ((entry = out(l)) != NULL) {
			s = (unsigned)(entry->base[SESSION_AT] - 'a');
			assert_string_equal(running[s], "");
			assert_true(strcmp(entry->base, last[s]) > 0);
			snprintf(running[s], sizeof base, "%s", entry->base);
			snprintf(last[s], sizeof base, "%s", entry->base);
		}
		assert_true(lineup_count_out(l) <= LIMIT);
	}
	lineup_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_turn_of_a_session_at_a_time),
	    cmocka_unit_test(test_earliest_session_first_up_to_the_limit),
	    cmocka_unit_test(test_a_turn_ends_with_its_last_message),
	    cmocka_unit_test(test_commands_are_alone_in_their_order),
	    cmocka_unit_test(test_urgent_overtakes_and_counts_for_nothing),
	    cmocka_unit_test(test_held_messages_stay_together),
	    cmocka_unit_test(test_one_suspect_at_a_time_fewest_attempts_first),
	    cmocka_unit_test(test_held_stop_waits_for_its_turn),
	    cmocka_unit_test(test_random_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
