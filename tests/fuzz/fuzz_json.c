#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "json.h"
#include "utf8.h"

/*
 * What json_check takes libjq takes too, with the same meaning; and parse,
 * write, parse, write gives the same line twice.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static jv
parse(const char *text, size_t length)
{
	const char *error = "unset";
	jv value = json_parse(text, length, &error);

	assert(error == NULL && json_is_valid(value));
	return value;
}

static void
check_round_trip(jv ref)
{
	struct buf first = {0}, second = {0};
	jv again;

	json_write(&first, ref);
	assert(utf8_valid(first.data, first.length));
	assert(memchr(first.data, '\n', first.length) == NULL);
	again = parse(first.data, first.length);
	json_write(&second, again);
	assert(first.length == second.length);
	assert(memcmp(first.data, second.data, first.length) == 0);
	assert(json_equal(ref, again));
	jv_free(again);
	buf_free(&first);
	buf_free(&second);
}

/* libjq's own writer and ours must mean the same. */
static void
check_against_libjq(jv ref)
{
	jv dumped = jv_dump_string(jv_copy(ref), 0);
	jv again =
	    parse(json_as_string(dumped, ""), json_string_length(dumped));

	assert(json_equal(ref, again));
	jv_free(again);
	jv_free(dumped);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of the exact size, so that reading behind it is seen. */
	char *text = malloc(size != 0 ? size : 1);
	const char *problem;
	jv value;

	assert(text != NULL);
	memcpy(text, data, size);
	problem = json_check(text, size);
	if (problem == NULL) {
		value = parse(text, size);
		check_round_trip(value);
		check_against_libjq(value);
		jv_free(value);
	} else {
		assert(strstr(problem, " at byte ") != NULL);
		value = json_parse(text, size, NULL);
		assert(!json_is_valid(value));
		jv_free(value);
	}
	free(text);
	return 0;
}
