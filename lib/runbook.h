#ifndef OC_RUNBOOK_H
#define OC_RUNBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include "words.h"

/*
 * AGENTS.md read as the runbook: which operations it documents, and with
 * that which commands it permits.  In doubt a line grants nothing.
 *
 * A heading (# to ######, or underlined by === or ---) begins an operation;
 * what follows up to the next one is its stanza.  A line "# text" directly
 * below another line, the heading included, is a comment of the stanza and no
 * heading.  What stands inside <!-- --> is not read.
 *
 * A command is
 * - a line of a fenced block whose info string is sh, bash, shell, console or
 *   zsh; if it is empty or text, a line whose first word is a program;
 * - a line, indented by a tab or four blanks below a blank line or a heading,
 *   whose first word is a program;
 * - a plain line whose first word is a program, if it does not read like a
 *   sentence: see runbook_plain.c for the rule;
 * - what follows the label in a comment "# label: command", by the same rule.
 * A program is a word that runbook_is_program knows, in a block also a path.
 * A prompt ("$ " or "% ") is taken off, and in a fenced block with prompts
 * the other lines are output.  A backslash at the end continues a line.
 *
 * <name> stands for one argument, alone or inside a word, [name] for one or
 * none, and ... for any number more of the placeholder before it.  A command
 * that needs a shell, depends on the line before it (cd, if), stands below a
 * heading or a label that forbids it, or would hand an argument to an
 * interpreter as text is kept, with the reason in `refused`.
 *
 * Only the first RUNBOOK_TEXT_MAX bytes, RUNBOOK_OPERATIONS_MAX operations,
 * RUNBOOK_COMMANDS_MAX commands, and RUNBOOK_STANZA_MAX bytes of each stanza
 * are read; what lies beyond grants nothing.
 */
enum {
	RUNBOOK_TEXT_MAX = 1024 * 1024, /* fifty times what a model is shown */
	RUNBOOK_OPERATIONS_MAX = 1000,
	RUNBOOK_COMMANDS_MAX = 10000,
	RUNBOOK_STANZA_MAX = 64 * 1024,
};

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
	char *label; /* of "# label: command", or the comment above; or NULL */
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
 * cannot be understood grants nothing.  `is_program` tells whether a line's
 * first word is a program (NULL: runbook_is_program).  runbook_free releases.
 */
void runbook_parse(struct runbook *runbook, const char *text, size_t length,
    bool (*is_program)(const char *word));
void runbook_free(struct runbook *runbook);
/*
 * Whether the word names a program: one of a built-in list of those that
 * operators use or the absolute path of a script by its ending (so that a
 * runbook grants the same on a machine that does not have them), an executable
 * file in PATH, or an absolute path to one.
 */
bool runbook_is_program(const char *word);

/*
 * The command that permits this argument vector, or NULL.  Literals are
 * compared byte by byte, the program too: another path to it is another
 * program.  What takes a placeholder's place must be UTF-8, not be empty, not
 * begin with '-' and hold no control character.  An optional argument and ...
 * match in every way that lets the rest match, as in a regular expression.
 */
const struct runbook_command *runbook_match(
    const struct runbook *runbook, char *const *argv, size_t argc);
/*
 * Of a vector that nothing permits: where the argument is that stands for a placeholder
 * and must not (an option, say), if there is a command that it fits otherwise;
 * else NULL.
 */
char *const *runbook_bad_argument(
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

/*
 * The vector to be run for one that look_permits permitted: git is told not to
 * start what the repository's own configuration names (a pager, a diff
 * driver, a file system monitor); others are copied as they are.
 * NULL-terminated; look_arguments_free releases it.
 */
char **look_arguments(char *const *argv, size_t argc);
void look_arguments_free(char **argv);

#endif
