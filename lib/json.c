#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "utf8.h"
#include "xalloc.h"

jv
json_parse(const char *text, size_t length, const char **error)
{
	const char *problem = json_check(text, length);
	jv value;

	if (problem == NULL && length > INT_MAX)
		problem = "too long";
	if (error != NULL)
		*error = problem;
	if (problem != NULL)
		return jv_invalid();
	/* Never fails after the check; its message would quote the text. */
	value = jv_parse_sized(text, (int)length);
	assert(jv_is_valid(value));
	return value;
}

bool
json_is_valid(jv ref)
{
	return jv_is_valid(ref);
}

bool
json_is_object(jv ref)
{
	return jv_get_kind(ref) == JV_KIND_OBJECT;
}

bool
json_is_array(jv ref)
{
	return jv_get_kind(ref) == JV_KIND_ARRAY;
}

bool
json_is_string(jv ref)
{
	return jv_get_kind(ref) == JV_KIND_STRING;
}

bool
json_is_number(jv ref)
{
	return jv_get_kind(ref) == JV_KIND_NUMBER;
}

bool
json_is_bool(jv ref)
{
	return jv_get_kind(ref) == JV_KIND_TRUE ||
	       jv_get_kind(ref) == JV_KIND_FALSE;
}

bool
json_is_null(jv ref)
{
	return jv_get_kind(ref) == JV_KIND_NULL || !jv_is_valid(ref);
}

jv
json_null(void)
{
	return jv_null();
}

jv
json_bool(bool value)
{
	return jv_bool(value);
}

jv
json_number(double value)
{
	assert(isfinite(value));
	return jv_number(value);
}

jv
json_int(int64_t value)
{
	return jv_number((double)value);
}

jv
json_string(const char *text)
{
	return json_string_sized(text, strlen(text));
}

jv
json_string_sized(const char *text, size_t length)
{
	struct buf repaired = {0};
	jv string;

	assert(length <= INT_MAX / 4);
	if (utf8_valid(text, length) && memchr(text, '\0', length) == NULL)
		return jv_string_sized(text, (int)length);
	for (size_t i = 0; i < length;) {
		const char *nul = memchr(text + i, '\0', length - i);
		size_t n = nul != NULL ? (size_t)(nul - text) - i : length - i;

		utf8_repair(&repaired, text + i, n);
		i += n;
		if (nul != NULL) {
			buf_add_string(&repaired, "\xef\xbf\xbd");
			i++;
		}
	}
	string = jv_string_sized(buf_string(&repaired), (int)repaired.length);
	buf_free(&repaired);
	return string;
}

jv
json_array(void)
{
	return jv_array();
}

jv
json_object(void)
{
	return jv_object();
}

jv
json_copy(jv ref)
{
	return jv_copy(ref);
}

const char *
json_as_string(jv ref, const char *otherwise)
{
	return json_is_string(ref) ? jv_string_value(ref) : otherwise;
}

size_t
json_string_length(jv ref)
{
	if (!json_is_string(ref))
		return 0;
	return (size_t)jv_string_length_bytes(jv_copy(ref));
}

int64_t
json_as_int(jv ref, int64_t otherwise)
{
	double number;

	if (!json_is_number(ref))
		return otherwise;
	number = jv_number_value(ref);
	if (isnan(number))
		return otherwise;
	if (number >= 9223372036854775807.0)
		return INT64_MAX;
	if (number <= -9223372036854775808.0)
		return INT64_MIN;
	return (int64_t)number;
}

double
json_as_number(jv ref, double otherwise)
{
	return json_is_number(ref) ? jv_number_value(ref) : otherwise;
}

bool
json_as_bool(jv ref, bool otherwise)
{
	return json_is_bool(ref) ? jv_get_kind(ref) == JV_KIND_TRUE : otherwise;
}

jv
json_get(jv ref, const char *key)
{
	jv value;

	if (!json_is_object(ref))
		return jv_null();
	value = jv_object_get(jv_copy(ref), jv_string(key));
	if (jv_is_valid(value))
		return value;
	jv_free(value);
	return jv_null();
}

bool
json_has(jv ref, const char *key)
{
	return json_is_object(ref) &&
	       jv_object_has(jv_copy(ref), jv_string(key));
}

