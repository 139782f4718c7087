#include <string.h>
#include "rule_check.h"
#include "utf8.h"
#include "xalloc.h"

/*
 * Takes a jq program apart into its tokens as libjq's lexer does, far enough
 * to tell the name of a function from a field, a string or a comment.  Where
 * the versions of jq differ, the text is refused.
 */
#define LETTER "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS "0123456789"

enum { NAME_MAX_SHOWN = 40 };

struct lexer {
	const char *at;
	unsigned line;
	char open[RULE_NESTING_MAX]; /* what closes each: ) ] } or " */
	unsigned depth;
	char *error;
};

struct refusal {
	const char *name, *reason;
};

static const char outside[] = "reaches outside of the rule";
static const char changes[] =
    "changes a value, which a rule has no reason to do and which crashes "
    "libjq 1.6 with a large index";
static const char matches[] =
    "crashes libjq 1.6 or never ends where a pattern matches nothing; use "
    "test(), split() of a string, startswith() or ltrimstr()";

static const struct refusal refused[] = {
    {"env", outside},
    {"ENV", outside},
    {"__prog_args", outside},
    {"input", outside},
    {"inputs", outside},
    {"input_filename", outside},
    {"input_line_number", outside},
    {"debug", outside},
    {"stderr", outside},
    {"import", outside},
    {"include", outside},
    {"module", outside},
    {"modulemeta", outside},
    {"get_search_list", outside},
    {"halt", outside},
    {"halt_error", outside},
    {"setpath", changes},
    {"delpaths", changes},
    {"fromstream", changes},
    {"match", matches},
    {"capture", matches},
    {"scan", matches},
    {"splits", matches},
    {"sub", matches},
    {"gsub", matches},
};

static bool
fail(struct lexer *l, const char *what, size_t length, const char *reason)
{
	int shown = (int)utf8_floor(what, length, NAME_MAX_SHOWN);

	l->error =
	    xasprintf("line %u: `%.*s` %s", l->line, shown, what, reason);
	return false;
}

static bool
open_bracket(struct lexer *l, char closes)
{
	if (l->depth == RULE_NESTING_MAX)
		return fail(l, l->at, 1, "is nested too deep; make it simpler");
	l->open[l->depth++] = closes;
	return true;
}

/*
 * The inside of a string, from behind its quote or behind the end of an
 * interpolation, up to its end or to the next "\(".
 */
static bool
read_string(struct lexer *l)
{
	for (; *l->at != '\0'; l->at++) {
		if (*l->at == '\n')
			l->line++;
		if (*l->at == '"') {
			l->at++;
			l->depth--;
			return true;
		}
		if (*l->at != '\\')
			continue;
		if (*++l->at == '(') {
			l->at++;
			return open_bracket(l, ')');
		}
		if (*l->at == '\0')
			break;
	}
	return fail(l, "\"", 1, "begins a string that does not end");
}

static bool
read_comment(struct lexer *l)
{
	size_t length = strcspn(l->at, "\n");

	/* from jq 1.7.1 on, a backslash continues a comment */
	if (memchr(l->at, '\\', length) != NULL)
		return fail(l, "\\", 1, "in a comment: remove it");
	l->at += length;
	return true;
}

/* A name that stands for a function, a keyword or, after $, a variable. */
static bool
read_name(struct lexer *l, bool variable)
{
	const char *name = l->at;
	size_t length = strspn(name, LETTER DIGITS);

	l->at += length;
	if (strncmp(l->at, "::", 2) == 0)
		return fail(l, name, length, "names a module; rules have none");
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (strlen(refused[i].name) == length &&
		    strncmp(refused[i].name, name, length) == 0)
			return fail(l, name, length, refused[i].reason);
	/* _modify and the like, which assignments are made of */
	if (*name == '_' && !variable)
		return fail(l, name, length, "is libjq's own function");
	return true;
}

