#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "rich.h"
#include "utf8.h"
#include "xalloc.h"

void
rich_free(struct rich *rich)
{
	for (size_t i = 0; i < rich->count; i++)
		free(rich->span[i].value);
	free(rich->span);
	buf_free(&rich->text);
	*rich = (struct rich){0};
}

void
rich_open(struct rich *rich, enum rich_kind kind, const char *value)
{
	if (rich->depth == RICH_DEPTH_MAX) {
		rich->too_deep++;
		return;
	}
	if (rich->count == rich->capacity) {
		rich->capacity = rich->capacity * 2 + 16;
		rich->span = xreallocarray(
		    rich->span, rich->capacity, sizeof *rich->span);
	}
	rich->span[rich->count] = (struct rich_span){
	    .start = rich->text.length,
	    .end = SIZE_MAX,
	    .kind = kind,
	    .value = value != NULL ? xstrdup(value) : NULL,
	};
	rich->open[rich->depth++] = rich->count++;
}

void
rich_close(struct rich *rich)
{
	if (rich->too_deep > 0) {
		rich->too_deep--;
		return;
	}
	assert(rich->depth > 0);
	rich->span[rich->open[--rich->depth]].end = rich->text.length;
}

static bool
is_inline(enum rich_kind kind)
{
	return kind != RICH_PRE && kind != RICH_QUOTE;
}

void
rich_close_kind(struct rich *rich, enum rich_kind kind)
{
	size_t depth = rich->depth;

	if (rich->too_deep > 0) {
		rich->too_deep--;
		return;
	}
	while (depth > 0 && rich->span[rich->open[depth - 1]].kind != kind)
		if (!is_inline(rich->span[rich->open[--depth]].kind))
			return;
	while (depth > 0 && rich->depth >= depth)
		rich_close(rich);
}

void
rich_close_inline(struct rich *rich)
{
	rich->too_deep = 0;
	while (rich->depth > 0 &&
	       is_inline(rich->span[rich->open[rich->depth - 1]].kind))
		rich_close(rich);
}

void
rich_plain(struct rich *rich, const char *text, size_t length)
{
	*rich = (struct rich){0};
	rich_repair(&rich->text, text, length);
}

void
rich_repair(struct buf *out, const char *text, size_t length)
{
	const char *nul;

	while ((nul = memchr(text, '\0', length)) != NULL) {
		size_t n = (size_t)(nul - text);

		utf8_repair(out, text, n);
		utf8_encode(out, 0xfffd);
		text += n + 1;
		length -= n + 1;
	}
	utf8_repair(out, text, length);
}

void
rich_escape(struct buf *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		switch (text[i]) {
		case '&': buf_add_string(out, "&amp;"); break;
		case '<': buf_add_string(out, "&lt;"); break;
		case '>': buf_add_string(out, "&gt;"); break;
		case '"': buf_add_string(out, "&quot;"); break;
		default: buf_add_byte(out, text[i]); break;
		}
	}
}

static void
open_tag(const struct rich_span *span, struct buf *out)
{
	switch (span->kind) {
	case RICH_BOLD: buf_add_string(out, "<b>"); return;
	case RICH_ITALIC: buf_add_string(out, "<i>"); return;
	case RICH_STRIKE: buf_add_string(out, "<s>"); return;
	case RICH_CODE: buf_add_string(out, "<code>"); return;
	case RICH_QUOTE: buf_add_string(out, "<blockquote>"); return;
	case RICH_PRE:
		buf_add_string(out, "<pre>");
		if (span->value == NULL)
			return;
		buf_add_string(out, "<code class=\"language-");
		break;
	case RICH_LINK:
		if (span->value == NULL)
			return;
		buf_add_string(out, "<a href=\"");
		break;
	}
	rich_escape(out, span->value, strlen(span->value));
	buf_add_string(out, "\">");
}

static void
close_tag(const struct rich_span *span, struct buf *out)
{
	switch (span->kind) {
	case RICH_BOLD: buf_add_string(out, "</b>"); return;
	case RICH_ITALIC: buf_add_string(out, "</i>"); return;
	case RICH_STRIKE: buf_add_string(out, "</s>"); return;
	case RICH_CODE: buf_add_string(out, "</code>"); return;
	case RICH_QUOTE: buf_add_string(out, "</blockquote>"); return;
	case RICH_PRE:
		if (span->value != NULL)
			buf_add_string(out, "</code>");
		buf_add_string(out, "</pre>");
		return;
	case RICH_LINK:
		if (span->value != NULL)
			buf_add_string(out, "</a>");
		return;
	}
}

void
rich_html(const struct rich *rich, size_t from, size_t to, struct buf *out)
{
	const struct rich_span *open[RICH_DEPTH_MAX], *span;
	size_t depth = 0, at = from, next = 0, stop;

	for (;;) {
		while (depth > 0 && open[depth - 1]->end <= at)
			close_tag(open[--depth], out);
		for (; next < rich->count && rich->span[next].start <= at;
		     next++) {
			span = &rich->span[next];
			if (span->end <= at || at >= to)
				continue; /* nothing of it is in the piece */
			assert(depth < RICH_DEPTH_MAX);
			open_tag(span, out);
			open[depth++] = span;
		}
		if (at >= to)
			break;
		stop = to;
		if (next < rich->count && rich->span[next].start < stop)
			stop = rich->span[next].start;
		if (depth > 0 && open[depth - 1]->end < stop)
			stop = open[depth - 1]->end;
		rich_escape(out, rich->text.data + at, stop - at);
		at = stop;
	}
	while (depth > 0)
		close_tag(open[--depth], out);
}
