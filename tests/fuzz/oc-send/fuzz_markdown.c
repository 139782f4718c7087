#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "chunk.h"
#include "rich.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A tag's name at `html`, which begins after "<" or "</". */
static size_t
name_length(const char *html)
{
	return strspn(html, "abcdefghijklmnopqrstuvwxyz");
}

/* Tags are closed in the order in which they must be, and < > & escaped. */
static void
check_html(const char *html)
{
	const char *open[2 * RICH_DEPTH_MAX];
	size_t depth = 0, n;

	for (; *html != '\0'; html++) {
		if (*html == '>')
			abort();
		if (*html == '&' && strncmp(html, "&lt;", 4) != 0 &&
		    strncmp(html, "&gt;", 4) != 0 &&
		    strncmp(html, "&amp;", 5) != 0 &&
		    strncmp(html, "&quot;", 6) != 0)
			abort();
		if (*html != '<')
			continue;
		if (html[1] == '/') {
			n = name_length(html + 2);
			if (depth-- == 0 || n == 0 ||
			    strncmp(open[depth], html + 2, n) != 0)
				abort();
		} else {
			n = name_length(html + 1);
			if (depth == 2 * RICH_DEPTH_MAX || n == 0)
				abort();
			open[depth++] = html + 1;
		}
		html = strchr(html, '>');
		if (html == NULL)
			abort();
	}
	if (depth != 0)
		abort();
}

static void
check_pieces(const struct rich *rich, size_t most)
{
	struct chunk piece;
	struct buf html = {0};
	size_t position = 0, last = 0;

	while (chunk_next(rich, &position, most, &piece)) {
		size_t length = piece.to - piece.from;

		if (piece.from < last || piece.to > position || length == 0 ||
		    position > rich->text.length ||
		    chunk_units(rich->text.data + piece.from, length) > most ||
		    !utf8_valid(rich->text.data + piece.from, length))
			abort();
		last = position;
		buf_clear(&html);
		rich_html(rich, piece.from, piece.to, &html);
		check_html(buf_string(&html));
	}
	buf_free(&html);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rich rich;
	struct buf text = {0};

	if (size == 0)
		return 0;
	buf_add(&text, data + 1, size - 1);
	markdown_read(&rich, buf_string(&text), text.length);
	if (rich.depth != 0)
		abort();
	check_pieces(&rich, 2U + data[0] % 64U);
	check_pieces(&rich, CHUNK_MESSAGE_UNITS);
	rich_free(&rich);
	buf_free(&text);
	return 0;
}