/* "12", "1.", ".5e3": a dot in it begins no field. */
static void
read_number(struct lexer *l)
{
	l->at += strspn(l->at, DIGITS);
	if (*l->at == '.')
		l->at += 1 + strspn(l->at + 1, DIGITS);
	if (*l->at == 'e' || *l->at == 'E') {
		size_t sign = l->at[1] == '+' || l->at[1] == '-';
		size_t digits = strspn(l->at + 1 + sign, DIGITS);

		if (digits != 0)
			l->at += 1 + sign + digits;
	}
}

static bool
read_dot(struct lexer *l)
{
	if (l->at[1] != '\0' && strchr(DIGITS, l->at[1]) != NULL)
		read_number(l);
	else if (l->at[1] == '.')
		l->at += 2;
	else if (l->at[1] != '\0' && strchr(LETTER, l->at[1]) != NULL)
		l->at += 1 + strspn(l->at + 1, LETTER DIGITS);
	else
		l->at++;
	return true;
}

static bool
read_close(struct lexer *l)
{
	if (l->depth == 0 || l->open[l->depth - 1] != *l->at)
		return fail(l, l->at, 1, "closes what was not opened");
	l->at++;
	l->depth--;
	/* the end of an interpolation is again inside of its string */
	if (l->depth != 0 && l->open[l->depth - 1] == '"')
		return read_string(l);
	return true;
}

/* Operators: those that assign are refused. */
static bool
read_operator(struct lexer *l)
{
	static const char *const longest[] = {"?//=", "?//", "//=", "==", "!=",
	    "<=", ">=", "|=", "+=", "-=", "*=", "/=", "%=", "//"};
	size_t length = 1;

	for (size_t i = 0; i < sizeof longest / sizeof longest[0]; i++)
		if (strncmp(l->at, longest[i], strlen(longest[i])) == 0) {
			length = strlen(longest[i]);
			break;
		}
	if (l->at[length - 1] == '=' &&
	    (length == 1 || strchr("=!<>", *l->at) == NULL))
		return fail(l, l->at, length, changes);
	if (*l->at == '%') {
		size_t blanks = strspn(l->at + 1, " \t");

		/* -9223372036854775808 % -1 is a trap of the processor */
		if (l->at[1 + blanks] == '\0' ||
		    strchr(DIGITS, l->at[1 + blanks]) == NULL)
			return fail(l, l->at, length,
			    "must be followed by a number that is written "
			    "out");
	}
	l->at += length;
	return true;
}

static bool
read_token(struct lexer *l, bool variable)
{
	unsigned char c = (unsigned char)*l->at;

	if (strchr(LETTER, c) != NULL)
		return read_name(l, variable);
	if (strchr(DIGITS, c) != NULL) {
		read_number(l);
		return true;
	}
	switch (c) {
	case '"':
		if (!open_bracket(l, '"'))
			return false;
		l->at++;
		return read_string(l);
	case '#': return read_comment(l);
	case '.': return read_dot(l);
	case '(': return open_bracket(l, ')') && l->at++;
	case '[': return open_bracket(l, ']') && l->at++;
	case '{': return open_bracket(l, '}') && l->at++;
	case ')':
	case ']':
	case '}': return read_close(l);
	default: return read_operator(l);
	}
}

char *
rule_check(const char *text)
{
	struct lexer l = {.at = text, .line = 1};
	size_t length = strlen(text);
	bool variable = false, ok = true;

	if (length > RULE_TEXT_MAX)
		return xasprintf("%zu bytes are too long for a rule, which may "
				 "have %d",
		    length, RULE_TEXT_MAX);
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\n' &&
			text[i] != '\t') ||
		    text[i] == 0x7f)
			return xstrdup("a control byte; remove it");
	while (ok && *l.at != '\0') {
		bool was_variable = *l.at == '$';

		if (*l.at == '\n')
			l.line++;
		if (strchr(" \t\n", *l.at) != NULL) {
			l.at++;
			continue;
		}
		ok = read_token(&l, variable);
		variable = was_variable;
	}
	if (ok && l.depth != 0)
		fail(&l, &l.open[l.depth - 1], 1, "is missing at the end");
	return l.error;
}
