#ifndef OC_RECV_HTTP_PROBES_H
#define OC_RECV_HTTP_PROBES_H

#include "server.h"
#include "submit.h"

/*
 * /health, /ready and /startup, and the same with a z: what Kubernetes and
 * monitors ask for, without a token.
 */
struct probes;

struct probes *probes_init(struct server *server, struct submit *submit);
void probes_free(struct probes *probes);

#endif
