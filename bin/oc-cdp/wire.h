#ifndef OC_CDP_WIRE_H
#define OC_CDP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include "loop.h"

/*
 * The way to the browser, once it is open: messages of text over a pair of
 * pipes or over a WebSocket.  Of a message longer than WIRE_MESSAGE_MAX only
 * the first WIRE_MESSAGE_MAX bytes come; the rest is dropped on the way, so
 * that no page can fill our memory.
 */
enum {
	WIRE_MESSAGE_MAX = 16 * 1024 * 1024, /* a large screenshot in base64 */
	WIRE_UNSENT_MAX = 8 * 1024 * 1024,   /* the browser reads no more */
};

struct wire;

struct wire_hooks {
	void (*message)(void *arg, const char *text, size_t length);
	/* The other side is gone, for this reason.  Called once. */
	void (*gone)(void *arg, const char *why);
	void *arg;
};

/* Both take the descriptors over. */
struct wire *wire_of_pipes(
    struct loop *loop, int in, int out, const struct wire_hooks *hooks);
/* `first`: what came behind the answer to the handshake. */
struct wire *wire_of_websocket(struct loop *loop, int fd, const char *first,
    size_t length, const struct wire_hooks *hooks);
void wire_free(struct wire *wire); /* NULL is fine */

/* `text` is followed by a NUL, which is not counted. */
void wire_send(struct wire *wire, const char *text, size_t length);

#endif
