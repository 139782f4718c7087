#ifndef OC_APPROVAL_H
#define OC_APPROVAL_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>

/*
 * Commands that wait for a person's approval (tools.exec.policy: ask), each a
 * file $OC_STATE/approvals/ID.json with one object:
 *
 *	id, at      what it is known by, and when it was asked for (ms)
 *	command     the command, exactly as the person is shown it
 *	turn, session, channel, to, from   of the turn that wanted it
 *	step        an assistant's step with that one call
 *	state       waiting, granted, used or denied
 *	granted_to  the turn that may run it
 *
 * It is granted to one turn, and used once: each state is on disk before
 * anything comes of it.  So whatever is cut off, the command runs once or not
 * at all.
 */
enum {
	APPROVAL_ID_SIZE = 9,        /* with its NUL */
	APPROVAL_COMMAND_MAX = 1500, /* bytes: a person reads all of it */
	APPROVAL_KEEP_S = 7 * 24 * 60 * 60,
};

/*
 * Whether a person who is shown a command sees what would be run: it is not
 * too long, and nothing in it is invisible or changes the order of the rest.
 */
bool approval_can_show(const char *command);

/*
 * Asks: writes the file, and sets `id`.  The same call of the same turn has
 * the same id.  False with errno set.
 */
bool approval_ask(
    jv ref_turn, jv ref_call, const char *command, char id[APPROVAL_ID_SIZE]);

/* By its id, in any case of letters; null when there is none. */
jv approval_read(const char *id);

/* Those of a session that wait since `since` (ms): an array, oldest first. */
jv approval_waiting(const char *session, int64_t since);

/* Grants it to a turn.  False with errno set; nothing has changed then. */
bool approval_grant(jv ref_approval, const char *turn_id);
bool approval_deny(jv ref_approval);

/* Whether this call was granted to this turn (turn.approval), and not used. */
bool approval_is_granted(jv ref_turn, jv ref_call);
/* Records that it is used now.  False with errno set: it must not be run. */
bool approval_use(jv ref_turn);

/* Removes what is older than APPROVAL_KEEP_S. */
void approval_sweep(void);

#endif
