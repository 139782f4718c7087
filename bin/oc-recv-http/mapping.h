#ifndef OC_RECV_HTTP_MAPPING_H
#define OC_RECV_HTTP_MAPPING_H

#include <stdbool.h>
#include <jv.h>
#include "config.h"
#include "hook_turn.h"

/*
 * A mapping of the configuration: how the JSON that a program sends becomes a
 * turn, by jq rules that a person wrote.  The rules see
 *
 *	{"body": what was sent, "headers": {"x-github-event": "push", ...}}
 */
struct mapping;

/*
 * Compiles the mapping hooks.mappings[index].  A rule that is wrong, a path
 * that cannot be one or is taken, or a secret that is not set ends the program
 * (EX_CONFIG) with its place in the file.
 */
struct mapping *mapping_new(const struct config *config, int index);
void mapping_free(struct mapping *mapping); /* NULL is fine */

const char *mapping_path(const struct mapping *mapping); /* "alertmanager" */
/* For the signature of a request; NULL: the hooks' token is asked for. */
const char *mapping_secret(const struct mapping *mapping);

/* What a mapping made; the strings are its own. */
struct mapped {
	struct hook hook; /* points into these and into the mapping */
	char *key, *session, *text;
};

/*
 * Maps.  False: this is not for us (`when` does not hold, or there is no
 * message).  Where a rule fails at run time nothing is lost: `when` counts as
 * holding, a message is what was sent, as JSON, an id and a session are those
 * of a hook without; and a line in the log says so.  mapped_free releases.
 */
bool mapping_run(struct mapping *mapping, jv own_input, struct mapped *mapped);
void mapped_free(struct mapped *mapped);

#endif
