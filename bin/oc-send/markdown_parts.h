#ifndef OC_SEND_MARKDOWN_PARTS_H
#define OC_SEND_MARKDOWN_PARTS_H

#include "rich.h"

/* What the files of the Markdown reader share, and nobody else. */

/*
 * A table that is being read, and laid out once all its cells are known.
 * table_cell says false when it has too many of them.
 */
struct table;

struct table *table_new(void);
void table_free(struct table *table); /* NULL is fine */
void table_row(struct table *table);
bool table_cell(struct table *table);
void table_add(struct table *table, const char *text, size_t length);
void table_lay_out(const struct table *table, struct buf *out);

/*
 * Appends what "&lt;" or "&#x2014;" stands for; a name that is not known as
 * it is.
 */
void entity_decode(struct buf *out, const char *text, size_t length);

#endif
