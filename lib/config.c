#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "config.h"
#include "config_check.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "rule.h"
#include "xalloc.h"

bool
config_parse(struct config *config, const char *name, const char *text,
    size_t length, struct buf *problems)
{
	struct problems found = {.name = name, .out = problems};
	struct yamldoc doc;

	*config = (struct config){
	    .path = xstrdup(name), .value = json_null(), .marks = json_null()};
	if (yamldoc_parse(&doc, text, length, &found))
		config_check(doc.root, &found, &config->value, &config->marks);
	yamldoc_free(&doc);
	if (found.count != 0)
		config_free(config);
	return found.count == 0;
}

void
config_free(struct config *config)
{
	jv_free(config->value);
	jv_free(config->marks);
	free(config->path);
	*config = (struct config){.value = json_null(), .marks = json_null()};
}

/* Each line of the problems to the log, then the end. */
static _Noreturn void
refuse(struct config *config, struct buf *problems)
{
	char *rest = problems->data, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			log_error("%s", line);
	buf_free(problems);
	config_free(config);
	exit(EX_CONFIG);
}

/*
 * Loads a file.  False when it is not there and need not be.
 */
static bool
load_file(struct config *config, const char *path, bool named)
{
	struct buf text = {0}, problems = {0};

	if (!io_read_file(AT_FDCWD, path, YAMLDOC_SIZE_MAX, &text)) {
		int error = errno;

		buf_free(&text);
		if (!named && (error == ENOENT || error == ENOTDIR))
			return false;
		if (error == EFBIG)
			fatal(EX_CONFIG,
			    "%s: more than %d bytes; make it smaller", path,
			    YAMLDOC_SIZE_MAX);
		fatal(EX_NOINPUT,
		    "configuration %s: %s; name another with "
		    "OC_CONFIG",
		    path, strerror(error));
	}
	if (!config_parse(
		config, path, buf_string(&text), text.length, &problems)) {
		buf_free(&text);
		refuse(config, &problems);
	}
	buf_free(&text);
	return true;
}

static void
load_usual(struct config *config)
{
	static const char *const usual[] = {
	    "~/.openclaw/openclaw.yaml", "~/.openclaw/openclaw.json"};
	struct buf problems = {0};
	bool found = false;

	for (size_t i = 0; !found && i < sizeof usual / sizeof usual[0]; i++) {
		char *path = config_expand_home(usual[i]);

		/* without a home there is nothing to look for */
		found = *path != '~' && load_file(config, path, false);
		free(path);
	}
	if (found)
		return;
	found = config_parse(config, "built-in", "", 0, &problems);
	assert(found); /* the defaults are right */
	free(config->path);
	config->path = NULL;
}

void
config_load(struct config *config, const char *path)
{
	const char *allow;

	if (path == NULL)
		path = getenv("OC_CONFIG");
	if (path != NULL && *path != '\0') {
		char *expanded = config_expand_home(path);

		load_file(config, expanded, true);
		free(expanded);
	} else {
		load_usual(config);
	}
	/* what a person said for one run stands over the file */
	allow = getenv("OC_ALLOW_UNCONFIGURED");
	if (allow != NULL && strcmp(allow, "1") == 0)
		config->value =
		    json_set_bool(config->value, "allow_unconfigured", true);
	config_register_secrets(config);
}

char *
config_where(const struct config *config, const char *path)
{
	struct buf near = {0};
	char *where = NULL;

	buf_add_string(&near, path);
	while (config->path != NULL && near.length != 0) {
		jv mark = json_get(config->marks, near.data);

		if (json_is_array(mark)) {
			jv line = json_at(mark, 0), column = json_at(mark, 1);

			where = xasprintf("%s:%d:%d", config->path,
			    (int)json_as_int(line, 0),
			    (int)json_as_int(column, 0));
			jv_free(mark);
			break;
		}
		jv_free(mark);
		/* what is around it: without the last .name or [index] */
		while (near.length != 0 &&
		       strchr(".[", near.data[near.length - 1]) == NULL)
			buf_truncate(&near, near.length - 1);
		if (near.length != 0)
			buf_truncate(&near, near.length - 1);
	}
	buf_free(&near);
	return where != NULL ? where : xstrdup("built-in");
}

