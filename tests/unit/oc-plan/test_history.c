#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../../bin/oc-plan/plan.h"
#include "io.h"
#include "json.h"
#include "state.h"

static jv
parse(const char *text)
{
	jv value = json_parse(text, strlen(text), NULL);

	assert_true(json_is_valid(value));
	return value;
}

static void
write_transcript(const char *text)
{
	char *directory = state_path("sessions");
	char *path = state_path("sessions/s.ndjson");

	assert_true(io_make_directories(directory));
	assert_true(io_replace_file(path, text, strlen(text)));
	free(directory);
	free(path);
}

static void
assert_roles(jv own_entries, const char *expected)
{
	struct buf roles = {0};

	for (int i = 0, n = json_length(own_entries); i < n; i++) {
		jv one = json_at(own_entries, i);

		buf_add(&roles, json_get_string(one, "role", "?"), 1);
		jv_free(one);
	}
	assert_string_equal(buf_string(&roles), expected);
	buf_free(&roles);
	jv_free(own_entries);
}

static void
test_history_before_the_message(void **state)
{
	jv turn = parse("{\"session\":\"s\",\"text\":\"and now?\"}");

	(void)state;
	write_transcript("{\"role\":\"user\",\"text\":\"one\"}\n"
			 "{\"role\":\"assistant\",\"text\":\"1\"}\n");
	assert_roles(history_conversation(turn, 256 * 1024, 0), "uau");
	assert_roles(history_conversation(turn, 256 * 1024, SHORTEN_MAX), "u");
	jv_free(turn);
}

static void
test_tail_begins_with_the_person(void **state)
{
	(void)state;
	write_transcript("{\"role\":\"user\",\"text\":\"one\"}\n"
			 "{\"role\":\"assistant\",\"text\":\"1\"}\n"
			 "{\"role\":\"user\",\"text\":\"two\"}\n"
			 "{\"role\":\"assistant\",\"text\":\"2\"}\n");
	assert_roles(history_read("s", 1000), "uaua");
	assert_roles(history_read("s", 100), "ua");
	assert_roles(history_read("s", 10), "");
	assert_roles(history_read("nobody", 1000), "");
}

static void
test_damaged_transcript(void **state)
{
	(void)state;
	write_transcript("{\"role\":\"user\",\"text\":\"one\"}\nrubbish\n\n"
			 "[1]\n{\"role\":\"assistant\",\"text\":\"half");
	assert_roles(history_read("s", 1000), "u");
}

static void
test_call_without_answer_gets_one(void **state)
{
	jv turn = parse("{\"session\":\"s\",\"text\":\"again\"}"), all, step;

	(void)state;
	write_transcript(
	    "{\"role\":\"user\",\"text\":\"one\"}\n"
	    "{\"role\":\"assistant\",\"text\":\"\",\"calls\":[{\"id\":\"a\","
	    "\"name\":\"exec\"},{\"id\":\"b\",\"name\":\"exec\"}]}\n"
	    "{\"role\":\"tool\",\"call\":\"a\",\"ok\":true,\"output\":\"\"}\n");
	all = history_conversation(turn, 256 * 1024, 0);
	step = json_at(all, 3);
	assert_string_equal(json_get_string(step, "call", ""), "b");
	assert_false(json_get_bool(step, "ok", true));
	jv_free(step);
	assert_roles(all, "uattu");
	jv_free(turn);
}

static void
test_shortened_output(void **state)
{
	struct buf text = {0};
	jv turn, all, step;

	(void)state;
	write_transcript("");
	buf_add_string(&text,
	    "{\"session\":\"s\",\"text\":\"x\",\"steps\":[{\"role\":"
	    "\"assistant\",\"calls\":[{\"id\":\"a\",\"name\":\"exec\"}]},"
	    "{\"role\":\"tool\",\"call\":\"a\",\"ok\":true,\"output\":\"");
	for (int i = 0; i < 20000; i++)
		buf_add_string(&text, "\xc3\xa9");
	buf_add_string(&text, "\"}]}");
	turn = parse(buf_string(&text));
	all = history_conversation(turn, 256 * 1024, 2);
	step = json_at(all, 2);
	assert_in_range(
	    strlen(json_get_string(step, "output", "")), 3900, 4200);
	assert_non_null(
	    strstr(json_get_string(step, "output", ""), "left out"));
	jv_free(step);
	jv_free(all);
	jv_free(turn);
	buf_free(&text);
}

int
main(void)
{
	char directory[] = "/tmp/oc-history-XXXXXX";
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_history_before_the_message),
	    cmocka_unit_test(test_tail_begins_with_the_person),
	    cmocka_unit_test(test_damaged_transcript),
	    cmocka_unit_test(test_call_without_answer_gets_one),
	    cmocka_unit_test(test_shortened_output),
	};
	char *path;
	int failed;

	if (mkdtemp(directory) == NULL)
		return 1;
	setenv("OC_STATE", directory, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	history_forget();
	path = state_path("sessions/s.ndjson");
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(directory);
	free(path);
	return failed;
}
