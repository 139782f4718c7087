#ifndef OC_PROBLEM_H
#define OC_PROBLEM_H

#include "buf.h"

/*
 * What is wrong with a file that a person wrote, gathered so that all of it
 * is told at once.  Each problem is one line of `out`:
 *
 *	FILE:LINE:COLUMN: what is wrong; what to do
 *
 * After PROBLEMS_MAX of them one line says that there are more.
 */
enum {
	PROBLEMS_MAX = 20,       /* as many as a person reads at once */
	PROBLEM_QUOTE_SIZE = 64, /* a quoted word, its marks and a NUL */
};

struct problems {
	const char *name; /* of the file; borrowed */
	struct buf *out;  /* borrowed */
	unsigned count;   /* also those that are not shown */
};

/* Line and column count from 1. */
void problem_add(struct problems *problems, unsigned line, unsigned column,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * The text between backticks, short and without control bytes, for use in a
 * message.  Never for a value that may be a secret.  Returns `out`.
 */
const char *problem_quote(char out[PROBLEM_QUOTE_SIZE], const char *text);

#endif
