#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "buf.h"
#include "json.h"
#include "record.h"
#include "turn.h"
#include "watch.h"

static jv
parse(const char *text)
{
	jv value = json_parse(text, strlen(text), NULL);

	assert_true(json_is_valid(value));
	return value;
}

/* Fails unless the value is this JSON. */
static void
assert_json(jv own, const char *text)
{
	jv wanted = parse(text);

	if (!json_equal(own, wanted)) {
		char *got = json_text(own);

		fail_msg("got %s, not %s", got, text);
	}
	jv_free(own);
	jv_free(wanted);
}

static void
completes_what_is_missing(void **state)
{
	bool changed = false;
	jv turn = turn_complete(parse("{\"text\":\"a\",\"mine\":1}"), &changed);

	(void)state;
	assert_true(changed);
	assert_int_equal(strlen(turn_id(turn)), 26);
	assert_string_equal(json_get_string(turn, "type", ""), "turn");
	assert_string_equal(turn_session(turn), "local");
	assert_string_equal(json_get_string(turn, "channel", ""), "stdout");
	assert_string_equal(json_get_string(turn, "text", ""), "a");
	assert_int_equal(json_get_int(turn, "mine", 0), 1);
	turn = turn_complete(turn, &changed);
	assert_false(changed);
	turn = turn_complete(turn, NULL);
	jv_free(turn);
}

static void
keeps_what_is_there(void **state)
{
	static const char whole[] = "{\"type\":\"turn\",\"id\":\"i\","
				    "\"session\":\"s\",\"channel\":\"c\"}";
	bool changed = true;

	(void)state;
	assert_json(turn_complete(parse(whole), &changed), whole);
	assert_false(changed);
}

