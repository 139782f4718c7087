#include <stddef.h>
#include <string.h>
#include "json.h"
#include "upstream.h"

struct meaning {
	const char *class;
	int status;
	const char *type;
};

static const char bad_request[] = "invalid_request_error";
static const char broken[] = "api_error";

/* Of the turn itself (lib/turn.h, oc-loop, oc-spool). */
static const struct meaning turn_classes[] = {
    {"unknown_model", 400, bad_request},
    {"bad_turn", 400, bad_request},
    {"too_large", 413, bad_request},
    {"duplicate", 409, bad_request},
    {"stopped", 409, broken},
    {"deadline", 504, broken},
};

/* Of the first failure of a model (oc-plan, answer_error_name). */
static const struct meaning model_classes[] = {
    {"auth", 401, "authentication_error"},
    {"billing", 402, "insufficient_quota"},
    {"budget", 402, "insufficient_quota"},
    {"not_found", 404, bad_request},
    {"too_long", 413, bad_request},
    {"bad_request", 400, bad_request},
    {"blocked", 400, bad_request},
    {"rate_limit", 429, "rate_limit_error"},
    {"overloaded", 503, broken},
    {"cooldown", 503, broken},
    {"not_configured", 503, broken},
    {"timeout", 504, broken},
    {"stopped", 409, broken},
};

#define LOOK_UP(table, class) \
	look_up(table, sizeof(table) / sizeof *(table), class)

static const struct meaning *
look_up(const struct meaning *table, size_t count, const char *class)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].class, class) == 0)
			return &table[i];
	return NULL;
}

bool
upstream_error(jv ref_turn, struct upstream_error *error)
{
	jv failure = json_get(ref_turn, "error"), cause;
	const struct meaning *meaning;
	const char *class = json_get_string(failure, "class", "");

	*error = (struct upstream_error){.status = 500, .type = broken};
	if (!json_is_object(failure) || strcmp(class, "step_limit") == 0 ||
	    strcmp(class, "repeated_call") == 0) {
		jv_free(failure);
		return false;
	}
	cause = json_get(failure, "cause");
	meaning = LOOK_UP(turn_classes, class);
	if (strcmp(class, "no_model") == 0) {
		error->status = 502;
		meaning =
		    LOOK_UP(model_classes, json_get_string(cause, "class", ""));
	}
	if (meaning != NULL) {
		error->status = meaning->status;
		error->type = meaning->type;
	}
	/* the turn still holds it */
	error->message = json_get_string(failure, "message", "the turn failed");
	jv_free(cause);
	jv_free(failure);
	return true;
}

jv
upstream_body(const struct upstream_error *error)
{
	jv one = json_set_string(json_object(), "message", error->message);

	one = json_set_string(one, "type", error->type);
	one = json_set(one, "code", json_null());
	one = json_set(one, "param", json_null());
	return json_set(json_object(), "error", one);
}

const char *
upstream_reply(jv ref_turn, jv *own_reply)
{
	*own_reply = json_get(ref_turn, "reply");
	if (json_is_string(*own_reply))
		return json_as_string(*own_reply, "");
	return json_get_string(*own_reply, "text", "");
}
