#include <stdlib.h>
#include <string.h>
#include "edit.h"
#include "xalloc.h"
#include "yamldoc.h"

enum { NAMES_MAX = 8, INDENT = 2 };

struct edit {
	const char *text;
	size_t length;
	const char *value;
	char *name[NAMES_MAX]; /* of the key, taken apart */
	size_t names;
	struct buf *out;
};

/* The offset of a node; columns count characters. */
static size_t
offset_of(const struct edit *edit, const struct yamldoc_node *node)
{
	size_t at = 0;

	for (unsigned line = 1; line < node->line && at < edit->length; at++)
		line += edit->text[at] == '\n';
	for (unsigned column = 1; column < node->column && at < edit->length;
	     column++) {
		at++;
		while (at < edit->length && (edit->text[at] & 0xc0) == 0x80)
			at++;
	}
	return at;
}

static bool
is_flow(const struct edit *edit, const struct yamldoc_node *node)
{
	size_t at = offset_of(edit, node);

	return at < edit->length && edit->text[at] == '{';
}

/* Puts `what` in place of `cut` bytes. */
static void
splice(const struct edit *edit, size_t at, size_t cut, const char *what)
{
	buf_add(edit->out, edit->text, at);
	buf_add_string(edit->out, what);
	buf_add(edit->out, edit->text + at + cut, edit->length - at - cut);
}

/* {"telegram": {"enabled": true}} without the outer braces. */
static void
write_flow(const struct edit *edit, size_t from, struct buf *into)
{
	for (size_t i = from; i < edit->names; i++)
		buf_printf(
		    into, "%s\"%s\": ", i != from ? "{" : "", edit->name[i]);
	buf_add_string(into, edit->value);
	for (size_t i = from + 1; i < edit->names; i++)
		buf_add_byte(into, '}');
}

/* Lines of a block; every one but the first is indented here. */
static void
write_block(
    const struct edit *edit, size_t from, unsigned column, struct buf *into)
{
	for (size_t i = from; i < edit->names; i++) {
		unsigned indent = column - 1 + (unsigned)(i - from) * INDENT;

		buf_printf(into, "%*s%s:", i == from ? 0 : (int)indent, "",
		    edit->name[i]);
		if (i + 1 < edit->names)
			buf_add_byte(into, '\n');
	}
	buf_printf(into, " %s\n", edit->value);
}

/* Adds the names from `from` on to a map that does not have the first. */
static void
add_to_map(const struct edit *edit, const struct yamldoc_node *map, size_t from)
{
	struct buf more = {0};
	size_t at = offset_of(edit, map);

	if (is_flow(edit, map)) {
		write_flow(edit, from, &more);
		if (map->count != 0)
			buf_add_string(&more, ", ");
		splice(edit, at + 1, 0, buf_string(&more));
	} else if (from == 0) { /* below what is there, not above its comment */
		if (edit->length != 0 && edit->text[edit->length - 1] != '\n')
			buf_add_byte(&more, '\n');
		write_block(edit, from, map->key[0]->column, &more);
		splice(edit, edit->length, 0, buf_string(&more));
	} else {
		at = offset_of(edit, map->key[0]);
		write_block(edit, from, map->key[0]->column, &more);
		buf_printf(&more, "%*s", (int)map->key[0]->column - 1, "");
		splice(edit, at, 0, buf_string(&more));
	}
	buf_free(&more);
}

/* `name:` with nothing behind it, or null: a map takes its place. */
static bool
replace_null(const struct edit *edit, const struct yamldoc_node *key,
    const struct yamldoc_node *item, size_t from)
{
	size_t at = offset_of(edit, item), cut = 0;
	struct buf more = {0};
	const char *colon;

	if (item->text != NULL && *item->text != '\0') {
		cut = strlen(item->text);
		buf_add_byte(&more, '{');
	} else {
		at = offset_of(edit, key);
		colon = memchr(edit->text + at, ':', edit->length - at);
		if (colon == NULL)
			return false;
		at = (size_t)(colon - edit->text) + 1;
		buf_add_string(&more, " {");
	}
	write_flow(edit, from, &more);
	buf_add_byte(&more, '}');
	splice(edit, at, cut, buf_string(&more));
	buf_free(&more);
	return true;
}

static bool
change(const struct edit *edit, const struct yamldoc_node *node)
{
	const struct yamldoc_node *key = NULL;

	for (size_t depth = 0; depth < edit->names; depth++) {
		size_t i = 0;

		if (node->kind == YAMLDOC_NULL && key != NULL)
			return replace_null(edit, key, node, depth);
		if (node->kind != YAMLDOC_MAP)
			return false;
		while (i < node->count &&
		       strcmp(node->key[i]->text, edit->name[depth]) != 0)
			i++;
		if (i == node->count && (i != 0 || is_flow(edit, node))) {
			add_to_map(edit, node, depth);
			return true;
		}
		if (i == node->count)
			return false;
		key = node->key[i];
		node = node->item[i];
	}
	if (node->text == NULL)
		return false;
	splice(edit, offset_of(edit, node), strlen(node->text), edit->value);
	return true;
}

bool
edit_set(const char *text, size_t length, const char *key, const char *value,
    struct buf *out)
{
	struct edit edit = {
	    .text = text, .length = length, .value = value, .out = out};
	struct buf ignored = {0};
	struct problems problems = {.name = "", .out = &ignored};
	struct yamldoc doc;
	char *names = xstrdup(key), *rest = names, *name;
	bool ok;

	while ((name = strsep(&rest, ".")) != NULL && edit.names < NAMES_MAX)
		edit.name[edit.names++] = name;
	ok = yamldoc_parse(&doc, text, length, &problems);
	if (ok && (doc.root == NULL || doc.root->kind == YAMLDOC_NULL)) {
		buf_add(out, text, length);
		if (length != 0 && text[length - 1] != '\n')
			buf_add_byte(out, '\n');
		write_block(&edit, 0, 1, out);
	} else if (ok) {
		ok = change(&edit, doc.root);
	}
	yamldoc_free(&doc);
	buf_free(&ignored);
	free(names);
	return ok;
}
