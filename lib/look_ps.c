#include <stdlib.h>
#include <string.h>
#include "look_parts.h"
#include "runbook.h"
#include "xalloc.h"

/*
 * ps shows the environment of processes, and with it secrets, by BSD's "e"
 * and by the column "environ".  When it does not understand its options as
 * Unix ones it reads all of them again as BSD ones, so that "-ef" beside
 * something odd shows environments; hence look_ps_arguments, which leaves no
 * "e" in a group of letters and no value outside of a long option.
 */

static bool
is_column(const char *name, size_t length)
{
	static const char *const known[] = {"%cpu", "%mem", "args", "c",
	    "cgroup", "class", "cls", "cmd", "comm", "command", "cp", "cputime",
	    "cputimes", "egid", "egroup", "etime", "etimes", "euid", "euser",
	    "fname", "gid", "group", "lstart", "lwp", "maj_flt", "majflt",
	    "min_flt", "minflt", "ni", "nice", "nlwp", "pcpu", "pgid", "pgrp",
	    "pid", "pmem", "policy", "ppid", "pri", "priority", "psr", "rgid",
	    "rgroup", "rss", "rssize", "rsz", "rtprio", "ruid", "ruser", "s",
	    "sess", "sid", "size", "spid", "start", "start_time", "stat",
	    "state", "stime", "sz", "thcount", "tid", "time", "tname", "tt",
	    "tty", "ucmd", "ucomm", "uid", "uname", "unit", "user", "vsize",
	    "vsz", "wchan", NULL};

	for (size_t i = 0; known[i] != NULL; i++)
		if (strlen(known[i]) == length &&
		    memcmp(known[i], name, length) == 0)
			return true;
	return false;
}

/* pid,user:12,args= */
static bool
are_columns(const char *value)
{
	while (true) {
		size_t n = strcspn(value, ",:= ");

		if (!is_column(value, n))
			return false;
		value += n;
		if (*value == ':') {
			value++;
			n = strspn(value, "0123456789");
			if (n == 0 || n > 4)
				return false;
			value += n;
		}
		if (*value == '=')
			value++;
		if (*value == '\0')
			return true;
		if (*value != ',')
			return false;
		value++;
	}
}

static bool
is_order(const char *value)
{
	while (true) {
		size_t n;

		value += *value == '-' || *value == '+';
		n = strcspn(value, ",");
		if (!is_column(value, n))
			return false;
		value += n;
		if (*value == '\0')
			return true;
		value++;
	}
}

static bool
are_names(const char *value)
{
	return *value != '\0' && *value != '-' &&
	       value[strspn(value,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789-_.,")] == '\0';
}

static bool
are_numbers(const char *value)
{
	return *value != '\0' && value[strspn(value, "0123456789,")] == '\0';
}

static const struct look_option options[] = {{"--cols", look_number, false},
    {"--forest", NULL, false}, {"--format", are_columns, false},
    {"--headers", NULL, false}, {"--no-headers", NULL, false},
    {"--no-heading", NULL, false}, {"--no-headings", NULL, false},
    {"--pid", are_numbers, false}, {"--ppid", are_numbers, false},
    {"--sort", is_order, false}, {"--user", are_names, false},
    {"--width", look_number, false}, {"-o", are_columns, false},
    {"-p", are_numbers, false}, {"-u", are_names, false}, {NULL, NULL, false}};

static const struct look_spec spec = {
    .flags = "AadefFHjLlTw", .option = options};

/* ps -aux, which means ps aux if there is no user of the name x. */
static bool
is_bsd(const char *word)
{
	return word[0] == '-' && strchr(word, 'x') != NULL &&
	       word[1 + strspn(word + 1, "aufwrx")] == '\0';
}

/*
 * The vector with -eo as -e -o, and with no value but behind a long option.
 * The caller frees it.
 */
static char **
divide_letters(char *const *argv, size_t argc)
{
	char **out = xcalloc(2 * argc + 1, sizeof(*out));
	size_t count = 0;

	for (size_t i = 0; i < argc; i++) {
		size_t flags = 0;

		if (is_bsd(argv[i])) {
			out[count++] = xstrdup(argv[i] + 1);
			continue;
		}
		if (argv[i][0] == '-' && argv[i][1] != '-')
			flags = strspn(argv[i] + 1, spec.flags);
		if (flags == 0 || argv[i][1 + flags] == '\0') {
			out[count++] = xstrdup(argv[i]);
			continue;
		}
		out[count++] = xstrndup(argv[i], 1 + flags);
		out[count++] = xasprintf("-%s", argv[i] + 1 + flags);
	}
	return out;
}

bool
look_ps(char *const *argv, size_t argc, const char **reason)
{
	char **divided = divide_letters(argv, argc);
	struct look_words words;
	size_t count = 0;
	bool ok;

	while (divided[count] != NULL)
		count++;
	ok = look_divide(&spec, divided, count, &words, reason);
	for (size_t i = 0; ok && i < words.count; i++)
		if (words.word[i][strspn(words.word[i], "aufwrx")] != '\0' ||
		    *words.word[i] == '\0')
			ok = look_refuse(reason,
			    "ps %.40s is not permitted: of these letters a, u, "
			    "x, f, r and w are known; e shows environments",
			    words.word[i]);
	look_arguments_free(divided);
	return ok;
}

/* The name of the long option for one whose value may stand by itself. */
static const char *
long_name(const char *option)
{
	if (strncmp(option, "-o", 2) == 0)
		return "--format";
	if (strncmp(option, "-p", 2) == 0)
		return "--pid";
	if (strncmp(option, "-u", 2) == 0)
		return "--user";
	for (const struct look_option *o = options; o->name != NULL; o++)
		if (o->value != NULL && strcmp(o->name, option) == 0)
			return o->name;
	return NULL;
}

/* -A is the same as -e, and no option of BSD's. */
static void
replace_e(char *word)
{
	if (word[0] != '-' || word[1] == '-')
		return;
	for (; *word != '\0'; word++)
		if (*word == 'e')
			*word = 'A';
}

char **
look_ps_arguments(char *const *argv, size_t argc)
{
	char **divided = divide_letters(argv, argc), **out;
	size_t count = 0;

	out = xcalloc(2 * argc + 1, sizeof(*out));
	for (size_t i = 0; divided[i] != NULL; i++) {
		const char *name = long_name(divided[i]), *value;

		if (name == NULL) {
			out[count] = xstrdup(divided[i]);
			replace_e(out[count++]);
			continue;
		}
		value = divided[i] + (divided[i][1] == '-' ? strlen(name) : 2);
		if (*value == '=')
			value++;
		else if (*value == '\0' && divided[i + 1] != NULL)
			value = divided[++i];
		out[count++] = xasprintf("%s=%s", name, value);
	}
	look_arguments_free(divided);
	return out;
}
