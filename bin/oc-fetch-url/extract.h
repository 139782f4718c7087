#ifndef OC_EXTRACT_H
#define OC_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buf.h"

/* What came from a server, and what it said of it. */
struct extract_input {
	const char *type;    /* media type in lower case, "" for none */
	const char *charset; /* as declared, or NULL */
	const char *url;
	const char *body; /* never NULL */
	size_t length;
};

enum extract_kind {
	EXTRACT_HTML,
	EXTRACT_XML,  /* printed as it is; it may declare its charset itself */
	EXTRACT_TEXT, /* likewise, but it may not */
	EXTRACT_NONE, /* a picture, an archive, … */
};

/* By the type; where there is none or it says nothing, by the content. */
enum extract_kind extract_kind(const struct extract_input *input);

/* The work itself, in this process: appends UTF-8. */
void extract_here(const struct extract_input *input, enum extract_kind kind,
    void (*flush)(struct buf *out, void *arg), void *arg);

/*
 * The same in a child that can do nothing but this (confine.h), with limits on
 * processor time and memory.  Appends at most `most` bytes of text to `out`.
 * False when that, the child's limits or the deadline ended it early: what was
 * read until then is there all the same.
 */
bool extract_confined(const struct extract_input *input, enum extract_kind kind,
    size_t most, int64_t deadline_ms, struct buf *out);

#endif
