#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "buf.h"
#include "json.h"

static jv
parse(const char *text)
{
	jv value = json_parse(text, strlen(text), NULL);

	assert_true(json_is_valid(value));
	return value;
}

/* One of each kind, and what is not there. */
static void
all_kinds(jv kinds[8])
{
	kinds[0] = json_null();
	kinds[1] = json_bool(true);
	kinds[2] = json_bool(false);
	kinds[3] = json_number(1.5);
	kinds[4] = json_string("text");
	kinds[5] = parse("[1]");
	kinds[6] = parse("{\"a\":1}");
	kinds[7] = jv_invalid();
}

/* In Debian's build a getter of libjq of the wrong kind aborts. */
static void
getters_of_the_wrong_kind_give_the_other_value(void **state)
{
	jv kinds[8];

	(void)state;
	all_kinds(kinds);
	for (int i = 0; i < 8; i++) {
		jv v = kinds[i], value;
		struct json_iter iter = {0};
		const char *key;

		assert_string_equal(
		    json_as_string(v, "none"), i == 4 ? "text" : "none");
		assert_int_equal(json_string_length(v), i == 4 ? 4 : 0);
		assert_int_equal(json_as_int(v, 7), i == 3 ? 1 : 7);
		assert_true(json_as_number(v, 7) == (i == 3 ? 1.5 : 7.0));
		assert_true(json_as_bool(v, true) == (i != 2));
		assert_int_equal(json_length(v), i == 5 || i == 6);
		assert_true(json_has(v, "a") == (i == 6));
		assert_int_equal(json_get_int(v, "a", 7), i == 6 ? 1 : 7);
		assert_string_equal(json_get_string(v, "a", "none"), "none");
		assert_true(json_get_bool(v, "a", true));
		value = json_at(v, 0);
		assert_int_equal(json_as_int(value, 7), i == 5 ? 1 : 7);
		value = json_path(v, "a.b.c");
		assert_true(json_is_null(value));
		assert_true(json_next(&iter, v, &key, &value) == (i == 6));
		assert_true(json_is_null(v) == (i == 0 || i == 7));
	}
	for (int i = 0; i < 8; i++)
		jv_free(kinds[i]);
}

static void
setters_of_the_wrong_kind_begin_anew(void **state)
{
	jv kinds[8];

	(void)state;
	all_kinds(kinds);
	for (int i = 0; i < 8; i++) {
		jv object = json_set_int(json_copy(kinds[i]), "b", 2);
		jv array = json_append_string(json_copy(kinds[i]), "x");

		assert_int_equal(json_length(object), i == 6 ? 2 : 1);
		assert_int_equal(json_length(array), i == 5 ? 2 : 1);
		jv_free(object);
		jv_free(array);
		jv_free(json_delete(kinds[i], "a"));
	}
}

static void
what_is_not_there_is_written_as_null(void **state)
{
	jv value = json_set(json_object(), "a", jv_invalid());
	char *text;

	(void)state;
	value = json_set(value, "b", json_append(json_array(), jv_invalid()));
	text = json_text(value);
	assert_string_equal(text, "{\"a\":null,\"b\":[null]}");
	free(text);
	jv_free(value);
	text = json_text(jv_invalid());
	assert_string_equal(text, "null");
	free(text);
}

