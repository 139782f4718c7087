#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "runbook_model.h"
#include "runbook_reply.h"
#include "turn.h"
#include "xalloc.h"

/*
 * The model that asks nobody.  A wrong answer costs a question, a wrong
 * command may cost more: whatever is not clear ends in words, and a command
 * that does more than look is run only if the message asks for it to be run.
 */

static const char intro[] = "This is the built-in runbook, no model.\n\n";

/* The best must have this much more than the second. */
static const double CLEAR = 1.25, CLEAR_LOOK = 1.02;
/* The part of the message's words that an operation must have. */
static const double COVER_LOOK = 0.3, COVER_ACT = 0.5;

/* For a workspace that documents nothing, so that a first question works. */
static const char looks[] =
    "## How full are the disks\n"
    "disk space, storage, file systems, partitions, room left\n"
    "\n"
    "    df -h\n"
    "\n"
    "## How much memory is free\n"
    "memory, RAM, swap\n"
    "\n"
    "    free -m\n"
    "\n"
    "## What uses the memory and the processor\n"
    "processes, programs, CPU, eats, hogs, slow\n"
    "\n"
    "    ps aux --sort=-%mem\n"
    "\n"
    "## How long has this machine been up\n"
    "uptime, load average, busy, reboot\n"
    "\n"
    "    uptime\n"
    "\n"
    "## What time is it\n"
    "date, day, clock\n"
    "\n"
    "    date\n";

static void
say(struct answer *answer, const char *text)
{
	buf_add_string(&answer->text, text);
}

static void
propose(struct answer *answer, const struct words *words, jv ref_turn)
{
	char *line = words_join(words->word, words->count), *id;
	jv call = json_object(), args;

	id = xasprintf("runbook-%d", turn_step_count(ref_turn) + 1);
	args = json_set_string(json_object(), "command", line);
	call = json_set_string(call, "id", id);
	call = json_set_string(call, "name", "exec");
	call = json_set(call, "args", args);
	answer->calls = json_append(answer->calls, call);
	free(id);
	free(line);
}

/*
 * The message is a command, word for word, perhaps with "run" before it or in
 * backticks.
 */
static bool
propose_verbatim(struct answer *answer, const struct runbook *runbook,
    const char *text, jv ref_turn)
{
	struct words words;
	const char *error;
	size_t n;
	char *line;
	bool found;

	while (strchr(" \t\n`", *text) != NULL && *text != '\0')
		text++;
	if (strncasecmp(text, "run ", 4) == 0)
		text += 4 + strspn(text + 4, " `");
	n = strlen(text);
	while (n > 0 && strchr(" \t\n`", text[n - 1]) != NULL)
		n--;
	line = xstrndup(text, n);
	found = words_split(line, &words, &error) &&
		runbook_match(runbook, words.word, words.count) != NULL;
	if (found)
		propose(answer, &words, ref_turn);
	words_free(&words);
	free(line);
	return found;
}

/* Words instead of a command that is there, but was not asked for. */
static void
explain(struct answer *answer, const struct choice *choice, const char *why)
{
	say(answer, intro);
	say(answer, why);
	say(answer, " ");
	runbook_name(&answer->text, choice);
}

/*
 * Why the best operation's command is not run though it was found, or NULL.
 */
static const char *
objection(const struct choice *c, const struct asked *asked)
{
	bool look = choice_looks(c);
	bool see = asked->question || choice_is_asked(c, asked, TERM_LOOK);
	bool act = choice_is_asked(c, asked, TERM_ACT);
	bool strange = choice_stranger(c, asked) != NULL;

	if (c->command->refused != NULL)
		return "AGENTS.md has a command for that, but it cannot be run "
		       "as it is written.";
	if (c->tie && !look)
		return "AGENTS.md has more than one command for that; say the "
		       "one that you want. The first is";
	if (!asked->question && choice_is_asked(c, asked, TERM_AGAINST))
		return "Nothing was run. AGENTS.md has no command against "
		       "that, only";
	if (choice_is_labelled_look(c) && (act || strange) && !see)
		return "AGENTS.md does not say how that is done, only how to "
		       "look at it.";
	if (look && (see || !strange))
		return NULL;
	if (!look && (asked->question || (see && !act)))
		return "Nothing was run, because you did not ask for it to be "
		       "done. If you want that, say it in the words of the "
		       "heading.";
	if (strange || (!look && !act && c->faint && !asked_has_url(asked)))
		return "Nothing was run, because the message may mean another "
		       "thing. If you want that, say it in the words of the "
		       "heading.";
	return NULL;
}

static void
fill_and_propose(struct answer *answer, const struct runbook *runbook,
    struct choice *c, const struct asked *asked, jv ref_turn)
{
	struct filling filling;

