#ifndef OC_RECV_HTTP_HOOKS_H
#define OC_RECV_HTTP_HOOKS_H

#include "server.h"
#include "submit.h"
#include "wait.h"

/*
 * POST /hooks/agent, /hooks/wake, and /hooks/PATH for each mapping of the
 * configuration (mapping.h).  A hook is answered once its turn is on disk, or,
 * where the caller asks for that, once it is finished.
 */
struct hooks;

/*
 * Compiles the mappings and takes their secrets: call it before
 * secret_scrub_environment.
 */
struct hooks *hooks_new(const struct config *config);
/* Adds the routes. */
void hooks_serve(struct hooks *hooks, struct server *server,
    struct submit *submit, struct wait *wait);
void hooks_free(struct hooks *hooks); /* after the server; NULL is fine */

#endif
