#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "xalloc.h"
#include "yamldoc.h"

/*
 * A reader of JSON that keeps positions.  json_check has found the text
 * right before, so what stands where needs no second look.
 */
struct reader {
	struct yamldoc *doc;
	struct problems *problems;
	const char *at, *end;
	unsigned line, column;
};

static struct yamldoc_node *read_value(struct reader *r, unsigned depth);

static void
advance(struct reader *r, size_t count)
{
	while (count-- != 0) {
		char c = *r->at++;

		if (c == '\n') {
			r->line++;
			r->column = 1;
		} else if (((unsigned char)c & 0xc0) != 0x80) {
			r->column++;
		}
	}
}

/* The next byte that is no blank; the text cannot end here. */
static char
peek(struct reader *r)
{
	while (r->at < r->end && memchr(" \t\r\n", *r->at, 4) != NULL)
		advance(r, 1);
	assert(r->at < r->end);
	return *r->at;
}

static struct yamldoc_node *
read_string(struct reader *r)
{
	struct yamldoc_node *node = NULL;
	size_t length = 1;
	jv value;

	while (r->at[length] != '"')
		length += r->at[length] == '\\' ? 2 : 1;
	length++;
	value = json_parse(r->at, length, NULL);
	assert(json_is_string(value));
	if (json_string_length(value) == strlen(json_as_string(value, "")))
		node = yamldoc_new(r->doc, YAMLDOC_STRING,
		    json_as_string(value, ""), r->line, r->column);
	else
		problem_add(r->problems, r->line, r->column,
		    "text with a NUL in it; remove the \\u0000");
	jv_free(value);
	advance(r, length);
	return node;
}

/* A number, true, false or null: what goes on to the next delimiter. */
static struct yamldoc_node *
read_word(struct reader *r)
{
	struct yamldoc_node *node;
	size_t length = 0;
	char *text;

	while (r->at + length < r->end &&
	       memchr(" \t\r\n,]}", r->at[length], 7) == NULL)
		length++;
	text = xstrndup(r->at, length);
	node = yamldoc_new(
	    r->doc, yamldoc_resolve(text), text, r->line, r->column);
	free(text);
	advance(r, length);
	return node;
}

/* A list or a map: read_value says which by its first byte. */
static struct yamldoc_node *
read_container(struct reader *r, char first, unsigned depth)
{
	char last = first == '{' ? '}' : ']';
	struct yamldoc_node *node =
	    yamldoc_new(r->doc, first == '{' ? YAMLDOC_MAP : YAMLDOC_LIST, NULL,
		r->line, r->column);

	advance(r, 1);
	while (peek(r) != last) {
		struct yamldoc_node *key = NULL, *item;

		if (first == '{') {
			key = read_string(r);
			if (key == NULL)
				return NULL;
			peek(r);
			advance(r, 1); /* the colon */
		}
		item = read_value(r, depth + 1);
		if (item == NULL ||
		    !yamldoc_add(node, key, item, depth, r->problems))
			return NULL;
		if (peek(r) == ',')
			advance(r, 1);
	}
	advance(r, 1);
	return node;
}

/* NULL after a problem was added. */
static struct yamldoc_node *
read_value(struct reader *r, unsigned depth)
{
	char first = peek(r);

	if (first == '"')
		return read_string(r);
	if (first != '{' && first != '[')
		return read_word(r);
	if (depth > YAMLDOC_DEPTH_MAX) {
		problem_add(r->problems, r->line, r->column,
		    "deeper than %d levels; make it flatter",
		    YAMLDOC_DEPTH_MAX);
		return NULL;
	}
	return read_container(r, first, depth);
}

bool
yamldoc_read_json(struct yamldoc *doc, const char *text, size_t length,
    struct problems *problems)
{
	struct reader r = {.doc = doc,
	    .problems = problems,
	    .at = text,
	    .end = text + length,
	    .line = 1,
	    .column = 1};

	doc->root = read_value(&r, 1);
	return doc->root != NULL;
}
