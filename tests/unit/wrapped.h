#ifndef OC_TESTS_WRAPPED_H
#define OC_TESTS_WRAPPED_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Whether valgrind runs the test.  It has no seccomp, gives posix_spawn no
 * memory that is shared with the child, and is too slow for what two sides
 * do at the same time.
 */
static inline bool
under_valgrind(void)
{
	const char *wrap = getenv("OC_WRAP");

	return wrap != NULL && strstr(wrap, "valgrind") != NULL;
}

#endif
