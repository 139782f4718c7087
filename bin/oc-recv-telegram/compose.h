#ifndef OC_COMPOSE_H
#define OC_COMPOSE_H

#include <stdbool.h>
#include <jv.h>
#include "buf.h"
#include "update.h"

/*
 * From a message to a turn.
 */

/* Who shares a session with others: sessions.dm and sessions.group. */
struct compose_sessions {
	bool dm_shared, group_shared;
};

/*
 * The session: telegram:PERSON for private messages, telegram:CHAT:PERSON in
 * groups, telegram:CHAT:TOPIC:PERSON in topics.  Where sessions are shared the
 * person is left out, and all private messages are telegram:direct.  A group
 * that became a supergroup keeps its former number.  The caller frees it.
 */
char *compose_session(const struct update *update, const char *former,
    const struct compose_sessions *sessions);

/* A turn without id, text and media. */
jv compose_turn(const struct update *update, const char *session);

/*
 * Appends what the model is told: the text, what it answers, what it was
 * forwarded from, and in words what is neither text nor a file.  A command
 * stays alone, so that it is recognised.
 */
void compose_text(
    struct buf *out, const struct update *update, const struct bot *bot);

#endif
