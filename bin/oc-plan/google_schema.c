#include <string.h>
#include "answer.h"
#include "json.h"

/*
 * Gemini takes a subset of OpenAPI 3.0's schema, and refuses the whole request
 * for a key outside of it.  What can be said in the subset is said; the rest
 * is left out, since the tool checks its arguments itself.
 */
enum {
	ALTERNATIVES_DEPTH_MAX = 8, /* anyOf within allOf and so on */
};

static bool
is_type(jv ref, const char *name)
{
	return strcmp(json_as_string(ref, ""), name) == 0;
}

/* Keys of `own_more` put into `own_base`; "properties" and "required" join. */
static jv
merge(jv own_base, jv own_more)
{
	struct json_iter iter = {0};
	const char *key;
	jv value;

	while (json_next(&iter, own_more, &key, &value)) {
		jv old = json_take(&own_base, key);

		if (json_is_object(old) && json_is_object(value)) {
			old = merge(old, value);
		} else if (json_is_array(old) && json_is_array(value) &&
			   strcmp(key, "type") != 0) {
			for (int i = 0, n = json_length(value); i < n; i++)
				old = json_append(old, json_at(value, i));
			jv_free(value);
		} else {
			jv_free(old);
			old = value;
		}
		own_base = json_set(own_base, key, old);
	}
	jv_free(own_more);
	return own_base;
}

static bool
is_null_schema(jv ref)
{
	jv type = json_get(ref, "type");
	bool null = is_type(type, "null");

	jv_free(type);
	return null;
}

/* Values that an alternative is made of by const or enum; else null. */
static jv
fixed_values(jv ref)
{
	if (json_has(ref, "const"))
		return json_append(json_array(), json_get(ref, "const"));
	return json_get(ref, "enum");
}

/*
 * A schema of alternatives becomes one: choices of fixed values join, null
 * becomes nullable, and of anything else the first alternative is told.
 */
static jv
choose(jv own_schema, jv own_alternatives)
{
	jv chosen = json_null(), values = json_array();
	int choices = 0, fixed = 0;

	for (int i = 0, n = json_length(own_alternatives); i < n; i++) {
		jv one = json_at(own_alternatives, i), some;

		if (is_null_schema(one)) {
			own_schema =
			    json_set_bool(own_schema, "nullable", true);
			jv_free(one);
			continue;
		}
		some = fixed_values(one);
		fixed += json_is_array(some);
		for (int k = 0, m = json_length(some); k < m; k++)
			values = json_append(values, json_at(some, k));
		jv_free(some);
		if (choices++ == 0)
			chosen = json_copy(one);
		jv_free(one);
	}
	if (choices > 0 && fixed == choices) {
		chosen = json_delete(chosen, "const");
		chosen = json_set(chosen, "enum", json_copy(values));
	}
	jv_free(values);
	jv_free(own_alternatives);
	return merge(own_schema, chosen);
}

/* Takes allOf, anyOf and oneOf out, as far as they go inside each other. */
static jv
flatten(jv own_schema)
{
	for (int depth = 0; depth < ALTERNATIVES_DEPTH_MAX; depth++) {
		jv all = json_get(own_schema, "allOf");
		jv any = json_get(own_schema, "anyOf");
		jv one = json_get(own_schema, "oneOf");
		bool none = !json_is_array(all) && !json_is_array(any) &&
			    !json_is_array(one);

		if (!none) {
			own_schema = json_delete(own_schema, "allOf");
			own_schema = json_delete(own_schema, "anyOf");
			own_schema = json_delete(own_schema, "oneOf");
		}
		for (int i = 0, n = json_length(all); i < n; i++)
			own_schema = merge(own_schema, json_at(all, i));
		jv_free(all);
		own_schema = choose(choose(own_schema, any), one);
		if (none)
			break;
	}
	return own_schema;
}

/* The type's name, or one that follows from the other keys. */
static const char *
schema_type(jv ref, bool *nullable)
{
	static const char *const known[] = {
	    "string", "number", "integer", "boolean", "array", "object"};
	jv type = json_get(ref, "type"), first = json_copy(type);
	const char *name = json_has(ref, "properties") ? "object"
			   : json_has(ref, "items")    ? "array"
						       : "string";

	*nullable = json_get_bool(ref, "nullable", false);
	for (int i = json_length(type); i-- > 0;) {
		jv one = json_at(type, i);

		if (is_type(one, "null")) {
			*nullable = true;
			jv_free(one);
		} else {
			jv_free(first);
			first = one;
		}
	}
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (is_type(first, known[i]))
			name = known[i];
	jv_free(first);
	jv_free(type);
	return name;
}

