#ifndef OC_RECV_HTTP_INVOKE_H
#define OC_RECV_HTTP_INVOKE_H

#include "server.h"
#include "submit.h"
#include "wait.h"

/*
 * POST /tools/invoke: one tool is run, by the same stages and the same policy
 * as a model's calls: an invoked turn (oc-turn(7)).
 */
struct invoker;

struct invoker *invoker_new(
    struct server *server, struct submit *submit, struct wait *wait);
void invoker_free(struct invoker *invoker); /* after the server */

#endif
