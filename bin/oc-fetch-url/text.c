#include <string.h>
#include "text.h"
#include "utf8.h"

enum {
	QUOTES_MAX = 4, /* marks a line; what lies deeper looks the same */
	LISTS_MAX = 8,
};

size_t
text_length(const struct text *text)
{
	return text->taken + text->out.length;
}

void
text_break(struct text *text, unsigned newlines)
{
	if (text->started && text->newlines < newlines)
		text->newlines = newlines;
	text->space = false;
}

static unsigned
at_most(unsigned value, unsigned most)
{
	return value < most ? value : most;
}

/* What stands before the first character of a line. */
static void
begin_line(struct text *text, unsigned outdent)
{
	unsigned lists = at_most(text->lists, LISTS_MAX);

	for (unsigned i = at_most(text->quotes, QUOTES_MAX); i > 0; i--)
		buf_add_string(&text->out, "> ");
	for (unsigned i = lists; i > outdent; i--)
		buf_add_string(&text->out, "  ");
}

/* Writes the white space that is due. */
static void
settle(struct text *text, unsigned outdent)
{
	bool line = !text->started || text->newlines > 0;

	for (; text->newlines > 0; text->newlines--)
		buf_add_byte(&text->out, '\n');
	if (line)
		begin_line(text, outdent);
	else if (text->space)
		buf_add_byte(&text->out, ' ');
	text->space = text->led = false;
	text->started = true;
}

void
text_mark(struct text *text, const char *mark)
{
	settle(text, 0);
	buf_add_string(&text->out, mark);
}

void
text_lead(struct text *text, const char *mark)
{
	text_mark(text, mark);
	text->led = true;
}

void
text_item(struct text *text, const char *mark)
{
	text_break(text, 1);
	settle(text, 1);
	buf_add_string(&text->out, mark);
	text->led = true;
}

/*
 * Characters that a reader does not see and that could hide or turn around
 * what is written: controls, soft hyphens, zero-width spaces, marks of
 * direction, tags.  Joiners stay, since scripts and emoji need them.
 */
static bool
is_invisible(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;

	if (n == 1)
		return u[0] < 0x20 || u[0] == 0x7f;
	if (n == 2)
		return u[0] == 0xc2 && (u[1] < 0xa0 || u[1] == 0xad);
	if (n == 4)
		return u[0] == 0xf3 && u[1] == 0xa0 && u[2] < 0x82;
	return memcmp(u, "\xe2\x80\x8b", 3) == 0 ||
	       memcmp(u, "\xef\xbb\xbf", 3) == 0 ||
	       (u[0] == 0xe2 && u[1] == 0x80 && u[2] >= 0xaa && u[2] <= 0xae) ||
	       (u[0] == 0xe2 && u[1] == 0x81 && u[2] >= 0xa0 && u[2] <= 0xaf);
}

static bool
is_space(const char *s, size_t n)
{
	if (n == 1)
		return *s == ' ' || *s == '\n' || *s == '\t' || *s == '\r' ||
		       *s == '\f';
	return n == 2 && memcmp(s, "\xc2\xa0", 2) == 0;
}

static void
add_space(struct text *text, const char *s)
{
	if (text->pre == 0) {
		text->space =
		    text->started && text->newlines == 0 && !text->led;
		return;
	}
	if (*s == '\n' && text->pre_fresh) {
		text->pre_fresh = false;
		return;
	}
	if (*s == '\n') {
		/* a hostile page could ask for millions of empty lines */
		if (text->started && text->newlines < 3)
			text->newlines++;
		text->space = false;
		return;
	}
	if (*s == '\r' || *s == '\f')
		return;
	settle(text, 0);
	buf_add_byte(&text->out, *s == '\t' ? '\t' : ' ');
}

void
text_add(struct text *text, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t n = utf8_sequence(bytes + i, length - i);

		if (n == 0) {
			i++; /* our input was repaired; never pass one on */
			continue;
		}
		if (is_space(bytes + i, n)) {
			add_space(text, bytes + i);
			i += n;
			continue;
		}
		text->pre_fresh = false;
		if (!is_invisible(bytes + i, n)) {
			settle(text, 0);
			buf_add(&text->out, bytes + i, n);
		}
		i += n;
	}
}
