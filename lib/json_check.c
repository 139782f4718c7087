#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "utf8.h"

/*
 * A recursive descent over RFC 8259 that builds nothing.  It stands in front
 * of libjq's parser, which takes 22 forms of what is not JSON and ignores all
 * that follows a record separator.
 */
struct check {
	const char *start, *at, *end;
	const char *problem;
};

static bool check_value(struct check *c, int depth);

static bool
fail(struct check *c, const char *problem)
{
	if (c->problem == NULL)
		c->problem = problem;
	return false;
}

static void
skip_blanks(struct check *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' ||
				     *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

static bool
is_digit(const struct check *c)
{
	return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static bool
digits(struct check *c)
{
	if (!is_digit(c))
		return fail(c, "a number without digits");
	while (is_digit(c))
		c->at++;
	return true;
}

/* A number that a double can hold: not 1e999, and no million digits. */
static bool
check_magnitude(struct check *c, const char *from)
{
	enum { NUMBER_MAX = 128 };
	char copy[NUMBER_MAX + 1];
	size_t length = (size_t)(c->at - from);

	if (length > NUMBER_MAX)
		return fail(c, "a number that is too long");
	memcpy(copy, from, length);
	copy[length] = '\0';
	if (!isfinite(strtod(copy, NULL)))
		return fail(c, "a number that is too large");
	return true;
}

static bool
check_number(struct check *c)
{
	const char *from = c->at;
	bool exponent = false;

	if (*c->at == '-')
		c->at++;
	if (c->at < c->end && *c->at == '0') {
		c->at++;
		if (is_digit(c))
			return fail(c, "a number that begins with 0");
	} else if (!digits(c)) {
		return false;
	}
	if (c->at < c->end && *c->at == '.') {
		c->at++;
		if (!digits(c))
			return false;
	}
	if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
		exponent = true;
		c->at++;
		if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
			c->at++;
		if (!digits(c))
			return false;
	}
	/* up to 18 digits need no second look */
	return (!exponent && c->at - from < 19) || check_magnitude(c, from);
}

/* The four digits after \u; -1 when they are none. */
static int
hex4(struct check *c)
{
	int value = 0;

	if (c->end - c->at < 4)
		return -1;
	for (int i = 0; i < 4; i++, c->at++) {
		char d = *c->at;

		if (d >= '0' && d <= '9')
			value = value * 16 + d - '0';
		else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
			value = value * 16 + (d | 0x20) - 'a' + 10;
		else
			return -1;
	}
	return value;
}

static bool
check_escape(struct check *c)
{
	int unit;

	c->at++;
	if (c->at == c->end)
		return fail(c, "a string without its end");
	if (*c->at == '\0' || strchr("\"\\/bfnrt", *c->at) != NULL) {
		if (*c->at == '\0')
			return fail(c, "an unknown escape");
		c->at++;
		return true;
	}
	if (*c->at++ != 'u')
		return fail(c, "an unknown escape");
	unit = hex4(c);
	if (unit < 0)
		return fail(c, "an unknown escape");
	if (unit == 0)
		return fail(c, "a NUL character");
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return fail(c, "half a surrogate pair");
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	if (c->end - c->at < 6 || c->at[0] != '\\' || c->at[1] != 'u')
		return fail(c, "half a surrogate pair");
	c->at += 2;
	unit = hex4(c);
	if (unit < 0xdc00 || unit > 0xdfff)
		return fail(c, "half a surrogate pair");
	return true;
}

static bool
check_string(struct check *c)
{
	c->at++;
	while (c->at < c->end) {
		unsigned char byte = (unsigned char)*c->at;
		size_t n;

		if (byte == '"') {
			c->at++;
			return true;
		}
		if (byte == '\\') {
			if (!check_escape(c))
				return false;
			continue;
		}
		if (byte < 0x20)
			return fail(c, "a control byte in a string");
		n = utf8_sequence(c->at, (size_t)(c->end - c->at));
		if (n == 0)
			return fail(c, "bytes that are not UTF-8");
		c->at += n;
	}
	return fail(c, "a string without its end");
}

static bool
check_word(struct check *c, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(c->end - c->at) < length ||
	    memcmp(c->at, word, length) != 0)
		return fail(c, "something that is no JSON value");
	c->at += length;
	return true;
}

static bool
check_member(struct check *c, int depth)
{
	if (c->at == c->end || *c->at != '"')
		return fail(c, "a member without its name");
	if (!check_string(c))
		return false;
	skip_blanks(c);
	if (c->at == c->end || *c->at != ':')
		return fail(c, "a member without its colon");
	c->at++;
	return check_value(c, depth);
}

static bool
check_container(struct check *c, int depth, char close)
{
	c->at++;
	skip_blanks(c);
	if (c->at < c->end && *c->at == close) {
		c->at++;
		return true;
	}
	for (;;) {
		skip_blanks(c);
		if (!(close == '}' ? check_member(c, depth)
				   : check_value(c, depth)))
			return false;
		skip_blanks(c);
		if (c->at == c->end)
			return fail(c, "no end of an object or array");
		if (*c->at == close) {
			c->at++;
			return true;
		}
		if (*c->at != ',')
			return fail(c, "a missing comma");
		c->at++;
	}
}

/* Recurses at most JSON_DEPTH_MAX deep. */
static bool
check_value(struct check *c, int depth)
{
	skip_blanks(c);
	if (c->at == c->end)
		return fail(c, "an unexpected end");
	switch (*c->at) {
	case '{':
	case '[':
		if (depth == JSON_DEPTH_MAX)
			return fail(c, "more than 64 levels");
		return check_container(c, depth + 1, *c->at == '{' ? '}' : ']');
	case '"': return check_string(c);
	case 't': return check_word(c, "true");
	case 'f': return check_word(c, "false");
	case 'n': return check_word(c, "null");
	default: break;
	}
	if (*c->at == '-' || is_digit(c))
		return check_number(c);
	return fail(c, "something that is no JSON value");
}

const char *
json_check(const char *text, size_t length)
{
	static char message[96];
	struct check c = {text, text, text + length, NULL};

	if (check_value(&c, 0)) {
		skip_blanks(&c);
		if (c.at == c.end)
			return NULL;
		fail(&c, "more after the end of the value");
	}
	snprintf(message, sizeof message, "%s at byte %zu", c.problem,
	    (size_t)(c.at - c.start) + 1);
	return message;
}
