#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "utf8.h"
#include "xalloc.h"
#include "yamldoc.h"

struct yamldoc_node *
yamldoc_new(struct yamldoc *doc, enum yamldoc_kind kind, const char *text,
    unsigned line, unsigned column)
{
	struct yamldoc_node *node = xcalloc(1, sizeof *node);

	node->kind = kind;
	node->line = line;
	node->column = column;
	node->text = text != NULL ? xstrdup(text) : NULL;
	node->nodes = 1;
	node->next = doc->all;
	doc->all = node;
	return node;
}

void
yamldoc_free(struct yamldoc *doc)
{
	struct yamldoc_node *node, *next;

	for (node = doc->all; node != NULL; node = next) {
		next = node->next;
		free(node->text);
		free(node->key);
		free(node->item);
		free(node);
	}
	*doc = (struct yamldoc){0};
}

/* Room for one more; the capacity is the power of two above the count. */
static struct yamldoc_node **
grow(struct yamldoc_node **array, size_t count)
{
	if (count != 0 && (count & (count - 1)) != 0)
		return array;
	return xreallocarray(array, count != 0 ? count * 2 : 1, sizeof *array);
}

bool
yamldoc_add(struct yamldoc_node *parent, struct yamldoc_node *key,
    struct yamldoc_node *item, unsigned depth, struct problems *problems)
{
	const struct yamldoc_node *at = key != NULL ? key : item;
	char quoted[PROBLEM_QUOTE_SIZE];

	if (depth + 1 + item->height > YAMLDOC_DEPTH_MAX) {
		problem_add(problems, item->line, item->column,
		    "deeper than %d levels; make it flatter",
		    YAMLDOC_DEPTH_MAX);
		return false;
	}
	parent->nodes += item->nodes + (key != NULL);
	if (parent->nodes > YAMLDOC_NODES_MAX) {
		problem_add(problems, at->line, at->column,
		    "more than %d values once aliases are expanded; make "
		    "it smaller",
		    YAMLDOC_NODES_MAX);
		return false;
	}
	if (key != NULL && yamldoc_get(parent, key->text) != NULL) {
		problem_add(problems, key->line, key->column,
		    "the key %s is there twice; remove one",
		    problem_quote(quoted, key->text));
		return true;
	}
	if (parent->height < item->height + 1)
		parent->height = item->height + 1;
	if (key != NULL) {
		parent->key = grow(parent->key, parent->count);
		parent->key[parent->count] = key;
	}
	parent->item = grow(parent->item, parent->count);
	parent->item[parent->count++] = item;
	return true;
}

const struct yamldoc_node *
yamldoc_get(const struct yamldoc_node *map, const char *key)
{
	if (map == NULL || map->kind != YAMLDOC_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->key[i]->text, key) == 0)
			return map->item[i];
	return NULL;
}

const char *
yamldoc_kind_name(enum yamldoc_kind kind)
{
	static const char *const name[] = {
	    [YAMLDOC_NULL] = "null",
	    [YAMLDOC_BOOL] = "true or false",
	    [YAMLDOC_INT] = "a whole number",
	    [YAMLDOC_FLOAT] = "a number with a fraction",
	    [YAMLDOC_STRING] = "text",
	    [YAMLDOC_LIST] = "a list",
	    [YAMLDOC_MAP] = "a mapping",
	};

	return name[kind];
}

static bool
is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static size_t
count_digits(const char *text)
{
	return strspn(text, "0123456789");
}

static bool
is_int(const char *text)
{
	size_t n;

	if (strncmp(text, "0o", 2) == 0)
		n = 2 + strspn(text + 2, "01234567");
	else if (strncmp(text, "0x", 2) == 0)
		n = 2 + strspn(text + 2, "0123456789abcdefABCDEF");
	else {
		if (*text == '-' || *text == '+')
			text++;
		n = count_digits(text);
		return n != 0 && text[n] == '\0';
	}
	return n != 2 && text[n] == '\0';
}

