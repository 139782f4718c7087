#ifndef OC_LOOK_PARTS_H
#define OC_LOOK_PARTS_H

#include <stdbool.h>
#include <stddef.h>

/* What the files of the looking commands share; nobody else includes this. */

/*
 * An option that may be given.  Its value stands behind a '=' (behind the
 * letter of a short one) or is the next argument.
 */
struct look_option {
	const char *name;            /* "-n" or "--namespace" */
	bool (*value)(const char *); /* whether a value is fine; NULL: none */
	bool attached;               /* the value may be left out */
};

/* An option whose refusal needs an explanation. */
struct look_refusal {
	const char *name;
	const char *why;
};

struct look_spec {
	const char *flags; /* letters without a value, may stand together */
	const struct look_option *option;   /* a NULL name ends it */
	const struct look_option *more;     /* as option; NULL if none */
	const struct look_refusal *refusal; /* likewise; may be NULL */
	bool divider; /* "--" may stand, and paths follow it */
};

enum {
	LOOK_ARGUMENTS_MAX = 64, /* more are not needed for looking */
};

struct look_words {
	const char *word[LOOK_ARGUMENTS_MAX];
	size_t count;
};

/*
 * Divides the arguments into known options and words, from argv[1] on.
 * False with *reason when one is not known.
 */
bool look_divide(const struct look_spec *spec, char *const *argv, size_t argc,
    struct look_words *words, const char **reason);

/* Sets *reason, valid until the next call, and returns false. */
bool look_refuse(const char **reason, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Checks of values. */
bool look_any(const char *value);
bool look_number(const char *value); /* with a sign before it, perhaps */
bool look_name(const char *value);   /* letters, digits, - _ . */

bool look_kubectl(char *const *argv, size_t argc, const char **reason);
bool look_git(char *const *argv, size_t argc, const char **reason);
char **look_git_arguments(char *const *argv, size_t argc);
bool look_ps(char *const *argv, size_t argc, const char **reason);
char **look_ps_arguments(char *const *argv, size_t argc);

#endif
