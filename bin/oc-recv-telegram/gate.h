#ifndef OC_GATE_H
#define OC_GATE_H

#include <stdbool.h>
#include <jv.h>
#include "update.h"

/*
 * Who is heard.  Only numbers count: names change hands.  An empty list lets
 * nobody in.
 */
enum gate {
	GATE_ADMIT,
	GATE_IGNORE,
	GATE_PAIR, /* a stranger, who may ask to be let in */
};

/*
 * `ref_config` is channels.telegram; `former` the id that the group had
 * before it became a supergroup, or NULL.
 */
enum gate gate_admit(
    jv ref_config, const struct update *update, const char *former);

/*
 * Whether a message is meant for us: every one of a private chat, and in a
 * group what mentions us, answers us, or is a command for us; or anything
 * where the configuration does not ask for a mention, but for another bot's
 * commands.
 */
bool gate_is_addressed(jv ref_config, const struct update *update,
    const char *former, const struct bot *bot);

#endif
