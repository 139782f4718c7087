#include <ctype.h>
#include <string.h>
#include "look_parts.h"

static bool
is_format(const char *value)
{
	static const char *const whole[] = {
	    "wide", "name", "json", "yaml", NULL};
	static const char *const begin[] = {
	    "jsonpath=", "jsonpath-as-json=", "custom-columns=", NULL};

	for (size_t i = 0; whole[i] != NULL; i++)
		if (strcmp(whole[i], value) == 0)
			return true;
	for (size_t i = 0; begin[i] != NULL; i++)
		if (strncmp(value, begin[i], strlen(begin[i])) == 0)
			return true;
	return false; /* the -file forms read a file */
}

/*
 * Whether each of them takes a value is kubectl's: an option that took none
 * there and one here would hide the word behind it from the look at words.
 */
static const struct look_option options[] = {{"--all-containers", NULL, false},
    {"--all-namespaces", NULL, false}, {"--api-version", look_name, false},
    {"--client", NULL, false}, {"--container", look_name, false},
    {"--containers", NULL, false}, {"--field-selector", look_any, false},
    {"--ignore-not-found", NULL, false}, {"--label-columns", look_any, false},
    {"--limit-bytes", look_number, false}, {"--namespace", look_name, false},
    {"--no-headers", NULL, false}, {"--output", is_format, false},
    {"--prefix", NULL, false}, {"--previous", NULL, false},
    {"--recursive", NULL, false}, {"--request-timeout", look_name, false},
    {"--selector", look_any, false}, {"--show-kind", NULL, false},
    {"--show-labels", NULL, false}, {"--since", look_name, false},
    {"--since-time", look_any, false}, {"--sort-by", look_any, false},
    {"--sum", NULL, false}, {"--tail", look_number, false},
    {"--timestamps", NULL, false}, {"-A", NULL, false}, {"-L", look_any, false},
    {"-c", look_name, false}, {"-l", look_any, false}, {"-n", look_name, false},
    {"-o", is_format, false}, {"-p", NULL, false}, {NULL, NULL, false}};

static const struct look_refusal refusals[] = {
    {"-f", "it reads a file, or never ends"}, {"--filename", "it reads a file"},
    {"--follow", "it never ends"}, {"-k", "it reads a directory"},
    {"--kustomize", "it reads a directory"}, {"-w", "it never ends"},
    {"--watch", "it never ends"}, {"--watch-only", "it never ends"},
    {"--raw", "it reads any address of the server, secrets too"},
    {"--as", "it takes another user's rights"},
    {"--as-group", "it takes another user's rights"},
    {"--as-uid", "it takes another user's rights"},
    {"--user", "it takes another user's rights"},
    {"--token", "it takes another user's rights"},
    {"--kubeconfig", "it reads a file that could name any program"},
    {"--context", "it goes to another cluster"},
    {"--cluster", "it goes to another cluster"},
    {"-s", "it sends the credentials to another server"},
    {"--server", "it sends the credentials to another server"},
    {"--insecure-skip-tls-verify", "it trusts any server"},
    {"--template", "it may read a file"}, {NULL, NULL}};

static const struct look_spec spec = {
    .flags = "", .option = options, .refusal = refusals};

static bool
holds_secret(const char *word, size_t length)
{
	for (size_t i = 0; i + 6 <= length; i++)
		if (strncasecmp(word + i, "secret", 6) == 0)
			return true;
	return false;
}

/*
 * Whether a word may name the type of a secret: get secrets, SECRET/x,
 * pods,secrets.v1., sealedsecrets too.  The name of a pod may have it.
 */
static bool
is_secret(const struct look_words *words, size_t i)
{
	const char *word = words->word[i], *slash = strrchr(word, '/');
	bool logs = strcmp(words->word[0], "logs") == 0;

	if (slash != NULL)
		return holds_secret(word, (size_t)(slash - word));
	/* a pod's, for logs; the name of one of the type before it */
	if (logs || i > 1)
		return false;
	return holds_secret(word, strlen(word));
}

/* Names are ASCII; other letters could fold to it. */
static bool
is_name(const char *word)
{
	for (const char *p = word; *p != '\0'; p++)
		if (!isgraph((unsigned char)*p))
			return false;
	return *word != '\0';
}

bool
look_kubectl(char *const *argv, size_t argc, const char **reason)
{
	static const char *const verbs[] = {
	    "get", "describe", "logs", "top", "version", "explain", NULL};
	struct look_words words;
	size_t v = 0;

	if (!look_divide(&spec, argv, argc, &words, reason))
		return false;
	if (words.count == 0)
		return look_refuse(reason, "kubectl needs a subcommand");
	while (verbs[v] != NULL && strcmp(verbs[v], words.word[0]) != 0)
		v++;
	if (verbs[v] == NULL)
		return look_refuse(reason,
		    "kubectl %.40s is not permitted: only get, describe, logs, "
		    "top, version and explain look and do nothing else",
		    words.word[0]);
	for (size_t i = 1; i < words.count; i++) {
		if (!is_name(words.word[i]))
			return look_refuse(reason,
			    "kubectl: '%.60s' is not the name of a thing in a "
			    "cluster",
			    words.word[i]);
		if (is_secret(&words, i))
			return look_refuse(reason,
			    "kubectl %s %.60s is not permitted: secrets are "
			    "not to be looked at",
			    words.word[0], words.word[i]);
	}
	return true;
}
