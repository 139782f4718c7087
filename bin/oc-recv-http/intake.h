#ifndef OC_RECV_HTTP_INTAKE_H
#define OC_RECV_HTTP_INTAKE_H

#include "server.h"
#include "submit.h"
#include "wait.h"

/*
 * What other programs send: hooks (hooks.h), calls of a tool (invoke.h) and
 * the updates of Telegram's webhook (webhook.h).
 */
struct intake;

/*
 * Compiles the rules and takes the secrets: call it before
 * secret_scrub_environment.
 */
struct intake *intake_new(const struct config *config);
/* Adds the routes. */
void intake_serve(struct intake *intake, struct server *server,
    struct submit *submit, struct wait *wait);
/* After the server and before `wait` and `submit`. */
void intake_free(struct intake *intake);

#endif
