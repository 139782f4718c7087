#ifndef OC_XALLOC_H
#define OC_XALLOC_H

#include <stddef.h>

/*
 * Allocation that never returns NULL: when memory is out the program ends
 * with EX_OSERR, because nothing that it could do instead would be right.
 * What these return is released with free(3).
 */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xreallocarray(void *pointer, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
