#include <limits.h>
#include <sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "buf.h"
#include "log.h"
#include "state.h"
#include "xalloc.h"

enum {
	NAME_LENGTH_MAX = 200, /* NAME_MAX is 255; queues add to a name */
	HASH_DIGITS = 16,
};

const char *
state_directory(void)
{
	static char directory[PATH_MAX];
	static bool known;
	const char *set, *home;
	int n = 0;

	if (known)
		return *directory != '\0' ? directory : NULL;
	known = true;
	set = getenv("OC_STATE");
	home = getenv("HOME");
	if (set != NULL && *set != '\0')
		n = snprintf(directory, sizeof directory, "%s", set);
	else if (home != NULL && *home != '\0')
		n = snprintf(
		    directory, sizeof directory, "%s/.openclaw/state", home);
	if (n < 0 || (size_t)n >= sizeof directory)
		fatal(EX_CONFIG, "OC_STATE: the path is too long");
	return *directory != '\0' ? directory : NULL;
}

char *
state_path(const char *format, ...)
{
	struct buf path = {0};
	va_list ap;
	char *rest;

	if (state_directory() == NULL)
		return NULL;
	va_start(ap, format);
	if (vasprintf(&rest, format, ap) < 0)
		fatal(EX_OSERR, "out of memory (formatting)");
	va_end(ap);
	buf_printf(&path, "%s/%s", state_directory(), rest);
	free(rest);
	return buf_take(&path);
}

char *
state_name(const char *identifier)
{
	static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz"
				   "0123456789_:@+=,.-";
	struct buf name = {0};
	char hash[SHA256_DIGEST_STRING_LENGTH];

	for (const char *c = identifier; *c != '\0'; c++) {
		if (strchr(kept, *c) != NULL && !(c == identifier && *c == '.'))
			buf_add_byte(&name, *c);
		else
			buf_printf(&name, "%%%02X", (unsigned char)*c);
	}
	if (name.length == 0)
		buf_add_byte(&name, '%');
	if (name.length > NAME_LENGTH_MAX) {
		SHA256Data(
		    (const uint8_t *)identifier, strlen(identifier), hash);
		buf_truncate(&name, NAME_LENGTH_MAX - HASH_DIGITS - 1);
		buf_printf(&name, "~%.*s", HASH_DIGITS, hash);
	}
	return buf_take(&name);
}
