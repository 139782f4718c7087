#ifndef OC_PLAN_RUNBOOK_TERMS_H
#define OC_PLAN_RUNBOOK_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/* Words as local/runbook compares them, and a message taken apart. */

enum {
	TERM_SIZE = 32,    /* a longer word is cut */
	TERMS_MAX = 2048,  /* of one stanza's prose; more would only blur it */
	ASKED_TERMS = 64,  /* of a message: nobody asks in more words */
	ASKED_TOKENS = 256 /* of a message */
};

enum term_kind {
	TERM_PLAIN,
	TERM_LOOK,    /* show, check: a wish to see */
	TERM_ACT,     /* run, start: a wish to have it done, whatever it is */
	TERM_AGAINST, /* stop, not: a wish for the opposite, perhaps */
	TERM_STOP,    /* the, please: says nothing */
};

/* A word in small letters without its ending: "Briefing" is "brief". */
struct term {
	char text[TERM_SIZE];
	char whole[TERM_SIZE]; /* with its ending */
	enum term_kind kind;
};

struct terms {
	struct term *term;
	size_t count;
};

/* Appends the terms of a text, stop words left out, up to `most` in all. */
void terms_read(
    struct terms *terms, const char *text, size_t length, size_t most);
void terms_free(struct terms *terms);
/* 1 if the term is among them, less if nearly (a typing error), else 0. */
double terms_match(const struct terms *terms, const struct term *term);

enum token_kind { TOKEN_WORD, TOKEN_URL, TOKEN_QUOTED };

/* A piece of the message as it was typed, without punctuation around it. */
struct token {
	enum token_kind kind;
	char *text;
};

struct asked {
	struct token token[ASKED_TOKENS];
	size_t tokens;
	struct terms terms; /* of all but its URLs, each once */
	bool question; /* asks or tells how things are; no "can you ...?" */
};

void asked_read(struct asked *asked, const char *text);
void asked_free(struct asked *asked);

/* Whether a word is in a list that NULL ends, in whatever case. */
bool word_is_in(const char *const *list, const char *word, size_t length);

/* The kind of a word, in whatever case. */
enum term_kind term_kind_of(const char *word, size_t length);

#endif
