#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "turn.h"
#include "ulid.h"

bool
turn_is_turn(jv ref)
{
	return strcmp(json_get_string(ref, "type", "turn"), "turn") == 0;
}

bool
turn_is_stop(jv ref)
{
	return strcmp(json_get_string(ref, "type", ""), "stop") == 0;
}

bool
turn_stop_is_for(jv ref_stop, const char *id, const char *session)
{
	const char *wanted = json_get_string(ref_stop, "id", "");

	return strcmp(turn_session(ref_stop), session) == 0 &&
	       (*wanted == '\0' || strcmp(wanted, id) == 0);
}

static jv
default_string(jv own, const char *key, const char *text, bool *changed)
{
	if (json_get_string(own, key, "")[0] != '\0')
		return own;
	*changed = true;
	return json_set_string(own, key, text);
}

jv
turn_complete(jv own, bool *changed)
{
	char id[ULID_SIZE];
	bool any = false;

	own = default_string(own, "type", "turn", &any);
	if (json_get_string(own, "id", "")[0] == '\0') {
		ulid_make(id);
		own = default_string(own, "id", id, &any);
	}
	own = default_string(own, "session", "local", &any);
	own = default_string(own, "channel", "stdout", &any);
	if (changed != NULL)
		*changed = any;
	return own;
}

/* The kinds that the standard keys must have when they are there. */
enum wanted { STRING, ARRAY, OBJECT, OBJECT_OR_STRING };

static const struct {
	const char *key, *problem;
	enum wanted kind;
} standard_keys[] = {
    {"type", "type must be a string", STRING},
    {"id", "id must be a string", STRING},
    {"session", "session must be a string", STRING},
    {"channel", "channel must be a string", STRING},
    {"to", "to must be an object", OBJECT},
    {"from", "from must be an object", OBJECT},
    {"text", "text must be a string", STRING},
    {"media", "media must be an array", ARRAY},
    {"model", "model must be a string", STRING},
    {"route", "route must be an object", OBJECT},
    {"steps", "steps must be an array", ARRAY},
    {"taint", "taint must be an array", ARRAY},
    {"reply", "reply must be an object", OBJECT_OR_STRING},
    {"error", "error must be an object", OBJECT_OR_STRING},
};

static bool
is_kind(jv ref, enum wanted kind)
{
	switch (kind) {
	case STRING: return json_is_string(ref);
	case ARRAY: return json_is_array(ref);
	case OBJECT: return json_is_object(ref);
	case OBJECT_OR_STRING:
		return json_is_object(ref) || json_is_string(ref);
	}
	return false;
}

static const char *
check_elements(
    jv ref_turn, const char *key, enum wanted kind, const char *problem)
{
	jv array = json_get(ref_turn, key);
	const char *found = NULL;

	for (int i = 0, n = json_length(array); i < n && found == NULL; i++) {
		jv element = json_at(array, i);

		if (!is_kind(element, kind))
			found = problem;
		jv_free(element);
	}
	jv_free(array);
	return found;
}

const char *
turn_check(jv ref)
{
	const char *problem;

	for (size_t i = 0; i < sizeof standard_keys / sizeof *standard_keys;
	     i++) {
		jv value = json_get(ref, standard_keys[i].key);
		bool ok = json_is_null(value) ||
			  is_kind(value, standard_keys[i].kind);

		jv_free(value);
		if (!ok)
			return standard_keys[i].problem;
	}
	problem = check_elements(
	    ref, "steps", OBJECT, "each of steps must be an object");
	if (problem == NULL)
		problem = check_elements(
		    ref, "media", OBJECT, "each of media must be an object");
	if (problem == NULL)
		problem = check_elements(
		    ref, "taint", STRING, "each of taint must be a string");
	if (problem == NULL && !json_has(ref, "text") &&
	    !json_has(ref, "reply"))
		problem = "text is missing";
	return problem;
}

const char *
turn_id(jv ref)
{
	return json_get_string(ref, "id", "");
}

const char *
turn_session(jv ref)
{
	return json_get_string(ref, "session", "local");
}

bool
turn_has_reply(jv ref)
{
	jv reply = json_get(ref, "reply");
	bool has = is_kind(reply, OBJECT_OR_STRING);

	jv_free(reply);
	return has;
}

static bool
has_role(jv ref_step, const char *role)
{
	return strcmp(json_get_string(ref_step, "role", ""), role) == 0;
}

/* Index of the last assistant step, or -1. */
static int
last_assistant(jv ref_steps)
{
	int i = json_length(ref_steps) - 1;

	for (; i >= 0; i--) {
		jv step = json_at(ref_steps, i);
		bool found = has_role(step, "assistant");

		jv_free(step);
		if (found)
			break;
	}
	return i;
}