static bool
is_float(const char *text)
{
	static const char *const inf[] = {".inf", ".Inf", ".INF", NULL};
	static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
	size_t whole, fraction = 0;

	if (is_one_of(text, nan))
		return true;
	if (*text == '-' || *text == '+')
		text++;
	if (is_one_of(text, inf))
		return true;
	whole = count_digits(text);
	text += whole;
	if (*text == '.') {
		fraction = count_digits(++text);
		text += fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		if (*text == '-' || *text == '+')
			text++;
		whole = count_digits(text);
		return whole != 0 && text[whole] == '\0';
	}
	return *text == '\0';
}

enum yamldoc_kind
yamldoc_resolve(const char *text)
{
	static const char *const null[] = {
	    "", "~", "null", "Null", "NULL", NULL};
	static const char *const truth[] = {
	    "true", "True", "TRUE", "false", "False", "FALSE", NULL};

	if (is_one_of(text, null))
		return YAMLDOC_NULL;
	if (is_one_of(text, truth))
		return YAMLDOC_BOOL;
	if (is_int(text))
		return YAMLDOC_INT;
	return is_float(text) ? YAMLDOC_FLOAT : YAMLDOC_STRING;
}

bool
yamldoc_int(const struct yamldoc_node *node, int64_t *value)
{
	const char *text = node->text;
	int base = 10;

	if (strncmp(text, "0o", 2) == 0)
		base = 8;
	else if (strncmp(text, "0x", 2) == 0)
		base = 16;
	errno = 0;
	*value = strtoll(base == 10 ? text : text + 2, NULL, base);
	return errno == 0;
}

bool
yamldoc_number(const struct yamldoc_node *node, double *value)
{
	int64_t whole;

	if (node->kind == YAMLDOC_INT && yamldoc_int(node, &whole)) {
		*value = (double)whole;
		return true;
	}
	errno = 0;
	*value = strtod(node->text, NULL);
	/* .inf and .nan are no number to strtod: it reads nothing there */
	return isfinite(*value) && strpbrk(node->text, "0123456789") != NULL;
}

void
yamldoc_locate(const char *text, size_t length, size_t offset, unsigned *line,
    unsigned *column)
{
	size_t start = 0;

	if (offset > length)
		offset = length;
	*line = 1;
	for (size_t i = 0; i < offset; i++)
		if (text[i] == '\n') {
			++*line;
			start = i + 1;
		}
	*column = (unsigned)utf8_count(text + start, offset - start) + 1;
}

/* Whether the text is UTF-8 without a NUL: libyaml is given no other. */
static bool
check_bytes(const char *text, size_t length, struct problems *problems)
{
	unsigned line, column;
	size_t n;

	for (size_t i = 0; i < length; i += n) {
		n = utf8_sequence(text + i, length - i);
		if (n != 0 && text[i] != '\0')
			continue;
		yamldoc_locate(text, length, i, &line, &column);
		problem_add(problems, line, column,
		    n != 0 ? "a NUL byte; is this a text file?"
			   : "a byte that is not UTF-8; save the file as "
			     "UTF-8");
		return false;
	}
	return true;
}

static bool
is_json_object(const char *text, size_t length)
{
	size_t i = 0;

	while (i < length && memchr(" \t\r\n", text[i], 4) != NULL)
		i++;
	return i < length && text[i] == '{' && json_check(text, length) == NULL;
}

bool
yamldoc_parse(struct yamldoc *doc, const char *text, size_t length,
    struct problems *problems)
{
	bool ok;

	*doc = (struct yamldoc){0};
	if (length > YAMLDOC_SIZE_MAX) {
		problem_add(problems, 1, 1,
		    "more than %d bytes; make it smaller", YAMLDOC_SIZE_MAX);
		return false;
	}
	if (!check_bytes(text, length, problems))
		return false;
	/*
	 * JSON is YAML, but for libyaml: it refuses the surrogate pairs of
	 * JSON's \u, and a key and its colon on two lines.
	 */
	if (is_json_object(text, length))
		ok = yamldoc_read_json(doc, text, length, problems);
	else
		ok = yamldoc_read_yaml(doc, text, length, problems);
	if (!ok)
		yamldoc_free(doc);
	return ok;
}
