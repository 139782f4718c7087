#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "approval.h"
#include "json.h"
#include "turn.h"

static jv
parse(const char *text)
{
	jv value = json_parse(text, strlen(text), NULL);

	assert_true(json_is_object(value));
	return value;
}

static jv
the_turn(const char *id)
{
	jv turn = parse("{\"session\":\"s\",\"channel\":\"c\",\"steps\":["
			"{\"role\":\"assistant\",\"calls\":[]}]}");

	return json_set_string(turn, "id", id);
}

static jv
the_call(void)
{
	return parse("{\"id\":\"c1\",\"name\":\"exec\","
		     "\"args\":{\"command\":\"rm x\"}}");
}

/* The call as the turn that it is granted to has it. */
static jv
granted_call(const char *id)
{
	jv approval = approval_read(id), step = json_get(approval, "step");
	jv calls = json_get(step, "calls"), call = json_at(calls, 0);

	jv_free(calls);
	jv_free(step);
	jv_free(approval);
	return call;
}

static void
test_what_can_be_shown(void **state)
{
	char *long_one = calloc(1, APPROVAL_COMMAND_MAX + 2);
	static const char *const no[] = {"", "a\rb", "a\033[2Kb", "a\177b",
	    "a\302\205b",         /* next line */
	    "a\302\255b",         /* soft hyphen */
	    "rm \342\200\256txt", /* right to left */
	    "rm\342\200\213x",    /* no width */
	    "a\302\240b",         /* no-break space */
	    "\363\240\201\201",   /* a tag */
	    "a\377b"};

	(void)state;
	assert_true(approval_can_show("kubectl delete pod x | tee 'a\n\tb'"));
	assert_true(approval_can_show("echo gr\303\274n \360\237\230\200"));
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		assert_false(approval_can_show(no[i]));
	memset(long_one, 'x', APPROVAL_COMMAND_MAX);
	assert_true(approval_can_show(long_one));
	long_one[APPROVAL_COMMAND_MAX] = 'x';
	assert_false(approval_can_show(long_one));
	free(long_one);
}

static void
test_granted_to_one_turn_and_used_once(void **state)
{
	char id[APPROVAL_ID_SIZE], again[APPROVAL_ID_SIZE];
	jv turn = the_turn("t1"), call = the_call();
	jv other = the_turn("t2"), approval, granted;

	(void)state;
	assert_true(approval_ask(turn, call, "rm x", id));
	assert_true(approval_ask(turn, call, "rm x", again));
	assert_string_equal(id, again);
	granted = granted_call(id);
	other = json_set_string(other, "approval", id);
	assert_false(approval_is_granted(other, granted));
	assert_false(approval_use(other));
	approval = approval_read(id);
	assert_true(approval_grant(approval, "t2"));
	jv_free(approval);
	assert_true(approval_is_granted(other, granted));
	assert_false(approval_is_granted(other, call));
	turn = json_set_string(turn, "approval", id);
	assert_false(approval_is_granted(turn, granted));
	assert_true(approval_use(other));
	assert_false(approval_use(other));
	assert_false(approval_is_granted(other, granted));
	jv_free(granted);
	jv_free(call);
	jv_free(other);
	jv_free(turn);
}

static void
test_denied_and_unknown(void **state)
{
	static const char *const names[] = {"", "AAAAAAAA", "../../etc",
	    "AAAAAAA/", "AAAAAAAAAAAA", "aaaaaaa1"};
	char id[APPROVAL_ID_SIZE];
	jv turn = the_turn("t3"), call = the_call(), approval, waiting;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		approval = approval_read(names[i]);
		assert_true(json_is_null(approval));
		jv_free(approval);
	}
	assert_true(approval_ask(turn, call, "rm x", id));
	waiting = approval_waiting("s", 0);
	assert_int_equal(json_length(waiting), 1);
	jv_free(waiting);
	waiting = approval_waiting("other", 0);
	assert_int_equal(json_length(waiting), 0);
	jv_free(waiting);
	approval = approval_read(id);
	assert_true(approval_deny(approval));
	jv_free(approval);
	waiting = approval_waiting("s", 0);
	assert_int_equal(json_length(waiting), 0);
	jv_free(waiting);
	approval_sweep();
	approval = approval_read(id);
	assert_string_equal(json_get_string(approval, "state", ""), "denied");
	jv_free(approval);
	jv_free(call);
	jv_free(turn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_can_be_shown),
	    cmocka_unit_test(test_granted_to_one_turn_and_used_once),
	    cmocka_unit_test(test_denied_and_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
