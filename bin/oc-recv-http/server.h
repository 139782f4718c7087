#ifndef OC_RECV_HTTP_SERVER_H
#define OC_RECV_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "auth.h"
#include "config.h"
#include "request.h"

/*
 * The HTTP server: connections, limits, routes.  One thread around libevent.
 *
 * Every request has an absolute deadline for its head and for its body.  When
 * there are too many connections the one that has been idle longest gives
 * way; when none is idle, only probes are answered on new ones.
 */
struct event_base;

struct route {
	const char *method; /* a route for GET answers HEAD, too */
	/* Exact; or, when it ends with "/" and a star, all below it. */
	const char *path;
	enum need need;
	void (*handle)(struct request *request, void *arg);
	void *arg;
	/*
	 * Whether it begins new work: refused with 503 while draining.  What
	 * it answers to (a probe, a page) goes on to the end.
	 */
	bool work;
};

struct server_limits {
	size_t body_max;            /* with a token; else 1 MiB */
	size_t connections;         /* 0: as many as descriptors allow */
	int head_s, body_s, idle_s; /* deadlines */
};

/* All are borrowed and must outlive it. */
struct server *server_new(struct event_base *base, const struct config *config,
    struct auth *auth, const struct server_limits *limits);
void server_free(struct server *server); /* open requests are told `gone` */

/* The route is copied; its strings are not. */
void server_add(struct server *server, const struct route *route);

/*
 * Who takes WebSocket handshakes (a GET with Upgrade: websocket), whatever
 * their path: it answers them, or calls request_take.  The token is its own
 * business: these clients send it in a frame.  NULL: they are answered as any
 * other GET.
 */
void server_on_upgrade(struct server *server,
    void (*take)(struct request *request, void *arg), void *arg);
/* A connection that was taken is closed. */
void server_release(struct server *server);

/* Called when draining begins (SIGTERM): a WebSocket says good-bye. */
void server_on_drain(
    struct server *server, void (*drain)(void *arg), void *arg);

struct event_base *server_base(const struct server *server);
const struct config *server_config(const struct server *server);
struct auth *server_auth(const struct server *server);

/*
 * Listens on an address.  Port 0: any; *port is then the one.  False with
 * errno set.
 */
bool server_listen(struct server *server, const char *address, int *port);

/*
 * No new work; the event loop is left once nothing runs any more.
 */
void server_drain(struct server *server);
bool server_is_draining(const struct server *server);

/* For /metrics and /readyz. */
struct server_counts {
	size_t connections, running; /* now */
	uint64_t accepted, requests, refused, cut;
	uint64_t status[6]; /* answers by the first digit of their status */
};
struct server_counts server_counts(const struct server *server);

#endif
