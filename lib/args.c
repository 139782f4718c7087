#include <inttypes.h>
#include <string.h>
#include "args.h"
#include "json.h"

enum { NAME_SHOWN = 60 }; /* of an argument that is not known */

static const struct arg *
find(const struct arg *arg, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(arg[i].name, name) == 0)
			return &arg[i];
	return NULL;
}

static bool
check_string(const struct arg *arg, jv ref, struct buf *problem)
{
	if (!json_is_string(ref)) {
		buf_printf(problem, "%s must be a string", arg->name);
		return false;
	}
	if (arg->kind == ARG_TEXT)
		return true;
	if (json_string_length(ref) == 0) {
		buf_printf(problem, "%s must not be empty", arg->name);
		return false;
	}
	if (strlen(json_as_string(ref, "")) != json_string_length(ref)) {
		buf_printf(problem, "%s must not hold a NUL", arg->name);
		return false;
	}
	return true;
}

static bool
check_int(const struct arg *arg, jv ref, struct buf *problem)
{
	double value = json_as_number(ref, 0);

	if (json_is_number(ref) && value >= (double)arg->least &&
	    value <= (double)arg->most && value == (double)json_as_int(ref, 0))
		return true;
	buf_printf(problem,
	    "%s must be a whole number from %" PRId64 " to %" PRId64, arg->name,
	    arg->least, arg->most);
	return false;
}

static bool
check_bool(const struct arg *arg, jv ref, struct buf *problem)
{
	if (json_is_bool(ref))
		return true;
	buf_printf(problem, "%s must be true or false", arg->name);
	return false;
}

static bool
check_value(const struct arg *arg, jv ref, struct buf *problem)
{
	switch (arg->kind) {
	case ARG_STRING:
	case ARG_TEXT: return check_string(arg, ref, problem);
	case ARG_INT: return check_int(arg, ref, problem);
	case ARG_BOOL: return check_bool(arg, ref, problem);
	case ARG_ANY: return true;
	}
	return false;
}

static void
name_all(const struct arg *arg, size_t count, struct buf *problem)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(problem, "%s%s%s", i == 0 ? " " : ", ", arg[i].name,
		    arg[i].required ? "" : " (optional)");
}

/* Every key that is there; nulls are taken out. */
static bool
check_keys(jv *args, const struct arg *arg, size_t count, struct buf *problem)
{
	jv present = json_copy(*args), value;
	struct json_iter iter = {0};
	const char *key;
	bool right = true;

	while (right && json_next(&iter, present, &key, &value)) {
		const struct arg *known = find(arg, count, key);

		if (known == NULL) {
			buf_printf(problem,
			    "there is no argument \"%.*s\"; it takes",
			    NAME_SHOWN, key);
			name_all(arg, count, problem);
			right = false;
		} else if (json_is_null(value)) {
			*args = json_delete(*args, key);
		} else {
			right = check_value(known, value, problem);
		}
		jv_free(value);
	}
	jv_free(present);
	return right;
}

bool
args_get(jv ref_call, const struct arg *arg, size_t count, jv *args,
    struct buf *problem)
{
	*args = json_get(ref_call, "args");
	if (json_has(ref_call, "bad_args") ||
	    (!json_is_object(*args) && !json_is_null(*args))) {
		buf_add_string(
		    problem, "the arguments must be a JSON object with");
		name_all(arg, count, problem);
		return false;
	}
	if (!check_keys(args, arg, count, problem))
		return false;
	for (size_t i = 0; i < count; i++)
		if (arg[i].required && !json_has(*args, arg[i].name)) {
			buf_printf(
			    problem, "%s is missing; it takes", arg[i].name);
			name_all(arg, count, problem);
			return false;
		}
	return true;
}
