#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "runbook_rank.h"
#include "xalloc.h"

/*
 * A word of the message counts more the fewer operations have it, and more in
 * a title than in a label, there more than in prose or in the command itself.
 */
static const double TITLE = 3, LABEL = 2.5, PROSE = 1.2, COMMAND = 1.3;
static const double WEAK = 0.3; /* of run, show and the like */
/* What does more than look, where the message wants to see something. */
static const double NOT_WISHED = 0.6;

enum {
	COMMANDS_RANKED = 100, /* of one operation; nobody writes more */
	CHOICES = 16,          /* that are looked at more closely */
};

/* An operation's words by where they stand. */
struct places {
	struct terms title, prose;
};

static void
read_title(struct places *places, const struct runbook_operation *o)
{
	terms_read(&places->title, o->title, strlen(o->title), TERMS_MAX);
}

static void
read_places(struct places *places, const struct runbook_operation *o)
{
	*places = (struct places){0};
	read_title(places, o);
	terms_read(&places->prose, o->prose, strlen(o->prose), TERMS_MAX);
}

static void
free_places(struct places *places)
{
	terms_free(&places->title);
	terms_free(&places->prose);
}

/* A command's words but for its program, which says nothing about it. */
static void
read_command(struct terms *terms, const struct runbook_command *c)
{
	const char *rest = c->text + strcspn(c->text, " \t");

	terms_read(terms, rest, strlen(rest), TERMS_MAX);
}

static void
read_label(struct terms *terms, const struct runbook_command *c)
{
	if (c->label != NULL)
		terms_read(terms, c->label, strlen(c->label), TERMS_MAX);
}

static double
greater(double a, double b)
{
	return a > b ? a : b;
}

/* For each term of the message what it weighs in this operation. */
static void
weigh(double *weight, double *own, const struct terms *asked,
    const struct places *places, const struct runbook_command *c)
{
	struct terms label = {0}, command = {0};

	read_label(&label, c);
	read_command(&command, c);
	for (size_t t = 0; t < asked->count; t++) {
		const struct term *term = &asked->term[t];

		own[t] = greater(LABEL * terms_match(&label, term),
		    COMMAND * terms_match(&command, term));
		weight[t] = greater(
		    greater(own[t], TITLE * terms_match(&places->title, term)),
		    PROSE * terms_match(&places->prose, term));
	}
	terms_free(&label);
	terms_free(&command);
}

static bool
is_url_name(const char *name)
{
	return strcasestr(name, "url") != NULL ||
	       strcasestr(name, "uri") != NULL ||
	       strcasestr(name, "link") != NULL;
}

static bool
takes_url(const struct runbook_command *c)
{
	for (size_t i = 0; i < c->count; i++)
		if ((c->part[i].kind == RUNBOOK_ONE ||
			c->part[i].kind == RUNBOOK_OPTIONAL) &&
		    is_url_name(c->part[i].text))
			return true;
	return false;
}

bool
asked_has_url(const struct asked *asked)
{
	for (size_t i = 0; i < asked->tokens; i++)
		if (asked->token[i].kind == TOKEN_URL)
			return true;
	return false;
}

static bool
has_grant(const struct runbook_operation *o)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->command[i].refused == NULL)
			return true;
	return false;
}

/* A matrix of the messages's terms by operations, and how rare each term is. */
struct weights {
	double *weight; /* operation times terms: the best of its commands */
	double rarity[ASKED_TERMS];
};

static bool
is_weak(enum term_kind kind)
{
	return kind == TERM_LOOK || kind == TERM_ACT;
}

static double
score(const struct weights *w, const struct asked *asked, const double *weight)
{
	double sum = 0;

	for (size_t t = 0; t < asked->terms.count; t++)
		sum += weight[t] * w->rarity[t] *
		       (is_weak(asked->terms.term[t].kind) ? WEAK : 1);
	return sum;
}

/* The best command of an operation; those that are granted go first. */
static void
choose_command(struct choice *choice, const struct runbook_operation *o,
    const struct weights *w, const struct asked *asked)
{
	bool grant = has_grant(o), url = asked_has_url(asked);
	struct places places;
	double second = 0;

	*choice = (struct choice){.operation = o};
	read_places(&places, o);
	for (size_t i = 0; i < o->count && i < COMMANDS_RANKED; i++) {
		double weight[ASKED_TERMS], own[ASKED_TERMS], s;

		if (grant && o->command[i].refused != NULL)
			continue;
		weigh(weight, own, &asked->terms, &places, &o->command[i]);
		s = score(w, asked, weight) + 0.1 * score(w, asked, own);
		if (url)
			s *= takes_url(&o->command[i]) ? 1.5 : 0.5;
		if (choice->command == NULL || s > choice->score) {
			second = choice->score;
			choice->command = &o->command[i];
			choice->score = s;
		} else if (s > second) {
			second = s;
		}
	}
	choice->tie = second > 0 && second >= 0.95 * choice->score;
	free_places(&places);
}

