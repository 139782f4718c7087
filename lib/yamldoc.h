#ifndef OC_YAMLDOC_H
#define OC_YAMLDOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "problem.h"

/*
 * One YAML 1.2 document, or JSON, as a tree in which every node knows its
 * line and column.  Plain scalars are resolved by the core schema: `yes` is a
 * string and 0o17 an integer.  Aliases are shared nodes; what they expand to
 * is counted, so a tree is never deeper or larger than the limits, however
 * often parts of it are named.
 *
 * (Not yaml.h: that name is libyaml's.)
 */
enum {
	YAMLDOC_SIZE_MAX = 1024 * 1024, /* bytes of a file */
	YAMLDOC_DEPTH_MAX = 32,         /* levels; bounds all recursion */
	YAMLDOC_NODES_MAX = 10000,      /* after aliases are expanded */
};

enum yamldoc_kind {
	YAMLDOC_NULL,
	YAMLDOC_BOOL,
	YAMLDOC_INT,
	YAMLDOC_FLOAT,
	YAMLDOC_STRING,
	YAMLDOC_LIST,
	YAMLDOC_MAP,
};

struct yamldoc_node {
	enum yamldoc_kind kind;
	unsigned line, column;      /* from 1 */
	char *text;                 /* scalars: without quotes and escapes */
	struct yamldoc_node **key;  /* maps: scalars, each once */
	struct yamldoc_node **item; /* lists and maps */
	size_t count;               /* of items */
	/* for the reader itself */
	size_t nodes;              /* of the whole subtree, expanded */
	unsigned height;           /* levels below this one */
	bool open;                 /* its end was not read yet */
	struct yamldoc_node *next; /* all nodes of the document */
};

struct yamldoc {
	struct yamldoc_node *root; /* NULL for an empty file */
	struct yamldoc_node *all;
};

/*
 * Reads.  Any text may be given.  Each problem is added.  False when there is
 * no tree to go on with, and then the document is empty; true with a problem
 * added when a key was there twice (the first counts).  yamldoc_free releases.
 */
bool yamldoc_parse(struct yamldoc *doc, const char *text, size_t length,
    struct problems *problems);
void yamldoc_free(struct yamldoc *doc);

/* The value of a map's key, or NULL. */
const struct yamldoc_node *yamldoc_get(
    const struct yamldoc_node *map, const char *key);

/* "a list", "text", "a whole number": for messages. */
const char *yamldoc_kind_name(enum yamldoc_kind kind);

/* The value of an INT, false when an int64_t does not hold it. */
bool yamldoc_int(const struct yamldoc_node *node, int64_t *value);
/* The value of an INT or a FLOAT, false unless it is finite. */
bool yamldoc_number(const struct yamldoc_node *node, double *value);

/*
 * For the two readers, yamldoc_yaml.c and yamldoc_json.c.
 */

/* A node of the document, with a copy of the text (NULL: none). */
struct yamldoc_node *yamldoc_new(struct yamldoc *doc, enum yamldoc_kind kind,
    const char *text, unsigned line, unsigned column);
/*
 * Adds to a list (key is NULL) or a map.  `depth` is the parent's level, from
 * 1.  False when that makes the document too deep or too large; a problem was
 * added.
 */
bool yamldoc_add(struct yamldoc_node *parent, struct yamldoc_node *key,
    struct yamldoc_node *item, unsigned depth, struct problems *problems);
/* The position of a byte. */
void yamldoc_locate(const char *text, size_t length, size_t offset,
    unsigned *line, unsigned *column);
/* What a plain scalar is by the core schema. */
enum yamldoc_kind yamldoc_resolve(const char *text);
/* UTF-8 without a NUL. */
bool yamldoc_read_yaml(struct yamldoc *doc, const char *text, size_t length,
    struct problems *problems);
/* Text that json_check found right. */
bool yamldoc_read_json(struct yamldoc *doc, const char *text, size_t length,
    struct problems *problems);

#endif
