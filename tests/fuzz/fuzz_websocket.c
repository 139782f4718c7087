#include <assert.h>
#include <stdint.h>
#include <string.h>
#include "utf8.h"
#include "websocket.h"

/*
 * Frames from a hostile peer.  Fed whole and in pieces they must give the
 * same messages, the same answers and the same end; no text that is not UTF-8
 * and no message beyond the limit comes out.  The first byte chooses the side
 * and the sizes of the pieces.  What a client answers has random masks, so
 * only its length is compared.
 */

enum { MESSAGE_MAX = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
note(void *arg, const char *data, size_t length, bool binary)
{
	struct buf *seen = arg;

	assert(length <= MESSAGE_MAX && data[length] == '\0');
	assert(binary || utf8_valid(data, length));
	buf_printf(seen, "%d %zu ", binary, length);
	buf_add(seen, data, length);
}

static void
feed(struct websocket *websocket, struct buf *seen, const uint8_t *data,
    size_t size, unsigned int seed)
{
	bool open = true;

	while (open && size > 0) {
		size_t piece = seed == 0 ? size : 1 + seed % 9;

		if (piece > size)
			piece = size;
		open = websocket_feed(websocket, data, piece, note, seen);
		data += piece;
		size -= piece;
		seed = seed == 0 ? 0 : (seed * 75 + 74) % 65537 | 1;
	}
	buf_printf(seen, "%d %d %s", open, websocket_code(websocket),
	    websocket_reason(websocket));
}

static void
answers(const uint8_t *data, size_t size)
{
	size_t used = 0;
	int status = 0;

	if (websocket_answer((const char *)data, size,
		"dGhlIHNhbXBsZSBub25jZQ==", &used, &status) == WEBSOCKET_OPEN)
		assert(used <= size && status == 101);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf seen[2] = {{0}};
	struct websocket *websocket[2];

	if (size < 2)
		return 0;
	for (int i = 0; i < 2; i++) {
		websocket[i] = websocket_new(
		    data[0] & 1 ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER,
		    MESSAGE_MAX);
		feed(websocket[i], &seen[i], data + 1, size - 1,
		    i == 0 ? 0 : data[0] | 1U);
	}
	assert(seen[0].length == seen[1].length);
	assert(memcmp(seen[0].data, seen[1].data, seen[0].length) == 0);
	assert(websocket_output(websocket[0])->length ==
	       websocket_output(websocket[1])->length);
	for (int i = 0; i < 2; i++) {
		websocket_free(websocket[i]);
		buf_free(&seen[i]);
	}
	answers(data + 1, size - 1);
	return 0;
}
