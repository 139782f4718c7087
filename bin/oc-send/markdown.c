#include <limits.h>
#include <md4c.h>
#include <stdlib.h>
#include <string.h>
#include "markdown_parts.h"
#include "utf8.h"
#include "xalloc.h"

/*
 * Markdown by md4c, which calls back for each block, format and text.  What
 * Telegram has no format for becomes text: headings are bold, lists have
 * bullets, tables are laid out in a fixed-width block.
 */

enum {
	FLAGS = MD_FLAG_NOHTML | MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH |
		MD_FLAG_TASKLISTS,
	LIST_DEPTH_MAX = 16, /* deeper lists are indented no further */
	LANGUAGE_MAX = 32,   /* of a code block */
	GROWTH_MAX = 8,      /* the text becomes at most so much longer, */
	GROWTH_SPARE = 4096, /* and this */
};

struct list {
	bool ordered;
	unsigned int number;
};

struct reader {
	struct rich *rich;
	struct list list[LIST_DEPTH_MAX];
	size_t lists;  /* open ones, those beyond the maximum too */
	int gap;       /* newlines owed before the next text */
	bool here;     /* the next block begins on this line */
	bool verbatim; /* inside of a code block */
	size_t quotes, links;
	struct table *table; /* that is being read */
	struct buf href;     /* to be told after the link's text */
	size_t link_start;
	size_t most;
	bool failed; /* too much of something: md4c forgets that it was told */
};

/* For md4c: whether to break it off. */
static int
is_too_much(struct reader *reader)
{
	if (reader->rich->text.length > reader->most)
		reader->failed = true;
	return reader->failed ? 1 : 0;
}

static size_t
indentation(const struct reader *reader)
{
	size_t depth = reader->lists;

	return 2 * (depth < LIST_DEPTH_MAX ? depth : LIST_DEPTH_MAX);
}

static void
add_spaces(struct buf *out, size_t count)
{
	while (count-- > 0)
		buf_add_byte(out, ' ');
}

/* The newlines that are owed, and the indentation of a list's further lines. */
static void
settle_gap(struct reader *reader)
{
	struct buf *text = &reader->rich->text;

	if (reader->gap > 0 && text->length > 0) {
		for (int i = 0; i < reader->gap; i++)
			buf_add_byte(text, '\n');
		if (!reader->verbatim)
			add_spaces(text, indentation(reader));
	}
	reader->gap = 0;
	reader->here = false;
}

static void
put(struct reader *reader, const char *text, size_t length)
{
	if (reader->table != NULL) {
		table_add(reader->table, text, length);
		return;
	}
	settle_gap(reader);
	buf_add(&reader->rich->text, text, length);
}

static void
begin_block(struct reader *reader, int gap)
{
	if (reader->here)
		return;
	if (reader->gap < gap)
		reader->gap = gap;
}

/* md4c does not close every format that it opens: of "~~a~\xff", say. */
static void
end_formats(struct reader *reader)
{
	rich_close_inline(reader->rich);
	reader->links = 0;
}

static void
end_block(struct reader *reader, int gap)
{
	reader->here = false;
	if (reader->gap < gap)
		reader->gap = gap;
}

static void
add_attribute(struct buf *out, const MD_ATTRIBUTE *attribute)
{
	for (int i = 0; attribute->size > 0 &&
			attribute->substr_offsets[i] < attribute->size;
	     i++) {
		size_t start = attribute->substr_offsets[i];
		size_t length = attribute->substr_offsets[i + 1] - start;

		if (attribute->substr_types[i] == MD_TEXT_ENTITY)
			entity_decode(out, attribute->text + start, length);
		else if (attribute->substr_types[i] == MD_TEXT_NULLCHAR)
			utf8_encode(out, 0xfffd);
		else
			buf_add(out, attribute->text + start, length);
	}
}

static void
begin_code(struct reader *reader, const MD_BLOCK_CODE_DETAIL *detail)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789_+#.-";
	struct buf language = {0};
	const char *name;

	add_attribute(&language, &detail->lang);
	name = buf_string(&language);
	if (*name == '\0' || strlen(name) > LANGUAGE_MAX ||
	    name[strspn(name, allowed)] != '\0')
		name = NULL;
	begin_block(reader, 2);
	reader->verbatim = true;
	settle_gap(reader);
	rich_open(reader->rich, RICH_PRE, name);
	buf_free(&language);
}

static void
end_code(struct reader *reader)
{
	struct buf *text = &reader->rich->text;

	if (text->length > 0 && text->data[text->length - 1] == '\n')
		buf_truncate(text, text->length - 1);
	rich_close(reader->rich);
	reader->verbatim = false;
	end_block(reader, 2);
}

