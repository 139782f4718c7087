#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "look_parts.h"
#include "runbook.h"
#include "xalloc.h"

/*
 * Commands that only look.  Each argument must be known: what is not in a
 * table here is refused, because a program's next version may give it a
 * meaning.
 */

static char message[256];

const char *const look_summary[] = {
    "kubectl get, describe, logs, top, version, explain: of anything but "
    "secrets; no files, no other user, nothing that goes on for ever",
    "df, free, uptime, date",
    "ps: aux and the like, or columns that show no environment",
    "git status, log, diff: of the workspace's own repository",
    NULL,
};

bool
look_refuse(const char **reason, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	for (char *p = message; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	*reason = message;
	return false;
}

bool
look_any(const char *value)
{
	(void)value;
	return true;
}

bool
look_number(const char *value)
{
	size_t n;

	value += *value == '-' || *value == '+';
	n = strspn(value, "0123456789");
	return n > 0 && n < 10 && value[n] == '\0';
}

bool
look_name(const char *value)
{
	return *value != '\0' && *value != '-' &&
	       value[strspn(value,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789-_.")] == '\0';
}

static bool
option_is(const char *option, const char *name)
{
	size_t length = strlen(name);

	if (name[1] != '-') /* short: its value may follow at once */
		return option[1] == name[1];
	return strncmp(option, name, length) == 0 &&
	       (option[length] == '\0' || option[length] == '=');
}

static const struct look_option *
find_in(const struct look_option *o, const char *option)
{
	for (; o != NULL && o->name != NULL; o++)
		if (option_is(option, o->name))
			return o;
	return NULL;
}

static const struct look_option *
find_option(const struct look_spec *spec, const char *option)
{
	const struct look_option *o = find_in(spec->option, option);

	return o != NULL ? o : find_in(spec->more, option);
}

static const char *
find_refusal(const struct look_spec *spec, const char *option)
{
	const struct look_refusal *r = spec->refusal;

	for (; r != NULL && r->name != NULL; r++)
		if (option_is(option, r->name))
			return r->why;
	return NULL;
}

/* The option at argv[*at], which moves to the last argument that it takes. */
static bool
check_option(const struct look_spec *spec, char *const *argv, size_t argc,
    size_t *at, const char **reason)
{
	const char *option = argv[*at], *value, *why;
	const struct look_option *known = find_option(spec, option);
	bool is_long = option[1] == '-';

	if (known == NULL && !is_long &&
	    strspn(option + 1, spec->flags) == strlen(option + 1))
		return true;
	if (known == NULL) {
		why = find_refusal(spec, option);
		return look_refuse(reason, "%s %.40s is not permitted: %s",
		    argv[0], option,
		    why != NULL ? why
				: "it is not on the list of options "
				  "that only look");
	}
	value = option + strlen(known->name);
	if (known->value == NULL && *value != '\0')
		return look_refuse(reason,
		    "%s %.40s is not permitted: %s takes no value, and stands "
		    "by itself",
		    argv[0], option, known->name);
	if (known->value == NULL || (known->attached && *value == '\0'))
		return true;
	if (*value == '=')
		value++;
	else if (*value == '\0') {
		if (*at + 1 == argc)
			return look_refuse(reason, "%s %s needs a value",
			    argv[0], known->name);
		value = argv[++*at];
	}
	if (!known->value(value))
		return look_refuse(reason, "%s %s is not permitted with %.60s",
		    argv[0], known->name, value);
	return true;
}

bool
look_divide(const struct look_spec *spec, char *const *argv, size_t argc,
    struct look_words *words, const char **reason)
{
	bool divided = false;

	words->count = 0;
	if (argc > LOOK_ARGUMENTS_MAX)
		return look_refuse(reason, "%s: too many arguments", argv[0]);
	for (size_t i = 1; i < argc; i++) {
		if (divided || argv[i][0] != '-') {
			words->word[words->count++] = argv[i];
		} else if (strcmp(argv[i], "--") == 0 && spec->divider) {
			divided = true;
		} else if (argv[i][1] == '\0' || strcmp(argv[i], "--") == 0) {
			return look_refuse(reason,
			    "%s %s is not permitted: what follows could be "
			    "anything",
			    argv[0], argv[i]);
		} else if (!check_option(spec, argv, argc, &i, reason)) {
			return false;
		}
	}
	return true;
}

/* ---- df, free, uptime, date */

static bool
look_df(char *const *argv, size_t argc, const char **reason)
{
	static const struct look_option options[] = {{"--all", NULL, false},
	    {"--block-size", look_any, false},
	    {"--exclude-type", look_name, false},
	    {"--human-readable", NULL, false}, {"--inodes", NULL, false},
	    {"--local", NULL, false}, {"--no-sync", NULL, false},
	    {"--output", look_any, true}, {"--portability", NULL, false},
	    {"--print-type", NULL, false}, {"--si", NULL, false},
	    {"--total", NULL, false}, {"--type", look_name, false},
	    {"-B", look_any, false}, {"-t", look_name, false},
	    {"-x", look_name, false}, {NULL, NULL, false}};
	static const struct look_spec spec = {
	    .flags = "aHhiklPT", .option = options};
	struct look_words words;

	return look_divide(&spec, argv, argc, &words, reason);
}

static bool
no_words(const struct look_spec *spec, char *const *argv, size_t argc,
    const char **reason)
{
	struct look_words words;

	if (!look_divide(spec, argv, argc, &words, reason))
		return false;
	if (words.count != 0)
		return look_refuse(reason,
		    "%s %.60s is not permitted: %s "
		    "takes options only here",
		    argv[0], words.word[0], argv[0]);
	return true;
}

static bool
look_free(char *const *argv, size_t argc, const char **reason)
{
	static const struct look_option options[] = {{"--bytes", NULL, false},
	    {"--committed", NULL, false}, {"--gibi", NULL, false},
	    {"--giga", NULL, false}, {"--human", NULL, false},
	    {"--kibi", NULL, false}, {"--kilo", NULL, false},
	    {"--lohi", NULL, false}, {"--mebi", NULL, false},
	    {"--mega", NULL, false}, {"--si", NULL, false},
	    {"--total", NULL, false}, {"--wide", NULL, false},
	    {NULL, NULL, false}};
	static const struct look_refusal refusals[] = {
	    {"-s", "it goes on for ever"}, {"--seconds", "it goes on for ever"},
	    {"-c", "it repeats"}, {"--count", "it repeats"}, {NULL, NULL}};
	static const struct look_spec spec = {
	    .flags = "bghklmtvw", .option = options, .refusal = refusals};

	return no_words(&spec, argv, argc, reason);
}

static bool
look_uptime(char *const *argv, size_t argc, const char **reason)
{
	static const struct look_option options[] = {{"--pretty", NULL, false},
	    {"--since", NULL, false}, {NULL, NULL, false}};
	static const struct look_spec spec = {.flags = "ps", .option = options};

	return no_words(&spec, argv, argc, reason);
}

static bool
is_precision(const char *value)
{
	static const char *const known[] = {
	    "date", "hours", "minutes", "seconds", "ns", NULL};

	for (size_t i = 0; known[i] != NULL; i++)
		if (strcmp(known[i], value) == 0)
			return true;
	return false;
}

static bool
look_date(char *const *argv, size_t argc, const char **reason)
{
	static const struct look_option options[] = {
	    {"--date", look_any, false}, {"--iso-8601", is_precision, true},
	    {"--rfc-3339", is_precision, false}, {"--rfc-email", NULL, false},
	    {"--universal", NULL, false}, {"--utc", NULL, false},
	    {"-d", look_any, false}, {"-I", is_precision, true},
	    {NULL, NULL, false}};
	static const struct look_refusal refusals[] = {
	    {"-s", "it sets the clock"}, {"--set", "it sets the clock"},
	    {"-f", "it reads a file"}, {"--file", "it reads a file"},
	    {"-r", "it looks at a file"}, {"--reference", "it looks at a file"},
	    {NULL, NULL}};
	static const struct look_spec spec = {
	    .flags = "uR", .option = options, .refusal = refusals};
	struct look_words words;

	if (!look_divide(&spec, argv, argc, &words, reason))
		return false;
	for (size_t i = 0; i < words.count; i++)
		if (words.word[i][0] != '+')
			return look_refuse(reason,
			    "date %.60s is not permitted: without a + before "
			    "it, it sets the clock",
			    words.word[i]);
	return true;
}

/* ---- the list */

static const struct {
	const char *program;
	bool (*permits)(char *const *argv, size_t argc, const char **reason);
	char **(*arguments)(char *const *argv, size_t argc);
} looks[] = {
    {"date", look_date, NULL},
    {"df", look_df, NULL},
    {"free", look_free, NULL},
    {"git", look_git, look_git_arguments},
    {"kubectl", look_kubectl, NULL},
    {"ps", look_ps, look_ps_arguments},
    {"uptime", look_uptime, NULL},
};

enum { LOOKS = sizeof(looks) / sizeof(*looks) };

bool
look_permits(char *const *argv, size_t argc, const char **reason)
{
	*reason = NULL;
	for (size_t i = 0; argc > 0 && i < LOOKS; i++)
		if (strcmp(looks[i].program, argv[0]) == 0)
			return looks[i].permits(argv, argc, reason);
	return false;
}

char **
look_arguments(char *const *argv, size_t argc)
{
	char **copy;

	for (size_t i = 0; argc > 0 && i < LOOKS; i++)
		if (strcmp(looks[i].program, argv[0]) == 0 &&
		    looks[i].arguments != NULL)
			return looks[i].arguments(argv, argc);
	copy = xcalloc(argc + 1, sizeof(*copy));
	for (size_t i = 0; i < argc; i++)
		copy[i] = xstrdup(argv[i]);
	return copy;
}

void
look_arguments_free(char **argv)
{
	for (size_t i = 0; argv != NULL && argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
}
