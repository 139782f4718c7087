#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "words.h"
#include "xalloc.h"

struct splitter {
	const char *line;
	size_t at;
	struct buf word;
	bool in_word;
	struct words *words;
};

static char message[256];

static bool fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool
fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	return false;
}

static bool
is_control(char c)
{
	unsigned char byte = (unsigned char)c;

	return byte < ' ' || byte == 0x7f;
}

static bool
fail_at(const struct splitter *s, const char *where)
{
	char c = s->line[s->at];

	if (c == '\n')
		return fail("a line break stands at byte %zu%s: give one "
			    "program and its arguments on one line",
		    s->at + 1, where);
	if (is_control(c))
		return fail("a control byte (0x%02x) stands at byte %zu%s",
		    (unsigned)(unsigned char)c, s->at + 1, where);
	return fail("%c stands at byte %zu%s: no shell reads this line; give "
		    "one program and its arguments, and put what is meant "
		    "literally in single quotes",
	    c, s->at + 1, where);
}

static bool
end_word(struct splitter *s)
{
	if (!s->in_word)
		return true;
	if (s->words->count == WORDS_MAX)
		return fail("more than %d words", WORDS_MAX);
	s->words->word[s->words->count++] = buf_take(&s->word);
	s->words->word[s->words->count] = NULL;
	s->in_word = false;
	return true;
}

/* Each of these begins behind its quote or backslash and ends behind it. */
static bool
single_quotes(struct splitter *s)
{
	size_t start = s->at;

	for (; s->line[s->at] != '\''; s->at++) {
		if (s->line[s->at] == '\0')
			return fail("the ' at byte %zu is never closed", start);
		if (is_control(s->line[s->at]) && s->line[s->at] != '\t')
			return fail_at(s, " in quotes");
		buf_add_byte(&s->word, s->line[s->at]);
	}
	s->at++;
	return true;
}

static bool
double_quotes(struct splitter *s)
{
	size_t start = s->at;

	for (; s->line[s->at] != '"'; s->at++) {
		if (s->line[s->at] == '\\' && s->line[s->at + 1] != '\0' &&
		    strchr("$`\"\\", s->line[s->at + 1]) != NULL)
			s->at++;
		else if (s->line[s->at] == '\0')
			return fail(
			    "the \" at byte %zu is never closed", start);
		else if (s->line[s->at] == '$' || s->line[s->at] == '`' ||
			 (is_control(s->line[s->at]) && s->line[s->at] != '\t'))
			return fail_at(s, " in quotes");
		buf_add_byte(&s->word, s->line[s->at]);
	}
	s->at++;
	return true;
}

static bool
backslash(struct splitter *s)
{
	if (s->line[s->at] == '\0')
		return fail("a \\ stands at the end");
	if (is_control(s->line[s->at]) && s->line[s->at] != '\t')
		return fail_at(s, " after a \\");
	buf_add_byte(&s->word, s->line[s->at++]);
	return true;
}

static bool
step(struct splitter *s)
{
	char c = s->line[s->at];

	if (c == ' ' || c == '\t') {
		s->at++;
		return end_word(s);
	}
	if (strchr(";&|<>()$`", c) != NULL || is_control(c))
		return fail_at(s, "");
	if (c == '#' && !s->in_word)
		return fail_at(s, "");
	s->in_word = true;
	s->at++;
	switch (c) {
	case '\'': return single_quotes(s);
	case '"': return double_quotes(s);
	case '\\': return backslash(s);
	default: buf_add_byte(&s->word, c); return true;
	}
}

bool
words_split(const char *line, struct words *words, const char **error)
{
	struct splitter s = {.line = line, .words = words};
	bool ok = true;

	*words = (struct words){0};
	*error = message;
	if (strnlen(line, WORDS_LINE_MAX + 1) > WORDS_LINE_MAX)
		return fail("longer than %d bytes", WORDS_LINE_MAX);
	words->word = xcalloc(WORDS_MAX + 1, sizeof(*words->word));
	while (ok && line[s.at] != '\0')
		ok = step(&s);
	ok = ok && end_word(&s);
	buf_free(&s.word);
	if (!ok || words->count == 0)
		words_free(words);
	return ok;
}

void
words_free(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->word[i]);
	free(words->word);
	*words = (struct words){0};
}

static bool
needs_quotes(const char *word)
{
	if (*word == '\0')
		return true;
	for (; *word != '\0'; word++) {
		unsigned char c = (unsigned char)*word;

		if (c < 0x80 && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    strchr("_@%+=:,./-", c) == NULL)
			return true;
	}
	return false;
}

char *
words_join(char *const *word, size_t count)
{
	struct buf line = {0};

	for (size_t i = 0; i < count; i++) {
		if (i != 0)
			buf_add_byte(&line, ' ');
		if (!needs_quotes(word[i])) {
			buf_add_string(&line, word[i]);
			continue;
		}
		buf_add_byte(&line, '\'');
		for (const char *p = word[i]; *p != '\0'; p++) {
			if (*p == '\'')
				buf_add_string(&line, "'\\'");
			buf_add_byte(&line, *p);
		}
		buf_add_byte(&line, '\'');
	}
	return buf_take(&line);
}
