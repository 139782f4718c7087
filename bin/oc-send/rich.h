#ifndef OC_SEND_RICH_H
#define OC_SEND_RICH_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/*
 * Text with formats beside it instead of tags within it, so that it can be
 * cut anywhere between two characters: what is open at the cut is closed
 * there and opened again after it when the pieces are written as HTML.
 */
enum rich_kind {
	RICH_BOLD,
	RICH_ITALIC,
	RICH_STRIKE,
	RICH_CODE,
	RICH_PRE,   /* value: the language, or NULL */
	RICH_QUOTE, /* never inside of another */
	RICH_LINK,  /* value: the URL, NULL: none; never inside of another */
};

struct rich_span {
	size_t start, end; /* bytes of the text */
	enum rich_kind kind;
	char *value;
};

enum {
	RICH_DEPTH_MAX = 16
}; /* formats inside of each other; more are
                                 left out */

struct rich {
	struct buf text;        /* well-formed UTF-8 */
	struct rich_span *span; /* by their start, and properly nested */
	size_t count, capacity;
	size_t open[RICH_DEPTH_MAX]; /* those without an end yet */
	size_t depth, too_deep;
};

void rich_free(struct rich *rich); /* releases and zeroes */
/* Opens a format at the end of the text; `value` is copied, may be NULL. */
void rich_open(struct rich *rich, enum rich_kind kind, const char *value);
void rich_close(struct rich *rich); /* the one that was opened last */
/*
 * Closes the last one of this kind with all that is inside of it, or nothing
 * where none is open; and all but quotes and code blocks.
 */
void rich_close_kind(struct rich *rich, enum rich_kind kind);
void rich_close_inline(struct rich *rich);

/* Appends the text from byte `from` to `to` as the HTML of the Bot API. */
void rich_html(
    const struct rich *rich, size_t from, size_t to, struct buf *out);
/* Appends text with & < > " escaped. */
void rich_escape(struct buf *out, const char *text, size_t length);

/*
 * Reads Markdown as chat models write it.  What a model may write as bait
 * (a table of a million columns) is taken as plain text instead.  The text
 * is repaired to UTF-8.
 */
void markdown_read(struct rich *rich, const char *text, size_t length);
/* The same text without any format. */
void rich_plain(struct rich *rich, const char *text, size_t length);

/* Appends the text as UTF-8 without a NUL: what is wrong becomes U+FFFD. */
void rich_repair(struct buf *out, const char *text, size_t length);

#endif
