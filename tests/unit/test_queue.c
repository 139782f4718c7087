#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "json.h"
#include "queue.h"
#include "queue_files.h"

static size_t
put(struct queue *queue, const char *id, bool *known)
{
	struct queue_item item = {.id = id, .line = "{}\n", .length = 3};
	size_t n = queue_put(queue, &item, 1);

	*known = item.known;
	return n;
}

static bool
take_one(void *arg, const char *name)
{
	struct queue *queue = arg;
	char taken[300];

	snprintf(taken, sizeof taken, "%s#1", name);
	assert_true(
	    queue_move(queue, QUEUE_DIR_NEW, name, QUEUE_DIR_CUR, taken));
	return true;
}

static void
test_life_of_a_turn(void **state)
{
	struct queue *queue = queue_open("in");
	const char *ids[] = {"a", "never"};
	bool known;

	(void)state;
	assert_int_equal(queue_find(queue, "a"), QUEUE_NOWHERE);
	assert_int_equal(put(queue, "a", &known), 1);
	assert_false(known);
	assert_int_equal(queue_find(queue, "a"), QUEUE_NEW);
	queue_each(queue, QUEUE_DIR_NEW, take_one, queue);
	assert_int_equal(queue_find(queue, "a"), QUEUE_CUR);
	assert_int_equal(put(queue, "a", &known), 1);
	assert_true(known);
	assert_true(queue_finish(queue, ids, 2));
	assert_int_equal(queue_find(queue, "a"), QUEUE_DONE);
	assert_int_equal(queue_find(queue, "never"), QUEUE_NOWHERE);
	assert_true(queue_finish(queue, ids, 2));
	assert_int_equal(put(queue, "a", &known), 1);
	assert_true(known);
	queue_free(queue);
}

static void
test_joined_turns_are_finished_together(void **state)
{
	static const char text[] = "{\"id\":\"b\",\"ids\":[\"b\",\"c\",\"d\"]}";
	struct queue *queue = queue_open("in");
	jv turn = json_parse(text, strlen(text), NULL);
	bool known;

	(void)state;
	for (const char *id = "bcde"; *id != '\0'; id++) {
		char one[2] = {*id, '\0'};

		assert_int_equal(put(queue, one, &known), 1);
	}
	queue_each(queue, QUEUE_DIR_NEW, take_one, queue);
	assert_true(queue_finish_record(queue, turn));
	assert_int_equal(queue_find(queue, "b"), QUEUE_DONE);
	assert_int_equal(queue_find(queue, "c"), QUEUE_DONE);
	assert_int_equal(queue_find(queue, "d"), QUEUE_DONE);
	assert_int_equal(queue_find(queue, "e"), QUEUE_CUR);
	jv_free(turn);
	queue_free(queue);
}

static void
test_finish_finds_a_turn_whose_link_is_lost(void **state)
{
	struct queue *queue = queue_open("in");
	const char *ids[] = {"lost"};
	bool known;

	(void)state;
	put(queue, "lost", &known);
	assert_int_equal(unlinkat(queue->fd[QUEUE_DIR_ID], "lost", 0), 0);
	assert_true(queue_finish(queue, ids, 1));
	assert_int_equal(queue_find(queue, "lost"), QUEUE_DONE);
	queue_free(queue);
}

static void
test_ids_that_look_alike(void **state)
{
	static const char *const ids[] = {"x", "x#1", "x#2", "%", "", "a/b",
	    "a%2Fb", ".", "..", "00000000000000000001.x"};
	enum { COUNT = sizeof ids / sizeof *ids };
	struct queue *queue = queue_open("out/telegram");
	bool known;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(queue_find(queue, ids[i]), QUEUE_NOWHERE);
		assert_int_equal(put(queue, ids[i], &known), 1);
		assert_false(known);
	}
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(queue_find(queue, ids[i]), QUEUE_NEW);
		assert_true(queue_finish(queue, &ids[i], 1));
		assert_int_equal(queue_find(queue, ids[i]), QUEUE_DONE);
	}
	queue_free(queue);
}

static void
test_names_of_files(void **state)
{
	static const char *const bad[] = {"", "x", "00000000000000000001",
	    "00000000000000000001.", "00000000000000000001.#1",
	    "00000000000000000001.x#", "00000000000000000001.x#0",
	    "00000000000000000001.x#1x", "0000000000000000001.x",
	    "000000000000000000001.x", "00000000000000000001.x#99999999999"};
	struct queue_file file;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(queue_file_parse(&file, bad[i]));
	assert_true(queue_file_parse(&file, "00000000000000000001.x.y#12"));
	assert_int_equal(file.attempt, 12);
	assert_int_equal(file.base_length, 24);
	assert_int_equal(file.name_length, 3);
	assert_true(queue_file_parse(&file, "00000000000000000001.x"));
	assert_int_equal(file.attempt, 0);
}

static void
test_names_of_queues(void **state)
{
	char *name = queue_of_channel("a/b");

	(void)state;
	assert_true(queue_is_name("in"));
	assert_true(queue_is_name("out/telegram"));
	assert_true(queue_is_name(name));
	assert_false(queue_is_name("out"));
	assert_false(queue_is_name("out/"));
	assert_false(queue_is_name("out/a/b"));
	assert_false(queue_is_name("out/.."));
	assert_false(queue_is_name("../in"));
	free(name);
}

static void
test_order_of_arrival(void **state)
{
	struct queue *queue = queue_open("in");
	uint64_t last = 0;
	bool known;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char id[16];

		snprintf(id, sizeof id, "order%d", i);
		put(queue, id, &known);
		assert_true(queue->arrival > last);
		last = queue->arrival;
	}
	queue_free(queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_life_of_a_turn),
	    cmocka_unit_test(test_joined_turns_are_finished_together),
	    cmocka_unit_test(test_finish_finds_a_turn_whose_link_is_lost),
	    cmocka_unit_test(test_ids_that_look_alike),
	    cmocka_unit_test(test_names_of_files),
	    cmocka_unit_test(test_names_of_queues),
	    cmocka_unit_test(test_order_of_arrival),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
