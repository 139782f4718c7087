#include <libxml/HTMLparser.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include "html.h"
#include "link.h"
#include "log.h"
#include "text.h"
#include "xalloc.h"

enum {
	FEED_MAX = 1 << 20, /* libxml2 counts in int */
	ALT_MAX = 300,
	NUMBERS_MAX = 16, /* nested lists that are numbered each by itself */
};

enum kind {
	INLINE,
	SKIP, /* with all that is in it */
	BLOCK,
	PARAGRAPH,
	HEADING,
	BREAK,
	RULE,
	LIST,
	ITEM,
	PRE,
	CODE,
	QUOTE,
	LINK,
	IMAGE,
	ROW,
	CELL,
	TITLE,
	BASE,
};

/* In alphabetical order.  What is not here is inline. */
static const struct element {
	const char *name;
	enum kind kind;
} elements[] = {{"a", LINK}, {"address", BLOCK}, {"applet", SKIP},
    {"article", PARAGRAPH}, {"aside", PARAGRAPH}, {"audio", SKIP},
    {"base", BASE}, {"blockquote", QUOTE}, {"br", BREAK}, {"canvas", SKIP},
    {"caption", BLOCK}, {"code", CODE}, {"datalist", SKIP}, {"dd", BLOCK},
    {"details", PARAGRAPH}, {"dialog", SKIP}, {"div", BLOCK}, {"dl", PARAGRAPH},
    {"dt", BLOCK}, {"fieldset", BLOCK}, {"figcaption", BLOCK},
    {"figure", PARAGRAPH}, {"footer", PARAGRAPH}, {"form", BLOCK},
    {"h1", HEADING}, {"h2", HEADING}, {"h3", HEADING}, {"h4", HEADING},
    {"h5", HEADING}, {"h6", HEADING}, {"header", PARAGRAPH}, {"hr", RULE},
    {"iframe", SKIP}, {"img", IMAGE}, {"legend", BLOCK}, {"li", ITEM},
    {"main", PARAGRAPH}, {"menu", LIST}, {"nav", SKIP}, {"noframes", SKIP},
    {"noscript", SKIP}, {"object", SKIP}, {"ol", LIST}, {"option", BLOCK},
    {"p", PARAGRAPH}, {"pre", PRE}, {"script", SKIP}, {"section", PARAGRAPH},
    {"select", SKIP}, {"style", SKIP}, {"summary", BLOCK}, {"svg", SKIP},
    {"table", PARAGRAPH}, {"td", CELL}, {"template", SKIP}, {"textarea", BLOCK},
    {"th", CELL}, {"title", TITLE}, {"tr", ROW}, {"ul", LIST}, {"video", SKIP}};

struct html {
	htmlParserCtxtPtr parser;
	struct text text;
	char *base;
	size_t depth;
	size_t skip; /* depth of the element that is left out; 0: none */
	unsigned number[NUMBERS_MAX]; /* of the items; 0: not an <ol> */
	bool titled, based, cells;
	char *href;        /* of the link that is open, or NULL */
	size_t link_start; /* where its text begins */
};

static int
compare(const void *name, const void *element)
{
	return strcmp(name, ((const struct element *)element)->name);
}

static enum kind
kind_of(const char *name)
{
	const struct element *found = bsearch(name, elements,
	    sizeof elements / sizeof elements[0], sizeof elements[0], compare);

	return found != NULL ? found->kind : INLINE;
}

/* An attribute's value, "" for one without, NULL when it is not there. */
static const char *
attribute(const xmlChar **attributes, const char *name)
{
	for (size_t i = 0; attributes != NULL && attributes[i] != NULL; i += 2)
		if (strcmp((const char *)attributes[i], name) == 0)
			return attributes[i + 1] != NULL
				   ? (const char *)attributes[i + 1]
				   : "";
	return NULL;
}

static bool
attribute_is(const xmlChar **attributes, const char *name, const char *value)
{
	const char *text = attribute(attributes, name);

	return text != NULL && strcasecmp(text, value) == 0;
}

/*
 * What a person looking at the page would not see is not shown to a model
 * either: it is where instructions are hidden.
 */
