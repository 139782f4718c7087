#include <string.h>
#include "json.h"
#include "json_outside.h"
#include "utf8.h"

enum { ESCAPE_SIZE = 6 }; /* \uXXXX */

/* The value of a \uXXXX at `text`, or -1 where there is none. */
static int
unicode_escape(const char *text, size_t length)
{
	int value = 0;

	if (length < ESCAPE_SIZE || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (size_t i = 2; i < ESCAPE_SIZE; i++) {
		char c = text[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if (c >= 'a' && c <= 'f')
			value |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value |= c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

static bool
is_high(int value)
{
	return value >= 0xd800 && value <= 0xdbff;
}

static bool
is_low(int value)
{
	return value >= 0xdc00 && value <= 0xdfff;
}

/*
 * Copies with each \u escape that json_parse refuses replaced.  A backslash
 * stands only inside strings, and there always before another character, so
 * going over the text in such pairs is enough.
 */
static void
repair_escapes(struct buf *out, const char *text, size_t length)
{
	size_t start = 0, i = 0;

	while (i < length) {
		int value = unicode_escape(text + i, length - i);

		if (is_high(value) &&
		    is_low(unicode_escape(
			text + i + ESCAPE_SIZE, length - i - ESCAPE_SIZE))) {
			i += 2 * ESCAPE_SIZE;
		} else if (value == 0 || is_high(value) || is_low(value)) {
			buf_add(out, text + start, i - start);
			buf_add_string(out, "\\ufffd");
			start = i += ESCAPE_SIZE;
		} else {
			i += text[i] == '\\' && i + 1 < length ? 2 : 1;
		}
	}
	buf_add(out, text + start, length - start);
}

void
json_repair(struct buf *out, const char *data, size_t size)
{
	struct buf valid = {0};

	utf8_repair(&valid, data, size);
	repair_escapes(out, buf_string(&valid), valid.length);
	buf_free(&valid);
}

jv
json_parse_outside(const char *data, size_t size)
{
	struct buf repaired = {0};
	jv value;

	if (utf8_valid(data, size) && memmem(data, size, "\\u", 2) == NULL)
		return json_parse(data, size, NULL);
	json_repair(&repaired, data, size);
	value = json_parse(buf_string(&repaired), repaired.length, NULL);
	buf_free(&repaired);
	return value;
}
