#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "json.h"
#include "log.h"
#include "mapping.h"
#include "rule.h"
#include "secret.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	SHOWN_MAX = 16 * 1024, /* of JSON that no message was made of */
	PATH_MAX_BYTES = 64,
	NAME_MAX_BYTES = 100, /* of an id or a session, for people to read */
};

enum { WHEN, MESSAGE, SESSION, ID, RULES };
static const char *const rule_key[RULES] = {"when", "message", "session", "id"};

struct mapping {
	jv value; /* of the configuration; what is borrowed points into it */
	struct rule *rule[RULES]; /* NULL: none */
	char *secret;
	const char *path;
	const char *to; /* the chat, or NULL */
};

/* ---- at the start */

static void
wrong(const struct config *config, int index, const char *key, const char *why)
{
	char *path = xasprintf("hooks.mappings[%d].%s", index, key);

	fatal(EX_CONFIG, "%s: %s: %s", config_where(config, path), path, why);
}

static struct rule *
compile(const struct config *config, int index, const char *key, jv ref_value)
{
	const char *text = json_get_string(ref_value, key, NULL);
	struct rule *rule;
	char *error = NULL;

	if (text == NULL)
		return NULL;
	rule = rule_compile(text, &error);
	if (rule == NULL)
		wrong(config, index, key, error);
	return rule;
}