static void
types(void **state)
{
	static const struct {
		const char *text;
		bool turn, stop;
	} cases[] = {
	    {"{}", true, false},
	    {"{\"type\":\"turn\"}", true, false},
	    {"{\"type\":\"stop\"}", false, true},
	    {"{\"type\":\"other\"}", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		jv record = parse(cases[i].text);

		assert_true(turn_is_turn(record) == cases[i].turn);
		assert_true(turn_is_stop(record) == cases[i].stop);
		jv_free(record);
	}
}

static void
check_takes_right_turns(void **state)
{
	static const char *const right[] = {"{\"text\":\"\"}",
	    "{\"text\":\"a\",\"unknown\":[1]}",
	    "{\"text\":\"a\",\"to\":null,\"steps\":null,\"reply\":null}",
	    "{\"text\":\"a\",\"steps\":[{}],\"media\":[{}],\"taint\":[\"w\"]}",
	    "{\"reply\":{\"text\":\"a\"}}", "{\"text\":\"a\",\"reply\":\"b\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
		jv turn = parse(right[i]);

		assert_null(turn_check(turn));
		jv_free(turn);
	}
}

static void
check_names_the_wrong_key(void **state)
{
	static const struct {
		const char *text, *key;
	} wrong[] = {
	    {"{}", "text"},
	    {"{\"text\":5}", "text"},
	    {"{\"text\":\"a\",\"type\":1}", "type"},
	    {"{\"text\":\"a\",\"id\":7}", "id"},
	    {"{\"text\":\"a\",\"session\":7}", "session"},
	    {"{\"text\":\"a\",\"channel\":[]}", "channel"},
	    {"{\"text\":\"a\",\"to\":\"x\"}", "to"},
	    {"{\"text\":\"a\",\"from\":[]}", "from"},
	    {"{\"text\":\"a\",\"media\":{}}", "media"},
	    {"{\"text\":\"a\",\"media\":[1]}", "media"},
	    {"{\"text\":\"a\",\"model\":{}}", "model"},
	    {"{\"text\":\"a\",\"route\":[]}", "route"},
	    {"{\"text\":\"a\",\"steps\":\"x\"}", "steps"},
	    {"{\"text\":\"a\",\"steps\":[{},null]}", "steps"},
	    {"{\"text\":\"a\",\"taint\":\"web\"}", "taint"},
	    {"{\"text\":\"a\",\"taint\":[1]}", "taint"},
	    {"{\"text\":\"a\",\"reply\":1}", "reply"},
	    {"{\"text\":\"a\",\"error\":1}", "error"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		jv turn = parse(wrong[i].text);
		const char *problem = turn_check(turn);

		if (problem == NULL)
			fail_msg("taken: %s", wrong[i].text);
		assert_non_null(strstr(problem, wrong[i].key));
		jv_free(turn);
	}
}

#define CALL(id)    "{\"id\":\"" id "\",\"name\":\"exec\",\"args\":{}}"
#define ASKS(calls) "{\"role\":\"assistant\",\"calls\":[" calls "]}"
#define ANSWERS(id) "{\"role\":\"tool\",\"call\":\"" id "\"}"
#define TURN(steps) "{\"text\":\"a\",\"steps\":[" steps "]}"

static void
pending_calls(void **state)
{
	static const struct {
		const char *turn, *pending;
	} cases[] = {
	    {"{\"text\":\"a\"}", "[]"},
	    {TURN(""), "[]"},
	    {TURN(ASKS("")), "[]"},
	    {TURN("{\"role\":\"assistant\",\"text\":\"b\"}"), "[]"},
	    {TURN(ASKS(CALL("1"))), "[" CALL("1") "]"},
	    {TURN(ASKS(CALL("1") "," CALL("2")) "," ANSWERS("1")),
		"[" CALL("2") "]"},
	    {TURN(ASKS(CALL("1") "," CALL("2")) "," ANSWERS("2") "," ANSWERS(
		 "1")),
		"[]"},
	    /* only the last assistant step counts */
	    {TURN(ASKS(CALL("1")) "," ASKS("")), "[]"},
	    /* an answer of an earlier step is none for this one */
	    {TURN(ASKS(CALL("1")) "," ANSWERS("1") "," ASKS(CALL("1"))),
		"[" CALL("1") "]"},
	    {TURN(ANSWERS("1") "," ASKS(CALL("1"))), "[" CALL("1") "]"},
	    /* whatever else stands there is no call */
	    {TURN(ASKS("1,null,\"x\"")), "[]"},
	    {TURN("{\"role\":\"assistant\",\"calls\":{}}"), "[]"},
	    {TURN("{\"role\":\"other\",\"calls\":[" CALL("1") "]}"), "[]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		jv turn = parse(cases[i].turn), pending = turn_pending(turn);

		assert_true(
		    turn_has_pending(turn) == (json_length(pending) != 0));
		assert_json(pending, cases[i].pending);
		jv_free(turn);
	}
}

static void
counts_assistant_steps(void **state)
{
	jv turn =
	    parse(TURN(ASKS(CALL("1")) "," ANSWERS("1") "," ASKS("") ",{}"));

	(void)state;
	assert_int_equal(turn_step_count(turn), 2);
	jv_free(turn);
	turn = parse("{\"text\":\"a\"}");
	assert_int_equal(turn_step_count(turn), 0);
	jv_free(turn);
}

static void
replies(void **state)
{
	static const struct {
		const char *turn;
		bool has;
	} cases[] = {
	    {"{}", false},
	    {"{\"reply\":null}", false},
	    {"{\"reply\":false}", false},
	    {"{\"reply\":{\"text\":\"\"}}", true},
	    {"{\"reply\":\"\"}", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		jv turn = parse(cases[i].turn);

		assert_true(turn_has_reply(turn) == cases[i].has);
		jv_free(turn);
	}
	assert_json(turn_reply(parse("{\"text\":\"a\"}"), "b\xff"),
	    "{\"text\":\"a\",\"reply\":{\"text\":\"b\\ufffd\"}}");
}

static void
steps_are_added_at_the_end(void **state)
{
	jv turn = parse("{\"text\":\"a\"}");

	(void)state;
	turn = turn_add_step(turn, parse("{\"role\":\"assistant\"}"));
	turn = turn_add_step(turn, turn_tool_step("c1", false, "no\xff"));
	assert_json(
	    turn, TURN("{\"role\":\"assistant\"},"
		       "{\"role\":\"tool\",\"call\":\"c1\",\"ok\":false,"
		       "\"output\":\"no\\ufffd\"}"));
}

/* 16,000 appends that copy all before them take seconds; these do not. */
static void
steps_are_added_in_place(void **state)
{
	jv turn = parse("{\"text\":\"a\",\"steps\":[]}"), steps;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		turn = turn_add_step(turn, json_object());
		steps = json_get(turn, "steps");
		assert_int_equal(jv_get_refcnt(steps), 2); /* and the turn's */
		jv_free(steps);
	}
	jv_free(turn);
}

static void
taint_is_there_once(void **state)
{
	jv turn = parse("{\"text\":\"a\"}");

	(void)state;
	turn = turn_add_taint(turn, "web");
	turn = turn_add_taint(turn, "mail");
	turn = turn_add_taint(turn, "web");
	assert_json(turn, "{\"text\":\"a\",\"taint\":[\"web\",\"mail\"]}");
}

static void
failure_tells_the_person(void **state)
{
	(void)state;
	assert_json(turn_fail(parse("{\"text\":\"a\"}"), "c", "m", "sorry"),
	    "{\"text\":\"a\",\"error\":{\"class\":\"c\",\"message\":\"m\"},"
	    "\"reply\":{\"text\":\"sorry\"}}");
	/* but what was answered already stays */
	assert_json(turn_fail(parse("{\"reply\":\"x\"}"), "c", "m", "sorry"),
	    "{\"reply\":\"x\",\"error\":{\"class\":\"c\",\"message\":\"m\"}}");
}

static void
turn_that_outgrew_its_line_ends(void **state)
{
	struct capture out, err;
	struct buf text = {0}, log = {0}, pad = {0};
	jv turn = parse("{\"type\":\"turn\",\"id\":\"i\",\"session\":\"s\","
			"\"channel\":\"c\",\"to\":{\"chat\":\"42\"}}");

	(void)state;
	while (pad.length < RECORD_LINE_MAX)
		buf_add_byte(&pad, 'x');
	turn = json_set_string(turn, "text", pad.data);
	capture_begin(&out, STDOUT_FILENO);
	capture_begin(&err, STDERR_FILENO);
	turn_write(turn);
	capture_end(&err, &log);
	capture_end(&out, &text);
	assert_non_null(strstr(buf_string(&log), "turn i: grew beyond 4 MiB"));
	turn = parse(buf_string(&text));
	assert_string_equal(turn_id(turn), "i");
	assert_string_equal(turn_session(turn), "s");
	assert_true(turn_has_reply(turn));
	assert_false(json_has(turn, "text"));
	assert_json(json_path(turn, "error.class"), "\"too_large\"");
	assert_json(json_path(turn, "to"), "{\"chat\":\"42\"}");
	jv_free(turn);
	buf_free(&text);
	buf_free(&log);
	buf_free(&pad);
}

static void
turn_whose_address_is_too_long_ends(void **state)
{
	struct capture out, err;
	struct buf text = {0}, log = {0}, pad = {0};
	jv turn;

	(void)state;
	while (pad.length < RECORD_LINE_MAX)
		buf_add_byte(&pad, 'x');
	turn = json_set_string(parse("{\"id\":\"i\"}"), "session", pad.data);
	capture_begin(&out, STDOUT_FILENO);
	capture_begin(&err, STDERR_FILENO);
	turn_write(turn);
	capture_end(&err, &log);
	capture_end(&out, &text);
	turn = parse(buf_string(&text));
	assert_true(turn_has_reply(turn));
	jv_free(turn);
	buf_free(&text);
	buf_free(&log);
	buf_free(&pad);
}

static void
a_reply_has_the_files_that_are_to_be_sent(void **state)
{
	jv turn =
	    turn_reply(parse("{\"steps\":[{\"role\":\"tool\",\"media\":["
			     "{\"path\":\"/a\",\"send\":true},"
			     "{\"path\":\"/b\"}]},{\"role\":\"assistant\"},"
			     "{\"role\":\"tool\",\"media\":["
			     "{\"path\":\"/c\",\"send\":true}]}]}"),
		"done");

	(void)state;
	assert_json(json_get(turn, "reply"),
	    "{\"text\":\"done\",\"media\":[{\"path\":\"/a\"},"
	    "{\"path\":\"/c\"}]}");
	jv_free(turn);
	assert_json(turn_reply(parse("{\"steps\":7}"), "done"),
	    "{\"steps\":7,\"reply\":{\"text\":\"done\"}}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_reply_has_the_files_that_are_to_be_sent),
	    cmocka_unit_test(completes_what_is_missing),
	    cmocka_unit_test(keeps_what_is_there),
	    cmocka_unit_test(types),
	    cmocka_unit_test(check_takes_right_turns),
	    cmocka_unit_test(check_names_the_wrong_key),
	    cmocka_unit_test(pending_calls),
	    cmocka_unit_test(counts_assistant_steps),
	    cmocka_unit_test(replies),
	    cmocka_unit_test(steps_are_added_at_the_end),
	    cmocka_unit_test(steps_are_added_in_place),
	    cmocka_unit_test(taint_is_there_once),
	    cmocka_unit_test(failure_tells_the_person),
	    cmocka_unit_test(turn_that_outgrew_its_line_ends),
	    cmocka_unit_test(turn_whose_address_is_too_long_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