static bool
is_answered(jv ref_steps, int after, const char *call)
{
	bool found = false;

	for (int i = after + 1, n = json_length(ref_steps); i < n && !found;
	     i++) {
		jv step = json_at(ref_steps, i);

		found = has_role(step, "tool") &&
			strcmp(json_get_string(step, "call", ""), call) == 0;
		jv_free(step);
	}
	return found;
}

jv
turn_pending(jv ref)
{
	jv steps = json_get(ref, "steps"), step, calls, pending = json_array();
	int last = last_assistant(steps);

	step = json_at(steps, last);
	calls = json_get(step, "calls");
	for (int i = 0, n = json_length(calls); i < n; i++) {
		jv call = json_at(calls, i);

		if (json_is_object(call) &&
		    !is_answered(steps, last, json_get_string(call, "id", "")))
			pending = json_append(pending, call);
		else
			jv_free(call);
	}
	jv_free(calls);
	jv_free(step);
	jv_free(steps);
	return pending;
}

bool
turn_has_pending(jv ref)
{
	jv pending = turn_pending(ref);
	bool any = json_length(pending) != 0;

	jv_free(pending);
	return any;
}

int
turn_step_count(jv ref)
{
	jv steps = json_get(ref, "steps");
	int count = 0;

	for (int i = 0, n = json_length(steps); i < n; i++) {
		jv step = json_at(steps, i);

		count += has_role(step, "assistant");
		jv_free(step);
	}
	jv_free(steps);
	return count;
}

bool
turn_is_invoked(jv ref)
{
	return json_get_bool(ref, "invoke", false);
}

jv
turn_add_step(jv own_turn, jv own_step)
{
	jv steps = json_take(&own_turn, "steps");

	return json_set(own_turn, "steps", json_append(steps, own_step));
}

jv
turn_add_taint(jv own_turn, const char *taint)
{
	jv taints = json_take(&own_turn, "taint");
	bool there = false;

	for (int i = 0, n = json_length(taints); i < n; i++) {
		jv one = json_at(taints, i);

		there = there || strcmp(json_as_string(one, ""), taint) == 0;
		jv_free(one);
	}
	if (!there)
		taints = json_append_string(taints, taint);
	return json_set(own_turn, "taint", taints);
}

jv
turn_tool_step(const char *call, bool ok, const char *output)
{
	jv step = json_set_string(json_object(), "role", "tool");

	step = json_set_string(step, "call", call);
	step = json_set_bool(step, "ok", ok);
	return json_set_string(step, "output", output);
}

/* The files in the steps of tools that are to go to the person. */
static jv
media_to_send(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps"), list = json_array();

	for (int i = 0, n = json_length(steps); i < n; i++) {
		jv step = json_at(steps, i), media = json_get(step, "media");

		for (int k = 0, m = json_length(media); k < m; k++) {
			jv one = json_at(media, k);

			if (json_get_bool(one, "send", false))
				list = json_append(
				    list, json_delete(json_copy(one), "send"));
			jv_free(one);
		}
		jv_free(media);
		jv_free(step);
	}
	jv_free(steps);
	return list;
}

jv
turn_reply(jv own_turn, const char *text)
{
	jv reply = json_set_string(json_object(), "text", text);
	jv media = media_to_send(own_turn);

	if (json_length(media) > 0)
		reply = json_set(reply, "media", media);
	else
		jv_free(media);
	return json_set(own_turn, "reply", reply);
}

jv
turn_fail(jv own_turn, const char *class, const char *message, const char *text)
{
	jv error = json_set_string(json_object(), "class", class);

	error = json_set_string(error, "message", message);
	own_turn = json_set(own_turn, "error", error);
	if (turn_has_reply(own_turn))
		return own_turn;
	return turn_reply(own_turn, text);
}

/* The part of a turn that says whose it is and where its reply goes. */
static jv
identity(jv ref)
{
	static const char *const keys[] = {"type", "id", "ids", "session",
	    "channel", "to", "attempt", "journal", "lease"};
	jv small = json_object();

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (json_has(ref, keys[i]))
			small =
			    json_set(small, keys[i], json_get(ref, keys[i]));
	return small;
}

void
turn_write(jv own_turn)
{
	jv small;

	if (record_write(own_turn)) {
		jv_free(own_turn);
		return;
	}
	log_warn("turn %s: grew beyond 4 MiB, ended", turn_id(own_turn));
	small = turn_fail(identity(own_turn), "too_large",
	    "the turn grew beyond 4 MiB",
	    "This task grew too large to go on with: what was read and done "
	    "in it does not fit into one turn any more. Please ask for it in "
	    "smaller parts.");
	jv_free(own_turn);
	if (!record_write(small)) {
		/* someone's `to` or `session` alone is megabytes */
		jv_free(small);
		small = turn_fail(json_object(), "too_large",
		    "the turn's identity is beyond 4 MiB", "");
		record_write(small);
	}
	jv_free(small);
}
