#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../../bin/oc-recv-http/mapping.h"
#include "buf.h"
#include "json.h"

static struct config config;

static struct mapping *
open_mapping(const char *keys)
{
	struct buf text = {0}, problems = {0};
	struct mapping *mapping;

	buf_printf(
	    &text, "{\"hooks\":{\"mappings\":[{\"path\":\"x\",%s}]}}", keys);
	if (!config_parse(&config, "test", text.data, text.length, &problems))
		fail_msg("%s", buf_string(&problems));
	mapping = mapping_new(&config, 0);
	buf_free(&text);
	return mapping;
}

static void
close_mapping(struct mapping *mapping, struct mapped *mapped)
{
	mapped_free(mapped);
	mapping_free(mapping);
	config_free(&config);
}

static bool
run(struct mapping *mapping, const char *input, struct mapped *mapped)
{
	return mapping_run(
	    mapping, json_parse(input, strlen(input), NULL), mapped);
}

static void
test_a_mapping(void **state)
{
	struct mapping *mapping = open_mapping(
	    "\"when\":\".headers.kind == \\\"a\\\"\","
	    "\"message\":\"\\\"\\\\(.body.n) alerts\\\"\","
	    "\"session\":\".body.group\",\"id\":\".body.id\","
	    "\"task\":\"Look.\",\"model\":\"google/m\",\"wrap\":false,"
	    "\"timeout_s\":7,\"name\":\"Alerts\"");
	struct mapped mapped;

	(void)state;
	assert_true(run(mapping,
	    "{\"headers\":{\"kind\":\"a\"},\"body\":{\"n\":2,\"group\":\"g\","
	    "\"id\":17}}",
	    &mapped));
	assert_string_equal(mapped.hook.text, "2 alerts");
	assert_string_equal(mapped.hook.session, "g");
	assert_string_equal(mapped.hook.key, "17");
	assert_string_equal(mapped.hook.task, "Look.");
	assert_string_equal(mapped.hook.model, "google/m");
	assert_string_equal(mapped.hook.name, "Alerts");
	assert_string_equal(mapped.hook.source, "x");
	assert_int_equal(mapped.hook.timeout_s, 7);
	assert_false(mapped.hook.wrap);
	mapped_free(&mapped);
	assert_false(run(
	    mapping, "{\"headers\":{\"kind\":\"b\"},\"body\":{}}", &mapped));
	close_mapping(mapping, &mapped);
}

static void
test_no_message_is_no_turn(void **state)
{
	struct mapping *mapping =
	    open_mapping("\"message\":\".body.text // empty\"");
	struct mapped mapped;

	(void)state;
	assert_false(run(mapping, "{\"body\":{}}", &mapped));
	assert_false(run(mapping, "{\"body\":{\"text\":\"\"}}", &mapped));
	assert_true(run(mapping, "{\"body\":{\"text\":\"t\"}}", &mapped));
	close_mapping(mapping, &mapped);
}

/* An alert is not lost because a rule did not think of it. */
static void
test_a_rule_that_fails_loses_nothing(void **state)
{
	struct mapping *mapping = open_mapping(
	    "\"when\":\".body.a > (1 | error(\\\"x\\\"))\","
	    "\"message\":\"\\\"a\\\" + .body.n\",\"session\":\".body | .[0]\","
	    "\"id\":\".body | keys | .[0] | tonumber\"");
	struct mapped mapped;

	(void)state;
	assert_true(run(mapping, "{\"body\":{\"n\":2}}", &mapped));
	assert_string_equal(mapped.hook.text, "{\"n\":2}");
	assert_null(mapped.hook.session);
	assert_null(mapped.hook.key);
	close_mapping(mapping, &mapped);
}

static void
test_ids_that_are_no_names(void **state)
{
	struct mapping *mapping =
	    open_mapping("\"message\":\"\\\"m\\\"\",\"id\":\".body\"");
	struct mapped mapped;
	char *first;

	(void)state;
	assert_true(run(mapping, "{\"body\":\"line\\none\"}", &mapped));
	assert_int_equal(strlen(mapped.hook.key), 64);
	first = mapped.key;
	mapped.key = NULL;
	mapped_free(&mapped);
	assert_true(run(mapping, "{\"body\":\"line\\ntwo\"}", &mapped));
	assert_string_not_equal(mapped.hook.key, first);
	mapped_free(&mapped);
	assert_true(run(mapping, "{\"body\":\"line\\none\"}", &mapped));
	assert_string_equal(mapped.hook.key, first);
	free(first);
	mapped_free(&mapped);
	assert_true(run(mapping, "{\"body\":\"\"}", &mapped));
	assert_null(mapped.hook.key);
	close_mapping(mapping, &mapped);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_mapping),
	    cmocka_unit_test(test_no_message_is_no_turn),
	    cmocka_unit_test(test_a_rule_that_fails_loses_nothing),
	    cmocka_unit_test(test_ids_that_are_no_names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
