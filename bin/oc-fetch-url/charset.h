#ifndef OC_CHARSET_H
#define OC_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/*
 * From a page's own character set to UTF-8.  Only the sets that browsers know
 * are taken (WHATWG Encoding), so that a page cannot choose among the C
 * library's hundreds of converters.
 */
struct charset; /* a converter, loaded and ready */

enum charset_from {
	CHARSET_PLAIN, /* text: what was declared, or a byte order mark */
	CHARSET_HTML,  /* <meta charset> counts as well */
	CHARSET_XML,   /* encoding="" of the XML declaration counts */
};

/*
 * Finds out what the text is written in: a byte order mark, else `declared`
 * (the charset of Content-Type, or NULL), else what the text says of itself,
 * else UTF-8 if it is that, else windows-1252.  Opens files (a converter's
 * tables), so it comes before confinement.
 */
struct charset *charset_open(const char *declared, enum charset_from from,
    const char *text, size_t length);
void charset_close(struct charset *charset); /* NULL is fine */

/*
 * Appends the text as UTF-8 without a byte order mark.  What is ill-formed
 * becomes U+FFFD, and so does NUL.  Opens nothing.
 */
void charset_convert(
    struct charset *charset, const char *text, size_t length, struct buf *out);

#endif
