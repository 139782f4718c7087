#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <yaml.h>
#include "log.h"
#include "xalloc.h"
#include "yamldoc.h"

/*
 * libyaml's events to nodes.  Its own tree builder is not used: it has no
 * limits, and it makes an alias inside of its own anchor a cycle.
 */
struct level {
	struct yamldoc_node *node;
	struct yamldoc_node *key; /* of a map: read, its value is not */
};

struct anchor {
	char *name;
	struct yamldoc_node *node;
};

struct reader {
	struct yamldoc *doc;
	struct problems *problems;
	const char *text;
	size_t length;
	struct level level[YAMLDOC_DEPTH_MAX];
	unsigned depth; /* open levels */
	struct anchor *anchor;
	size_t anchors;
	bool begun, ended; /* the document */
};

#define CORE_TAG "tag:yaml.org,2002:"

static unsigned
line_of(const yaml_event_t *event)
{
	return (unsigned)event->start_mark.line + 1;
}

static unsigned
column_of(const yaml_event_t *event)
{
	return (unsigned)event->start_mark.column + 1;
}

static void
add_anchor(struct reader *r, const yaml_char_t *name, struct yamldoc_node *node)
{
	struct anchor *anchor;

	if (name == NULL)
		return;
	r->anchor = xreallocarray(r->anchor, r->anchors + 1, sizeof *r->anchor);
	anchor = &r->anchor[r->anchors++];
	anchor->name = xstrdup((const char *)name);
	anchor->node = node;
}

/* A finished node goes to where it belongs.  False after a problem. */
static bool
place(
    struct reader *r, struct yamldoc_node *node, unsigned line, unsigned column)
{
	struct level *top;
	struct yamldoc_node *key;

	if (r->depth == 0) {
		r->doc->root = node;
		return true;
	}
	top = &r->level[r->depth - 1];
	if (top->node->kind == YAMLDOC_MAP && top->key == NULL) {
		if (node->text == NULL) {
			problem_add(r->problems, line, column,
			    "a list or a mapping as a key; use text (and "
			    "quote a value that begins with [ or {)");
			return false;
		}
		top->key = node;
		return true;
	}
	key = top->key;
	top->key = NULL;
	return yamldoc_add(top->node, key, node, r->depth, r->problems);
}

/* Whether the tag is one of the core schema that fits the node's kind. */
static bool
check_tag(struct reader *r, const yaml_event_t *event, const yaml_char_t *tag,
    enum yamldoc_kind *kind)
{
	static const char *const fits[] = {
	    [YAMLDOC_NULL] = CORE_TAG "null",
	    [YAMLDOC_BOOL] = CORE_TAG "bool",
	    [YAMLDOC_INT] = CORE_TAG "int",
	    [YAMLDOC_FLOAT] = CORE_TAG "float",
	    [YAMLDOC_STRING] = CORE_TAG "str",
	    [YAMLDOC_LIST] = CORE_TAG "seq",
	    [YAMLDOC_MAP] = CORE_TAG "map",
	};
	const char *name = (const char *)tag;
	char quoted[PROBLEM_QUOTE_SIZE];
	bool scalar = *kind != YAMLDOC_LIST && *kind != YAMLDOC_MAP;

	if (name == NULL || strcmp(name, fits[*kind]) == 0)
		return true;
	if (scalar && (strcmp(name, "!") == 0 ||
			  strcmp(name, fits[YAMLDOC_STRING]) == 0)) {
		*kind = YAMLDOC_STRING;
		return true;
	}
	if (strncmp(name, CORE_TAG, strlen(CORE_TAG)) == 0)
		name += strlen(CORE_TAG);
	problem_add(r->problems, line_of(event), column_of(event),
	    "the tag %s has no meaning here; remove it",
	    problem_quote(quoted, name));
	return false;
}

static bool
on_scalar(struct reader *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	enum yamldoc_kind kind = YAMLDOC_STRING;
	struct yamldoc_node *node;

	if (strlen(text) != event->data.scalar.length) {
		problem_add(r->problems, line_of(event), column_of(event),
		    "text with a NUL in it; remove the \\0");
		return false;
	}
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		kind = yamldoc_resolve(text);
	if (!check_tag(r, event, event->data.scalar.tag, &kind))
		return false;
	node =
	    yamldoc_new(r->doc, kind, text, line_of(event), column_of(event));
	add_anchor(r, event->data.scalar.anchor, node);
	return place(r, node, node->line, node->column);
}

