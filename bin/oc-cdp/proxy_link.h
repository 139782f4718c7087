#ifndef OC_CDP_PROXY_LINK_H
#define OC_CDP_PROXY_LINK_H

#include <stdint.h>
#include <sys/queue.h>
#include "proxy.h"

/*
 * One connection of the browser to its proxy: a request is read, its host is
 * looked up and checked, and then bytes go both ways until both have ended.
 */
struct proxy_link {
	TAILQ_ENTRY(proxy_link) link;
	struct proxy *proxy;
	struct proxy_pair *pair;
};
TAILQ_HEAD(proxy_links, proxy_link);

/* Takes the descriptor over.  It frees itself when it is done. */
struct proxy_link *proxy_link_new(struct proxy *proxy, int fd);
/* Also takes it out of the proxy's list. */
void proxy_link_free(struct proxy_link *link);

/* Of the proxy, for proxy_link.c alone. */
const struct proxy_setup *proxy_setup(const struct proxy *proxy);
void proxy_note_refusal(
    struct proxy *proxy, const char *host, uint16_t port, const char *reason);
void proxy_drop_link(struct proxy *proxy, struct proxy_link *link);

#endif
