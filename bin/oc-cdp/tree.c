#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "tree.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	DEPTH_SHOWN = 20,  /* levels of indentation */
	NAME_SHOWN = 300,  /* bytes of a name or a value */
	NODES_MAX = 50000, /* of one page; beyond this no text helps */
};

/* A node that waits to be shown. */
struct waiting {
	int index, depth;
	int named_by; /* the node whose name says what is below; -1: none */
};

struct walk {
	struct buf *out;
	const struct tree_options *options;
	size_t begin;
	jv nodes, index; /* index: nodeId to position */
	struct waiting *stack;
	size_t count, capacity;
	bool cut;
};

/* {"role":{"value":...}} and the like. */
static jv
value_of(jv ref_node, const char *key)
{
	jv field = json_get(ref_node, key), value = json_get(field, "value");

	jv_free(field);
	return value;
}

static jv
property(jv ref_node, const char *name)
{
	jv all = json_get(ref_node, "properties"), found = json_null();

	for (int i = 0, n = json_length(all); i < n; i++) {
		jv one = json_at(all, i);

		if (json_is_null(found) &&
		    strcmp(json_get_string(one, "name", ""), name) == 0)
			found = value_of(one, "value");
		jv_free(one);
	}
	jv_free(all);
	return found;
}

static bool
is_one_of(const char *word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* Nodes that are nothing by themselves: what is in them stands for them. */
static bool
is_plain(const char *role)
{
	static const char *const plain[] = {"generic", "none", "presentation",
	    "RootWebArea", "WebArea", "paragraph", "LayoutTable",
	    "LayoutTableRow", "LayoutTableCell", "Section", "div", "ScrollArea",
	    "rowgroup", "LabelText", "strong", "emphasis", "superscript",
	    "subscript", "insertion", "deletion", "", NULL};

	return is_one_of(role, plain);
}

/* Never of use to a reader. */
static bool
is_noise(const char *role)
{
	static const char *const noise[] = {
	    "InlineTextBox", "LineBreak", "ListMarker", NULL};

	return is_one_of(role, noise);
}

static bool
is_interactive(const char *role)
{
	static const char *const interactive[] = {"button", "link", "textbox",
	    "searchbox", "combobox", "listbox", "option", "checkbox", "radio",
	    "switch", "slider", "spinbutton", "menuitem", "menuitemcheckbox",
	    "menuitemradio", "tab", "treeitem", "ComboBoxSelect", "PopUpButton",
	    "DisclosureTriangle", "Date", "DateTime", "InputTime", "ColorWell",
	    NULL};

	return is_one_of(role, interactive);
}

/* Text from the page on one line, in quotes. */
static void
add_quoted(struct buf *out, const char *text)
{
	size_t length = strlen(text),
	       most = utf8_floor(text, length, NAME_SHOWN);

	buf_add_byte(out, '"');
	for (size_t i = 0; i < most; i++)
		buf_add_byte(out, (unsigned char)text[i] < 0x20 ? ' '
				  : text[i] == '"'              ? '\''
								: text[i]);
	buf_add_string(out, most < length ? "...\"" : "\"");
}

static void
add_text(struct buf *out, const char *text)
{
	bool blank = true;

	for (; *text != '\0'; text++) {
		bool is_blank = (unsigned char)*text <= ' ';

		if (!is_blank)
			buf_add_byte(out, *text);
		else if (!blank)
			buf_add_byte(out, ' ');
		blank = is_blank;
	}
}

static void
add_indent(struct buf *out, int depth)
{
	if (depth > DEPTH_SHOWN)
		depth = DEPTH_SHOWN;
	for (int i = 0; i < depth; i++)
		buf_add_string(out, "  ");
	buf_add_string(out, "- ");
}

static void
add_flags(struct buf *out, jv ref_node)
{
	static const char *const flags[] = {"disabled", "checked", "selected",
	    "expanded", "focused", "required", "pressed", NULL};

	for (size_t i = 0; flags[i] != NULL; i++) {
		jv value = property(ref_node, flags[i]);
		const char *text = json_as_string(value, "");

		if (json_as_bool(value, false) || strcmp(text, "true") == 0)
			buf_printf(out, " %s", flags[i]);
		else if (strcmp(text, "mixed") == 0)
			buf_printf(out, " %s=mixed", flags[i]);
		jv_free(value);
	}
}

static bool
has_reference(jv ref_node, const char *role)
{
	jv focusable = property(ref_node, "focusable");
	bool has = is_interactive(role) || json_as_bool(focusable, false);

	jv_free(focusable);
	return has && strcmp(role, "RootWebArea") != 0 &&
	       json_get_int(ref_node, "backendDOMNodeId", 0) > 0;
}

/* "link "Home" [e3]" and so on. */
static void
add_node(struct walk *walk, jv ref_node, const char *role, const char *name,
    int depth)
{
	struct buf *out = walk->out;
	jv value = value_of(ref_node, "value"),
	   level = property(ref_node, "level");
	const char *text = json_as_string(value, "");

	add_indent(out, depth);
	buf_add_string(out, role);
	if (*name != '\0') {
		buf_add_byte(out, ' ');
		add_quoted(out, name);
	}
	if (has_reference(ref_node, role))
		buf_printf(out, " [e%lld]",
		    (long long)walk->options->reference(walk->options->arg,
			json_get_int(ref_node, "backendDOMNodeId", 0)));
	if (strcmp(role, "heading") == 0 && json_is_number(level))
		buf_printf(out, " level %d", (int)json_as_int(level, 0));
	add_flags(out, ref_node);
	if (*text != '\0' && strcmp(text, name) != 0) {
		buf_add_string(out, " value ");
		add_quoted(out, text);
	}
	buf_add_byte(out, '\n');
	jv_free(level);
	jv_free(value);
}

static void
push(struct walk *walk, int index, int depth, int named_by)
{
	if (walk->count == walk->capacity) {
		walk->capacity = walk->capacity * 2 + 64;
		walk->stack = xreallocarray(
		    walk->stack, walk->capacity, sizeof *walk->stack);
	}
	walk->stack[walk->count++] = (struct waiting){index, depth, named_by};
}

/* The children, the last one first, so that the first one comes next. */
static void
push_children(struct walk *walk, jv ref_node, int depth, int named_by)
{
	jv children = json_get(ref_node, "childIds");

	for (int i = json_length(children); i-- > 0;) {
		jv id = json_at(children, i);
		jv at = json_get(walk->index, json_as_string(id, ""));

		if (json_is_number(at)) {
			push(walk, (int)json_as_int(at, 0), depth, named_by);
			/* each node once, however a browser lies */
			walk->index =
			    json_delete(walk->index, json_as_string(id, ""));
		}
		jv_free(at);
		jv_free(id);
	}
	jv_free(children);
}

/* Whether the name of a node above says this already. */
static bool
is_said(struct walk *walk, int named_by, const char *text)
{
	jv node = json_at(walk->nodes, named_by), name = value_of(node, "name");
	bool said = named_by >= 0 && *text != '\0' &&
		    strstr(json_as_string(name, ""), text) != NULL;

	jv_free(name);
	jv_free(node);
	return said;
}

static void
show(struct walk *walk, struct waiting at)
{
	jv node = json_at(walk->nodes, at.index),
	   role_value = value_of(node, "role"),
	   name_value = value_of(node, "name");
	const char *role = json_as_string(role_value, "");
	const char *name = json_as_string(name_value, "");
	bool ignored = json_get_bool(node, "ignored", false);

	if (is_noise(role)) {
		;
	} else if (!ignored && strcmp(role, "StaticText") == 0) {
		if (!is_said(walk, at.named_by, name) &&
		    name[strspn(name, " \t\r\n")] != '\0') {
			add_indent(walk->out, at.depth);
			buf_add_string(walk->out, "text: ");
			add_text(walk->out, name);
			buf_add_byte(walk->out, '\n');
		}
	} else if (ignored || (is_plain(role) && !has_reference(node, role))) {
		push_children(walk, node, at.depth, at.named_by);
	} else {
		add_node(walk, node, *role != '\0' ? role : "element", name,
		    at.depth);
		push_children(walk, node, at.depth + 1,
		    *name != '\0' ? at.index : at.named_by);
	}
	jv_free(name_value);
	jv_free(role_value);
	jv_free(node);
}

/* Positions by nodeId; the roots, which nobody's parentId names, to *stack. */
static void
index_nodes(struct walk *walk)
{
	int count = json_length(walk->nodes);

	walk->index = json_object();
	if (count > NODES_MAX) {
		count = NODES_MAX;
		walk->cut = true;
	}
	for (int i = 0; i < count; i++) {
		jv node = json_at(walk->nodes, i);
		const char *id = json_get_string(node, "nodeId", "");

		if (*id != '\0')
			walk->index = json_set_int(walk->index, id, i);
		jv_free(node);
	}
	for (int i = count; i-- > 0;) {
		jv node = json_at(walk->nodes, i);

		if (!json_has(node, "parentId"))
			push(walk, i, 0, -1);
		jv_free(node);
	}
}

bool
tree_text(struct buf *out, jv ref_nodes, const struct tree_options *options)
{
	struct walk walk = {.out = out,
	    .options = options,
	    .begin = out->length,
	    .nodes = ref_nodes};

	index_nodes(&walk);
	while (walk.count > 0 && !walk.cut) {
		size_t before = out->length;

		show(&walk, walk.stack[--walk.count]);
		if (out->length - walk.begin <= options->most)
			continue;
		buf_truncate(out, before);
		walk.cut = true;
	}
	jv_free(walk.index);
	free(walk.stack);
	return !walk.cut;
}
