#ifndef OC_CONFIG_SCHEMA_H
#define OC_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buf.h"

/*
 * What openclaw.yaml(5) may hold: one row for each key.  In a path, `*`
 * stands for any key of a map and `[]` for any element of a list; what is
 * only a prefix of other rows is an object.
 */
enum schema_type {
	SCHEMA_BOOL,
	SCHEMA_INT,           /* low to high */
	SCHEMA_NUMBER,        /* low to high */
	SCHEMA_STRING,        /* one line of text */
	SCHEMA_WORD,          /* one of words */
	SCHEMA_URL,           /* http or https, without a password */
	SCHEMA_NAME,          /* of a provider */
	SCHEMA_MODEL,         /* provider/model, of a configured provider */
	SCHEMA_VARIABLE,      /* the name of an environment variable */
	SCHEMA_TOOL_VARIABLE, /* the same, and none of our secrets */
	SCHEMA_PATH,          /* absolute, or beginning with ~/ */
	SCHEMA_URL_PATH,      /* /a/b, as it stands in a request */
	SCHEMA_RULE,          /* jq; it is compiled by whoever uses it */
	SCHEMA_ID,            /* of a person or chat: digits, as a string */
	SCHEMA_HOST,          /* host, address, CIDR, or host:port */
	SCHEMA_PROGRAM,       /* a command's name or path */
	SCHEMA_SHA256,        /* 64 hexadecimal digits */
	SCHEMA_REDIS,         /* redis://host:port/database */
	SCHEMA_LABEL,         /* letters, digits, `_` and `-` */
	SCHEMA_LIST,
	SCHEMA_MAP,    /* any keys, of the type `keys` */
	SCHEMA_OBJECT, /* needs a row only to be allowed to be null */
};

struct schema_key {
	const char *path;
	enum schema_type type;
	const char *value; /* the default as JSON; "null": may be null;
	                      NULL: must be given (a map: empty) */
	int64_t low, high;
	const char *words;     /* "one|two" */
	enum schema_type keys; /* of a map */
};

/* A row by its path, or NULL. */
const struct schema_key *schema_find(const char *path);
/* Whether it is the path of a row or a prefix of one. */
bool schema_knows(const char *path);
/*
 * The next key below a path ("" for the top), but for `*`: its name is put
 * into `name`.  *position begins at 0.  A key may come more than once.
 */
bool schema_child(const char *path, size_t *position, struct buf *name);

#endif
