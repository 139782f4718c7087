#include <string.h>
#include "frames.h"

enum { KEPT = 64 * 1024 }; /* memory that the next message finds ready */

void
frames_feed(struct frames *frames, const char *data, size_t length,
    void (*message)(void *arg, const char *data, size_t length), void *arg)
{
	while (length > 0) {
		const char *end = memchr(data, '\0', length);
		size_t piece = end != NULL ? (size_t)(end - data) : length;
		size_t room = frames->most - frames->buf.length;

		buf_add(&frames->buf, data, piece < room ? piece : room);
		if (end == NULL)
			return;
		message(arg, buf_string(&frames->buf), frames->buf.length);
		if (frames->buf.capacity > KEPT)
			buf_free(&frames->buf);
		else
			buf_clear(&frames->buf);
		data += piece + 1;
		length -= piece + 1;
	}
}

void
frames_free(struct frames *frames)
{
	buf_free(&frames->buf);
}
