#include <string.h>
#include "edits.h"
#include "json.h"

/* FNV-1a: a clash costs one edit that is passed over. */
static uint64_t
hash(uint64_t state, const char *text)
{
	for (; *text != '\0'; text++)
		state = (state ^ (unsigned char)*text) * 0x100000001b3;
	return (state ^ 0xff) * 0x100000001b3;
}

bool
edits_is_news(struct edits *edits, const struct update *update)
{
	const uint64_t start = 0xcbf29ce484222325;
	uint64_t message = hash(hash(start, update->chat), update->message_id);
	uint64_t text =
	    hash(start, json_get_string(update->message, "text",
			    json_get_string(update->message, "caption", "")));

	for (unsigned i = 0; i < EDITS_KEPT; i++) {
		if (edits->seen[i].message != message)
			continue;
		if (edits->seen[i].text == text)
			return false;
		edits->seen[i].text = text;
		return true;
	}
	edits->seen[edits->next].message = message;
	edits->seen[edits->next].text = text;
	edits->next = (edits->next + 1) % EDITS_KEPT;
	return true;
}
