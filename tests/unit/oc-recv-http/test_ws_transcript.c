#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "json.h"
#include "ws_transcript.h"

static char folder[] = "/tmp/oc-ws-XXXXXX";

static int
make_folder(void **state)
{
	char path[64];

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/sessions", folder);
	mkdir(path, 0700);
	return setenv("OC_STATE", folder, 1);
}

static int
remove_folder(void **state)
{
	char path[128];
	static const char *const names[] = {"talk", "telegram%3A4", "a~1"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/sessions/%s.ndjson", folder,
		    names[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/sessions", folder);
	rmdir(path);
	return rmdir(folder);
}

static void
write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/sessions/%s.ndjson", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char talk[] =
    "{\"turn\":\"t1\",\"at\":1,\"role\":\"user\",\"text\":\"hi\"}\n"
    "{\"turn\":\"t1\",\"at\":1,\"role\":\"assistant\",\"text\":\"\","
    "\"model\":\"openai/m\",\"calls\":[{\"id\":\"c1\",\"name\":\"exec\","
    "\"args\":{\"command\":\"df\"}}],\"usage\":{\"input\":10,\"output\":1}}\n"
    "{\"turn\":\"t1\",\"at\":1,\"role\":\"tool\",\"call\":\"c1\",\"ok\":false,"
    "\"output\":\"no\"}\n"
    "half a line that a crash left\n"
    "{\"turn\":\"t1\",\"at\":2,\"role\":\"assistant\",\"text\":\"full\","
    "\"model\":\"openai/n\",\"usage\":{\"input\":20,\"output\":2,"
    "\"cached\":5}}\n";

static const char *
role_at(jv ref_messages, int index)
{
	jv message = json_at(ref_messages, index);
	const char *role = json_get_string(message, "role", "");

	jv_free(message); /* the messages still hold it */
	return role;
}

static void
test_messages(void **state)
{
	jv lines, messages, one, parts, part;

	(void)state;
	write_file("talk", talk);
	lines = ws_transcript_tail("talk", 10000);
	assert_int_equal(json_length(lines), 4);
	messages = ws_transcript_messages(lines, 100);
	assert_int_equal(json_length(messages), 4);
	assert_string_equal(role_at(messages, 0), "user");
	assert_string_equal(role_at(messages, 1), "assistant");
	assert_string_equal(role_at(messages, 2), "toolResult");
	one = json_at(messages, 2);
	assert_string_equal(json_get_string(one, "toolName", ""), "exec");
	assert_true(json_get_bool(one, "isError", false));
	jv_free(one);
	one = json_at(messages, 1);
	parts = json_get(one, "content");
	part = json_at(parts, 0);
	assert_string_equal(json_get_string(part, "type", ""), "toolCall");
	jv_free(part);
	jv_free(parts);
	jv_free(one);
	jv_free(messages);
	/* the name of a tool is known when its call is not among them */
	messages = ws_transcript_messages(lines, 2);
	assert_int_equal(json_length(messages), 2);
	one = json_at(messages, 0);
	assert_string_equal(json_get_string(one, "toolName", ""), "exec");
	jv_free(one);
	jv_free(messages);
	jv_free(lines);
}

static void
test_spent(void **state)
{
	jv lines = ws_transcript_tail("talk", 10000), spent, usage;

	(void)state;
	spent = ws_transcript_spent(lines);
	usage = json_get(spent, "usage");
	assert_string_equal(json_get_string(spent, "model", ""), "openai/n");
	assert_int_equal(json_get_int(usage, "input", 0), 20);
	jv_free(usage);
	jv_free(spent);
	spent = json_array();
	usage = ws_transcript_spent(spent);
	assert_int_equal(json_length(usage), 0);
	jv_free(usage);
	jv_free(spent);
	jv_free(lines);
}

static void
test_tail_begins_with_a_line(void **state)
{
	(void)state;
	for (size_t most = 0; most < sizeof talk; most++) {
		jv lines = ws_transcript_tail("talk", most);

		assert_true(json_length(lines) <= 4);
		jv_free(lines);
	}
}

static void
test_sessions(void **state)
{
	jv all, one;

	(void)state;
	write_file("telegram%3A4", "{}\n");
	write_file("a~1", "{}\n"); /* a name that was cut */
	all = ws_transcript_sessions();
	assert_int_equal(json_length(all), 2);
	one = json_at(all, 0);
	assert_true(json_get_int(one, "changed", 0) > 0);
	jv_free(one);
	jv_free(all);
	assert_true(ws_transcript_stat("talk").bytes == sizeof talk - 1);
	assert_true(ws_transcript_stat("nobody").changed == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_spent),
	    cmocka_unit_test(test_tail_begins_with_a_line),
	    cmocka_unit_test(test_sessions),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
