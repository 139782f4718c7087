#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "clock.h"
#include "json.h"
#include "usage.h"

static jv
parse(const char *text)
{
	jv value = json_parse(text, strlen(text), NULL);

	assert_true(json_is_object(value));
	return value;
}

static void
test_every_attempt_counts_once(void **state)
{
	char day[USAGE_DAY_SIZE];
	struct usage_reader *reader =
	    usage_open(usage_day(clock_now_ms(), day));
	const struct usage_total *total = usage_read(reader, NULL, NULL);
	jv turn = parse(
	    "{\"id\":\"t1\",\"steps\":["
	    "{\"role\":\"assistant\",\"model\":\"a/b\",\"attempts\":["
	    "{\"model\":\"a/b\",\"error\":{\"class\":\"auth\"}},"
	    "{\"model\":\"c/d\",\"usage\":{\"input\":7,\"output\":2},"
	    "\"cost\":0.5}]},"
	    "{\"role\":\"tool\",\"call\":\"x\",\"ok\":true,\"output\":\"\"},"
	    "{\"role\":\"assistant\",\"model\":\"a/b\",\"usage\":{\"input\":1,"
	    "\"output\":1,\"cached\":1}}]}");

	(void)state;
	assert_int_equal(total->attempts, 0);
	assert_true(usage_add_turn(turn));
	assert_true(usage_add_turn(turn));
	total = usage_read(reader, NULL, NULL);
	assert_int_equal(total->attempts, 3);
	assert_int_equal(total->failed, 1);
	assert_int_equal(total->input, 8);
	assert_int_equal(total->output, 3);
	assert_int_equal(total->cached, 1);
	assert_true(total->cost > 0.49 && total->cost < 0.51);
	jv_free(turn);
	usage_free(reader);
}

/* As oc-plan writes it: `attempts` holds only those that failed. */
static void
test_the_answer_after_a_fallback_counts(void **state)
{
	char day[USAGE_DAY_SIZE];
	struct usage_reader *reader =
	    usage_open(usage_day(clock_now_ms(), day));
	struct usage_total before = *usage_read(reader, NULL, NULL);
	const struct usage_total *total;
	jv turn =
	    parse("{\"id\":\"t-fallback\",\"steps\":[{\"role\":\"assistant\","
		  "\"model\":\"c/d\",\"usage\":{\"input\":100,\"output\":10},"
		  "\"attempts\":[{\"model\":\"a/b\",\"error\":{\"class\":"
		  "\"overloaded\"}}]}]}");

	(void)state;
	assert_true(usage_add_turn(turn));
	total = usage_read(reader, NULL, NULL);
	assert_int_equal(total->attempts, before.attempts + 2);
	assert_int_equal(total->failed, before.failed + 1);
	assert_int_equal(total->input, before.input + 100);
	jv_free(turn);
	usage_free(reader);
}

static void
test_many(void **state)
{
	char day[USAGE_DAY_SIZE], id[16];
	struct usage_reader *reader =
	    usage_open(usage_day(clock_now_ms(), day));
	int64_t before = usage_read(reader, NULL, NULL)->attempts;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		jv turn = parse("{\"steps\":[{\"role\":\"assistant\","
				"\"model\":\"a/b\"}]}");

		snprintf(id, sizeof id, "many%d", i);
		turn = json_set_string(turn, "id", id);
		assert_true(usage_add_turn(turn));
		jv_free(turn);
	}
	assert_int_equal(
	    usage_read(reader, NULL, NULL)->attempts, before + 5000);
	assert_int_equal(
	    usage_read(reader, NULL, NULL)->attempts, before + 5000);
	usage_free(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_attempt_counts_once),
	    cmocka_unit_test(test_the_answer_after_a_fallback_counts),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
