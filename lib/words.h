#ifndef OC_WORDS_H
#define OC_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A command line taken apart into an argument vector as a POSIX shell would
 * do it for plain words and quotes, and for nothing else.
 */
struct words {
	char **word; /* NULL-terminated; NULL when count is 0 */
	size_t count;
};

enum {
	WORDS_MAX = 256,            /* arguments of one command */
	WORDS_LINE_MAX = 32 * 1024, /* bytes of one command line */
};

/*
 * Splits at blanks; understands 'single' and "double" quotes and backslashes
 * outside of single quotes.  Everything that a shell would act on when it is
 * not quoted (; & | < > ( ) $ ` newline, a # that begins a word, and $ `
 * inside double quotes), a NUL or another control byte, and an unfinished
 * quote is refused: false, and *error says what stands where, in words for
 * the model and the person (it is valid until the next call).  Of control
 * bytes only a tab in quotes is let through.  What a shell would only expand
 * (* ? [ ~ {) stands for itself.  A line without a word gives true and count
 * 0.  words_free releases.
 */
bool words_split(const char *line, struct words *words, const char **error);
void words_free(struct words *words);

/*
 * The vector as one line that words_split takes apart to the same vector; one
 * with a control byte in it words_split refuses.  The caller frees it.
 */
char *words_join(char *const *word, size_t count);

#endif
