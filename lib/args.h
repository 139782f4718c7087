#ifndef OC_ARGS_H
#define OC_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>
#include "buf.h"

/* What a tool takes, and what a model gave it. */
enum arg_kind {
	ARG_STRING, /* without NUL and not empty */
	ARG_TEXT,   /* any string */
	ARG_INT,    /* a whole number from least to most */
	ARG_BOOL,
	ARG_ANY, /* the tool checks it */
};

struct arg {
	const char *name;
	enum arg_kind kind;
	bool required;
	int64_t least, most; /* of ARG_INT */
};

/*
 * The call's arguments as an object, or false with *problem for the model:
 * not an object, one missing, of a wrong kind, or one that is not known.  A
 * null counts as not there.  *args must be freed in both cases.
 */
bool args_get(jv ref_call, const struct arg *arg, size_t count, jv *args,
    struct buf *problem);

#endif
