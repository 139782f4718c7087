#include <stdlib.h>
#include <string.h>
#include "markdown_parts.h"
#include "utf8.h"

/* Those that people and models write; HTML has two thousand more. */
static const struct {
	const char *name;
	unsigned int code_point;
} known[] = {
    {"amp", '&'},
    {"lt", '<'},
    {"gt", '>'},
    {"quot", '"'},
    {"apos", '\''},
    {"nbsp", 0xa0},
    {"iexcl", 0xa1},
    {"cent", 0xa2},
    {"pound", 0xa3},
    {"yen", 0xa5},
    {"sect", 0xa7},
    {"copy", 0xa9},
    {"laquo", 0xab},
    {"reg", 0xae},
    {"deg", 0xb0},
    {"plusmn", 0xb1},
    {"micro", 0xb5},
    {"para", 0xb6},
    {"middot", 0xb7},
    {"raquo", 0xbb},
    {"frac14", 0xbc},
    {"frac12", 0xbd},
    {"frac34", 0xbe},
    {"times", 0xd7},
    {"divide", 0xf7},
    {"ndash", 0x2013},
    {"mdash", 0x2014},
    {"lsquo", 0x2018},
    {"rsquo", 0x2019},
    {"ldquo", 0x201c},
    {"rdquo", 0x201d},
    {"bull", 0x2022},
    {"hellip", 0x2026},
    {"euro", 0x20ac},
    {"trade", 0x2122},
    {"larr", 0x2190},
    {"uarr", 0x2191},
    {"rarr", 0x2192},
    {"darr", 0x2193},
    {"rArr", 0x21d2},
    {"ne", 0x2260},
    {"le", 0x2264},
    {"ge", 0x2265},
};

static unsigned int
number_of(const char *digits, size_t length, unsigned int base)
{
	unsigned int value = 0;

	for (size_t i = 0; i < length && value < 0x110000; i++) {
		char c = digits[i];
		unsigned int digit =
		    c >= '0' && c <= '9'
			? (unsigned int)(c - '0')
			: (unsigned int)((c | 0x20) - 'a') + 10;

		value = value * base + digit;
	}
	return value == 0 ? 0xfffd : value;
}

void
entity_decode(struct buf *out, const char *text, size_t length)
{
	/* md4c gives them whole: "&", a name or "#" and digits, ";" */
	const char *name = text + 1;
	size_t n = length > 2 ? length - 2 : 0;

	if (n > 2 && name[0] == '#' && (name[1] | 0x20) == 'x') {
		utf8_encode(out, number_of(name + 2, n - 2, 16));
		return;
	}
	if (n > 1 && name[0] == '#') {
		utf8_encode(out, number_of(name + 1, n - 1, 10));
		return;
	}
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strlen(known[i].name) == n &&
		    memcmp(known[i].name, name, n) == 0) {
			utf8_encode(out, known[i].code_point);
			return;
		}
	}
	buf_add(out, text, length);
}
