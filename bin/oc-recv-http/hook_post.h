#ifndef OC_RECV_HTTP_HOOK_POST_H
#define OC_RECV_HTTP_HOOK_POST_H

#include <stdbool.h>
#include <jv.h>
#include "server.h"
#include "submit.h"
#include "wait.h"

/*
 * Hooks on their way: each turn is handed on, and its caller answered.
 */
struct hook_poster;

struct hook_poster *hook_poster_new(
    struct server *server, struct submit *submit, struct wait *wait);
/* After the server, which has told all of them that their caller is gone. */
void hook_poster_free(struct hook_poster *poster); /* NULL is fine */

/*
 * Answers once the turn is safe on disk, {"ok":true,"runId"}, or 503.
 * `wait`: once it is finished, with {"status","result"} beside these.
 * `keyed`: its id is the caller's own name for it.  A caller who leaves ends
 * nothing.
 */
void hook_post(struct hook_poster *poster, struct request *request, jv own_turn,
    bool keyed, bool wait);

#endif