	filling_make(&filling, c, asked);
	choice_cover(c, asked, filling.used);
	if (filling.missing != NULL) {
		say(answer, intro);
		buf_printf(&answer->text,
		    "A value for <%s> is missing; name it in the message, in "
		    "quotes if it is not a URL. ",
		    filling.missing);
		runbook_name(&answer->text, c);
	} else if (filling.surplus != NULL) {
		explain(answer, c,
		    "Nothing was run, because the message holds more than the "
		    "command takes.");
	} else if (filling.guessed && c->titled < 0.5) {
		explain(answer, c,
		    "Nothing was run, because it is not certain that this was "
		    "meant.");
	} else if (c->unmatched ||
		   c->coverage < (choice_looks(c) ? COVER_LOOK : COVER_ACT)) {
		explain(answer, c,
		    "Nothing was run, because the message says more than the "
		    "operation that comes nearest.");
	} else if (runbook_match(runbook, filling.words.word,
		       filling.words.count) == NULL) {
		explain(answer, c,
		    "Nothing was run, because what the message holds does not "
		    "fit the command.");
	} else {
		propose(answer, &filling.words, ref_turn);
	}
	filling_free(&filling);
}

/*
 * Whether the first is meant and not the second.  Looking at the wrong one
 * does no harm.
 */
static bool
is_clear(const struct choice *first, const struct choice *second)
{
	bool looks_both = choice_looks(first) && choice_looks(second);

	if (first->whole && !second->whole)
		return true;
	return first->score >=
	       (looks_both ? CLEAR_LOOK : CLEAR) * second->score;
}

/* False when no operation comes near. */
static bool
choose(struct answer *answer, const struct runbook *runbook,
    const struct asked *asked, jv ref_turn)
{
	struct ranking ranking;
	struct choice *best;
	const char *why;
	bool found;

	ranking_make(&ranking, runbook, asked);
	best = ranking.choice;
	found = ranking.count > 0 &&
		(best->in_title || (best->in_prose && choice_looks(best)));
	if (!found)
		goto done;
	if (ranking.count > 1 && !is_clear(&best[0], &best[1])) {
		say(answer, intro);
		runbook_offer(&answer->text, &ranking);
		goto done;
	}
	why = objection(best, asked);
	if (why == NULL) {
		fill_and_propose(answer, runbook, best, asked, ref_turn);
	} else {
		explain(answer, best, why);
		if (best->command->refused != NULL)
			buf_printf(&answer->text, "The reason: %s.\n",
			    best->command->refused);
	}
done:
	ranking_free(&ranking);
	return found;
}

static bool
grants_something(const struct runbook *runbook)
{
	for (size_t i = 0; i < runbook->count; i++)
		for (size_t k = 0; k < runbook->operation[i].count; k++)
			if (runbook->operation[i].command[k].refused == NULL)
				return true;
	return false;
}

/* Without operations of the owner's: those that look at this machine. */
static bool
choose_built_in(struct answer *answer, const struct asked *asked, jv ref_turn)
{
	struct runbook runbook;
	bool found;

	runbook_parse(&runbook, looks, strlen(looks), NULL);
	found = choose(answer, &runbook, asked, ref_turn);
	runbook_free(&runbook);
	return found;
}

static void
answer_message(
    struct answer *answer, const struct runbook *runbook, jv ref_turn)
{
	const char *text = json_get_string(ref_turn, "text", "");
	struct asked asked;

	if (propose_verbatim(answer, runbook, text, ref_turn))
		return;
	asked_read(&asked, text);
	if (!choose(answer, runbook, &asked, ref_turn) &&
	    (grants_something(runbook) ||
		!choose_built_in(answer, &asked, ref_turn))) {
		say(answer, intro);
		if (asked.terms.count > 0 && grants_something(runbook))
			say(answer, "No operation fits the message. ");
		runbook_list(&answer->text, runbook);
	}
	asked_free(&asked);
}

static bool
has_results(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps");
	bool any = false;

	for (int i = 0; !any && i < json_length(steps); i++) {
		jv step = json_at(steps, i);

		any = strcmp(json_get_string(step, "role", ""), "tool") == 0;
		jv_free(step);
	}
	jv_free(steps);
	return any;
}

void
runbook_answer(
    struct answer *answer, const struct runbook *runbook, jv ref_turn)
{
	answer->finished = true;
	answer->input = answer->output = 0;
	if (!has_results(ref_turn)) {
		answer_message(answer, runbook, ref_turn);
		return;
	}
	say(answer, intro);
	if (!runbook_report(&answer->text, ref_turn))
		say(answer, "What had been begun has no result.\n");
}
