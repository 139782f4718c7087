#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "utf8.h"
#include "../../../bin/oc-plan/runbook_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A call is exec with a line that the runbook permits. */
static void
check_call(const struct runbook *runbook, jv ref_call)
{
	jv args = json_get(ref_call, "args");
	const char *line = json_get_string(args, "command", ""), *error;
	struct words words;

	if (strcmp(json_get_string(ref_call, "name", ""), "exec") != 0 ||
	    !words_split(line, &words, &error))
		abort();
	if (runbook->count > 0 &&
	    runbook_match(runbook, words.word, words.count) == NULL)
		abort();
	words_free(&words);
	jv_free(args);
}

/* The message up to the first NUL, then the AGENTS.md. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t length = strnlen(text, size);
	struct runbook runbook;
	struct answer answer = {0};
	jv turn, call;

	turn = json_set(json_object(), "text", json_string_sized(text, length));
	length += length < size;
	runbook_parse(&runbook, text + length, size - length, NULL);
	answer_init(&answer);
	runbook_answer(&answer, &runbook, turn);
	if ((json_length(answer.calls) == 1) != (answer.text.length == 0) ||
	    !utf8_valid(buf_string(&answer.text), answer.text.length))
		abort();
	call = json_at(answer.calls, 0);
	/* with nothing granted the built-in looks are proposed */
	if (json_is_object(call) && runbook.count > 0 &&
	    runbook.operation[0].count > 0 &&
	    runbook.operation[0].command[0].refused == NULL)
		check_call(&runbook, call);
	jv_free(call);
	jv_free(turn);
	answer_free(&answer);
	runbook_free(&runbook);
	return 0;
}
