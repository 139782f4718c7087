#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>
#include "buf.h"
#include "io.h"
#include "log.h"
#include "secret.h"
#include "xalloc.h"

enum {
	SECRET_MAX = 64 * 1024, /* more than any token; a wrong file is told */
};

/* Every secret that one of our programs takes; providers add theirs. */
static const char *const built_in[] = {"GEMINI_API_KEY", "GOOGLE_API_KEY",
    "LITELLM_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY",
    "TELEGRAM_BOT_TOKEN", "OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_HOOKS_TOKEN",
    "TELEGRAM_WEBHOOK_SECRET", "REDIS_PASSWORD"};
static char **added;
static size_t added_count;

static void
forget(const char *name)
{
	char *value = getenv(name);

	if (value == NULL)
		return;
	/* in place, so that /proc/PID/environ does not show it any more */
	explicit_bzero(value, strlen(value));
	unsetenv(name);
}

/* Without the newline that editors and `echo` put at the end. */
static char *
checked(const char *name, const char *value, size_t length)
{
	char *copy;

	while (length > 0 &&
	       (value[length - 1] == '\n' || value[length - 1] == '\r'))
		length--;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			fatal(EX_CONFIG,
			    "%s: has a control byte at position %zu; a "
			    "secret is one line of text",
			    name, i + 1);
	if (length == 0)
		return NULL;
	copy = xmalloc(length + 1);
	memcpy(copy, value, length);
	copy[length] = '\0';
	return copy;
}

static char *
from_file(const char *name, const char *path)
{
	struct buf content = {0};
	char *secret;

	/* room for all of it at once, so that no copy is left behind */
	buf_reserve(&content, SECRET_MAX + 16 * 1024);
	if (!io_read_file(AT_FDCWD, path, SECRET_MAX, &content))
		fatal(EX_NOINPUT, "%s_FILE: cannot read %s: %s", name, path,
		    strerror(errno));
	secret = checked(name, buf_string(&content), content.length);
	buf_wipe(&content);
	return secret;
}

/*
 * No core file, and no other process of the same user, such as a tool, reads
 * what is held from /proc/PID/mem.
 */
static void
hide_memory(void)
{
#ifndef OC_SANITIZED /* LeakSanitizer must read it */
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

char *
secret_copy(const char *name)
{
	char *file_name = xasprintf("%s_FILE", name);
	const char *value = getenv(name), *path = getenv(file_name);
	char *secret = NULL;

	if (value != NULL)
		secret = checked(name, value, strlen(value));
	if (secret == NULL && path != NULL && *path != '\0')
		secret = from_file(name, path);
	if (secret != NULL)
		hide_memory();
	free(file_name);
	return secret;
}

void
secret_free(char *secret)
{
	if (secret == NULL)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

static void
forget_both(const char *name)
{
	char *file_name = xasprintf("%s_FILE", name);

	forget(name);
	forget(file_name);
	free(file_name);
}

char *
secret_take(const char *name)
{
	char *secret = secret_copy(name);

	forget_both(name);
	return secret;
}

void
secret_forget(const char *name)
{
	forget_both(name);
}

void
secret_scrub_environment(void)
{
	for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
		forget_both(built_in[i]);
	for (size_t i = 0; i < added_count; i++)
		forget_both(added[i]);
}

static bool
is_or_names_file_of(const char *name, const char *secret)
{
	size_t length = strlen(secret);

	return strncmp(name, secret, length) == 0 &&
	       (name[length] == '\0' || strcmp(name + length, "_FILE") == 0);
}

bool
secret_is_name(const char *name)
{
	for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
		if (is_or_names_file_of(name, built_in[i]))
			return true;
	for (size_t i = 0; i < added_count; i++)
		if (is_or_names_file_of(name, added[i]))
			return true;
	return false;
}

void
secret_add_name(const char *name)
{
	if (secret_is_name(name))
		return;
	added = xreallocarray(added, added_count + 1, sizeof *added);
	added[added_count++] = xstrdup(name);
}
