#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "words.h"
#include "xalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was split, joined and split again is the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct words once, twice;
	const char *error;
	char *line = xmalloc(size + 1), *joined;

	memcpy(line, data, size);
	line[size] = '\0';
	if (words_split(line, &once, &error)) {
		joined = words_join(once.word, once.count);
		if (strlen(joined) <= WORDS_LINE_MAX) {
			if (!words_split(joined, &twice, &error) ||
			    once.count != twice.count)
				abort();
			for (size_t i = 0; i < once.count; i++)
				if (strcmp(once.word[i], twice.word[i]) != 0)
					abort();
			words_free(&twice);
		}
		free(joined);
		words_free(&once);
	} else if (error == NULL || *error == '\0') {
		abort();
	}
	free(line);
	return 0;
}
