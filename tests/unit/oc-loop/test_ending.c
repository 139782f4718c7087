#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../../bin/oc-loop/ending.h"
#include "../../../bin/oc-loop/held.h"
#include "json.h"
#include "turn.h"

static jv
parse(const char *text)
{
	const char *error;
	jv value = json_parse(text, strlen(text), &error);

	if (error != NULL)
		fail_msg("%s: %s", error, text);
	return value;
}

#define ROUND(id, command, output)                              \
	"{\"role\":\"assistant\",\"text\":\"t" id               \
	"\",\"calls\":[{\"id\":\"" id                           \
	"\",\"name\":\"exec\",\"args\":{\"command\":\"" command \
	"\"}}]},{\"role\":\"tool\",\"call\":\"" id              \
	"\",\"ok\":true,\"output\":\"" output "\"}"

static void
test_an_invoked_turn_ends_with_its_results(void **state)
{
	jv turn = parse("{\"text\":\"\",\"invoke\":true,\"steps\":["
			"{\"role\":\"assistant\",\"calls\":[{\"id\":\"a\","
			"\"name\":\"x\",\"args\":{}},{\"id\":\"b\","
			"\"name\":\"y\",\"args\":{}}]},"
			"{\"role\":\"tool\",\"call\":\"b\",\"ok\":true,"
			"\"output\":\"two\"}]}");
	jv reply, results, step;

	(void)state;
	turn = ending_answer_unserved(turn);
	turn = ending_invoked(turn);
	reply = json_get(turn, "reply");
	results = json_get(reply, "results");
	assert_int_equal(json_length(results), 2);
	assert_non_null(strstr(json_get_string(reply, "text", ""), "two\n"));
	step = json_at(results, 1);
	assert_string_equal(json_get_string(step, "call", ""), "a");
	assert_true(json_get_bool(step, "denied", false));
	jv_free(step);
	jv_free(results);
	jv_free(reply);
	jv_free(turn);
}

static bool
repeated(const char *steps)
{
	struct buf text = {0};
	jv turn;
	bool result;

	buf_printf(&text, "{\"text\":\"x\",\"steps\":[%s]}", steps);
	turn = parse(buf_string(&text));
	result = ending_is_repeated(turn);
	jv_free(turn);
	buf_free(&text);
	return result;
}

static void
test_third_time_is_a_rut(void **state)
{
	(void)state;
	assert_false(repeated(""));
	assert_false(repeated(ROUND("1", "ls", "a")));
	assert_false(repeated(ROUND("1", "ls", "a") "," ROUND("2", "ls", "a")));
	assert_true(repeated(ROUND("1", "ls", "a") "," ROUND(
	    "2", "ls", "a") "," ROUND("3", "ls", "a")));
	/* another result, or another command, is progress */
	assert_false(repeated(ROUND("1", "ls", "a") "," ROUND(
	    "2", "ls", "b") "," ROUND("3", "ls", "a")));
	assert_false(repeated(ROUND("1", "ls", "a") "," ROUND(
	    "2", "df", "a") "," ROUND("3", "ls", "a")));
	/* a rut may have other steps between */
	assert_true(repeated(ROUND("1", "ls", "a") "," ROUND("2", "df",
	    "b") "," ROUND("3", "ls", "a") "," ROUND("4", "ls", "a")));
	/* ids may be used again in each round, as some models do */
	assert_true(repeated(ROUND("1", "ls", "a") "," ROUND(
	    "1", "ls", "a") "," ROUND("1", "ls", "a")));
}

#define CALL(id)                                \
	"{\"id\":\"" id "\",\"name\":\"exec\"," \
	"\"args\":{\"command\":\"ls\"}}"
#define RESULT(id) \
	"{\"role\":\"tool\",\"call\":\"" id "\",\"ok\":true,\"output\":\"a\"}"
#define SIDE_BY_SIDE                                                            \
	"{\"role\":\"assistant\",\"calls\":[" CALL("1") "," CALL("2") "," CALL( \
	    "3") "]}," RESULT("1") "," RESULT("2") "," RESULT("3")

static void
test_calls_side_by_side_are_no_rut(void **state)
{
	(void)state;
	assert_false(repeated(SIDE_BY_SIDE));
	assert_false(repeated(SIDE_BY_SIDE "," SIDE_BY_SIDE));
	assert_true(repeated(SIDE_BY_SIDE "," SIDE_BY_SIDE "," SIDE_BY_SIDE));
}

static void
test_endings_have_error_and_reply(void **state)
{
	jv turn, text;

	(void)state;
	turn = ending_steps(
	    parse("{\"text\":\"x\",\"steps\":[" ROUND("1", "ls", "a") "]}"), 7);
	assert_true(turn_has_reply(turn));
	text = json_path(turn, "reply.text");
	assert_non_null(strstr(json_as_string(text, ""), "7 steps"));
	assert_non_null(strstr(json_as_string(text, ""), "t1"));
	jv_free(text);
	text = json_path(turn, "error.class");
	assert_string_equal(json_as_string(text, ""), "step_limit");
	jv_free(text);
	jv_free(turn);
}

static void
test_unserved_calls_are_answered(void **state)
{
	jv turn = parse("{\"text\":\"x\",\"steps\":[{\"role\":\"assistant\","
			"\"calls\":[{\"id\":\"a\",\"name\":\"fly\"},"
			"{\"id\":\"b\",\"name\":\"swim\"}]},"
			"{\"role\":\"tool\",\"call\":\"a\",\"ok\":true,"
			"\"output\":\"\"}]}");
	jv steps, step;

	(void)state;
	turn = ending_answer_unserved(turn);
	assert_false(turn_has_pending(turn));
	steps = json_get(turn, "steps");
	assert_int_equal(json_length(steps), 3);
	step = json_at(steps, 2);
	assert_string_equal(json_get_string(step, "call", ""), "b");
	assert_non_null(strstr(json_get_string(step, "output", ""), "swim"));
	jv_free(step);
	jv_free(steps);
	jv_free(turn);
}

static void
test_held_by_id(void **state)
{
	struct held_tree tree = RB_INITIALIZER(&tree);
	struct held *a = held_add(&tree, "a", "s"), *b;
	jv turn;

	(void)state;
	assert_non_null(a);
	assert_null(held_add(&tree, "a", "other"));
	b = held_add(&tree, "b", "s");
	held_set_line(b, "{\"id\":\"b\"}\n", 11);
	assert_ptr_equal(held_find(&tree, "b"), b);
	turn = held_turn(b);
	assert_string_equal(turn_id(turn), "b");
	jv_free(turn);
	held_remove(&tree, a);
	held_remove(&tree, b);
	assert_null(held_find(&tree, "a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_invoked_turn_ends_with_its_results),
	    cmocka_unit_test(test_third_time_is_a_rut),
	    cmocka_unit_test(test_calls_side_by_side_are_no_rut),
	    cmocka_unit_test(test_endings_have_error_and_reply),
	    cmocka_unit_test(test_unserved_calls_are_answered),
	    cmocka_unit_test(test_held_by_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