static void
begin_list(struct reader *reader, bool ordered, unsigned int start)
{
	begin_block(reader, reader->lists == 0 ? 2 : 1);
	if (reader->here)
		reader->gap = 0;
	if (reader->lists < LIST_DEPTH_MAX)
		reader->list[reader->lists] =
		    (struct list){.ordered = ordered, .number = start};
	reader->lists++;
}

static void
begin_item(struct reader *reader, const MD_BLOCK_LI_DETAIL *detail)
{
	struct buf *text = &reader->rich->text;
	size_t depth = reader->lists;
	struct list *list = depth > 0 && depth <= LIST_DEPTH_MAX
				? &reader->list[depth - 1]
				: NULL;

	begin_block(reader, 1);
	reader->lists--; /* the bullet stands to the left of its text */
	settle_gap(reader);
	reader->lists++;
	if (detail->is_task)
		buf_add_string(
		    text, detail->task_mark == ' ' ? "\u2610 " : "\u2611 ");
	else if (list != NULL && list->ordered)
		buf_printf(text, "%u. ", list->number++);
	else
		buf_add_string(text, "\u2022 ");
	reader->here = true;
}

static void
begin_quote(struct reader *reader)
{
	begin_block(reader, 2);
	settle_gap(reader);
	if (reader->quotes++ == 0)
		rich_open(reader->rich, RICH_QUOTE, NULL);
	reader->here = true;
}

static void
end_quote(struct reader *reader)
{
	reader->gap = 0;
	end_formats(reader);
	if (--reader->quotes == 0)
		rich_close(reader->rich);
	end_block(reader, 2);
}

static void
end_table(struct reader *reader)
{
	struct table *table = reader->table;

	reader->table = NULL;
	begin_block(reader, 2);
	reader->verbatim = true;
	settle_gap(reader);
	rich_open(reader->rich, RICH_PRE, NULL);
	table_lay_out(table, &reader->rich->text);
	rich_close(reader->rich);
	reader->verbatim = false;
	table_free(table);
	end_block(reader, 2);
}

static int
enter_block(MD_BLOCKTYPE type, void *detail, void *arg)
{
	struct reader *reader = arg;

	end_formats(reader); /* of an item's text before a block in it */
	switch (type) {
	case MD_BLOCK_QUOTE: begin_quote(reader); break;
	case MD_BLOCK_UL: begin_list(reader, false, 0); break;
	case MD_BLOCK_OL:
		begin_list(reader, true, ((MD_BLOCK_OL_DETAIL *)detail)->start);
		break;
	case MD_BLOCK_LI: begin_item(reader, detail); break;
	case MD_BLOCK_HR:
		begin_block(reader, 2);
		put(reader, "\u2014\u2014\u2014", strlen("\u2014\u2014\u2014"));
		end_block(reader, 2);
		break;
	case MD_BLOCK_H:
		begin_block(reader, 2);
		settle_gap(reader);
		rich_open(reader->rich, RICH_BOLD, NULL);
		break;
	case MD_BLOCK_CODE: begin_code(reader, detail); break;
	case MD_BLOCK_P: begin_block(reader, 2); break;
	case MD_BLOCK_TABLE: reader->table = table_new(); break;
	case MD_BLOCK_TR: table_row(reader->table); break;
	case MD_BLOCK_TH:
	case MD_BLOCK_TD:
		if (!table_cell(reader->table))
			reader->failed = true;
		break;
	default: break;
	}
	return is_too_much(reader);
}

static int
leave_block(MD_BLOCKTYPE type, void *detail, void *arg)
{
	struct reader *reader = arg;

	(void)detail;
	switch (type) {
	case MD_BLOCK_QUOTE: end_quote(reader); break;
	case MD_BLOCK_UL:
	case MD_BLOCK_OL:
		reader->lists--;
		end_block(reader, reader->lists == 0 ? 2 : 1);
		break;
	case MD_BLOCK_LI:
		end_formats(reader);
		reader->here = false;
		break;
	case MD_BLOCK_CODE: end_code(reader); break;
	case MD_BLOCK_H:
	case MD_BLOCK_P:
		end_formats(reader);
		end_block(reader, 2);
		break;
	case MD_BLOCK_TABLE: end_table(reader); break;
	default: break;
	}
	return 0;
}

/* What Telegram makes a link of; anything else is told after the text. */
static bool
is_linkable(const char *url)
{
	static const char *const scheme[] = {"http://", "https://", "tg://"};

	for (size_t i = 0; i < sizeof scheme / sizeof *scheme; i++)
		if (strncasecmp(url, scheme[i], strlen(scheme[i])) == 0 &&
		    url[strlen(scheme[i])] != '\0')
			return true;
	return false;
}

