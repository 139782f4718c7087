#ifndef OC_ENTITY_H
#define OC_ENTITY_H

#include <jv.h>
#include "buf.h"
#include "update.h"

/*
 * A message's text or caption with its entities, which count in UTF-16.
 */
enum entity_target {
	ENTITY_NOBODY,
	ENTITY_US,        /* a mention of us, or a command with our name */
	ENTITY_OTHER_BOT, /* a command with another bot's name */
};

/* Whom a message names. */
enum entity_target entity_target(jv ref_message, const struct bot *bot);

/*
 * Appends the text as a model should see it: without the mention of us at
 * its beginning and without our name in a command, and the addresses of links
 * after their text.
 */
void entity_text(struct buf *out, jv ref_message, const struct bot *bot);

#endif
