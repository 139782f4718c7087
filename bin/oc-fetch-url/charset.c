#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "charset.h"
#include "log.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	SNIFF_MAX = 4096, /* browsers look at the first 1,024 bytes */
	LABEL_MAX = 32,   /* the longest label has 19 characters */
	STEP = 16 * 1024, /* bytes converted at a time */
};

static const char replacement[] = "\xef\xbf\xbd";

struct charset {
	iconv_t converter; /* (iconv_t)-1: the text is UTF-8 */
	size_t mark;       /* bytes of the byte order mark */
};

/* Labels as they stand in pages, and what iconv calls them. */
static const struct {
	const char *label, *name;
} known[] = {{"utf-8", NULL}, {"utf8", NULL}, {"unicode-1-1-utf-8", NULL},
    {"ascii", "WINDOWS-1252"}, {"us-ascii", "WINDOWS-1252"},
    {"ansi_x3.4-1968", "WINDOWS-1252"}, {"iso-8859-1", "WINDOWS-1252"},
    {"iso8859-1", "WINDOWS-1252"}, {"iso_8859-1", "WINDOWS-1252"},
    {"latin1", "WINDOWS-1252"}, {"l1", "WINDOWS-1252"},
    {"cp1252", "WINDOWS-1252"}, {"x-cp1252", "WINDOWS-1252"},
    {"windows-1252", "WINDOWS-1252"}, {"windows-1250", "WINDOWS-1250"},
    {"cp1250", "WINDOWS-1250"}, {"windows-1251", "WINDOWS-1251"},
    {"cp1251", "WINDOWS-1251"}, {"windows-1253", "WINDOWS-1253"},
    {"windows-1254", "WINDOWS-1254"}, {"iso-8859-9", "WINDOWS-1254"},
    {"latin5", "WINDOWS-1254"}, {"windows-1255", "WINDOWS-1255"},
    {"windows-1256", "WINDOWS-1256"}, {"windows-1257", "WINDOWS-1257"},
    {"windows-1258", "WINDOWS-1258"}, {"windows-874", "CP874"},
    {"iso-8859-11", "CP874"}, {"tis-620", "CP874"},
    {"iso-8859-2", "ISO-8859-2"}, {"latin2", "ISO-8859-2"},
    {"iso-8859-3", "ISO-8859-3"}, {"iso-8859-4", "ISO-8859-4"},
    {"iso-8859-5", "ISO-8859-5"}, {"iso-8859-6", "ISO-8859-6"},
    {"iso-8859-7", "ISO-8859-7"}, {"iso-8859-8", "ISO-8859-8"},
    {"iso-8859-8-i", "ISO-8859-8"}, {"iso-8859-10", "ISO-8859-10"},
    {"iso-8859-13", "ISO-8859-13"}, {"iso-8859-14", "ISO-8859-14"},
    {"iso-8859-15", "ISO-8859-15"}, {"latin9", "ISO-8859-15"},
    {"iso-8859-16", "ISO-8859-16"}, {"koi8-r", "KOI8-R"}, {"koi8-u", "KOI8-U"},
    {"macintosh", "MACINTOSH"}, {"ibm866", "CP866"}, {"cp866", "CP866"},
    {"gb2312", "GB18030"}, {"gbk", "GB18030"}, {"gb18030", "GB18030"},
    {"x-gbk", "GB18030"}, {"big5", "BIG5-HKSCS"}, {"big5-hkscs", "BIG5-HKSCS"},
    {"shift_jis", "CP932"}, {"shift-jis", "CP932"}, {"sjis", "CP932"},
    {"x-sjis", "CP932"}, {"windows-31j", "CP932"}, {"ms932", "CP932"},
    {"euc-jp", "EUC-JP"}, {"iso-2022-jp", "ISO-2022-JP"}, {"euc-kr", "CP949"},
    {"ks_c_5601-1987", "CP949"}, {"windows-949", "CP949"},
    {"utf-16", "UTF-16LE"}, {"utf-16le", "UTF-16LE"}, {"utf-16be", "UTF-16BE"}};

/* Finds a label; *name is NULL for UTF-8.  False for one that is not known. */
static bool
lookup(const char *label, size_t length, const char **name)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strlen(known[i].label) == length &&
		    strncasecmp(known[i].label, label, length) == 0) {
			*name = known[i].name;
			return true;
		}
	return false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* Where `needle` begins in text[from..length), or `length`. */
static size_t
find(const char *text, size_t length, size_t from, const char *needle)
{
	size_t n = strlen(needle);

	for (size_t i = from; i + n <= length; i++)
		if (strncasecmp(text + i, needle, n) == 0)
			return i;
	return length;
}

