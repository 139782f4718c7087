#include <string.h>
#include "chunk.h"
#include "utf8.h"

enum {
	/* A cut at a paragraph or line this near to the beginning makes too
	   short a message: one in so many of what it can hold. */
	TOO_SHORT = 8,
	/* Looking for the beginning of a character that a person sees as one
	   (an emoji of several) goes back so many units at most. */
	CLUSTER_MAX = 64,
};

static unsigned int
decode(const char *text, size_t length)
{
	const unsigned char *s = (const unsigned char *)text;

	switch (length) {
	case 1: return s[0];
	case 2: return (s[0] & 0x1fU) << 6 | (s[1] & 0x3fU);
	case 3:
		return (s[0] & 0x0fU) << 12 | (s[1] & 0x3fU) << 6 |
		       (s[2] & 0x3fU);
	default:
		return (s[0] & 0x07U) << 18 | (s[1] & 0x3fU) << 12 |
		       (s[2] & 0x3fU) << 6 | (s[3] & 0x3fU);
	}
}

/* One character of text that is known to be well-formed. */
static size_t
character(const char *text, size_t length, unsigned int *code_point)
{
	size_t n = utf8_sequence(text, length);

	if (n == 0)
		n = 1;
	*code_point = decode(text, n);
	return n;
}

size_t
chunk_units(const char *text, size_t length)
{
	size_t units = 0;
	unsigned int c;

	for (size_t i = 0; i < length; units += c >= 0x10000 ? 2 : 1)
		i += character(text + i, length - i, &c);
	return units;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* What Telegram does not take for the text of a message. */
static bool
is_invisible(unsigned int c)
{
	return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad ||
	       c == 0x034f || c == 0x061c || c == 0x115f || c == 0x1160 ||
	       c == 0x17b4 || c == 0x17b5 || c == 0x180e ||
	       (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) ||
	       (c >= 0x205f && c <= 0x206f) || c == 0x2800 || c == 0x3000 ||
	       c == 0x3164 || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
	       c == 0xffa0 || (c >= 0xe0000 && c <= 0xe0fff);
}

static bool
is_blank(const char *text, size_t length)
{
	unsigned int c;

	for (size_t i = 0; i < length;) {
		i += character(text + i, length - i, &c);
		if (!is_invisible(c))
			return false;
	}
	return true;
}

static bool
is_flag(unsigned int c)
{
	return c >= 0x1f1e6 && c <= 0x1f1ff;
}

/* Whether it is shown together with what stands before it. */
static bool
is_joined(unsigned int c)
{
	return c == 0x200d || (c >= 0x0300 && c <= 0x036f) ||
	       (c >= 0x0591 && c <= 0x05bd) || (c >= 0x064b && c <= 0x065f) ||
	       (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) ||
	       (c >= 0x1f3fb && c <= 0x1f3ff) || (c >= 0xe0020 && c <= 0xe007f);
}

/* The places where a piece could end, found on the way through it. */
struct cuts {
	size_t paragraph, line, word;  /* behind the blank; 0: none */
	size_t cluster, cluster_units; /* before a visible character */
	size_t character;              /* before any */
	const struct rich *rich;
	size_t pre;         /* the next code block among its formats */
	unsigned int flags; /* in a row, two make a flag */
	unsigned int before;
};

static bool
in_pre(struct cuts *cuts, size_t at)
{
	const struct rich_span *span = cuts->rich->span;
	size_t count = cuts->rich->count;

	while (cuts->pre < count &&
	       (span[cuts->pre].kind != RICH_PRE || span[cuts->pre].end <= at))
		cuts->pre++;
	return cuts->pre < count && span[cuts->pre].start <= at;
}

/* Notes the place before the character at `at`. */
static void
note(struct cuts *cuts, const char *text, size_t from, size_t at, size_t units,
    unsigned int c)
{
	bool pair = is_flag(c) && cuts->flags % 2 == 1;

	if (at > from) {
		cuts->character = at;
		if (!is_joined(c) && cuts->before != 0x200d && !pair) {
			cuts->cluster = at;
			cuts->cluster_units = units;
		}
		if (is_space(text[at - 1]))
			cuts->word = at;
		if (text[at - 1] == '\n')
			cuts->line = at;
		if (at - from > 1 && text[at - 1] == '\n' &&
		    text[at - 2] == '\n' && !in_pre(cuts, at - 1))
			cuts->paragraph = at;
	}
	cuts->flags = is_flag(c) ? cuts->flags + 1 : 0;
	cuts->before = c;
}

static size_t
choose(const struct cuts *cuts, size_t from, size_t at, size_t units)
{
	size_t least = from + (at - from) / TOO_SHORT;

	if (cuts->paragraph > least)
		return cuts->paragraph;
	if (cuts->line > least)
		return cuts->line;
	if (cuts->word > least)
		return cuts->word;
	if (cuts->cluster > from && units - cuts->cluster_units <= CLUSTER_MAX)
		return cuts->cluster;
	return cuts->character;
}

/* Where the piece that begins at `from` ends. */
static size_t
find_end(const struct rich *rich, size_t from, size_t most)
{
	const char *text = rich->text.data;
	struct cuts cuts = {.rich = rich};
	size_t length = rich->text.length, at = from, units = 0, n, size;
	unsigned int c;

	for (; at < length; at += n, units += size) {
		n = character(text + at, length - at, &c);
		size = c >= 0x10000 ? 2 : 1;
		note(&cuts, text, from, at, units, c);
		if (units + size > most)
			return choose(&cuts, from, at, units);
	}
	return length;
}

static size_t
trim(const char *text, size_t from, size_t to)
{
	while (to > from && is_space(text[to - 1]))
		to--;
	return to;
}

static bool
is_short_html(const struct rich *rich, size_t from, size_t to)
{
	struct buf html = {0};
	bool fits;

	rich_html(rich, from, to, &html);
	fits = html.length <= CHUNK_HTML_MAX;
	buf_free(&html);
	return fits;
}

bool
chunk_next(
    const struct rich *rich, size_t *position, size_t most, struct chunk *chunk)
{
	const char *text = rich->text.data;
	size_t length = rich->text.length, from = *position, to, limit;

	for (;;) {
		while (from < length && is_space(text[from]))
			from++;
		if (from >= length)
			return false;
		limit = most;
		to = find_end(rich, from, limit);
		/* one character is left at the least, whatever its tags */
		while (!is_short_html(rich, from, trim(text, from, to)) &&
		       limit > 2) {
			limit = limit / 2 < 2 ? 2 : limit / 2;
			to = find_end(rich, from, limit);
		}
		*position = to;
		*chunk =
		    (struct chunk){.from = from, .to = trim(text, from, to)};
		if (!is_blank(text + from, chunk->to - from))
			return true;
		from = to;
	}
}

bool
chunk_single(const struct rich *rich, size_t most, struct chunk *chunk)
{
	size_t position = 0;
	struct chunk second;

	return chunk_next(rich, &position, most, chunk) &&
	       !chunk_next(rich, &position, most, &second);
}
