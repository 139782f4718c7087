#ifndef OC_SEND_CHUNK_H
#define OC_SEND_CHUNK_H

#include "rich.h"

/*
 * A long text in pieces that a message can hold.  Telegram counts UTF-16 code
 * units after it has taken the tags out.
 */
enum {
	CHUNK_MESSAGE_UNITS = 4096,
	CHUNK_CAPTION_UNITS = 1024,
	/*
	 * Of the HTML of a message: Telegram's own limit lies at about 35,000,
	 * and a text full of links would go beyond it.
	 */
	CHUNK_HTML_MAX = 30000,
};

struct chunk {
	size_t from, to; /* bytes of the text */
};

size_t chunk_units(const char *text, size_t length);

/*
 * The next piece at or after *position, of at most `most` units, which must
 * be 2 or more; *position moves behind it.  It is cut at the last paragraph,
 * else line, else word, else character; blanks at its ends are left out, and
 * a piece of which nothing can be seen is.  False when nothing is left.
 */
bool chunk_next(const struct rich *rich, size_t *position, size_t most,
    struct chunk *chunk);

/* The whole text, where it is one piece of at most `most` units. */
bool chunk_single(const struct rich *rich, size_t most, struct chunk *chunk);

#endif
