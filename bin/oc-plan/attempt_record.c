#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "plan.h"
#include "turn.h"

/* Tokens by kind, as far as they were told. */
static jv
usage_of(const struct answer *answer)
{
	jv usage = json_object();

	if (answer->input >= 0)
		usage = json_set_int(usage, "input", answer->input);
	if (answer->output >= 0)
		usage = json_set_int(usage, "output", answer->output);
	if (answer->cached > 0)
		usage = json_set_int(usage, "cached", answer->cached);
	if (answer->thoughts > 0)
		usage = json_set_int(usage, "thoughts", answer->thoughts);
	return usage;
}

/* Adds usage, and cost where the configuration has the model's prices. */
static jv
add_usage(jv own, const struct config *config, const char *model,
    const struct answer *answer)
{
	enum { PER = 1000000 }; /* prices are for a million tokens */
	jv models = config_get(config, "models"), entry, price;
	double cost = 0;

	if (answer->input < 0 && answer->output < 0) {
		jv_free(models);
		return own;
	}
	own = json_set(own, "usage", usage_of(answer));
	entry = json_get(models, model);
	price = json_get(entry, "price");
	if (json_is_object(price)) {
		if (answer->input > 0)
			cost += (double)answer->input *
				json_get_number(price, "input", 0) / PER;
		if (answer->output > 0)
			cost += (double)answer->output *
				json_get_number(price, "output", 0) / PER;
		own = json_set(own, "cost", json_number(cost));
	}
	jv_free(price);
	jv_free(entry);
	jv_free(models);
	return own;
}

jv
attempt_record(const struct config *config, const char *model,
    const struct answer *answer, long status, int64_t ms)
{
	jv record = json_set_string(json_object(), "model", model);
	jv error = json_set_string(
	    json_object(), "class", answer_error_name(answer->error));

	error = json_set_string(
	    error, "message", answer->message != NULL ? answer->message : "");
	if (status != 0)
		error = json_set_int(error, "status", status);
	record = json_set(record, "error", error);
	record = add_usage(record, config, model, answer);
	return json_set_int(record, "ms", ms);
}

jv
attempt_step(const struct config *config, const char *model,
    struct answer *answer, int64_t ms, jv own_failed)
{
	jv step = json_set_string(json_object(), "role", "assistant"), value;
	struct json_iter iter = {0};
	const char *key;

	step = json_set_string(step, "model", model);
	step = json_set(step, "text",
	    json_string_sized(buf_string(&answer->text), answer->text.length));
	if (json_length(answer->calls) != 0)
		step = json_set(step, "calls", json_copy(answer->calls));
	step = add_usage(step, config, model, answer);
	step = json_set_int(step, "ms", ms);
	if (answer->truncated)
		step = json_set_bool(step, "truncated", true);
	while (json_next(&iter, answer->extra, &key, &value))
		step = json_set(step, key, value);
	if (json_length(own_failed) != 0)
		return json_set(step, "attempts", own_failed);
	jv_free(own_failed);
	return step;
}

jv
attempt_cause(jv ref_failed)
{
	jv cause = json_null();

	for (int i = 0, n = json_length(ref_failed); i < n; i++) {
		jv one = json_at(ref_failed, i), error = json_get(one, "error");
		bool asked = json_has(one, "ms");

		if (asked || json_is_null(cause)) {
			jv_free(cause);
			cause = json_delete(json_copy(error), "message");
		}
		jv_free(error);
		jv_free(one);
		if (asked)
			break;
	}
	return cause;
}

char *
attempt_summary(jv ref_failed)
{
	struct buf text = {0};

	for (int i = 0, n = json_length(ref_failed); i < n; i++) {
		jv one = json_at(ref_failed, i);
		jv message = json_path(one, "error.message");
		jv class = json_path(one, "error.class");

		buf_printf(&text, "%s%s: %s", i == 0 ? "" : "; ",
		    json_get_string(one, "model", ""),
		    json_string_length(message) != 0
			? json_as_string(message, "")
			: json_as_string(class, ""));
		jv_free(message);
		jv_free(class);
		jv_free(one);
	}
	return buf_take(&text);
}

bool
attempt_any_failure(jv ref_failed)
{
	bool any = false;

	for (int i = 0, n = json_length(ref_failed); i < n; i++) {
		jv one = json_at(ref_failed, i);
		jv class = json_path(one, "error.class");

		any = any ||
		      strcmp(json_as_string(class, ""), "not_configured") != 0;
		jv_free(class);
		jv_free(one);
	}
	return any;
}

/* Whether a model of this name is known to take images. */
static bool
known_to_take_images(const char *model)
{
	static const char *const parts[] = {"gemini", "gpt-4o", "gpt-4.1",
	    "gpt-5", "claude", "vision", "llava", "-vl", "vl:", "pixtral",
	    "gemma3", "gemma-3", "minicpm-v", "llama4", "llama-4"};
	static const char *const beginnings[] = {"o3", "o4"};
	const char *slash = strrchr(model, '/');
	const char *name = slash != NULL ? slash + 1 : model;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strstr(name, parts[i]) != NULL)
			return true;
	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
		if (strncmp(name, beginnings[i], 2) == 0)
			return true;
	return false;
}

bool
attempt_takes_images(const struct config *config, const char *model)
{
	jv models = config_get(config, "models");
	jv entry = json_get(models, model), images = json_get(entry, "images");
	bool takes = json_as_bool(images, known_to_take_images(model));

	jv_free(images);
	jv_free(entry);
	jv_free(models);
	return takes;
}
