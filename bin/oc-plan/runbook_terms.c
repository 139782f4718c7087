#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "runbook_terms.h"
#include "xalloc.h"

static const char *const look_words[] = {"check", "checking", "display",
    "inspect", "list", "look", "looking", "print", "see", "show", "showing",
    "state", "status", "view", NULL};
static const char *const act_words[] = {"begin", "do", "execute", "executing",
    "fire", "go", "kick", "launch", "launching", "make", "makes", "making",
    "perform", "queue", "queued", "queueing", "queuing", "rerun", "run",
    "running", "runs", "start", "started", "starting", "starts", "trigger",
    "triggered", "triggering", "triggers", NULL};
static const char *const against_words[] = {"abort", "against", "avoid",
    "cancel", "delete", "disable", "don't", "dont", "drop", "except", "halt",
    "instead", "kill", "never", "no", "not", "pause", "prevent", "quit",
    "remove", "skip", "stop", "suspend", "undo", "unless", "without", NULL};
static const char *const stop_words[] = {"a", "about", "again", "all", "also",
    "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "current", "currently", "did", "does", "doing", "done",
    "enough", "for", "from", "get", "give", "had", "has", "have", "hello",
    "help", "here", "hey", "hi", "how", "i", "id", "if", "in", "into", "is",
    "it", "its", "just", "kindly", "latest", "let", "lets", "like", "many",
    "me", "might", "much", "must", "my", "need", "now", "of", "off", "ok",
    "okay", "on", "or", "our", "out", "over", "please", "pls", "right", "s",
    "shall", "should", "so", "some", "still", "tell", "thank", "thanks", "that",
    "the", "them", "then", "there", "these", "they", "this", "those", "to",
    "today", "up", "us", "want", "was", "we", "were", "what", "what's", "when",
    "where", "which", "who", "why", "will", "with", "would", "yes", "yet",
    "you", "your", NULL};

bool
word_is_in(const char *const *list, const char *word, size_t length)
{
	int first = length > 0 ? tolower((unsigned char)*word) : 0;

	/* the lists are in small letters */
	for (; *list != NULL; list++)
		if (**list == first && strlen(*list) == length &&
		    strncasecmp(*list, word, length) == 0)
			return true;
	return false;
}

enum term_kind
term_kind_of(const char *word, size_t length)
{
	if (word_is_in(stop_words, word, length))
		return TERM_STOP;
	if (word_is_in(against_words, word, length))
		return TERM_AGAINST;
	if (word_is_in(look_words, word, length))
		return TERM_LOOK;
	return word_is_in(act_words, word, length) ? TERM_ACT : TERM_PLAIN;
}

static bool
ends(const char *word, size_t length, const char *ending)
{
	size_t n = strlen(ending);

	return length > n && memcmp(word + length - n, ending, n) == 0;
}

/* running is runn without its ending, and run. */
static size_t
single_end(const char *word, size_t length)
{
	if (length > 3 && word[length - 1] == word[length - 2] &&
	    strchr("bdgmnprt", word[length - 1]) != NULL)
		return length - 1;
	return length;
}

/*
 * Takes the usual endings off.  What is left need not be a word, only the
 * same for the forms of one.
 */
static void
stem(char *word)
{
	size_t n = strlen(word);

	if (n > 4 && ends(word, n, "ies"))
		word[n -= 2] = '\0';
	else if (n > 3 && ends(word, n, "s") && !ends(word, n, "ss") &&
		 !ends(word, n, "us") && !ends(word, n, "is"))
		word[--n] = '\0';
	if (n > 5 && ends(word, n, "ing"))
		n = single_end(word, n - 3);
	else if (n > 4 && ends(word, n, "ed"))
		n = single_end(word, n - 2);
	else if (n > 5 && (ends(word, n, "ly") || ends(word, n, "er")))
		n -= 2;
	if (n > 3 &&
	    (word[n - 1] == 'e' || word[n - 1] == 'i' || word[n - 1] == 'y'))
		n--;
	word[n] = '\0';
}

