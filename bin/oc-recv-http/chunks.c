#include <string.h>
#include "chunks.h"

enum {
	DIGITS_MAX = 8,
	AROUND_MAX = 4096, /* nobody who means well sends any */
};

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f;
}

static enum chunks_result
size_byte(struct chunks *chunks, char c)
{
	int digit = hex(c);

	if (digit >= 0 && chunks->digits < DIGITS_MAX) {
		chunks->left = chunks->left << 4 | (size_t)digit;
		chunks->digits++;
		return CHUNKS_MORE;
	}
	if (chunks->digits == 0 || (c != '\r' && c != ';'))
		return CHUNKS_BAD;
	chunks->state = c == '\r' ? CHUNKS_SIZE_LF : CHUNKS_EXTENSION;
	return CHUNKS_MORE;
}

/* A byte of what stands around the data. */
static enum chunks_result
around_byte(struct chunks *chunks, char c)
{
	bool plain = is_plain(c) || c == '\t';

	if (++chunks->around > AROUND_MAX)
		return CHUNKS_BAD;
	switch (chunks->state) {
	case CHUNKS_EXTENSION:
		if (c == '\r')
			chunks->state = CHUNKS_SIZE_LF;
		return plain || c == '\r' ? CHUNKS_MORE : CHUNKS_BAD;
	case CHUNKS_TRAILER:
		chunks->state = c == '\r' ? CHUNKS_END_LF : CHUNKS_TRAILER_IN;
		return is_plain(c) || c == '\r' ? CHUNKS_MORE : CHUNKS_BAD;
	case CHUNKS_TRAILER_IN:
		if (c == '\r')
			chunks->state = CHUNKS_TRAILER_LF;
		return plain || c == '\r' ? CHUNKS_MORE : CHUNKS_BAD;
	case CHUNKS_TRAILER_LF:
		chunks->state = CHUNKS_TRAILER;
		return c == '\n' ? CHUNKS_MORE : CHUNKS_BAD;
	default: return c == '\n' ? CHUNKS_DONE : CHUNKS_BAD; /* END_LF */
	}
}

static enum chunks_result
byte(struct chunks *chunks, char c, size_t room)
{
	switch (chunks->state) {
	case CHUNKS_SIZE: return size_byte(chunks, c);
	case CHUNKS_SIZE_LF:
		if (c != '\n')
			return CHUNKS_BAD;
		if (chunks->left > room)
			return CHUNKS_TOO_LARGE;
		chunks->digits = 0;
		chunks->state =
		    chunks->left != 0 ? CHUNKS_DATA : CHUNKS_TRAILER;
		return CHUNKS_MORE;
	case CHUNKS_DATA_CR:
		chunks->state = CHUNKS_DATA_LF;
		return c == '\r' ? CHUNKS_MORE : CHUNKS_BAD;
	case CHUNKS_DATA_LF:
		chunks->state = CHUNKS_SIZE;
		return c == '\n' ? CHUNKS_MORE : CHUNKS_BAD;
	default: return around_byte(chunks, c);
	}
}

enum chunks_result
chunks_feed(struct chunks *chunks, const char *data, size_t length, size_t most,
    struct buf *body, size_t *used)
{
	enum chunks_result result = CHUNKS_MORE;

	*used = 0;
	while (*used < length && result == CHUNKS_MORE) {
		if (chunks->state == CHUNKS_DATA) {
			size_t n = length - *used;

			if (n > chunks->left)
				n = chunks->left;
			buf_add(body, data + *used, n);
			*used += n;
			chunks->left -= n;
			if (chunks->left == 0)
				chunks->state = CHUNKS_DATA_CR;
			continue;
		}
		result = byte(chunks, data[(*used)++],
		    most > body->length ? most - body->length : 0);
	}
	return result;
}