static void
begin_link(struct reader *reader, const MD_ATTRIBUTE *href)
{
	if (reader->links++ > 0)
		return;
	settle_gap(reader);
	buf_clear(&reader->href);
	add_attribute(&reader->href, href);
	reader->link_start = reader->rich->text.length;
	if (is_linkable(buf_string(&reader->href))) {
		rich_open(reader->rich, RICH_LINK, buf_string(&reader->href));
		buf_clear(&reader->href);
	} else {
		rich_open(reader->rich, RICH_LINK, NULL);
	}
}

static void
end_link(struct reader *reader)
{
	struct rich *rich = reader->rich;
	struct buf *href = &reader->href, *text = &rich->text;
	size_t length = text->length - reader->link_start;
	const char *shown = text->data + reader->link_start;

	if (reader->links == 0 || --reader->links > 0)
		return;
	rich_close_kind(rich, RICH_LINK);
	if (href->length == 0 ||
	    (length > 0 && length <= href->length &&
		memcmp(href->data + href->length - length, shown, length) == 0))
		return; /* the text says it: mailto:a@b as a@b */
	put(reader, " (", 2);
	put(reader, href->data, href->length);
	put(reader, ")", 1);
	buf_clear(href);
}

static void
begin_format(struct reader *reader, enum rich_kind kind)
{
	settle_gap(reader);
	rich_open(reader->rich, kind, NULL);
}

static int
enter_span(MD_SPANTYPE type, void *detail, void *arg)
{
	struct reader *reader = arg;

	if (reader->table != NULL)
		return 0;
	switch (type) {
	case MD_SPAN_EM: begin_format(reader, RICH_ITALIC); break;
	case MD_SPAN_STRONG: begin_format(reader, RICH_BOLD); break;
	case MD_SPAN_DEL: begin_format(reader, RICH_STRIKE); break;
	case MD_SPAN_CODE: begin_format(reader, RICH_CODE); break;
	case MD_SPAN_A:
		begin_link(reader, &((MD_SPAN_A_DETAIL *)detail)->href);
		break;
	case MD_SPAN_IMG:
		begin_link(reader, &((MD_SPAN_IMG_DETAIL *)detail)->src);
		break;
	default: break;
	}
	return 0;
}

static int
leave_span(MD_SPANTYPE type, void *detail, void *arg)
{
	struct reader *reader = arg;

	(void)detail;
	if (reader->table != NULL)
		return 0;
	switch (type) {
	case MD_SPAN_EM: rich_close_kind(reader->rich, RICH_ITALIC); break;
	case MD_SPAN_STRONG: rich_close_kind(reader->rich, RICH_BOLD); break;
	case MD_SPAN_DEL: rich_close_kind(reader->rich, RICH_STRIKE); break;
	case MD_SPAN_CODE: rich_close_kind(reader->rich, RICH_CODE); break;
	case MD_SPAN_A:
	case MD_SPAN_IMG: end_link(reader); break;
	default: break;
	}
	return 0;
}

static int
on_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE size, void *arg)
{
	struct reader *reader = arg;
	struct buf decoded = {0};

	switch (type) {
	case MD_TEXT_NULLCHAR: put(reader, "\ufffd", 3); break;
	case MD_TEXT_BR:
	case MD_TEXT_SOFTBR:
		/* in a chat a line ends where its writer ended it */
		if (reader->table != NULL) {
			put(reader, " ", 1);
			break;
		}
		put(reader, "\n", 1);
		add_spaces(&reader->rich->text, indentation(reader));
		break;
	case MD_TEXT_ENTITY:
		entity_decode(&decoded, text, size);
		put(reader, buf_string(&decoded), decoded.length);
		buf_free(&decoded);
		break;
	default: put(reader, text, size); break;
	}
	return is_too_much(reader);
}

void
markdown_read(struct rich *rich, const char *text, size_t length)
{
	static const MD_PARSER parser = {
	    .flags = FLAGS,
	    .enter_block = enter_block,
	    .leave_block = leave_block,
	    .enter_span = enter_span,
	    .leave_span = leave_span,
	    .text = on_text,
	};
	struct reader reader = {
	    .rich = rich, .most = length * GROWTH_MAX + GROWTH_SPARE};
	struct buf source = {0};
	int failed;

	*rich = (struct rich){0};
	rich_repair(&source, text, length);
	failed = source.length > UINT_MAX / 2 ||
		 md_parse(buf_string(&source), (MD_SIZE)source.length, &parser,
		     &reader) != 0 ||
		 reader.failed;
	table_free(reader.table);
	buf_free(&reader.href);
	if (failed) {
		rich_free(rich);
		rich_plain(rich, text, length);
	}
	buf_free(&source);
}