/* enum is an array of strings, and only for strings. */
static void
write_enum(struct buf *out, jv ref)
{
	jv values = fixed_values(ref);
	bool any = false;

	for (int i = 0, n = json_length(values); i < n; i++) {
		jv value = json_at(values, i);

		if (json_is_string(value) && json_string_length(value) != 0) {
			if (!any) {
				body_string(out, "format", "enum");
				body_key(out, "enum");
				buf_add_byte(out, '[');
			}
			any = true;
			body_comma(out);
			json_write(out, value);
		}
		jv_free(value);
	}
	if (any)
		buf_add_byte(out, ']');
	else if (strcmp(json_get_string(ref, "format", ""), "date-time") == 0)
		body_string(out, "format", "date-time");
	jv_free(values);
}

static void
write_number_keys(struct buf *out, jv ref, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		jv value = json_get(ref, *keys);

		if (json_is_number(value)) {
			body_key(out, *keys);
			json_write(out, value);
		}
		jv_free(value);
	}
}

static void write_schema(struct buf *out, jv ref_schema);

/* An object of which no key is known is refused ("should be non-empty"). */
static bool
is_open_object(jv ref, const char *type)
{
	jv properties = json_get(ref, "properties");
	bool open = strcmp(type, "object") == 0 && json_length(properties) == 0;

	jv_free(properties);
	return open;
}

static void
write_description(struct buf *out, const char *text, bool open)
{
	struct buf whole = {0};

	buf_add_string(&whole, text);
	if (open)
		buf_printf(&whole, "%s(a JSON object, as text)",
		    text[0] != '\0' ? " " : "");
	if (whole.length != 0)
		body_string(out, "description", whole.data);
	buf_free(&whole);
}

/* required may name only what properties has. */
static void
write_properties(struct buf *out, jv ref)
{
	jv properties = json_get(ref, "properties");
	jv required = json_get(ref, "required"), value;
	struct json_iter iter = {0};
	const char *key;
	size_t before;

	if (json_is_object(properties) && json_length(properties) != 0) {
		body_key(out, "properties");
		buf_add_byte(out, '{');
		while (json_next(&iter, properties, &key, &value)) {
			body_key(out, key);
			write_schema(out, value);
			jv_free(value);
		}
		buf_add_byte(out, '}');
	}
	before = out->length;
	for (int i = 0, n = json_length(required); i < n; i++) {
		jv name = json_at(required, i);

		if (json_is_string(name) &&
		    json_has(properties, json_as_string(name, ""))) {
			if (out->length == before) {
				body_key(out, "required");
				buf_add_byte(out, '[');
			}
			body_comma(out);
			json_write(out, name);
		}
		jv_free(name);
	}
	if (out->length != before)
		buf_add_byte(out, ']');
	jv_free(required);
	jv_free(properties);
}

static void
write_items(struct buf *out, jv ref)
{
	static const char *const keys[] = {"minItems", "maxItems", NULL};
	jv items = json_get(ref, "items");

	body_key(out, "items");
	write_schema(out, items);
	jv_free(items);
	write_number_keys(out, ref, keys);
}

/* Recursion ends with the value, which has JSON_DEPTH_MAX levels at most. */
static void
write_schema(struct buf *out, jv ref_schema)
{
	static const char *const limits[] = {"minimum", "maximum", NULL};
	jv schema = flatten(json_copy(ref_schema));
	bool nullable, open;
	const char *type = schema_type(schema, &nullable);

	open = is_open_object(schema, type);
	if (open)
		type = "string";
	buf_add_byte(out, '{');
	body_string(out, "type", type);
	write_description(
	    out, json_get_string(schema, "description", ""), open);
	if (nullable) {
		body_key(out, "nullable");
		buf_add_string(out, "true");
	}
	if (strcmp(type, "object") == 0)
		write_properties(out, schema);
	else if (strcmp(type, "array") == 0)
		write_items(out, schema);
	else if (strcmp(type, "string") == 0)
		write_enum(out, schema);
	else if (strcmp(type, "boolean") != 0)
		write_number_keys(out, schema, limits);
	buf_add_byte(out, '}');
	jv_free(schema);
}

bool
google_schema(struct buf *out, jv ref_parameters)
{
	jv schema = flatten(json_copy(ref_parameters));
	jv properties = json_get(schema, "properties");
	bool any = json_is_object(properties) && json_length(properties) != 0;

	if (any)
		write_schema(out, schema);
	jv_free(properties);
	jv_free(schema);
	return any;
}
