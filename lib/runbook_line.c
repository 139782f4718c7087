#include <string.h>
#include "runbook_reader.h"

/* Lines, and what holds of them wherever they stand. */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void
line_trim(struct runbook_line *line)
{
	while (line->length > 0 && is_blank(line->text[line->length - 1]))
		line->length--;
	while (line->length > 0 && is_blank(*line->text)) {
		line->text++;
		line->length--;
	}
}

size_t
line_indentation(const struct runbook_line *line)
{
	size_t columns = 0;

	for (size_t i = 0; i < line->length && is_blank(line->text[i]); i++)
		columns += line->text[i] == '\t' ? RUNBOOK_TAB : 1;
	return columns;
}

bool
reader_peek(
    const struct runbook_reader *r, size_t *at, struct runbook_line *line)
{
	const char *start = r->text + *at, *end;

	if (*at >= r->length)
		return false;
	end = memchr(start, '\n', r->length - *at);
	line->text = start;
	line->length = end != NULL ? (size_t)(end - start) : r->length - *at;
	*at += line->length + (end != NULL);
	if (line->length > 0 && start[line->length - 1] == '\r')
		line->length--;
	return true;
}

bool
reader_next(struct runbook_reader *r, struct runbook_line *line)
{
	if (!reader_peek(r, &r->at, line))
		return false;
	line->number = ++r->number;
	r->bytes += line->length + 1;
	return true;
}

struct runbook_line
reader_following(const struct runbook_reader *r)
{
	struct runbook_line line = {.text = ""};
	size_t at = r->at;

	if (reader_peek(r, &at, &line))
		line_trim(&line);
	return line;
}

bool
line_take_prompt(struct runbook_line *line)
{
	if (line->length < 3 || (*line->text != '$' && *line->text != '%') ||
	    line->text[1] != ' ')
		return false;
	line->text += 2;
	line->length -= 2;
	line_trim(line);
	return true;
}

bool
reader_closes_fence(
    const struct runbook_reader *r, const struct runbook_line *line)
{
	size_t n = 0;

	while (n < line->length && line->text[n] == r->fence)
		n++;
	return r->fence_length > 0 && n >= r->fence_length && n == line->length;
}

static bool
ends_in_backslash(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && text[length - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

void
reader_join(struct runbook_reader *r, struct runbook_line line)
{
	bool quoted = false;

	buf_clear(&r->joined);
	buf_add(&r->joined, line.text, line.length);
	while (ends_in_backslash(r->joined.data, r->joined.length)) {
		struct runbook_line next = reader_following(r);

		if (r->at >= r->length ||
		    (r->block >= BLOCK_SHELL && reader_closes_fence(r, &next)))
			break;
		quoted = quoted ||
			 memchr(line.text, '\'', line.length) != NULL ||
			 memchr(line.text, '"', line.length) != NULL;
		reader_next(r, &line);
		buf_truncate(&r->joined, r->joined.length - 1);
		if (!quoted &&
		    (r->joined.length == 0 ||
			is_blank(r->joined.data[r->joined.length - 1])))
			line = next;
		buf_add(&r->joined, line.text, line.length);
		if (r->bytes > RUNBOOK_STANZA_MAX)
			break;
	}
	buf_reserve(&r->joined, 1); /* a C string even when it is empty */
}

void
reader_strip_html(struct runbook_reader *r, struct runbook_line *line)
{
	const char *p = line->text, *end = p + line->length, *mark;

	if (!r->in_html_comment && memmem(p, line->length, "<!--", 4) == NULL)
		return;
	buf_clear(&r->uncommented);
	while (p < end) {
		mark = memmem(p, (size_t)(end - p),
		    r->in_html_comment ? "-->" : "<!--",
		    r->in_html_comment ? 3 : 4);
		if (!r->in_html_comment)
			buf_add(&r->uncommented, p,
			    (size_t)((mark != NULL ? mark : end) - p));
		if (mark == NULL)
			break;
		p = mark + (r->in_html_comment ? 3 : 4);
		r->in_html_comment = !r->in_html_comment;
	}
	buf_reserve(&r->uncommented, 1);
	line->text = r->uncommented.data;
	line->length = r->uncommented.length;
}
