#ifndef OC_CDP_CONNECT_H
#define OC_CDP_CONNECT_H

#include <stddef.h>
#include <sys/socket.h>
#include "loop.h"
#include "resolve.h"

/*
 * Finds the browser that listens at an address such as http://127.0.0.1:9222:
 * asks /json/version where its WebSocket is, and opens that.
 */
struct connect;

struct connected {
	int fd;            /* whoever is told takes it over; -1: failed */
	const char *first; /* what came behind the handshake */
	size_t length;
	/* Our side and its side of the connection. */
	struct sockaddr_storage own, peer;
	const char *problem; /* why it failed, with what to do */
};

/*
 * `done` is called once, from the loop and never from here, and the attempt
 * is gone with it.
 */
struct connect *connect_start(struct loop *loop, struct resolver *resolver,
    const char *url, void (*done)(void *arg, const struct connected *result),
    void *arg);
void connect_cancel(struct connect *connect); /* NULL is fine */

#endif