jv
config_get(const struct config *config, const char *path)
{
	assert(schema_knows(path));
	return json_path(config->value, path);
}

const char *
config_string(const struct config *config, const char *path)
{
	jv value = config_get(config, path);
	const char *text = json_as_string(value, NULL);

	assert(text != NULL);
	jv_free(value); /* the configuration holds it */
	return text;
}

int64_t
config_int(const struct config *config, const char *path)
{
	jv value = config_get(config, path);
	int64_t number = json_as_int(value, 0);

	assert(json_is_number(value));
	jv_free(value);
	return number;
}

bool
config_bool(const struct config *config, const char *path)
{
	jv value = config_get(config, path);
	bool truth = json_as_bool(value, false);

	assert(json_is_bool(value));
	jv_free(value);
	return truth;
}

char *
config_workspace(const struct config *config)
{
	return config_expand_home(config_string(config, "workspace"));
}

char *
config_expand_home(const char *path)
{
	const char *home = getenv("HOME");

	if (strncmp(path, "~/", 2) != 0 || home == NULL || *home == '\0')
		return xstrdup(path);
	return xasprintf("%s/%s", home, path + 2);
}

/* Adds a model unless it is there. */
static jv
add_model(jv own_models, jv own_model)
{
	const char *name = json_as_string(own_model, "");
	bool there = false;

	for (int i = 0; !there && i < json_length(own_models); i++) {
		jv other = json_at(own_models, i);

		there = json_equal(other, own_model);
		jv_free(other);
	}
	if (!there)
		own_models = json_append_string(own_models, name);
	jv_free(own_model);
	return own_models;
}

jv
config_models(const struct config *config)
{
	jv models = json_array();
	jv fallbacks = config_get(config, "fallbacks");
	jv routes = config_get(config, "routes");

	models = add_model(models, config_get(config, "primary_model"));
	for (int i = 0; i < json_length(fallbacks); i++)
		models = add_model(models, json_at(fallbacks, i));
	for (int i = 0; i < json_length(routes); i++) {
		jv route = json_at(routes, i);

		models = add_model(models, json_get(route, "model"));
		jv_free(route);
	}
	jv_free(fallbacks);
	jv_free(routes);
	return models;
}

/* Compiles the rule at a path; what is wrong becomes a line. */
static bool
check_rule(const struct config *config, const char *path, const char *text,
    struct buf *problems)
{
	char *error = NULL, *where;
	struct rule *rule = rule_compile(text, &error);

	if (rule != NULL) {
		rule_free(rule);
		return true;
	}
	where = config_where(config, path);
	buf_printf(problems, "%s: the rule %s: %s\n", where, path, error);
	free(where);
	free(error);
	return false;
}

/* The rules in a list: its elements, or one key of each. */
static bool
check_rules(const struct config *config, const char *list, const char *key,
    struct buf *problems)
{
	jv rules = config_get(config, list);
	struct buf path = {0};
	bool ok = true;

	for (int i = 0; i < json_length(rules); i++) {
		jv rule = json_at(rules, i);

		if (key != NULL) {
			jv text = json_get(rule, key);

			jv_free(rule);
			rule = text;
		}
		buf_clear(&path);
		buf_printf(&path, "%s[%d]%s%s", list, i, key != NULL ? "." : "",
		    key != NULL ? key : "");
		if (!json_is_null(rule))
			ok &= check_rule(config, buf_string(&path),
			    json_as_string(rule, ""), problems);
		jv_free(rule);
	}
	buf_free(&path);
	jv_free(rules);
	return ok;
}

bool
config_check_rules(const struct config *config, struct buf *problems)
{
	static const char *const mapping[] = {
	    "when", "message", "session", "id"};
	jv cookies = config_get(config, "browser.cookies_when");
	bool ok = check_rules(config, "routes", "when", problems);

	ok &= check_rules(config, "tools.exec.allow", NULL, problems);
	for (size_t i = 0; i < sizeof mapping / sizeof *mapping; i++)
		ok &=
		    check_rules(config, "hooks.mappings", mapping[i], problems);
	ok &= check_rules(config, "tools.exec.deny", NULL, problems);
	if (json_is_string(cookies))
		ok &= check_rule(config, "browser.cookies_when",
		    json_as_string(cookies, ""), problems);
	jv_free(cookies);
	return ok;
}
