#ifndef OC_CDP_PROXY_H
#define OC_CDP_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "buf.h"
#include "loop.h"
#include "netaddr.h"
#include "resolve.h"

/*
 * The only way out for the pages of one session: an HTTP proxy that the
 * browser is told to use for every request of a context, of workers, frames,
 * pop-ups and WebSockets too.  It resolves names itself, asks
 * netaddr_permitted about each address, and connects to the very address that
 * it asked about, so that a name that means something else a moment later
 * leads nowhere else.  The browser itself resolves nothing.
 */
struct proxy;

struct proxy_setup {
	struct loop *loop;
	struct resolver *resolver;
	const struct netaddr_allow *allow;
	/* Where to listen, with port 0, and whom to let in. */
	struct sockaddr_storage listen, peer;
};

/* Any free port. */
void proxy_clear_port(struct sockaddr_storage *address);

/* NULL with errno set when nothing can be listened on. */
struct proxy *proxy_new(const struct proxy_setup *setup);
void proxy_free(struct proxy *proxy); /* NULL is fine */

/* "http://127.0.0.1:40123" */
const char *proxy_url(const struct proxy *proxy);

/* How many requests were refused so far. */
uint64_t proxy_refused(const struct proxy *proxy);
/*
 * Why a request to this host and port was refused last, since `after` were;
 * NULL if none was.  host NULL: the last one of all.
 */
const char *proxy_reason(
    const struct proxy *proxy, uint64_t after, const char *host, uint16_t port);

#endif