static bool
is_hidden(const xmlChar **attributes)
{
	const char *style = attribute(attributes, "style");

	if (attribute(attributes, "hidden") != NULL ||
	    attribute_is(attributes, "aria-hidden", "true") ||
	    attribute_is(attributes, "role", "navigation"))
		return true;
	return style != NULL &&
	       (strcasestr(style, "display:none") != NULL ||
		   strcasestr(style, "display: none") != NULL ||
		   strcasestr(style, "visibility:hidden") != NULL ||
		   strcasestr(style, "visibility: hidden") != NULL);
}

/* ---- links */

static void
start_link(struct html *html, const xmlChar **attributes)
{
	const char *href = attribute(attributes, "href");

	free(html->href);
	html->href = href != NULL ? link_resolve(html->base, href) : NULL;
	html->link_start = text_length(&html->text);
}

/* The address follows the link's text, unless it is the text. */
static void
end_link(struct html *html)
{
	struct buf *out = &html->text.out;
	size_t length, written;
	unsigned due = html->text.newlines;
	bool space = html->text.space;

	if (html->href == NULL)
		return;
	length = strlen(html->href);
	written = text_length(&html->text) - html->link_start;
	/* where the link holds a heading, say, its line has ended already */
	if (written > 0 && !(written <= length + 1 && out->length >= length &&
			       memcmp(out->data + out->length - length,
				   html->href, length) == 0)) {
		html->text.newlines = 0;
		html->text.space = true;
		text_mark(&html->text, "(");
		buf_add(out, html->href, length);
		buf_add_byte(out, ')');
		html->text.newlines = due;
		html->text.space = space;
	}
	free(html->href);
	html->href = NULL;
}

static void
start_image(struct html *html, const xmlChar **attributes)
{
	const char *alt = attribute(attributes, "alt");

	if (alt == NULL || alt[strspn(alt, " \t\r\n")] == '\0')
		return;
	text_lead(&html->text, "[image: ");
	text_add(&html->text, alt, strnlen(alt, ALT_MAX));
	html->text.space = false;
	text_mark(&html->text, "]");
}

/* ---- lists and tables */

static unsigned *
number_of(struct html *html)
{
	unsigned level = html->text.lists;

	return &html->number[level < NUMBERS_MAX ? level : NUMBERS_MAX - 1];
}

static void
start_list(struct html *html, const char *name)
{
	text_break(&html->text, html->text.lists == 0 ? 2 : 1);
	html->text.lists++;
	*number_of(html) = strcmp(name, "ol") == 0;
}

static void
start_item(struct html *html)
{
	unsigned *number = number_of(html);
	char mark[16];

	if (*number == 0) {
		text_item(&html->text, "- ");
		return;
	}
	snprintf(mark, sizeof mark, "%u. ", *number);
	*number += *number < 1000000;
	text_item(&html->text, mark);
}

static void
start_cell(struct html *html)
{
	if (html->cells && html->text.newlines == 0) {
		html->text.space = false;
		text_lead(&html->text, " | ");
	}
	html->cells = true;
}

static void
start_heading(struct html *html, const char *name)
{
	static const char marks[] = "###### ";

	text_break(&html->text, 2);
	text_lead(&html->text, marks + ('6' - name[1]));
}

static void
start_title(struct html *html)
{
	if (html->titled) {
		html->skip = html->depth;
		return;
	}
	html->titled = true;
	text_break(&html->text, 2);
	text_lead(&html->text, "Title: ");
}

static void
start_pre(struct html *html)
{
	text_break(&html->text, 2);
	if (html->text.pre++ == 0) {
		text_mark(&html->text, "```");
		text_break(&html->text, 1);
		html->text.pre_fresh = true;
	}
}

static void
end_pre(struct html *html)
{
	if (html->text.pre == 0 || --html->text.pre != 0)
		return;
	html->text.newlines = 1;
	text_mark(&html->text, "```");
	text_break(&html->text, 2);
}

static void
start_base(struct html *html, const xmlChar **attributes)
{
	const char *href = attribute(attributes, "href");
	char *base = NULL;

	if (html->based || href == NULL)
		return;
	html->based = true;
	base = link_resolve(html->base, href);
	if (base != NULL) {
		free(html->base);
		html->base = base;
	}
}

/* ---- events of the parser */

