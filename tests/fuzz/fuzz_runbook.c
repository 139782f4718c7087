#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "runbook.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_program(const char *word)
{
	return word[0] == 'k' || word[0] == 'n';
}

/*
 * A command of nothing but literals permits its own words, which are those that
 * words_split finds; a refused one has a reason; texts are UTF-8.
 */
static void
check_command(const struct runbook *runbook, const struct runbook_command *c)
{
	char *argv[WORDS_MAX + 1];
	struct words words;
	const char *error;

	if (!utf8_valid(c->text, strlen(c->text)) ||
	    (c->label != NULL && !utf8_valid(c->label, strlen(c->label))))
		abort();
	if (c->refused != NULL) {
		if (*c->refused == '\0')
			abort();
		return;
	}
	if (c->count == 0 || c->count > WORDS_MAX ||
	    c->part[0].kind != RUNBOOK_LITERAL)
		abort();
	for (size_t i = 0; i < c->count; i++) {
		if (c->part[i].kind != RUNBOOK_LITERAL)
			return;
		argv[i] = c->part[i].text;
	}
	if (runbook_match(runbook, argv, c->count) == NULL)
		abort();
	if (words_split(c->text, &words, &error)) {
		if (words.count != c->count)
			abort();
		for (size_t i = 0; i < words.count; i++)
			if (strcmp(words.word[i], argv[i]) != 0)
				abort();
		words_free(&words);
	}
	argv[0] = argv[c->count - 1];
	(void)runbook_match(runbook, argv, 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct runbook runbook;

	runbook_parse(&runbook, (const char *)data, size, is_program);
	for (size_t i = 0; i < runbook.count; i++) {
		const struct runbook_operation *o = &runbook.operation[i];

		if (!utf8_valid(o->title, strlen(o->title)) ||
		    !utf8_valid(o->prose, strlen(o->prose)))
			abort();
		for (size_t j = 0; j < o->count && j < 64; j++)
			check_command(&runbook, &o->command[j]);
	}
	runbook_free(&runbook);
	return 0;
}
