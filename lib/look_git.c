#include <ctype.h>
#include <string.h>
#include "look_parts.h"
#include "xalloc.h"

/*
 * git status, log and diff look at a repository whose own configuration may
 * name programs to start.  look_git_arguments switches these off; what it
 * cannot switch off are the filters of .gitattributes, so .git/config must
 * not be the agent's to write.
 */

static bool
is_color(const char *value)
{
	return strcmp(value, "never") == 0 || strcmp(value, "auto") == 0;
}

/* The names that git knows, not those that a repository may define. */
static bool
is_pretty(const char *value)
{
	static const char *const known[] = {"oneline", "short", "medium",
	    "full", "fuller", "reference", "email", "raw", NULL};

	for (size_t i = 0; known[i] != NULL; i++)
		if (strcmp(known[i], value) == 0)
			return true;
	/* %G? and its like start gpg.program to check a signature */
	if (strstr(value, "%G") != NULL)
		return false;
	return strncmp(value, "format:", 7) == 0 ||
	       strncmp(value, "tformat:", 8) == 0 || strchr(value, '%') != NULL;
}

static bool
is_word(const char *value)
{
	return look_name(value);
}

static const struct look_option status_options[] = {
    {"--ahead-behind", NULL, false}, {"--branch", NULL, false},
    {"--ignored", NULL, false}, {"--long", NULL, false},
    {"--no-ahead-behind", NULL, false}, {"--no-renames", NULL, false},
    {"--porcelain", is_word, true}, {"--renames", NULL, false},
    {"--short", NULL, false}, {"--show-stash", NULL, false},
    {"--untracked-files", is_word, true}, {"-u", is_word, true},
    {NULL, NULL, false}};

static const struct look_option diff_options[] = {{"--cached", NULL, false},
    {"--check", NULL, false}, {"--color", is_color, false},
    {"--compact-summary", NULL, false}, {"--diff-filter", is_word, false},
    {"--dirstat", NULL, false}, {"--exit-code", NULL, false},
    {"--find-renames", is_word, true}, {"--histogram", NULL, false},
    {"--ignore-all-space", NULL, false}, {"--ignore-blank-lines", NULL, false},
    {"--ignore-space-change", NULL, false}, {"--merge-base", NULL, false},
    {"--minimal", NULL, false}, {"--name-only", NULL, false},
    {"--name-status", NULL, false}, {"--no-color", NULL, false},
    {"--no-ext-diff", NULL, false}, {"--no-patch", NULL, false},
    {"--no-prefix", NULL, false}, {"--no-renames", NULL, false},
    {"--no-textconv", NULL, false}, {"--numstat", NULL, false},
    {"--patch", NULL, false}, {"--patch-with-stat", NULL, false},
    {"--patience", NULL, false}, {"--pickaxe-all", NULL, false},
    {"--pickaxe-regex", NULL, false}, {"--quiet", NULL, false},
    {"--raw", NULL, false}, {"--relative", NULL, false},
    {"--shortstat", NULL, false}, {"--staged", NULL, false},
    {"--stat", look_any, true}, {"--summary", NULL, false},
    {"--text", NULL, false}, {"--unified", look_number, false},
    {"--word-diff", is_word, true}, {"-G", look_any, false},
    {"-M", is_word, true}, {"-S", look_any, false}, {"-U", look_number, false},
    {NULL, NULL, false}};

/* These besides those of diff. */
static const struct look_option log_options[] = {
    {"--abbrev-commit", NULL, false}, {"--after", look_any, false},
    {"--all", NULL, false}, {"--author", look_any, false},
    {"--before", look_any, false}, {"--branches", NULL, false},
    {"--committer", look_any, false}, {"--date", look_any, false},
    {"--decorate", is_word, true}, {"--first-parent", NULL, false},
    {"--follow", NULL, false}, {"--format", is_pretty, false},
    {"--graph", NULL, false}, {"--grep", look_any, false},
    {"--max-count", look_number, false}, {"--merges", NULL, false},
    {"--no-decorate", NULL, false}, {"--no-merges", NULL, false},
    {"--no-show-signature", NULL, false}, {"--oneline", NULL, false},
    {"--pretty", is_pretty, true}, {"--remotes", NULL, false},
    {"--reverse", NULL, false}, {"--simplify-by-decoration", NULL, false},
    {"--since", look_any, false}, {"--skip", look_number, false},
    {"--tags", NULL, false}, {"--until", look_any, false},
    {"-n", look_number, false}, {NULL, NULL, false}};

