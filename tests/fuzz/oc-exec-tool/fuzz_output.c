#include <assert.h>
#include <stdint.h>
#include "../../../bin/oc-exec-tool/output.h"
#include "buf.h"
#include "utf8.h"

/*
 * Whatever a command prints, in whatever pieces, the result is UTF-8, has no
 * NUL, is not longer than it may be, and says rightly what is missing.  The
 * first byte gives the size of the pieces, the second how often the rest is
 * repeated, so that short inputs reach the limits too.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = OUTPUT_LEAST };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct output output;
	struct buf raw = {0}, text = {0};
	size_t step;
	uint64_t cut;

	if (size < 3)
		return 0;
	step = (size_t)data[0] * data[0] + 1;
	for (int i = 0; i <= data[1]; i++)
		buf_add(&raw, data + 2, size - 2);
	output_init(&output, MOST, -1, "t", "c");
	for (size_t at = 0; at < raw.length; at += step)
		output_add(&output, raw.data + at,
		    raw.length - at < step ? raw.length - at : step);
	assert(output.total == raw.length);
	cut = output_text(&output, &text);
	assert(cut < raw.length);
	assert(text.length <= MOST);
	assert(utf8_valid(buf_string(&text), text.length));
	for (size_t i = 0; i < text.length; i++)
		assert(text.data[i] != '\0');
	output_free(&output);
	buf_free(&text);
	buf_free(&raw);
	return 0;
}
