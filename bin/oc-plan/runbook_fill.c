#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "runbook_rank.h"
#include "xalloc.h"

/*
 * Placeholders are filled with what the message supplies: URLs where the name
 * says so; else what stands in quotes, the word behind the placeholder's own
 * name ("pod nginx-7f"), or the one word left that says nothing about the
 * operation itself.
 */
struct filler {
	struct filling *filling;
	const struct choice *choice;
	const struct asked *asked;
};

static bool
is_url_placeholder(const struct runbook_part *part)
{
	return strcasestr(part->text, "url") != NULL ||
	       strcasestr(part->text, "uri") != NULL ||
	       strcasestr(part->text, "link") != NULL;
}

static bool
is_number_placeholder(const struct runbook_part *part)
{
	static const char *const names[] = {"n", "number", "num", "count",
	    "lines", "days", "hours", "minutes", "seconds", "port", "size",
	    NULL};

	for (size_t i = 0; names[i] != NULL; i++)
		if (strcasecmp(names[i], part->text) == 0)
			return true;
	return false;
}

static bool
is_number(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Whether the token may stand in a placeholder's place at all. */
static bool
is_fit(const struct token *token)
{
	return token->text[0] != '-' && token->text[0] != '\0';
}

static const char *
take(struct filler *f, size_t i)
{
	f->filling->used[i] = true;
	return f->asked->token[i].text;
}

static const char *
take_kind(struct filler *f, enum token_kind kind)
{
	for (size_t i = 0; i < f->asked->tokens; i++)
		if (!f->filling->used[i] && f->asked->token[i].kind == kind &&
		    is_fit(&f->asked->token[i]))
			return take(f, i);
	return NULL;
}

/* A word that says nothing about the operation and is no stop word. */
static bool
is_left(const struct filler *f, size_t i)
{
	const struct token *token = &f->asked->token[i];

	return !f->filling->used[i] && token->kind == TOKEN_WORD &&
	       is_fit(token) &&
	       (token_is_name(token->text) ||
		   !choice_has_token(f->choice, token));
}

static const char *
take_number(struct filler *f)
{
	for (size_t i = 0; i < f->asked->tokens; i++)
		if (!f->filling->used[i] && is_number(f->asked->token[i].text))
			return take(f, i);
	return NULL;
}

/* "pod x", "pod named x" */
static const char *
take_named(struct filler *f, const char *name)
{
	static const char *const between[] = {"called", "named", NULL};

	for (size_t i = 0; i + 1 < f->asked->tokens; i++) {
		const char *next = f->asked->token[i + 1].text;
		size_t at = i + 1;

		if (strcasecmp(f->asked->token[i].text, name) != 0)
			continue;
		if (at + 1 < f->asked->tokens &&
		    word_is_in(between, next, strlen(next)))
			at++;
		if (is_left(f, at))
			return take(f, at);
	}
	return NULL;
}

/* The only word that is left, or the only one that looks like a name. */
static const char *
take_left(struct filler *f)
{
	size_t all = 0, names = 0, one = 0, name = 0;

	for (size_t i = 0; i < f->asked->tokens; i++) {
		if (!is_left(f, i))
			continue;
		all++;
		one = i;
		if (strpbrk(f->asked->token[i].text, "0123456789-_/.:@") ==
		    NULL)
			continue;
		names++;
		name = i;
	}
	if (names == 1)
		return take(f, name);
	return all == 1 ? take(f, one) : NULL;
}

static const char *
find_value(struct filler *f, const struct runbook_part *part, bool optional)
{
	const char *value;

	if (is_url_placeholder(part))
		return take_kind(f, TOKEN_URL);
	if (is_number_placeholder(part))
		return take_number(f);
	value = take_named(f, part->text);
	if (value == NULL)
		value = take_kind(f, TOKEN_QUOTED);
	if (value == NULL)
		value = take_kind(f, TOKEN_URL);
	if (value == NULL && !optional) {
		value = take_left(f);
		f->filling->guessed = f->filling->guessed || value != NULL;
	}
	return value;
}

static void
add_word(struct filler *f, const struct runbook_part *part, const char *value)
{
	struct words *words = &f->filling->words;

	if (words->count == WORDS_MAX)
		return;
	if (words->word == NULL)
		words->word = xcalloc(WORDS_MAX + 1, sizeof(*words->word));
	words->word[words->count++] =
	    part->kind == RUNBOOK_LITERAL
		? xstrdup(value)
		: xasprintf("%s%s%s", part->prefix, value, part->suffix);
}

static void
fill_part(struct filler *f, size_t i)
{
	const struct runbook_part *part = &f->choice->command->part[i];
	const char *value;

	switch (part->kind) {
	case RUNBOOK_LITERAL: add_word(f, part, part->text); break;
	case RUNBOOK_ONE:
		value = find_value(f, part, false);
		if (value != NULL)
			add_word(f, part, value);
		else if (f->filling->missing == NULL)
			f->filling->missing = part->text;
		break;
	case RUNBOOK_OPTIONAL:
		value = find_value(f, part, true);
		if (value != NULL)
			add_word(f, part, value);
		break;
	case RUNBOOK_MORE:
		part = &f->choice->command->part[i - 1];
		while ((value = find_value(f, part, true)) != NULL)
			add_word(f, part, value);
		break;
	}
}

void
filling_make(struct filling *filling, const struct choice *choice,
    const struct asked *asked)
{
	struct filler f = {
	    .filling = filling, .choice = choice, .asked = asked};

	*filling = (struct filling){0};
	for (size_t i = 0; i < choice->command->count; i++)
		fill_part(&f, i);
	for (size_t i = 0; i < asked->tokens; i++) {
		const struct token *token = &asked->token[i];

		if (filling->used[i] || filling->surplus != NULL)
			continue;
		if (token->kind == TOKEN_URL ||
		    (token->kind == TOKEN_QUOTED &&
			!choice_has_token(choice, token)))
			filling->surplus = token->text;
	}
}

void
filling_free(struct filling *filling)
{
	words_free(&filling->words);
}