/*
 * The value after `key` and an equals sign, in quotes or not, inside of
 * text[from..to).
 */
static bool
read_value(const char *text, size_t from, size_t to, const char *key,
    const char **name)
{
	size_t at = find(text, to, from, key), start;

	at += strlen(key);
	while (at < to && is_blank(text[at]))
		at++;
	if (at >= to || text[at++] != '=')
		return false;
	while (at < to &&
	       (is_blank(text[at]) || text[at] == '"' || text[at] == '\''))
		at++;
	for (start = at; at < to && at - start < LABEL_MAX; at++)
		if (is_blank(text[at]) || strchr("\"';/>?", text[at]) != NULL)
			break;
	return lookup(text + start, at - start, name);
}

/* What the text says of itself. */
static bool
sniff(
    const char *text, size_t length, enum charset_from from, const char **name)
{
	const char *open = from == CHARSET_XML ? "<?xml" : "<meta";
	const char *key = from == CHARSET_XML ? "encoding" : "charset";
	size_t end;

	if (from == CHARSET_PLAIN)
		return false;
	if (length > SNIFF_MAX)
		length = SNIFF_MAX;
	for (size_t at = find(text, length, 0, open); at < length;
	     at = find(text, length, end, open)) {
		end = find(text, length, at, ">");
		if (!read_value(text, at, end, key, name))
			continue;
		/* text that could be read so far is not UTF-16 */
		if (*name != NULL && strncmp(*name, "UTF-16", 6) == 0)
			*name = NULL;
		return true;
	}
	return false;
}

static size_t
byte_order_mark(const char *text, size_t length, const char **name)
{
	*name = NULL;
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return 3;
	if (length >= 2 && memcmp(text, "\xff\xfe", 2) == 0)
		*name = "UTF-16LE";
	else if (length >= 2 && memcmp(text, "\xfe\xff", 2) == 0)
		*name = "UTF-16BE";
	return *name != NULL ? 2 : 0;
}

struct charset *
charset_open(const char *declared, enum charset_from from, const char *text,
    size_t length)
{
	struct charset *charset = xcalloc(1, sizeof *charset);
	const char *name = NULL;

	charset->converter = (iconv_t)-1;
	charset->mark = byte_order_mark(text, length, &name);
	if (charset->mark == 0 &&
	    (declared == NULL || !lookup(declared, strlen(declared), &name)) &&
	    !sniff(text, length, from, &name))
		name = utf8_valid(text, length) ? NULL : "WINDOWS-1252";
	if (name == NULL)
		return charset;
	charset->converter = iconv_open("UTF-8", name);
	if (charset->converter == (iconv_t)-1)
		log_warn(
		    "%s: no converter on this machine; reading as UTF-8", name);
	return charset;
}

void
charset_close(struct charset *charset)
{
	if (charset != NULL && charset->converter != (iconv_t)-1)
		iconv_close(charset->converter);
	free(charset);
}

/* Appends well-formed UTF-8 with each NUL replaced. */
static void
add_without_nul(struct buf *out, const char *text, size_t length)
{
	while (length > 0) {
		size_t n = strnlen(text, length);

		buf_add(out, text, n);
		if (n == length)
			break;
		buf_add_string(out, replacement);
		text += n + 1;
		length -= n + 1;
	}
}

/* Until all is read: a byte that begins nothing is replaced and skipped. */
static void
convert(iconv_t converter, char *in, size_t left, struct buf *out)
{
	char *step = xmalloc(STEP);

	while (left > 0) {
		char *to = step;
		size_t room = STEP, bad;

		bad = iconv(converter, &in, &left, &to, &room);
		add_without_nul(out, step, (size_t)(to - step));
		if (bad != (size_t)-1 || errno == E2BIG)
			continue;
		buf_add_string(out, replacement);
		if (errno == EINVAL) /* cut in the middle of a character */
			break;
		in++;
		left--;
	}
	free(step);
}

void
charset_convert(
    struct charset *charset, const char *text, size_t length, struct buf *out)
{
	struct buf buf = {.data = NULL};

	text += charset->mark;
	length -= charset->mark;
	if (charset->converter != (iconv_t)-1) {
		/* iconv's type asks for bytes that it does not change */
		buf_add(&buf, text, length);
		convert(charset->converter, buf.data, length, out);
	} else {
		utf8_repair(&buf, text, length);
		add_without_nul(out, buf_string(&buf), buf.length);
	}
	buf_free(&buf);
}