static bool
is_letter(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Small letters, those of Latin-1 too. */
static void
fold(char *word)
{
	for (; *word != '\0'; word++) {
		*word = (char)tolower((unsigned char)*word);
		if (*word == '\xc3' && (unsigned char)word[1] >= 0x80 &&
		    (unsigned char)word[1] <= 0x9e && word[1] != '\x97')
			word[1] = (char)((unsigned char)word[1] + 0x20);
	}
}

void
terms_read(struct terms *terms, const char *text, size_t length, size_t most)
{
	for (size_t i = 0, n; i < length && terms->count < most; i += n + 1) {
		struct term *term;
		enum term_kind kind;

		for (n = 0; i + n < length && is_letter(text[i + n]); n++)
			;
		/* don't is one word, today's is two */
		if (n > 0 && i + n + 1 < length && text[i + n] == '\'' &&
		    text[i + n + 1] == 't')
			n += 2;
		kind = n > 0 ? term_kind_of(text + i, n) : TERM_STOP;
		if (kind == TERM_STOP)
			continue;
		if ((terms->count & (terms->count - 1)) == 0)
			terms->term = xreallocarray(terms->term,
			    terms->count == 0 ? 1 : terms->count * 2,
			    sizeof(*terms->term));
		term = &terms->term[terms->count++];
		*term = (struct term){.kind = kind};
		memcpy(term->text, text + i, n < TERM_SIZE ? n : TERM_SIZE - 1);
		fold(term->text);
		memcpy(term->whole, term->text, TERM_SIZE);
		stem(term->text);
	}
}

void
terms_free(struct terms *terms)
{
	free(terms->term);
	*terms = (struct terms){0};
}

/*
 * Whether the words differ by one letter added, left out, changed, or by two
 * neighbours that changed places.
 */
static bool
is_near(const char *a, const char *b)
{
	size_t n, m, same = 0;

	if (*a != *b)
		return false;
	n = strlen(a);
	m = strlen(b);
	if (n < m) {
		const char *c = a;
		size_t k = n;

		a = b;
		b = c;
		n = m;
		m = k;
	}
	if (m < 5 || n - m > 1)
		return false;
	while (same < m && a[same] == b[same])
		same++;
	a += same;
	b += same;
	if (n != m)
		return strcmp(a + 1, b) == 0;
	if (*a == '\0' || strcmp(a + 1, b + 1) == 0)
		return true;
	return a[0] == b[1] && a[1] == b[0] && strcmp(a + 2, b + 2) == 0;
}

double
terms_match(const struct terms *terms, const struct term *term)
{
	double best = 0;

	for (size_t i = 0; i < terms->count; i++) {
		if (strcmp(terms->term[i].text, term->text) == 0)
			return 1;
		if (best == 0 && is_near(terms->term[i].whole, term->whole))
			best = 0.6;
	}
	return best;
}

/* ---- the message */

static bool
is_url(const char *text, size_t length)
{
	return (length > 8 && strncasecmp(text, "https://", 8) == 0) ||
	       (length > 7 && strncasecmp(text, "http://", 7) == 0);
}

/* Closing punctuation at the end; a ")" that the URL opened is its own. */
static size_t
trim_end(const char *text, size_t n)
{
	while (n > 0) {
		size_t more = 1;

		if (n >= 3 &&
		    (memcmp(text + n - 3, "\xe2\x80\x9c", 3) == 0 ||
			memcmp(text + n - 3, "\xe2\x80\x9d", 3) == 0 ||
			memcmp(text + n - 3, "\xe2\x80\x99", 3) == 0 ||
			memcmp(text + n - 3, "\xe2\x80\xa6", 3) == 0))
			more = 3;
		else if (strchr(".,;:!?)]}>\"'`*", text[n - 1]) == NULL)
			break;
		if (text[n - 1] == ')' && memchr(text, '(', n) != NULL)
			break;
		n -= more;
	}
	return n;
}

static void
add_token(struct asked *a, enum token_kind kind, const char *text, size_t n)
{
	struct token *token;

	if (n == 0 || a->tokens == ASKED_TOKENS)
		return;
	token = &a->token[a->tokens++];
	token->kind = kind;
	token->text = xstrndup(text, n);
	if (kind != TOKEN_URL)
		terms_read(&a->terms, text, n, ASKED_TERMS);
}

/* The length of the quotation at `text` with its quotes, or 0. */
static size_t
quotation(const char *text, size_t *skip)
{
	static const char *const open[] = {"\"", "`", "'", "\xe2\x80\x9c"};
	static const char *const close[] = {"\"", "`", "'", "\xe2\x80\x9d"};

	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++) {
		size_t n = strlen(open[i]);
		const char *line, *end;

		if (strncmp(text, open[i], n) != 0)
			continue;
		line = text + strcspn(text, "\n");
		end = strstr(text + n, close[i]);
		if (end == NULL || end > line || end == text + n)
			return 0;
		*skip = n;
		return (size_t)(end - text) + n;
	}
	return 0;
}

