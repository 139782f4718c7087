#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "rule_check.h"

/*
 * Any text as a rule, up to where libjq would see it.  What is accepted stays
 * accepted in brackets, and does not hide a name that follows it.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
with_behind(const char *text, const char *rest)
{
	size_t size = strlen(text) + strlen(rest) + 1;
	char *all = malloc(size);

	if (all == NULL)
		abort();
	memcpy(all, text, strlen(text));
	memcpy(all + strlen(text), rest, strlen(rest) + 1);
	return all;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *error;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	error = rule_check(text);
	if (error == NULL) {
		char *more = with_behind(text, "\n|input");
		char *refused = rule_check(more);

		assert(refused != NULL);
		free(refused);
		free(more);
	} else {
		assert(*error != '\0');
	}
	free(error);
	free(text);
	return 0;
}
