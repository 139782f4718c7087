#ifndef OC_CDP_RESOLVE_H
#define OC_CDP_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include "loop.h"

/*
 * Names to addresses without waiting for them: the system's resolver, which
 * knows no deadline, is asked in a child for each name.  What was found is
 * kept for a minute.
 */
enum { RESOLVE_ADDRESSES_MAX = 16 };

struct resolver;
struct lookup;

struct addresses {
	struct sockaddr_storage address[RESOLVE_ADDRESSES_MAX]; /* port 0 */
	size_t count; /* 0: the name has none, or no answer came in time */
};

struct resolver *resolver_new(struct loop *loop);
void resolver_free(struct resolver *resolver); /* no lookup may run */

/*
 * `host` is a name or an address in any form.  `done` is called once, from
 * the loop and never from here, and the lookup is gone with it.
 */
struct lookup *resolver_ask(struct resolver *resolver, const char *host,
    void (*done)(void *arg, const struct addresses *addresses), void *arg);
void lookup_cancel(struct lookup *lookup); /* NULL is fine */

#endif
