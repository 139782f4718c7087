#include <string.h>
#include "runbook_parts.h"

/*
 * Commands whose placeholder would be read as a program.  An argument stays an
 * argument only as long as nobody behind us takes it apart again: what is
 * handed to sh -c, to python -c or to a shell at the other end of ssh would be
 * run, whatever it says.
 */

static const char *const shells[] = {
    "sh", "bash", "dash", "zsh", "ksh", "fish", "su", NULL};
static const char *const interpreters[] = {"python", "python2", "python3",
    "node", "nodejs", "deno", "perl", "ruby", "php", "lua", NULL};
/* What runs its arguments as a program, or hands them to another shell. */
static const char *const starters[] = {"sudo", "doas", "env", "nohup", "nice",
    "time", "timeout", "xargs", "watch", "eval", "exec", NULL};
static const char *const remote[] = {"ssh", NULL};

static bool
base_in(const char *word, const char *const *list)
{
	const char *slash = strrchr(word, '/');

	if (slash != NULL)
		word = slash + 1;
	return runbook_in_list(list, word, strlen(word));
}

/* Whether the literal is an option after which program text is expected. */
static bool
takes_program(const char *option, bool shell)
{
	if (option[0] != '-')
		return false;
	if (option[1] == '-')
		return !shell && (strncmp(option, "--eval", 6) == 0 ||
				     strncmp(option, "--print", 7) == 0);
	return strpbrk(option, shell ? "c" : "ceEp") != NULL;
}

/*
 * Whether the placeholder `at` would be read as a program: by the interpreter
 * or the ssh that stands at `from`, or because it is the program to start.
 */
static bool
is_program_text(const struct runbook_command *c, size_t from, size_t at)
{
	const char *name = c->part[from].text;
	bool shell = base_in(name, shells);

	if (base_in(name, starters))
		return strcmp(name, "watch") == 0 || from + 1 == at;
	if (base_in(name, remote)) {
		for (size_t i = from + 1; i < at; i++)
			if (c->part[i].kind != RUNBOOK_LITERAL ||
			    c->part[i].text[0] != '-')
				return true;
		return false;
	}
	if (!shell && !base_in(name, interpreters))
		return false;
	for (size_t i = from + 1; i < at; i++) {
		if (c->part[i].kind != RUNBOOK_LITERAL ||
		    strpbrk(c->part[i].text, "./") != NULL)
			return false;
		if (takes_program(c->part[i].text, shell))
			return true;
	}
	return false;
}

const char *
runbook_risk(const struct runbook_command *c)
{
	size_t programs = 0;

	if (c->count == 0)
		return "it is empty";
	if (c->part[0].kind != RUNBOOK_LITERAL || *c->part[0].text == '\0')
		return "its program is a placeholder";
	for (size_t i = 0; i < c->count && programs < 8; i++) {
		if (c->part[i].kind != RUNBOOK_LITERAL)
			continue;
		if (!base_in(c->part[i].text, shells) &&
		    !base_in(c->part[i].text, interpreters) &&
		    !base_in(c->part[i].text, starters) &&
		    !base_in(c->part[i].text, remote))
			continue;
		programs++; /* one is enough for any honest command */
		for (size_t j = i + 1; j < c->count; j++)
			if (c->part[j].kind != RUNBOOK_LITERAL &&
			    is_program_text(c, i, j))
				return "an argument would be run as a program "
				       "by a shell, an interpreter or ssh";
	}
	return programs < 8 ? NULL : "it starts too many programs";
}