static bool
is_one_of(const char *const *list, const char *word)
{
	return word != NULL && word_is_in(list, word, strlen(word));
}

static bool
starts_question(const char *word, const char *next)
{
	static const char *const always[] = {"am", "are", "did", "does", "had",
	    "has", "have", "how", "how's", "is", "should", "shall", "was",
	    "were", "what", "what's", "when", "where", "which", "who", "why",
	    NULL};
	static const char *const with_you[] = {
	    "can", "could", "will", "would", NULL};
	static const char *const persons[] = {"i", "they", "we", "you", NULL};

	if (is_one_of(always, word))
		return true;
	if (strcasecmp(word, "do") == 0)
		return is_one_of(persons, next);
	/* "can you run it?" is a request, "will it run?" is not */
	return is_one_of(with_you, word) &&
	       (next == NULL || strcasecmp(next, "you") != 0);
}

/* Whether a word tells how things are or were: "the brief was late". */
static bool
tells_a_state(const struct asked *a, size_t from)
{
	static const char *const states[] = {"already", "are", "did", "done",
	    "failed", "finished", "is", "ran", "succeeded", "was", "were",
	    "yet", NULL};
	static const char *const offers[] = {"here", "these", "this", NULL};

	/* "here are two postings" asks for something to be done with them */
	if (from < a->tokens && is_one_of(offers, a->token[from].text))
		return false;
	for (size_t i = from; i < a->tokens; i++)
		if (a->token[i].kind == TOKEN_WORD &&
		    is_one_of(states, a->token[i].text))
			return true;
	return false;
}

static bool
is_question(const struct asked *a, const char *text)
{
	static const char *const greetings[] = {"hello", "hey", "hi", "ok",
	    "okay", "openclaw", "please", "so", "well", NULL};
	static const char *const thanks[] = {"thank", "thanks", "thx", NULL};
	size_t length = strlen(text), i = 0;
	const char *first, *next;

	while (i < a->tokens && is_one_of(greetings, a->token[i].text))
		i++;
	if (i == a->tokens)
		return false;
	first = a->token[i].text;
	next = i + 1 < a->tokens ? a->token[i + 1].text : NULL;
	if (starts_question(first, next) || is_one_of(thanks, first) ||
	    tells_a_state(a, i))
		return true;
	while (length > 0 && isspace((unsigned char)text[length - 1]))
		length--;
	if (length == 0 || text[length - 1] != '?')
		return false;
	for (; i < a->tokens; i++)
		if (strcasecmp(a->token[i].text, "you") == 0)
			return false;
	return true;
}

/* Each term once. */
static void
remove_repeats(struct terms *terms)
{
	size_t count = 0;

	for (size_t i = 0; i < terms->count; i++) {
		size_t k = 0;

		while (k < count &&
		       strcmp(terms->term[k].text, terms->term[i].text) != 0)
			k++;
		if (k == count)
			terms->term[count++] = terms->term[i];
	}
	terms->count = count;
}

void
asked_read(struct asked *asked, const char *text)
{
	const char *p = text;

	*asked = (struct asked){0};
	while (*p != '\0' && asked->tokens < ASKED_TOKENS) {
		size_t skip = 0, n = quotation(p, &skip);

		if (isspace((unsigned char)*p) ||
		    (n == 0 && strchr("([{<\"'`*.,;:!?", *p) != NULL)) {
			p++;
			continue;
		}
		if (n > 0) {
			bool url = is_url(p + skip, n - 2 * skip);

			add_token(asked, url ? TOKEN_URL : TOKEN_QUOTED,
			    p + skip, n - 2 * skip);
			p += n;
			continue;
		}
		n = strcspn(p, " \t\r\n\f\v");
		if (is_url(p, n))
			n = strcspn(p, " \t\r\n\f\v<>\"`");
		skip = trim_end(p, n);
		add_token(
		    asked, is_url(p, skip) ? TOKEN_URL : TOKEN_WORD, p, skip);
		p += n;
	}
	remove_repeats(&asked->terms);
	asked->question = is_question(asked, text);
}

void
asked_free(struct asked *asked)
{
	for (size_t i = 0; i < asked->tokens; i++)
		free(asked->token[i].text);
	terms_free(&asked->terms);
	*asked = (struct asked){0};
}
