#ifndef OC_PLAN_RUNBOOK_RANK_H
#define OC_PLAN_RUNBOOK_RANK_H

#include "runbook.h"
#include "runbook_terms.h"

/* How well each operation fits a message, and what fills its placeholders. */

struct choice {
	const struct runbook_operation *operation;
	const struct runbook_command *command; /* the best of the operation's */
	double score;
	bool tie;   /* another command of the operation fits as well */
	bool whole; /* every word of the title and of the message is matched */
	bool in_prose;   /* a word that says something is in the prose */
	bool in_title;   /* a word that says something is in title or label */
	bool unmatched;  /* a word that looks like a name is nowhere */
	double titled;   /* part of the title's words that are in the message */
	bool faint;      /* that is one word, and less than half of them */
	double coverage; /* part of the message's words that are matched */
};

/* The operations with a command that match best, the best first. */
struct ranking {
	struct choice *choice;
	size_t count;
};

void ranking_make(struct ranking *ranking, const struct runbook *runbook,
    const struct asked *asked);
void ranking_free(struct ranking *ranking);

bool asked_has_url(const struct asked *asked);

/* Whether the command only looks, going by itself, its label and its title. */
bool choice_looks(const struct choice *choice);
/* Whether it is only the label that says so. */
bool choice_is_labelled_look(const struct choice *choice);
/*
 * Whether the message has a word of that kind; AGAINST counts only where the
 * operation does not have the word, too.
 */
bool choice_is_asked(const struct choice *choice, const struct asked *asked,
    enum term_kind kind);

/*
 * The first word of the message that says something, if it is none of the
 * operation's and none that asks for things in general: "remind me of the
 * brief" is no wish for the brief.  NULL if there is none.
 */
const char *choice_stranger(
    const struct choice *choice, const struct asked *asked);

struct filling {
	struct words words; /* the argument vector */
	const char
	    *missing; /* name of a placeholder without a value; or NULL */
	bool guessed; /* a value is merely the one word that was left */
	const char *surplus; /* a URL or quotation without a place; or NULL */
	bool used[ASKED_TOKENS];
};

/* Fills the command's placeholders from the message. */
void filling_make(struct filling *filling, const struct choice *choice,
    const struct asked *asked);
void filling_free(struct filling *filling);

/*
 * Sets coverage and unmatched; tokens that fill placeholders (NULL: none) are
 * not counted.
 */
void choice_cover(
    struct choice *choice, const struct asked *asked, const bool *used);
/* worker2, /mnt/gigs, nginx:1.27: no word of a language. */
bool token_is_name(const char *word);
/* Whether a word of the message is one of the operation's. */
bool choice_has_token(const struct choice *choice, const struct token *token);

#endif