static bool
on_start(struct reader *r, const yaml_event_t *event, enum yamldoc_kind kind,
    const yaml_char_t *tag, const yaml_char_t *anchor)
{
	struct yamldoc_node *node;

	if (r->depth == YAMLDOC_DEPTH_MAX) {
		problem_add(r->problems, line_of(event), column_of(event),
		    "deeper than %d levels; make it flatter",
		    YAMLDOC_DEPTH_MAX);
		return false;
	}
	if (!check_tag(r, event, tag, &kind))
		return false;
	node =
	    yamldoc_new(r->doc, kind, NULL, line_of(event), column_of(event));
	node->open = true;
	add_anchor(r, anchor, node);
	r->level[r->depth++] = (struct level){.node = node};
	return true;
}

static bool
on_end(struct reader *r)
{
	struct yamldoc_node *node = r->level[--r->depth].node;

	node->open = false;
	return place(r, node, node->line, node->column);
}

static bool
on_alias(struct reader *r, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	char quoted[PROBLEM_QUOTE_SIZE];
	size_t i = r->anchors;

	/* the last anchor of that name counts */
	while (i > 0 && strcmp(r->anchor[i - 1].name, name) != 0)
		i--;
	if (i == 0 || r->anchor[i - 1].node->open) {
		problem_add(r->problems, line_of(event), column_of(event),
		    i == 0 ? "no anchor %s before this alias; write &NAME "
			     "where the value is"
			   : "the alias %s stands inside of what it names; "
			     "write the value out",
		    problem_quote(quoted, name));
		return false;
	}
	return place(
	    r, r->anchor[i - 1].node, line_of(event), column_of(event));
}

static bool
on_document(struct reader *r, const yaml_event_t *event)
{
	if (r->begun) {
		problem_add(r->problems, line_of(event), column_of(event),
		    "a second document; remove the --- line or what follows "
		    "it");
		return false;
	}
	r->begun = true;
	return true;
}

static bool
on_event(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT: return on_document(r, event);
	case YAML_SCALAR_EVENT: return on_scalar(r, event);
	case YAML_ALIAS_EVENT: return on_alias(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(r, event, YAMLDOC_LIST,
		    event->data.sequence_start.tag,
		    event->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return on_start(r, event, YAMLDOC_MAP,
		    event->data.mapping_start.tag,
		    event->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: return on_end(r);
	case YAML_STREAM_END_EVENT: r->ended = true; return true;
	default: return true;
	}
}

/* What libyaml says, with what to do about its most common complaint. */
static void
report(struct reader *r, const yaml_parser_t *parser)
{
	const char *problem = parser->problem != NULL ? parser->problem : "";
	unsigned line = (unsigned)parser->problem_mark.line + 1;
	unsigned column = (unsigned)parser->problem_mark.column + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		fatal(EX_OSERR, "out of memory (YAML)");
	if (parser->error == YAML_READER_ERROR)
		yamldoc_locate(
		    r->text, r->length, parser->problem_offset, &line, &column);
	problem_add(r->problems, line, column, "this is not YAML: %s%s%s; %s",
	    problem, parser->context != NULL ? " " : "",
	    parser->context != NULL ? parser->context : "",
	    strstr(problem, "cannot start any token") != NULL
		? "indent with spaces, not tabs, and quote text that begins "
		  "with a special character"
		: "check the indentation and the quotes here and above");
}

bool
yamldoc_read_yaml(struct yamldoc *doc, const char *text, size_t length,
    struct problems *problems)
{
	struct reader r = {
	    .doc = doc, .problems = problems, .text = text, .length = length};
	yaml_parser_t parser;
	bool ok = true;

	if (!yaml_parser_initialize(&parser))
		fatal(EX_OSERR, "out of memory (YAML)");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &parser, (const unsigned char *)text, length);
	while (ok && !r.ended) {
		yaml_event_t event;

		ok = yaml_parser_parse(&parser, &event);
		if (!ok) {
			report(&r, &parser);
			break;
		}
		ok = on_event(&r, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	for (size_t i = 0; i < r.anchors; i++)
		free(r.anchor[i].name);
	free(r.anchor);
	return ok;
}
