#ifndef OC_EDITS_H
#define OC_EDITS_H

#include <stdbool.h>
#include <stdint.h>
#include "update.h"

/*
 * The latest messages, by a hash of what they say: Telegram reports a message
 * as edited for more reasons than a new text.  All zero is valid and empty.
 */
enum { EDITS_KEPT = 512 };

struct edits {
	struct {
		uint64_t message, text;
	} seen[EDITS_KEPT];
	unsigned next;
};

/* Whether the text is new: the message is not known, or said something else. */
bool edits_is_news(struct edits *edits, const struct update *update);

#endif