static void
numbers_that_json_has_no_word_for(void **state)
{
	struct {
		double number;
		const char *text;
	} cases[] = {{NAN, "null"}, {INFINITY, "1.7976931348623157e+308"},
	    {-INFINITY, "-1.7976931348623157e+308"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		jv value = jv_number(cases[i].number); /* as a rule makes it */
		char *text = json_text(value);

		assert_string_equal(text, cases[i].text);
		free(text);
	}
	assert_int_equal(json_as_int(jv_number(NAN), 7), 7);
	assert_int_equal(json_as_int(jv_number(1e300), 7), INT64_MAX);
	assert_int_equal(json_as_int(jv_number(-1e300), 7), INT64_MIN);
	assert_int_equal(json_as_int(jv_number(-1.9), 7), -1);
}

static void
text_from_outside_is_repaired(void **state)
{
	jv value = json_string("a\xed\xa0\x80z");

	(void)state;
	assert_string_equal(json_as_string(value, ""), "a\xef\xbf\xbdz");
	jv_free(value);
	value = json_string_sized("a\0b", 3);
	assert_string_equal(json_as_string(value, ""), "a\xef\xbf\xbd"
						       "b");
	assert_int_equal(json_string_length(value), 5);
	jv_free(value);
	value = json_string_sized("\0", 1);
	assert_int_equal(json_string_length(value), 3);
	jv_free(value);
	value = json_string_sized("", 0);
	assert_string_equal(json_as_string(value, "x"), "");
	jv_free(value);
}

static void
string_lives_as_long_as_what_it_was_got_from(void **state)
{
	jv value = parse("{\"a\":\"long enough to be on the heap\",\"b\":5}");
	const char *text = json_get_string(value, "a", "none");

	(void)state;
	assert_string_equal(text, "long enough to be on the heap");
	assert_string_equal(json_get_string(value, "b", "none"), "none");
	assert_string_equal(json_get_string(value, "c", "none"), "none");
	jv_free(value);
}

static void
path_goes_along_keys(void **state)
{
	jv value = parse("{\"to\":{\"chat\":\"42\",\"x\":null}}"), found;

	(void)state;
	found = json_path(value, "to.chat");
	assert_string_equal(json_as_string(found, ""), "42");
	jv_free(found);
	found = json_path(value, "to.chat.more");
	assert_true(json_is_null(found));
	found = json_path(value, "to.x");
	assert_true(json_is_null(found));
	found = json_path(value, "");
	assert_true(json_equal(found, value));
	jv_free(found);
	jv_free(value);
}

static void
set_changes_the_one_and_not_its_copy(void **state)
{
	jv one = parse("{\"a\":1}"), copy = json_copy(one);

	(void)state;
	one = json_set_string(one, "a", "changed");
	one = json_set_bool(one, "b", true);
	assert_int_equal(json_get_int(copy, "a", 0), 1);
	assert_false(json_has(copy, "b"));
	assert_string_equal(json_get_string(one, "a", ""), "changed");
	one = json_delete(one, "a");
	assert_false(json_has(one, "a"));
	jv_free(one);
	jv_free(copy);
}

/* Or each append to the steps of a turn would copy all of them. */
static void
take_gives_the_only_reference(void **state)
{
	jv object = parse("{\"a\":[1,2]}"), array;

	(void)state;
	array = json_take(&object, "a");
	assert_int_equal(jv_get_refcnt(array), 1);
	assert_true(json_has(object, "a"));
	object = json_set(object, "a", json_append(array, json_int(3)));
	array = json_get(object, "a");
	assert_int_equal(json_length(array), 3);
	jv_free(array);
	array = json_take(&object, "none");
	assert_true(json_is_null(array));
	assert_false(json_has(object, "none"));
	jv_free(object);
}

static void
next_visits_each_key_once(void **state)
{
	jv object = json_object(), value;
	struct json_iter iter = {0};
	const char *key;
	int64_t sum = 0;
	char name[20];
	int count = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "k%d", i);
		object = json_set_int(object, name, i);
	}
	object = json_delete(object, "k0");
	while (json_next(&iter, object, &key, &value)) {
		snprintf(name, sizeof name, "k%d", (int)json_as_int(value, -1));
		assert_string_equal(key, name);
		sum += json_as_int(value, 0);
		count++;
		jv_free(value);
	}
	assert_int_equal(count, 999);
	assert_int_equal(sum, 999 * 1000 / 2);
	jv_free(object);
}

static void
index_outside_gives_null(void **state)
{
	int outside[] = {-1, 2, INT32_MAX, INT32_MIN};
	jv array = parse("[1,2]");

	(void)state;
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
		assert_true(json_is_null(json_at(array, outside[i])));
	array = json_set_at(array, 1, json_string("x"));
	assert_int_equal(json_length(array), 2);
	jv_free(array);
}

static void
equal_regards_values(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
	    {"{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}", true},
	    {"[1,2]", "[2,1]", false},
	    {"null", "false", false},
	    {"\"1\"", "1", false},
	    {"[]", "{}", false},
	    {"\"\\u00e9\"", "\"\xc3\xa9\"", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		jv a = parse(cases[i].a), b = parse(cases[i].b);

		assert_true(json_equal(a, b) == cases[i].equal);
		jv_free(a);
		jv_free(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(getters_of_the_wrong_kind_give_the_other_value),
	    cmocka_unit_test(setters_of_the_wrong_kind_begin_anew),
	    cmocka_unit_test(what_is_not_there_is_written_as_null),
	    cmocka_unit_test(numbers_that_json_has_no_word_for),
	    cmocka_unit_test(text_from_outside_is_repaired),
	    cmocka_unit_test(string_lives_as_long_as_what_it_was_got_from),
	    cmocka_unit_test(path_goes_along_keys),
	    cmocka_unit_test(set_changes_the_one_and_not_its_copy),
	    cmocka_unit_test(take_gives_the_only_reference),
	    cmocka_unit_test(next_visits_each_key_once),
	    cmocka_unit_test(index_outside_gives_null),
	    cmocka_unit_test(equal_regards_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