static const struct look_refusal refusals[] = {{"--output", "it writes a file"},
    {"--no-index", "it reads any two files"},
    {"--ext-diff", "the repository may name a program for it"},
    {"--textconv", "the repository may name a program for it"},
    {"--show-signature", "the repository may name a program for it"},
    {"-O", "it reads a file"}, {NULL, NULL}};

static const struct {
	const char *verb;
	struct look_spec spec;
} verbs[] = {
    {"status", {.flags = "bsz",
		   .option = status_options,
		   .refusal = refusals,
		   .divider = true}},
    {"log", {.flags = "abipquRswz0123456789",
		.option = log_options,
		.more = diff_options,
		.refusal = refusals,
		.divider = true}},
    {"diff", {.flags = "abpquRswz",
		 .option = diff_options,
		 .refusal = refusals,
		 .divider = true}},
};

enum { VERBS = sizeof(verbs) / sizeof(*verbs) };

/*
 * Outside of a repository, and for a path outside of it, git diff compares
 * any two files.
 */
static bool
leaves_the_directory(const char *word)
{
	const char *p = word;

	if (*word == '/' || *word == '~')
		return true;
	while ((p = strstr(p, "..")) != NULL) {
		/* main..topic is a range, ../x and x/.. are paths */
		if ((p == word || p[-1] == '/') &&
		    (p[2] == '/' || p[2] == '\0'))
			return true;
		p += 2;
	}
	return false;
}

static size_t
verb_at(char *const *argv, size_t argc)
{
	size_t i = 1;

	while (i < argc && strcmp(argv[i], "--no-pager") == 0)
		i++;
	return i;
}

bool
look_git(char *const *argv, size_t argc, const char **reason)
{
	size_t at = verb_at(argv, argc), v = 0;
	struct look_words words;

	if (at == argc)
		return look_refuse(reason, "git needs a subcommand");
	if (argv[at][0] == '-')
		return look_refuse(reason,
		    "git %.40s is not permitted: it could name a program or "
		    "another directory; the subcommand stands first",
		    argv[at]);
	while (v < VERBS && strcmp(verbs[v].verb, argv[at]) != 0)
		v++;
	if (v == VERBS)
		return look_refuse(reason,
		    "git %.40s is not permitted: only status, log and diff "
		    "look and do nothing else",
		    argv[at]);
	if (!look_divide(&verbs[v].spec, argv + at, argc - at, &words, reason))
		return false;
	for (size_t i = 0; i < words.count; i++)
		if (leaves_the_directory(words.word[i]))
			return look_refuse(reason,
			    "git %s %.60s is not permitted: paths are relative "
			    "and inside of the workspace",
			    argv[at], words.word[i]);
	return true;
}

char **
look_git_arguments(char *const *argv, size_t argc)
{
	/* no network for missing objects, no index written: a hook sees that */
	static const char *const before[] = {"env",
	    "GIT_ALLOW_PROTOCOL=", "GIT_OPTIONAL_LOCKS=0",
	    "GIT_NO_LAZY_FETCH=1", "git", "--no-pager", "-c",
	    "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c",
	    "core.alternateRefsCommand=", "-c", "diff.autoRefreshIndex=false",
	    "-c", "diff.external=", "-c", "format.pretty=medium", "-c",
	    "log.showSignature=false", "-c", "safe.bareRepository=explicit",
	    "-c", "diff.submodule=short"};
	enum { BEFORE = sizeof(before) / sizeof(*before), AFTER = 5 };
	char **out = xcalloc(BEFORE + argc + AFTER, sizeof(*out));
	size_t count = 0, at = verb_at(argv, argc);

	for (; count < BEFORE; count++)
		out[count] = xstrdup(before[count]);
	if (at < argc) {
		bool status = strcmp(argv[at], "status") == 0;

		out[count++] = xstrdup(argv[at]);
		out[count++] = xstrdup("--ignore-submodules=all");
		if (!status) {
			out[count++] = xstrdup("--no-ext-diff");
			out[count++] = xstrdup("--no-textconv");
		}
	}
	for (size_t i = at + 1; i < argc; i++)
		out[count++] = xstrdup(argv[i]);
	return out;
}
