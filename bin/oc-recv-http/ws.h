#ifndef OC_RECV_HTTP_WS_H
#define OC_RECV_HTTP_WS_H

/*
 * The WebSocket protocol of OpenClaw's own clients (openclaw health, agent
 * and tui of the npm package), on the same port: a module of its own, which
 * nothing else needs.
 */
struct server;
struct submit;
struct wait;
struct ws;

/* All are borrowed and must outlive it. */
struct ws *ws_init(
    struct server *server, struct submit *submit, struct wait *wait);
/* Connections are cut; turns that run go on. */
void ws_free(struct ws *ws);

#endif
