#include <stdlib.h>
#include "markdown_parts.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	/* A short text can ask for a table of a thousand million cells. */
	CELLS_MAX = 10000,
	PAD_MAX = 40, /* a cell is not padded beyond this width */
};

struct cell {
	struct buf text;
	bool first; /* of its row */
};

struct table {
	struct cell *cell;
	size_t count, capacity;
	bool row_begins;
};

struct table *
table_new(void)
{
	return xcalloc(1, sizeof(struct table));
}

void
table_free(struct table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->count; i++)
		buf_free(&table->cell[i].text);
	free(table->cell);
	free(table);
}

void
table_row(struct table *table)
{
	table->row_begins = true;
}

bool
table_cell(struct table *table)
{
	if (table->count == CELLS_MAX)
		return false;
	if (table->count == table->capacity) {
		table->capacity = table->capacity * 2 + 16;
		table->cell = xreallocarray(
		    table->cell, table->capacity, sizeof *table->cell);
	}
	table->cell[table->count++] = (struct cell){.first = table->row_begins};
	table->row_begins = false;
	return true;
}

void
table_add(struct table *table, const char *text, size_t length)
{
	if (table->count > 0)
		buf_add(&table->cell[table->count - 1].text, text, length);
}

static size_t
width_of(const struct cell *cell)
{
	return utf8_count(buf_string(&cell->text), cell->text.length);
}

/* The widths of the columns, each at most PAD_MAX; the caller frees them. */
static size_t *
column_widths(const struct table *table)
{
	size_t *width = xcalloc(table->count + 1, sizeof *width);
	size_t column = 0, w;

	for (size_t i = 0; i < table->count; i++) {
		column = table->cell[i].first ? 0 : column + 1;
		w = width_of(&table->cell[i]);
		if (w > PAD_MAX)
			w = PAD_MAX;
		if (w > width[column])
			width[column] = w;
	}
	return width;
}

static void
add_many(struct buf *out, const char *text, size_t count)
{
	while (count-- > 0)
		buf_add_string(out, text);
}

/* The line below the head. */
static void
add_rule(const struct table *table, const size_t *width, struct buf *out)
{
	for (size_t i = 0; i < table->count; i++) {
		if (i > 0 && table->cell[i].first)
			break;
		if (i > 0)
			buf_add_string(out, "-+-");
		add_many(out, "-", width[i]);
	}
}

void
table_lay_out(const struct table *table, struct buf *out)
{
	size_t *width = column_widths(table);
	size_t column = 0, rows = 0, w;

	for (size_t i = 0; i < table->count; i++) {
		const struct cell *cell = &table->cell[i];
		bool last = i + 1 == table->count || table->cell[i + 1].first;

		column = cell->first ? 0 : column + 1;
		if (cell->first && rows++ == 1) {
			buf_add_byte(out, '\n');
			add_rule(table, width, out);
		}
		if (i > 0)
			buf_add_string(out, cell->first ? "\n" : " | ");
		buf_add(out, buf_string(&cell->text), cell->text.length);
		w = width_of(cell);
		if (!last && w < width[column])
			add_many(out, " ", width[column] - w);
	}
	free(width);
}
