#ifndef OC_RUNBOOK_H
#define OC_RUNBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include "words.h"

/*
 * AGENTS.md read as the runbook: which operations it documents, and with
 * that which commands it permits.  The rules are in openclaw.yaml(5) under
 * "The runbook".
 */
enum runbook_part_kind {
	RUNBOOK_LITERAL,  /* text that must be equal */
	RUNBOOK_ONE,      /* <name>: exactly one argument */
	RUNBOOK_OPTIONAL, /* [name]: one argument or none */
	RUNBOOK_MORE,     /* ...: any number of the placeholder before it */
};

/*
 * One word of a documented command.  For RUNBOOK_ONE inside a longer word,
 * as in --from=cronjob/<name>, prefix and suffix are what stands around it.
 */
struct runbook_part {
	enum runbook_part_kind kind;
	char *text;   /* the literal word, or the placeholder's name */
	char *prefix; /* "" if none; NULL for literals and RUNBOOK_MORE */
	char *suffix;
};

struct runbook_command {
	char *text;    /* as it stands in the file, continuation lines joined */
	unsigned line; /* number of its first line */
	struct runbook_part *part;
	size_t count;
	char *refused; /* why it grants nothing (shell syntax, say), or NULL */
};

/* A heading with the prose and the commands below it. */
struct runbook_operation {
	char *title; /* "" for what stands before the first heading */
	char *prose; /* the rest of the stanza's text, lines joined by spaces */
	unsigned line;
	struct runbook_command *command;
	size_t count;
};

struct runbook {
	struct runbook_operation *operation;
	size_t count;
};

/*
 * Reads the text of an AGENTS.md, which may be anything: never fails, what
 * cannot be understood grants nothing.  `is_program` tells whether a plain
 * line's first word is a program that exists (NULL: runbook_is_program, a
 * search of PATH).  runbook_free releases.
 */
void runbook_parse(struct runbook *runbook, const char *text, size_t length,
    bool (*is_program)(const char *word));
void runbook_free(struct runbook *runbook);
bool runbook_is_program(const char *word);

/*
 * The command that permits this argument vector, or NULL.  An argument in a
 * placeholder's place must not be empty, begin with '-', or hold a control
 * byte.
 */
const struct runbook_command *runbook_match(
    const struct runbook *runbook, char *const *argv, size_t argc);

/*
 * Whether the built-in list of commands that only look permits this vector
 * (kubectl get and the like, never of secrets; df, free, uptime, ps, date;
 * git status, log, diff).  If not, *reason says why when the program itself
 * is on the list, and is NULL when it is not.
 */
bool look_permits(char *const *argv, size_t argc, const char **reason);
/* A line for each command of that list, for people; NULL ends it. */
extern const char *const look_summary[];

#endif
