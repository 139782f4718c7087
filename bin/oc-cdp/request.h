#ifndef OC_CDP_REQUEST_H
#define OC_CDP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buf.h"

/* The head of a request to a proxy. */
enum { REQUEST_HEAD_MAX = 256 * 1024 }; /* Chromium's own limit */

struct request {
	bool tunnel;    /* CONNECT */
	char host[256]; /* an IPv6 address without its brackets */
	uint16_t port;
	size_t used;     /* bytes of the head */
	struct buf head; /* what to send on: of all but CONNECT */
};

enum request_state { REQUEST_MORE, REQUEST_WHOLE, REQUEST_BAD };

/*
 * Looks at what came so far.  When the head is whole it is taken apart: the
 * request line without scheme and host, no header that is for a proxy, and
 * Connection: close.  request_free releases.
 */
enum request_state request_read(
    struct request *request, const char *text, size_t length);
void request_free(struct request *request);

/* "host:port" or "[::1]:80" or "host", with the port to take if there is none. */
bool request_read_authority(const char *text, size_t length, uint16_t usual,
    char host[256], uint16_t *port);

#endif
