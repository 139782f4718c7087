#ifndef OC_RUNBOOK_PARTS_H
#define OC_RUNBOOK_PARTS_H

#include "buf.h"
#include "runbook.h"

/* What the files of the runbook's reader share; nobody else includes this. */

/*
 * Reads one command line (continuation lines joined, prompt taken off) into
 * text, part and count, or into text and refused.
 */
void runbook_command_read(
    struct runbook_command *command, const char *line, size_t length);
void runbook_command_free(struct runbook_command *command);
/* Sets the reason unless there is one. */
void runbook_command_refuse(struct runbook_command *command, const char *why);

/*
 * Why no argument vector may be granted though the words are understood: a
 * program that is a placeholder, or one that would run an argument.  NULL if
 * it may.
 */
const char *runbook_risk(const struct runbook_command *command);

/*
 * Why the lines after this one cannot be taken by themselves, or NULL: it
 * changes the shell's own state (cd), opens a compound command (if), a here
 * document or a quotation that goes on.
 */
const char *runbook_carries_on(const char *line);

/* Appends the text with control bytes and broken UTF-8 replaced. */
void runbook_clean(struct buf *out, const char *text, size_t length);

enum runbook_plain {
	RUNBOOK_PLAIN_PROSE,
	RUNBOOK_PLAIN_DOUBTFUL, /* could be either: shown, but not granted */
	RUNBOOK_PLAIN_COMMAND,
};

/*
 * Whether a line that stands in no block is a command.  `alone` says that a
 * program's name without anything after it is one here.  *why is set for a
 * doubtful one.
 */
enum runbook_plain runbook_plain(const char *line, bool alone,
    bool (*is_program)(const char *word), const char **why);

/* Whether a line of a block begins with a program or a path. */
bool runbook_begins_with_program(
    const char *line, bool (*is_program)(const char *word));

/* Whether a heading, or a label, tells not to do what follows it. */
bool runbook_forbids(const char *text, bool label);

/* Whether the word of `length` bytes is in a list that NULL ends. */
bool runbook_in_list(const char *const *list, const char *word, size_t length);

#endif