static void
make_weights(
    struct weights *w, const struct runbook *b, const struct asked *asked)
{
	size_t terms = asked->terms.count, with[ASKED_TERMS] = {0}, all = 0;

	w->weight = xcalloc(b->count * terms + 1, sizeof(*w->weight));
	for (size_t i = 0; i < b->count; i++) {
		double weight[ASKED_TERMS], own[ASKED_TERMS];
		double *row = w->weight + i * terms;
		struct places places;

		if (b->operation[i].count == 0)
			continue;
		all++;
		read_places(&places, &b->operation[i]);
		for (size_t k = 0;
		     k < b->operation[i].count && k < COMMANDS_RANKED; k++) {
			weigh(weight, own, &asked->terms, &places,
			    &b->operation[i].command[k]);
			for (size_t t = 0; t < terms; t++)
				row[t] = greater(row[t], weight[t]);
		}
		for (size_t t = 0; t < terms; t++)
			with[t] += row[t] > 0;
		free_places(&places);
	}
	for (size_t t = 0; t < terms; t++)
		w->rarity[t] =
		    with[t] == 0 ? 0 : log(1 + (double)all / (double)with[t]);
}

static int
compare(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->operation->line < y->operation->line ? -1 : 1;
}

/* Whether title and message say the same. */
static void
look_at_title(struct choice *c, const struct asked *asked)
{
	struct terms title = {0}, label = {0}, prose = {0};
	size_t found = 0, plain = 0;

	terms_read(&title, c->operation->title, strlen(c->operation->title),
	    TERMS_MAX);
	terms_read(&prose, c->operation->prose, strlen(c->operation->prose),
	    TERMS_MAX);
	read_label(&label, c->command);
	for (size_t i = 0; i < asked->terms.count; i++) {
		const struct term *term = &asked->terms.term[i];

		if (asked->terms.term[i].kind == TERM_PLAIN &&
		    (terms_match(&title, term) > 0 ||
			terms_match(&label, term) > 0))
			c->in_title = true;
		else if (asked->terms.term[i].kind == TERM_PLAIN &&
			 terms_match(&prose, term) > 0)
			c->in_prose = true;
	}
	for (size_t i = 0; i < title.count; i++) {
		if (title.term[i].kind != TERM_PLAIN)
			continue;
		plain++;
		found += terms_match(&asked->terms, &title.term[i]) > 0;
	}
	c->whole = plain > 0 && found == plain && c->coverage >= 1;
	if (plain > 0)
		c->titled = (double)found / (double)plain;
	c->score *= 1 + 0.3 * c->titled;
	c->faint = found < 2 && c->titled < 0.5;
	if (!choice_looks(c) &&
	    (asked->question || (choice_is_asked(c, asked, TERM_LOOK) &&
				    !choice_is_asked(c, asked, TERM_ACT))))
		c->score *= NOT_WISHED;
	terms_free(&title);
	terms_free(&prose);
	terms_free(&label);
}

void
ranking_make(struct ranking *ranking, const struct runbook *runbook,
    const struct asked *asked)
{
	struct weights w = {0};

	*ranking = (struct ranking){0};
	make_weights(&w, runbook, asked);
	ranking->choice = xcalloc(runbook->count + 1, sizeof(*ranking->choice));
	for (size_t i = 0; i < runbook->count; i++) {
		struct choice *c = &ranking->choice[ranking->count];

		if (runbook->operation[i].count == 0)
			continue;
		choose_command(c, &runbook->operation[i], &w, asked);
		if (c->score <= 0)
			continue;
		ranking->count++;
	}
	qsort(
	    ranking->choice, ranking->count, sizeof(*ranking->choice), compare);
	if (ranking->count > CHOICES)
		ranking->count = CHOICES;
	for (size_t i = 0; i < ranking->count; i++) {
		choice_cover(&ranking->choice[i], asked, NULL);
		look_at_title(&ranking->choice[i], asked);
	}
	qsort(
	    ranking->choice, ranking->count, sizeof(*ranking->choice), compare);
	free(w.weight);
}

void
ranking_free(struct ranking *ranking)
{
	free(ranking->choice);
	*ranking = (struct ranking){0};
}

/* ---- about one choice */

static void
read_all(struct terms *terms, const struct choice *c)
{
	const struct runbook_operation *o = c->operation;

	terms_read(terms, o->title, strlen(o->title), TERMS_MAX);
	terms_read(terms, o->prose, strlen(o->prose), TERMS_MAX);
	read_label(terms, c->command);
	read_command(terms, c->command);
}

