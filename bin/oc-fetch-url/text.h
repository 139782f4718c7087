#ifndef OC_TEXT_H
#define OC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/*
 * Writes readable text: white space runs together, blank lines are never more
 * than one, every line begins with the marks of the quotations and the
 * indentation of the lists that it stands in.  All zero is a valid writer.
 */
struct text {
	struct buf out;         /* the caller may empty it at any time */
	size_t taken;           /* bytes that the caller took out of it */
	unsigned newlines;      /* wanted before the next character */
	bool space;             /* wanted likewise */
	bool started;           /* something was written */
	bool led;               /* a mark ends in the blank that is wanted */
	unsigned quotes, lists; /* how deep it is; the caller counts them */
	unsigned pre;           /* in how many preformatted blocks */
	bool pre_fresh; /* the next newline is only the block's beginning */
};

/* Bytes written so far. */
size_t text_length(const struct text *text);

/* The next character begins a new line (1), or a new paragraph (2). */
void text_break(struct text *text, unsigned newlines);

/*
 * Characters, UTF-8.  Invisible ones and control characters are dropped, and
 * white space runs together except in a preformatted block.
 */
void text_add(struct text *text, const char *bytes, size_t length);

/* A mark of ours within the line that is under way: an address, a fence. */
void text_mark(struct text *text, const char *mark);
/* One that text follows at once: "# ", " | ". */
void text_lead(struct text *text, const char *mark);
/* A list item's mark: it stands two columns to the left of its text. */
void text_item(struct text *text, const char *mark);

#endif