static void
start_kind(struct html *html, enum kind kind, const char *name,
    const xmlChar **attributes)
{
	switch (kind) {
	case SKIP: html->skip = html->depth; break;
	case BLOCK:
	case BREAK: text_break(&html->text, 1); break;
	case PARAGRAPH: text_break(&html->text, 2); break;
	case HEADING: start_heading(html, name); break;
	case RULE:
		text_break(&html->text, 2);
		text_mark(&html->text, "---");
		text_break(&html->text, 2);
		break;
	case LIST: start_list(html, name); break;
	case ITEM: start_item(html); break;
	case PRE: start_pre(html); break;
	case CODE:
		if (html->text.pre == 0)
			text_mark(&html->text, "`");
		break;
	case QUOTE:
		text_break(&html->text, 2);
		html->text.quotes++;
		break;
	case LINK: start_link(html, attributes); break;
	case IMAGE: start_image(html, attributes); break;
	case ROW:
		text_break(&html->text, 1);
		html->cells = false;
		break;
	case CELL: start_cell(html); break;
	case TITLE: start_title(html); break;
	case BASE: start_base(html, attributes); break;
	case INLINE: break;
	}
}

static void
on_start(void *arg, const xmlChar *xml_name, const xmlChar **attributes)
{
	struct html *html = arg;
	const char *name = (const char *)xml_name;
	enum kind kind;

	html->depth++;
	if (html->skip != 0)
		return;
	kind = kind_of(name);
	if (!is_hidden(attributes)) {
		start_kind(html, kind, name, attributes);
		return;
	}
	html->skip = html->depth;
	if (kind == BLOCK || kind == PARAGRAPH)
		text_break(&html->text, 1);
}

static void
end_kind(struct html *html, enum kind kind)
{
	switch (kind) {
	case BLOCK:
	case ITEM:
	case ROW: text_break(&html->text, 1); break;
	case PARAGRAPH:
	case HEADING:
	case TITLE: text_break(&html->text, 2); break;
	case LIST:
		if (html->text.lists > 0)
			html->text.lists--;
		text_break(&html->text, html->text.lists == 0 ? 2 : 1);
		break;
	case PRE: end_pre(html); break;
	case CODE:
		if (html->text.pre == 0 && html->text.newlines == 0) {
			html->text.space = false;
			text_mark(&html->text, "`");
		}
		break;
	case QUOTE:
		if (html->text.quotes > 0)
			html->text.quotes--;
		text_break(&html->text, 2);
		break;
	case LINK: end_link(html); break;
	default: break;
	}
}

static void
on_end(void *arg, const xmlChar *name)
{
	struct html *html = arg;

	if (html->skip == 0)
		end_kind(html, kind_of((const char *)name));
	else if (html->skip == html->depth)
		html->skip = 0;
	if (html->depth > 0)
		html->depth--;
}

static void
on_characters(void *arg, const xmlChar *text, int length)
{
	struct html *html = arg;

	if (html->skip == 0)
		text_add(&html->text, (const char *)text, (size_t)length);
}

/* ---- the whole */

struct html *
html_new(const char *base)
{
	struct html *html = xcalloc(1, sizeof *html);
	htmlSAXHandler events = {.startElement = on_start,
	    .endElement = on_end,
	    .characters = on_characters,
	    .ignorableWhitespace = on_characters};

	xmlInitParser();
	html->base = xstrdup(base);
	html->parser = htmlCreatePushParserCtxt(
	    &events, html, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
	if (html->parser == NULL)
		fatal(EX_OSERR, "out of memory (the parser of HTML)");
	htmlCtxtUseOptions(html->parser, HTML_PARSE_NONET | HTML_PARSE_NOERROR |
					     HTML_PARSE_NOWARNING |
					     HTML_PARSE_IGNORE_ENC);
	return html;
}

void
html_free(struct html *html)
{
	if (html == NULL)
		return;
	htmlFreeParserCtxt(html->parser);
	buf_free(&html->text.out);
	free(html->href);
	free(html->base);
	free(html);
}

void
html_feed(struct html *html, const char *text, size_t length)
{
	while (length > 0) {
		size_t n = length < FEED_MAX ? length : FEED_MAX;

		htmlParseChunk(html->parser, text, (int)n, 0);
		text += n;
		length -= n;
	}
}

void
html_end(struct html *html)
{
	htmlParseChunk(html->parser, NULL, 0, 1);
	if (html->text.started)
		buf_add_byte(&html->text.out, '\n');
}

void
html_take(struct html *html, struct buf *into)
{
	buf_add(into, html->text.out.data, html->text.out.length);
	html->text.taken += html->text.out.length;
	buf_clear(&html->text.out);
}
