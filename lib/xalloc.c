#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "log.h"
#include "xalloc.h"

void *
xmalloc(size_t size)
{
	void *p = malloc(size != 0 ? size : 1);

	if (p == NULL)
		fatal(EX_OSERR, "out of memory (%zu bytes)", size);
	return p;
}

void *
xcalloc(size_t count, size_t size)
{
	void *p = calloc(count != 0 ? count : 1, size != 0 ? size : 1);

	if (p == NULL)
		fatal(EX_OSERR, "out of memory (%zu times %zu bytes)", count,
		    size);
	return p;
}

void *
xreallocarray(void *pointer, size_t count, size_t size)
{
	void *p;

	if (count == 0 || size == 0)
		count = size = 1;
	p = reallocarray(pointer, count, size);
	if (p == NULL)
		fatal(EX_OSERR, "out of memory (%zu times %zu bytes)", count,
		    size);
	return p;
}

char *
xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

char *
xstrndup(const char *text, size_t length)
{
	size_t n = strnlen(text, length);
	char *copy = xmalloc(n + 1);

	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *
xasprintf(const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		fatal(EX_OSERR, "out of memory (formatting)");
	va_end(ap);
	return text;
}
