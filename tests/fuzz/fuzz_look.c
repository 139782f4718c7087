#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "runbook.h"
#include "xalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A line of words.  No kubectl that is permitted has a word "secrets" where a
 * type stands, no ps has an "e" among its letters, and a refusal of a program
 * on the list has a reason.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = xstrndup((const char *)data, size), **argv;
	struct words words;
	const char *error, *reason;

	if (!words_split(line, &words, &error))
		goto out;
	if (look_permits(words.word, words.count, &reason)) {
		if (strcmp(words.word[0], "kubectl") == 0 && words.count == 3 &&
		    strcasecmp(words.word[2], "secrets") == 0)
			abort();
		argv = look_arguments(words.word, words.count);
		for (size_t i = 1; argv[i] != NULL; i++)
			if (strcmp(argv[0], "ps") == 0 && argv[i][0] == '-' &&
			    argv[i][1] != '-' && strchr(argv[i], 'e') != NULL)
				abort();
		look_arguments_free(argv);
	} else if (reason != NULL && *reason == '\0') {
		abort();
	}
	words_free(&words);
out:
	free(line);
	return 0;
}
