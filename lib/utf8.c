#include <string.h>
#include "utf8.h"

size_t
utf8_sequence(const char *text, size_t length)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (length < n)
		return 0;
	/* Table 3-7 of the Unicode Standard: the second byte decides. */
	switch (s[0]) {
	case 0xe0: low = 0xa0; break;
	case 0xed: high = 0x9f; break;
	case 0xf0: low = 0x90; break;
	case 0xf4: high = 0x8f; break;
	default: break;
	}
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool
utf8_valid(const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t n = utf8_sequence(text + i, length - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

void
utf8_repair(struct buf *out, const char *text, size_t length)
{
	size_t start = 0, i = 0;

	while (i < length) {
		size_t n = utf8_sequence(text + i, length - i);

		if (n != 0) {
			i += n;
			continue;
		}
		buf_add(out, text + start, i - start);
		buf_add_string(out, "\xef\xbf\xbd");
		start = ++i;
		/* what is left of a broken sequence is part of the fault */
		while (i < length && ((unsigned char)text[i] & 0xc0) == 0x80)
			start = ++i;
	}
	buf_add(out, text + start, length - start);
}

size_t
utf8_floor(const char *text, size_t length, size_t most)
{
	size_t back = 0;

	if (length <= most)
		most = length;
	/* a character that the cut splits has its first byte up to 3 back */
	while (back < 3 && back < most &&
	       ((unsigned char)text[most - back - 1] & 0xc0) == 0x80)
		back++;
	if (back < most) {
		size_t at = most - back - 1;
		unsigned char first = (unsigned char)text[at];
		size_t need = first < 0xc0   ? 1
			      : first < 0xe0 ? 2
			      : first < 0xf0 ? 3
					     : 4;

		if (need > back + 1 && first >= 0xc0)
			return at;
	}
	return most;
}

size_t
utf8_count(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			count++;
	return count;
}

void
utf8_encode(struct buf *out, unsigned int c)
{
	char bytes[4];
	size_t n = 0;

	if ((c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		c = 0xfffd;
	if (c < 0x80) {
		bytes[n++] = (char)c;
	} else if (c < 0x800) {
		bytes[n++] = (char)(0xc0 | c >> 6);
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		bytes[n++] = (char)(0xe0 | c >> 12);
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		bytes[n++] = (char)(0xf0 | c >> 18);
		bytes[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	}
	buf_add(out, bytes, n);
}

void
utf8_plain(struct buf *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t n = utf8_sequence(text + i, length - i);
		unsigned char byte = (unsigned char)text[i];
		bool control =
		    n == 0 || byte == 0x7f ||
		    (byte < 0x20 && byte != '\n' && byte != '\t') ||
		    (byte == 0xc2 && (unsigned char)text[i + 1] < 0xa0);

		if (n == 0)
			n = 1;
		if (control)
			buf_add_byte(out, '?');
		else
			buf_add(out, text + i, n);
		i += n;
	}
}