static void
check_path(const struct config *config, int index, const char *path)
{
	jv all = config_get(config, "hooks.mappings");

	if (strlen(path) > PATH_MAX_BYTES ||
	    path[strspn(path, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] !=
		'\0')
		wrong(config, index, "path",
		    "at most 64 letters, digits, `_` and `-`: it stands "
		    "behind /hooks/");
	if (strcmp(path, "agent") == 0 || strcmp(path, "wake") == 0)
		wrong(config, index, "path",
		    "/hooks/agent and /hooks/wake are built in; choose "
		    "another");
	for (int i = 0; i < index; i++) {
		jv other = json_at(all, i);

		if (strcmp(json_get_string(other, "path", ""), path) == 0)
			wrong(config, index, "path",
			    "another mapping has this path");
		jv_free(other);
	}
	jv_free(all);
}

static char *
take_secret(const struct config *config, int index, jv ref_value)
{
	const char *name = json_get_string(ref_value, "secret", NULL);
	char *secret = name != NULL ? secret_take(name) : NULL;

	if (name != NULL && secret == NULL)
		wrong(config, index, "secret",
		    "this variable is not set, so that no signature could be "
		    "checked");
	return secret;
}

struct mapping *
mapping_new(const struct config *config, int index)
{
	struct mapping *mapping = xcalloc(1, sizeof *mapping);
	jv all = config_get(config, "hooks.mappings");
	jv to = config_get(config, "hooks.to");

	mapping->value = json_at(all, index);
	mapping->path = json_get_string(mapping->value, "path", "");
	check_path(config, index, mapping->path);
	for (int i = 0; i < RULES; i++)
		mapping->rule[i] =
		    compile(config, index, rule_key[i], mapping->value);
	mapping->secret = take_secret(config, index, mapping->value);
	if (json_get_bool(mapping->value, "deliver", true))
		mapping->to = json_get_string(
		    mapping->value, "to", json_as_string(to, NULL));
	jv_free(to); /* the configuration holds it */
	if (mapping->to != NULL &&
	    !config_bool(config, "channels.telegram.enabled")) {
		log_warn("hook %s: channels.telegram.enabled is false; its "
			 "replies are not sent",
		    mapping->path);
		mapping->to = NULL;
	}
	jv_free(all);
	return mapping;
}

void
mapping_free(struct mapping *mapping)
{
	if (mapping == NULL)
		return;
	for (int i = 0; i < RULES; i++)
		rule_free(mapping->rule[i]);
	secret_free(mapping->secret);
	jv_free(mapping->value);
	free(mapping);
}

const char *
mapping_path(const struct mapping *mapping)
{
	return mapping->path;
}

const char *
mapping_secret(const struct mapping *mapping)
{
	return mapping->secret;
}

/* ---- each time */

static void
tell(const struct mapping *mapping, int which, const char *error)
{
	log_warn("hook %s: the rule %s failed: %s", mapping->path,
	    rule_key[which], error);
}

static bool
holds(struct mapping *mapping, jv ref_input)
{
	char *error = NULL;
	bool yes;

	if (mapping->rule[WHEN] == NULL)
		return true;
	yes = rule_holds(mapping->rule[WHEN], json_copy(ref_input), &error);
	if (error != NULL) {
		tell(mapping, WHEN, error);
		yes = true;
	}
	free(error);
	return yes;
}

/*
 * A rule's text; what is not text becomes JSON.  NULL when there is none or it
 * gave null; *failed, and it is logged, when it went wrong.
 */
static char *
evaluate(struct mapping *mapping, int which, jv ref_input, bool *failed)
{
	char *error = NULL, *text = NULL;
	jv result;

	*failed = false;
	if (mapping->rule[which] == NULL)
		return NULL;
	result =
	    rule_result(mapping->rule[which], json_copy(ref_input), &error);
	if (error != NULL) {
		tell(mapping, which, error);
		*failed = true;
	} else if (json_is_string(result)) {
		text = xstrdup(json_as_string(result, ""));
	} else if (!json_is_null(result)) {
		text = json_text(result);
	}
	jv_free(result);
	free(error);
	return text;
}

/* What was sent, as far as it is worth showing. */
static char *
raw(jv ref_input)
{
	jv body = json_get(ref_input, "body");
	struct buf text = {0};

	json_write(&text, body);
	jv_free(body);
	if (text.length > SHOWN_MAX)
		buf_truncate(
		    &text, utf8_floor(text.data, text.length, SHOWN_MAX));
	return buf_take(&text);
}

/* Nothing that could not stand in a file's name or a line of the log. */
static bool
is_plain(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

/* What is long, or holds control bytes, becomes its hash. */
static char *
make_plain(char *own_name)
{
	char *hash;

	if (own_name == NULL || *own_name == '\0') {
		free(own_name);
		return NULL;
	}
	if (strlen(own_name) <= NAME_MAX_BYTES && is_plain(own_name))
		return own_name;
	hash = SHA256Data((const uint8_t *)own_name, strlen(own_name), NULL);
	if (hash == NULL)
		fatal(EX_OSERR, "out of memory (a hash)");
	free(own_name);
	return hash;
}

void
mapped_free(struct mapped *mapped)
{
	free(mapped->key);
	free(mapped->session);
	free(mapped->text);
	*mapped = (struct mapped){.text = NULL};
}

bool
mapping_run(struct mapping *mapping, jv own_input, struct mapped *mapped)
{
	jv value = mapping->value;
	bool failed = false;

	*mapped = (struct mapped){.text = NULL};
	if (holds(mapping, own_input))
		mapped->text = evaluate(mapping, MESSAGE, own_input, &failed);
	if (failed)
		mapped->text = raw(own_input);
	if (mapped->text == NULL || *mapped->text == '\0') {
		mapped_free(mapped);
		jv_free(own_input);
		return false;
	}
	mapped->session =
	    make_plain(evaluate(mapping, SESSION, own_input, &failed));
	mapped->key = make_plain(evaluate(mapping, ID, own_input, &failed));
	mapped->hook = (struct hook){.source = mapping->path,
	    .name = json_get_string(value, "name", NULL),
	    .key = mapped->key,
	    .session = mapped->session,
	    .task = json_get_string(value, "task", NULL),
	    .text = mapped->text,
	    .model = json_get_string(value, "model", NULL),
	    .chat = mapping->to,
	    .thread = json_get_string(value, "thread", NULL),
	    .timeout_s = json_get_int(value, "timeout_s", 0),
	    .wrap = json_get_bool(value, "wrap", true)};
	jv_free(own_input);
	return true;
}
