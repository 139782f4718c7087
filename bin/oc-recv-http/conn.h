#ifndef OC_RECV_HTTP_CONN_H
#define OC_RECV_HTTP_CONN_H

#include <sys/queue.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include "chunks.h"
#include "head.h"
#include "netaddr.h"
#include "server.h"

/* What conn.c, request.c and server.c share. */

enum phase {
	CONN_IDLE,      /* between requests */
	CONN_HEAD,      /* a head has begun */
	CONN_BODY,      /* a body is awaited */
	CONN_SLOW,      /* the refusal of a wrong token is held back */
	CONN_ANSWERING, /* a handler has the request */
	CONN_CLOSING,   /* the last answer is on its way out */
	CONN_LINGER,    /* it went out; what the client still sends is read */
	CONN_DONE,      /* to be freed by its timer, at once */
};

struct conn {
	TAILQ_ENTRY(conn) entry; /* in order of their last change of phase */
	struct server *server;
	struct bufferevent *bev;
	struct event *timer;
	struct request *request; /* from the head on, until it is answered */
	enum phase phase;
	size_t scanned;
	bool last;         /* no request after this one */
	bool client_ended; /* the client will send no more */
	bool crowded;      /* above the limit: for probes only */
	bool working;      /* inside of conn_work */
	char peer[NETADDR_TEXT_SIZE];
};

struct header {
	struct header *next;
	char *name, *value;
};

struct request {
	struct conn *conn;
	struct head head;
	const struct route *route; /* NULL: it is answered by us */
	struct chunks chunks;
	struct buf body;
	size_t body_max;
	struct header *headers; /* of the answer */
	bool handled;           /* its handler was called */
	bool streaming, trusted;
	void (*gone)(void *arg);
	void *gone_arg;
};

/* ---- conn.c */

/* Takes a socket over. */
void conn_new(
    struct server *server, evutil_socket_t fd, const char *peer, bool crowded);
/* Tells the request that its client has gone, and frees. */
void conn_free(struct conn *conn);
/* Has it freed once the caller has returned. */
void conn_cut(struct conn *conn);
/* The answer is complete: the next request, or the end. */
void conn_answered(struct conn *conn);

/* ---- request.c */

struct request *request_new(struct conn *conn);
void request_free(struct request *request);

/* ---- listen.c: server_listen, and who gives way to whom */

enum { CONN_RESERVE = 32 }; /* connections above the limit, for probes */
void listen_stop(struct server *server);

/* ---- server.c */

/*
 * Decides about a request whose head is there.  0: read its body and call the
 * handler; else it was answered.
 */
bool server_admit(struct server *server, struct request *request);
void server_count(struct server *server, int status);

TAILQ_HEAD(conn_list, conn);
struct server {
	struct event_base *base;
	const struct config *config;
	struct auth *auth;
	struct server_limits limits;
	struct route *route;
	size_t route_count;
	struct listener *listeners;
	struct conn_list conns;
	size_t taken; /* connections that were handed over */
	size_t room;  /* connections beyond which idle ones give way */
	struct server_counts counts;
	struct route upgrade_route;
	void (*upgrade)(struct request *request, void *arg);
	void *upgrade_arg;
	struct drainer *drainers;
	bool draining;
	char date[32]; /* of the Date header */
	int64_t date_s;
};

/* Leaves the loop when draining and nothing runs. */
void server_check_drained(struct server *server);

#endif