jv
json_path(jv ref, const char *path)
{
	jv value = jv_copy(ref);

	while (*path != '\0') {
		size_t length = strcspn(path, ".");
		char *key = xstrndup(path, length);
		jv inner = json_get(value, key);

		free(key);
		jv_free(value);
		value = inner;
		path += length + (path[length] == '.');
	}
	return value;
}

/*
 * The pointer stays good after the value is freed, since the object that it
 * was got from holds the same string.
 */
const char *
json_get_string(jv ref, const char *key, const char *otherwise)
{
	jv value = json_get(ref, key);
	const char *text = json_as_string(value, otherwise);

	jv_free(value);
	return text;
}

int64_t
json_get_int(jv ref, const char *key, int64_t otherwise)
{
	jv value = json_get(ref, key);
	int64_t number = json_as_int(value, otherwise);

	jv_free(value);
	return number;
}

double
json_get_number(jv ref, const char *key, double otherwise)
{
	jv value = json_get(ref, key);
	double number = json_as_number(value, otherwise);

	jv_free(value);
	return number;
}

bool
json_get_bool(jv ref, const char *key, bool otherwise)
{
	jv value = json_get(ref, key);
	bool flag = json_as_bool(value, otherwise);

	jv_free(value);
	return flag;
}

jv
json_set(jv own_object, const char *key, jv own_value)
{
	if (!json_is_object(own_object)) {
		jv_free(own_object);
		own_object = jv_object();
	}
	if (!jv_is_valid(own_value)) {
		jv_free(own_value);
		own_value = jv_null();
	}
	return jv_object_set(own_object, jv_string(key), own_value);
}

jv
json_set_string(jv own_object, const char *key, const char *text)
{
	return json_set(own_object, key, json_string(text));
}

jv
json_set_int(jv own_object, const char *key, int64_t value)
{
	return json_set(own_object, key, json_int(value));
}

jv
json_set_bool(jv own_object, const char *key, bool value)
{
	return json_set(own_object, key, jv_bool(value));
}

jv
json_delete(jv own_object, const char *key)
{
	if (!json_is_object(own_object))
		return own_object;
	return jv_object_delete(own_object, jv_string(key));
}

jv
json_take(jv *object, const char *key)
{
	jv value = json_get(*object, key);

	if (!json_is_null(value))
		*object = json_set(*object, key, jv_null());
	return value;
}

int
json_length(jv ref)
{
	if (json_is_array(ref))
		return jv_array_length(jv_copy(ref));
	if (json_is_object(ref))
		return jv_object_length(jv_copy(ref));
	return 0;
}

bool
json_next(struct json_iter *iter, jv ref, const char **key, jv *value)
{
	jv name;

	if (!json_is_object(ref))
		return false;
	/* position is libjq's iterator plus one, so that zero means start */
	if (iter->position == 0)
		iter->position = jv_object_iter(ref) + 1;
	else
		iter->position =
		    jv_object_iter_next(ref, iter->position - 1) + 1;
	if (!jv_object_iter_valid(ref, iter->position - 1))
		return false;
	name = jv_object_iter_key(ref, iter->position - 1);
	*key = jv_string_value(name);
	jv_free(name); /* the object holds it, too */
	*value = jv_object_iter_value(ref, iter->position - 1);
	return true;
}

jv
json_at(jv ref, int index)
{
	if (index < 0 || !json_is_array(ref) || index >= json_length(ref))
		return jv_null();
	return jv_array_get(jv_copy(ref), index);
}

jv
json_append(jv own_array, jv own_value)
{
	if (!json_is_array(own_array)) {
		jv_free(own_array);
		own_array = jv_array();
	}
	return jv_array_append(own_array, own_value);
}

jv
json_append_string(jv own_array, const char *text)
{
	return json_append(own_array, json_string(text));
}

jv
json_set_at(jv own_array, int index, jv own_value)
{
	assert(index >= 0 && index < json_length(own_array));
	return jv_array_set(own_array, index, own_value);
}

bool
json_equal(jv ref_a, jv ref_b)
{
	return jv_equal(jv_copy(ref_a), jv_copy(ref_b));
}

bool
json_same(jv ref_a, jv ref_b)
{
	return jv_identical(jv_copy(ref_a), jv_copy(ref_b)) != 0;
}
