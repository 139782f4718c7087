#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "buf.h"
#include "json.h"
#include "record.h"
#include "toolstage.h"

/*
 * A stage whose tools are those that begin with "mine": the calls wait in a
 * list until the test ends them.
 */
struct fixture {
	struct toolstage *stage;
	struct toolstage_calls calls;
	struct record_reader input;
	int in, out, stdout_before, passed, stopped;
};

static const void *
find(void *arg, const char *name)
{
	(void)arg;
	return strncmp(name, "mine", 4) == 0 ? "tool" : NULL;
}

static void
add(void *arg, struct toolstage_call *call)
{
	struct fixture *fixture = arg;

	TAILQ_INSERT_TAIL(&fixture->calls, call, link);
}

static void
stop(void *arg, struct toolstage_call *call)
{
	struct fixture *fixture = arg;

	fixture->stopped++;
	TAILQ_REMOVE(&fixture->calls, call, link);
	toolstage_end(call, false, "stopped", json_null(), NULL);
}

static void
passed(void *arg, jv ref_record)
{
	struct fixture *fixture = arg;

	(void)ref_record;
	fixture->passed++;
}

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct toolstage_hooks hooks = {.find = find,
	    .add = add,
	    .stop = stop,
	    .passed = passed,
	    .arg = &fixture};
	int in[2], out[2];

	fixture = (struct fixture){.in = -1};
	if (pipe(in) != 0 || pipe(out) != 0)
		return -1;
	TAILQ_INIT(&fixture.calls);
	fixture.stage = toolstage_new(&hooks, 1);
	record_reader_init(&fixture.input, in[0], "the test");
	fixture.in = in[1];
	fixture.out = out[0];
	fcntl(fixture.out, F_SETFL, O_NONBLOCK);
	fixture.stdout_before = dup(STDOUT_FILENO);
	dup2(out[1], STDOUT_FILENO);
	close(out[1]);
	unsetenv("OC_STATE");
	unsetenv("HOME");
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	dup2(fixture->stdout_before, STDOUT_FILENO);
	close(fixture->stdout_before);
	close(fixture->in);
	close(fixture->out);
	close(fixture->input.fd);
	record_reader_free(&fixture->input);
	toolstage_free(fixture->stage);
	return 0;
}

static void
give(struct fixture *fixture, const char *line)
{
	assert_int_equal(write(fixture->in, line, strlen(line)), strlen(line));
	assert_int_equal(write(fixture->in, "\n", 1), 1);
	record_fill(&fixture->input);
	while (toolstage_take(fixture->stage, &fixture->input) == RECORD_OK)
		continue;
}

/* What was written since, with the times taken out. */
static void
assert_written(struct fixture *fixture, const char *want)
{
	char text[4096], *at;
	ssize_t n = read(fixture->out, text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	while ((at = strstr(text, "\"ms\":")) != NULL) {
		at[2] = '_';
		for (at += 5; *at >= '0' && *at <= '9'; at++)
			*at = '0';
	}
	if (strstr(text, want) == NULL || (*want == '\0' && *text != '\0'))
		fail_msg("%s is not in %s", want, text);
}

static void
end_first(struct fixture *fixture, const char *output)
{
	struct toolstage_call *call = TAILQ_FIRST(&fixture->calls);

	TAILQ_REMOVE(&fixture->calls, call, link);
	if (toolstage_begin(call))
		toolstage_end(call, true, output, json_null(), "web");
}

#define TURN(id, calls)                                              \
	"{\"type\":\"turn\",\"id\":\"" id "\",\"session\":\"s\","    \
	"\"channel\":\"stdout\",\"text\":\"\",\"steps\":[{\"role\":" \
	"\"assistant\",\"calls\":[" calls "]}]}"
#define CALL(id, name) "{\"id\":\"" id "\",\"name\":\"" name "\",\"args\":{}}"

static void
a_turn_waits_for_all_of_its_calls(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, TURN("t", CALL("a", "mine1") "," CALL(
				    "b", "other") "," CALL("c", "mine2")));
	assert_written(fixture, "");
	assert_false(toolstage_is_empty(fixture->stage));
	end_first(fixture, "one");
	assert_written(fixture, "");
	end_first(fixture, "two");
	assert_written(fixture, "\"taint\":[\"web\"]");
	assert_true(toolstage_is_empty(fixture->stage));
}

static void
what_is_not_ours_goes_on_at_once(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, TURN("t", CALL("b", "other")));
	assert_written(fixture, "\"other\"");
	give(fixture, "{\"type\":\"note\",\"x\":1}");
	assert_written(fixture, "{\"type\":\"note\",\"x\":1}\n");
	assert_int_equal(fixture->passed, 0);
	give(fixture, "{\"text\":\"x\",\"reply\":{\"text\":\"done\"}}");
	assert_written(fixture, "\"done\"");
	assert_int_equal(fixture->passed, 1);
	assert_true(TAILQ_EMPTY(&fixture->calls));
}

static void
a_stop_goes_on_behind_what_it_stopped(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, TURN("t", CALL("a", "mine1") "," CALL("b", "mine2")));
	end_first(fixture, "one");
	give(fixture, "{\"type\":\"stop\",\"session\":\"other\"}");
	assert_written(fixture, "{\"type\":\"stop\",\"session\":\"other\"}\n");
	assert_int_equal(fixture->stopped, 0);
	give(fixture, "{\"type\":\"stop\",\"session\":\"s\"}");
	assert_int_equal(fixture->stopped, 1);
	assert_written(fixture, "]}\n{\"type\":\"stop\",\"session\":\"s\"}\n");
	assert_true(toolstage_is_empty(fixture->stage));
}

static void
one_turn_more_than_the_limit_is_taken(void **state)
{
	struct fixture *fixture = *state;

	assert_true(toolstage_has_room(fixture->stage));
	give(fixture, TURN("t1", CALL("a", "mine")));
	assert_true(toolstage_has_room(fixture->stage));
	give(fixture, TURN("t2", CALL("a", "mine")));
	assert_false(toolstage_has_room(fixture->stage));
	end_first(fixture, "x");
	assert_true(toolstage_has_room(fixture->stage));
	end_first(fixture, "x");
	assert_written(fixture, "\"t2\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_turn_waits_for_all_of_its_calls, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_is_not_ours_goes_on_at_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_stop_goes_on_behind_what_it_stopped, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		one_turn_more_than_the_limit_is_taken, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
