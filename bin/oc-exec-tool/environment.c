#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "environment.h"
#include "json.h"
#include "secret.h"
#include "xalloc.h"

/* A final asterisk stands for any rest. */
static const char *const for_commands[] = {"PATH", "HOME", "USER", "LOGNAME",
    "SHELL", "LANG", "LC_*", "TZ", "TMPDIR", "KUBECONFIG", "KUBERNETES_*",
    "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "NODE_PATH", NULL};
static const char *const for_fetch[] = {"PATH", "HOME", "LANG", "LC_*", "TZ",
    "TMPDIR", "OC_CONFIG", "OC_LOG", "OC_STATE", "SSL_CERT_FILE",
    "SSL_CERT_DIR", NULL};

static bool
fits(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);

	if (length != 0 && pattern[length - 1] == '*')
		return strncmp(pattern, name, length - 1) == 0;
	return strcmp(pattern, name) == 0;
}

static bool
is_listed(const char *const *list, jv ref_more, const char *name)
{
	bool found = false;

	for (; *list != NULL && !found; list++)
		found = fits(*list, name);
	for (int i = 0, n = json_length(ref_more); i < n && !found; i++) {
		jv more = json_at(ref_more, i);

		found = fits(json_as_string(more, ""), name);
		jv_free(more);
	}
	return found && !secret_is_name(name);
}

static char **
build(const char *const *list, jv ref_more)
{
	size_t count = 0;
	char **result;

	while (environ[count] != NULL)
		count++;
	result = xcalloc(count + 3, sizeof *result);
	count = 0;
	for (char **variable = environ; *variable != NULL; variable++) {
		const char *equals = strchr(*variable, '=');
		char *name;

		if (equals == NULL)
			continue;
		name = xstrndup(*variable, (size_t)(equals - *variable));
		if (is_listed(list, ref_more, name))
			result[count++] = xstrdup(*variable);
		free(name);
	}
	/* programs then neither colour nor page nor draw */
	result[count++] = xstrdup("TERM=dumb");
	if (getenv("PATH") == NULL)
		result[count] = xstrdup("PATH=/usr/local/bin:/usr/bin:/bin");
	return result;
}

char **
environment_for_commands(jv ref_names)
{
	return build(for_commands, ref_names);
}

char **
environment_for_fetch(void)
{
	jv none = json_array();
	char **result = build(for_fetch, none);

	jv_free(none);
	return result;
}

void
environment_free(char **environment)
{
	for (size_t i = 0; environment != NULL && environment[i] != NULL; i++)
		free(environment[i]);
	free(environment);
}
