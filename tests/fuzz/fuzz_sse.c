#include <assert.h>
#include <stdint.h>
#include <string.h>
#include "sse.h"

/*
 * The same bytes, fed whole and in pieces, must give the same events.  The
 * first byte of the input seeds the sizes of the pieces.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
note(void *arg, const char *type, const char *data, size_t size)
{
	struct buf *seen = arg;

	assert(data[size] == '\0');
	buf_printf(seen, "%zu %zu %s\n", strlen(type), size, type);
	buf_add(seen, data, size);
	return true;
}

static void
feed(struct buf *seen, const char *bytes, size_t length, unsigned int seed)
{
	struct sse sse = {0};

	while (length > 0) {
		size_t piece = seed == 0 ? length : 1 + seed % 7;

		if (piece > length)
			piece = length;
		assert(sse_feed(&sse, bytes, piece, note, seen));
		bytes += piece;
		length -= piece;
		seed = seed == 0 ? 0 : (seed * 75 + 74) % 65537 | 1;
	}
	sse_free(&sse);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = {0}, pieces = {0};

	if (size < 2)
		return 0;
	feed(&whole, (const char *)data + 1, size - 1, 0);
	feed(&pieces, (const char *)data + 1, size - 1, data[0] | 1U);
	assert(whole.length == pieces.length);
	assert(whole.length == 0 ||
	       memcmp(whole.data, pieces.data, whole.length) == 0);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
