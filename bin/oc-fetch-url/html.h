#ifndef OC_HTML_H
#define OC_HTML_H

#include <stddef.h>
#include "buf.h"

/*
 * HTML to readable text: title, headings as #, paragraphs, lists, tables by
 * rows, preformatted blocks in fences, links as "text (address)".  Scripts,
 * styles, navigation and what is hidden are left out.
 *
 * The parser is libxml2's, driven by events, so there is no tree and no
 * recursion whatever the page nests.
 */
struct html;

/*
 * `base` is the page's address, against which links are resolved; borrowed.
 * What the parser needs is loaded here, before confinement.
 */
struct html *html_new(const char *base);
void html_free(struct html *html); /* NULL is fine */

/* Reads a piece of the page, well-formed UTF-8 when all pieces are joined. */
void html_feed(struct html *html, const char *text, size_t length);
void html_end(struct html *html);

/* Moves what is written so far to `into`. */
void html_take(struct html *html, struct buf *into);

#endif
