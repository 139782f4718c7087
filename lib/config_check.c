#include <stdlib.h>
#include <string.h>
#include "config_check.h"
#include "json.h"
#include "secret.h"
#include "xalloc.h"

/* A value that can be judged only when all of the document is known. */
struct pending {
	enum schema_type type;
	const struct yamldoc_node *node;
};

struct check {
	struct problems *problems;
	struct buf pattern;                /* where we are in the schema */
	struct buf path;                   /* where we are in the document */
	const struct yamldoc_node *around; /* the innermost that is there */
	jv marks;
	struct pending *pending;
	size_t pendings;
};

static jv check_value(struct check *c, const struct yamldoc_node *key,
    const struct yamldoc_node *node);

/* A key as a step of a path: .name or ["any text"]. */
static void
add_step(struct buf *path, const char *key)
{
	if (*key != '\0' &&
	    key[strspn(key, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0')
		buf_printf(path, "%s%s", path->length != 0 ? "." : "", key);
	else
		buf_printf(path, "[\"%s\"]", key);
}

static void
set_mark(struct check *c, const struct yamldoc_node *node)
{
	jv mark = json_append(json_array(), json_int(node->line));

	mark = json_append(mark, json_int(node->column));
	c->marks = json_set(c->marks, buf_string(&c->path), mark);
}

static void
add_pending(
    struct check *c, enum schema_type type, const struct yamldoc_node *node)
{
	c->pending =
	    xreallocarray(c->pending, c->pendings + 1, sizeof *c->pending);
	c->pending[c->pendings++] = (struct pending){type, node};
}

/* The default of a key that is not there. */
static jv
default_value(struct check *c, const struct schema_key *row)
{
	char quoted[PROBLEM_QUOTE_SIZE];
	const char *name = strrchr(row->path, '.');

	if (row->value != NULL)
		return json_parse(row->value, strlen(row->value), NULL);
	problem_add(c->problems, c->around->line, c->around->column,
	    "%s is missing; add it",
	    problem_quote(quoted, name != NULL ? name + 1 : row->path));
	return json_null();
}

static jv
check_list(struct check *c, const struct schema_key *row,
    const struct yamldoc_node *node)
{
	size_t pattern = c->pattern.length, path = c->path.length;
	jv list = json_array();

	if (node == NULL) {
		jv_free(list);
		return default_value(c, row);
	}
	buf_add_string(&c->pattern, "[]");
	for (size_t i = 0; i < node->count; i++) {
		buf_printf(&c->path, "[%zu]", i);
		list = json_append(list, check_value(c, NULL, node->item[i]));
		buf_truncate(&c->path, path);
	}
	buf_truncate(&c->pattern, pattern);
	return list;
}

/*
 * Makes c->pattern that of a key in the object: the key's own row, or that of
 * any key.  False after a problem was added.
 */
static bool
push_key(struct check *c, const struct schema_key *row,
    const struct yamldoc_node *key, const struct yamldoc_node *value)
{
	size_t length = c->pattern.length;
	bool any = row != NULL && row->type == SCHEMA_MAP;
	const char *wrong;

	/* a key that looks like a path must not be taken for one */
	if (key->text[strcspn(key->text, ".[*")] == '\0') {
		buf_printf(
		    &c->pattern, "%s%s", length != 0 ? "." : "", key->text);
		if (schema_knows(buf_string(&c->pattern)))
			return true;
		buf_truncate(&c->pattern, length);
	}
	if (!any) {
		config_unknown_key(
		    key, value, buf_string(&c->pattern), c->problems);
		return false;
	}
	wrong = config_text_wrong(row->keys, key->text);
	if (wrong != NULL) {
		char quoted[PROBLEM_QUOTE_SIZE];

		problem_add(c->problems, key->line, key->column,
		    "the key %s: expected %s", problem_quote(quoted, key->text),
		    wrong);
		return false;
	}
	add_pending(c, row->keys, key);
	buf_add_string(&c->pattern, ".*");
	return true;
}

/* The keys that the schema has and the document has not. */
static jv
add_defaults(struct check *c, jv own_object, const struct yamldoc_node *node)
{
	size_t pattern = c->pattern.length, position = 0;
	struct buf parent = {0}, name = {0};

	buf_add(&parent, c->pattern.data, pattern);
	while (schema_child(buf_string(&parent), &position, &name)) {
		if (json_has(own_object, buf_string(&name)) ||
		    yamldoc_get(node, buf_string(&name)) != NULL)
			continue;
		buf_printf(&c->pattern, "%s%s", pattern != 0 ? "." : "",
		    buf_string(&name));
		own_object = json_set(
		    own_object, buf_string(&name), check_value(c, NULL, NULL));
		buf_truncate(&c->pattern, pattern);
	}
	buf_free(&parent);
	buf_free(&name);
	return own_object;
}

static jv
check_object(struct check *c, const struct schema_key *row,
    const struct yamldoc_node *node)
{
	size_t pattern = c->pattern.length, path = c->path.length;
	jv object = json_object();

	for (size_t i = 0; node != NULL && i < node->count; i++) {
		const struct yamldoc_node *key = node->key[i];

		if (!push_key(c, row, key, node->item[i]))
			continue;
		add_step(&c->path, key->text);
		object = json_set(
		    object, key->text, check_value(c, key, node->item[i]));
		buf_truncate(&c->path, path);
		buf_truncate(&c->pattern, pattern);
	}
	return add_defaults(c, object, node);
}

static jv
check_scalar(struct check *c, const struct schema_key *row,
    const struct yamldoc_node *node, bool nullable)
{
	jv value;

	if (node == NULL)
		return default_value(c, row);
	if (node->kind == YAMLDOC_NULL && nullable)
		return json_null();
	value = config_scalar(row, node, c->problems);
	if (!json_is_null(value))
		add_pending(c, row->type, node);
	return value;
}

static jv
check_container(struct check *c, const struct schema_key *row,
    const struct yamldoc_node *node, bool nullable)
{
	bool list = row != NULL && row->type == SCHEMA_LIST;

	if ((node == NULL || node->kind == YAMLDOC_NULL) && nullable)
		return json_null();
	/* a key with nothing below it, all commented out, say */
	if (node != NULL && node->kind == YAMLDOC_NULL)
		node = NULL;
	if (node != NULL && node->kind != (list ? YAMLDOC_LIST : YAMLDOC_MAP)) {
		problem_add(c->problems, node->line, node->column,
		    "expected %s, found %s",
		    list ? "a list; write [one, two]"
			 : "a mapping; write its keys below it, indented",
		    yamldoc_kind_name(node->kind));
		return json_null();
	}
	return list ? check_list(c, row, node) : check_object(c, row, node);
}

/* The value at c->path by the schema at c->pattern; node NULL: not there. */
static jv
check_value(struct check *c, const struct yamldoc_node *key,
    const struct yamldoc_node *node)
{
	const struct schema_key *row = schema_find(buf_string(&c->pattern));
	const struct yamldoc_node *around = c->around;
	bool nullable = row != NULL && row->value != NULL &&
			strcmp(row->value, "null") == 0;
	jv value;

	if (node != NULL) {
		bool scalar = node->text != NULL || key == NULL;

		c->around = scalar ? node : key;
		if (c->path.length != 0)
			set_mark(c, c->around);
	}
	if (row != NULL && row->type < SCHEMA_LIST)
		value = check_scalar(c, row, node, nullable);
	else
		value = check_container(c, row, node, nullable);
	c->around = around;
	return value;
}

/* Whether a model's provider is one of the configuration's. */
static void
check_model(
    const struct pending *pending, jv ref_providers, struct problems *problems)
{
	const struct yamldoc_node *node = pending->node;
	char quoted[PROBLEM_QUOTE_SIZE];
	char *name;

	if (strcmp(node->text, "local/runbook") == 0)
		return;
	name = xstrndup(node->text, strcspn(node->text, "/"));
	if (strcmp(name, "local") == 0)
		problem_add(problems, node->line, node->column,
		    "no model %s; the built-in one is `local/runbook`",
		    problem_quote(quoted, node->text));
	else if (!json_has(ref_providers, name))
		problem_add(problems, node->line, node->column,
		    "no provider %s; add it below `providers`, or use one "
		    "that is there",
		    problem_quote(quoted, name));
	free(name);
}

/* Whether a variable is that of a key, or of the file that holds it. */
static bool
is_of_key(const char *variable, const char *key)
{
	size_t length = strlen(key);

	return length != 0 && strncmp(variable, key, length) == 0 &&
	       (variable[length] == '\0' ||
		   strcmp(variable + length, "_FILE") == 0);
}

/* Whether a tool may see a variable: not if it holds a key of ours. */
static void
check_tool_variable(const struct pending *pending, jv ref_providers,
    jv ref_mappings, struct problems *problems)
{
	const struct yamldoc_node *node = pending->node;
	bool secret = secret_is_name(node->text);
	char quoted[PROBLEM_QUOTE_SIZE];
	struct json_iter iter = {0};
	const char *name;
	jv one;

	while (json_next(&iter, ref_providers, &name, &one)) {
		secret |=
		    is_of_key(node->text, json_get_string(one, "key", ""));
		jv_free(one);
	}
	for (int i = 0, n = json_length(ref_mappings); i < n; i++) {
		one = json_at(ref_mappings, i);
		secret |=
		    is_of_key(node->text, json_get_string(one, "secret", ""));
		jv_free(one);
	}
	if (secret)
		problem_add(problems, node->line, node->column,
		    "the variable %s holds a secret that no tool may see; "
		    "remove it",
		    problem_quote(quoted, node->text));
}

static void
check_pending(struct check *c, jv ref_value)
{
	jv providers = json_get(ref_value, "providers");
	jv mappings = json_path(ref_value, "hooks.mappings");

	for (size_t i = 0; i < c->pendings; i++) {
		const struct pending *pending = &c->pending[i];

		if (pending->type == SCHEMA_MODEL)
			check_model(pending, providers, c->problems);
		else if (pending->type == SCHEMA_TOOL_VARIABLE)
			check_tool_variable(
			    pending, providers, mappings, c->problems);
	}
	jv_free(mappings);
	jv_free(providers);
}

void
config_check(const struct yamldoc_node *root, struct problems *problems,
    jv *value, jv *marks)
{
	static const struct yamldoc_node top = {.line = 1, .column = 1};
	struct check c = {
	    .problems = problems, .around = &top, .marks = json_object()};

	*value = check_value(&c, NULL, root);
	check_pending(&c, *value);
	*marks = c.marks;
	free(c.pending);
	buf_free(&c.pattern);
	buf_free(&c.path);
}