/* Whether the token is matched, and whether it says anything at all. */
static bool
match_token(const struct terms *all, const struct token *token, bool *plain)
{
	struct terms terms = {0};
	bool matched = false;

	*plain = false;
	terms_read(&terms, token->text, strlen(token->text), ASKED_TERMS);
	for (size_t i = 0; i < terms.count; i++) {
		*plain = *plain || terms.term[i].kind == TERM_PLAIN;
		matched = matched || terms_match(all, &terms.term[i]) > 0;
	}
	terms_free(&terms);
	return matched;
}

bool
choice_has_token(const struct choice *choice, const struct token *token)
{
	struct terms all = {0};
	bool plain, matched;

	read_all(&all, choice);
	matched = match_token(&all, token, &plain);
	terms_free(&all);
	return matched || !plain;
}

bool
token_is_name(const char *word)
{
	bool digit = false, letter = false;

	for (const char *p = word; *p != '\0'; p++) {
		if (strchr("/_@:=", *p) != NULL || (*p == '.' && p[1] != '\0'))
			return true;
		digit = digit || isdigit((unsigned char)*p);
		letter = letter || isalpha((unsigned char)*p);
	}
	return digit && letter;
}

void
choice_cover(struct choice *choice, const struct asked *asked, const bool *used)
{
	size_t plain = 0, matched = 0;
	struct terms all = {0};

	read_all(&all, choice);
	choice->unmatched = false;
	for (size_t i = 0; i < asked->tokens; i++) {
		const struct token *token = &asked->token[i];
		bool found, counts;

		if (token->kind == TOKEN_URL || (used != NULL && used[i]))
			continue;
		found = match_token(&all, token, &counts);
		plain += counts;
		matched += counts && found;
		if (!found && counts && token_is_name(token->text))
			choice->unmatched = true;
	}
	choice->coverage = plain == 0 ? 1 : (double)matched / (double)plain;
	terms_free(&all);
}

static bool
first_is_look(const char *text)
{
	static const char *const asking[] = {
	    "how", "is", "are", "what", "when", "where", "which", "who", NULL};
	size_t n = strcspn(text, " \t:,.");

	if (n == 0)
		return false;
	return word_is_in(asking, text, n) ||
	       term_kind_of(text, n) == TERM_LOOK;
}

/* Programs that only look whatever their arguments are. */
static const char *const lookers[] = {"cat", "date", "df", "du", "free", "grep",
    "head", "hostname", "id", "journalctl", "ls", "lsblk", "lscpu", "lsof",
    "stat", "tail", "uname", "uptime", "w", "wc", "who", NULL};

bool
choice_looks(const struct choice *choice)
{
	const struct runbook_command *c = choice->command;
	char *argv[WORDS_MAX + 1];
	const char *reason;
	size_t count = 0;

	if (choice_is_labelled_look(choice) ||
	    first_is_look(choice->operation->title))
		return true;
	for (size_t i = 0; i < c->count; i++)
		if (c->part[i].kind != RUNBOOK_MORE)
			argv[count++] = c->part[i].text;
	for (size_t i = 0; count > 0 && lookers[i] != NULL; i++)
		if (strcmp(lookers[i], argv[0]) == 0)
			return true;
	return look_permits(argv, count, &reason);
}

bool
choice_is_labelled_look(const struct choice *choice)
{
	struct terms label = {0};
	bool look = false, act = false;

	read_label(&label, choice->command);
	for (size_t i = 0; i < label.count; i++) {
		look = look || label.term[i].kind == TERM_LOOK;
		act = act || label.term[i].kind == TERM_ACT;
	}
	terms_free(&label);
	return look && !act;
}

const char *
choice_stranger(const struct choice *choice, const struct asked *asked)
{
	static const char *const willing[] = {"add", "bring", "call", "create",
	    "deliver", "fetch", "generate", "grab", "invoke", "make", "new",
	    "prepare", "process", "produce", "pull", "put", "send", "three",
	    "two", "use", NULL};

	for (size_t i = 0; i < asked->tokens; i++) {
		const struct token *token = &asked->token[i];
		size_t length = strlen(token->text);
		enum term_kind kind = term_kind_of(token->text, length);

		if (token->kind == TOKEN_URL || kind == TERM_STOP)
			continue;
		if (kind == TERM_ACT || kind == TERM_LOOK ||
		    choice_has_token(choice, token) ||
		    word_is_in(willing, token->text, length))
			return NULL;
		return token->text;
	}
	return NULL;
}

bool
choice_is_asked(
    const struct choice *choice, const struct asked *asked, enum term_kind kind)
{
	struct terms own = {0};
	bool is = false;

	terms_read(&own, choice->operation->title,
	    strlen(choice->operation->title), TERMS_MAX);
	read_label(&own, choice->command);
	for (size_t i = 0; i < asked->terms.count; i++)
		is = is ||
		     (asked->terms.term[i].kind == kind &&
			 (kind != TERM_AGAINST ||
			     terms_match(&own, &asked->terms.term[i]) < 1));
	terms_free(&own);
	return is;
}
