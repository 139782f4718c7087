#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "proxy.h"
#include "proxy_link.h"
#include "xalloc.h"

enum {
	LINKS_MAX = 256, /* Chromium itself makes 32 to a proxy */
	REFUSALS_KEPT = 16,
	REASON_MAX = 400,
};

struct refusal {
	uint64_t number; /* from 1; 0: none here yet */
	char host[256];
	uint16_t port;
	char reason[REASON_MAX];
};

struct proxy {
	struct proxy_setup setup;
	int fd;
	struct watch watch;
	char *url;
	struct proxy_links links;
	size_t count;
	struct refusal refusal[REFUSALS_KEPT]; /* a ring */
	uint64_t refused;
};

/* ---- what proxy_link.c needs */

const struct proxy_setup *
proxy_setup(const struct proxy *proxy)
{
	return &proxy->setup;
}

void
proxy_note_refusal(
    struct proxy *proxy, const char *host, uint16_t port, const char *reason)
{
	struct refusal *refusal =
	    &proxy->refusal[proxy->refused++ % REFUSALS_KEPT];

	refusal->number = proxy->refused;
	refusal->port = port;
	snprintf(refusal->host, sizeof refusal->host, "%s", host);
	snprintf(refusal->reason, sizeof refusal->reason, "%s", reason);
}

void
proxy_drop_link(struct proxy *proxy, struct proxy_link *link)
{
	TAILQ_REMOVE(&proxy->links, link, link);
	proxy->count--;
	if (proxy->watch.loop != NULL)
		proxy->watch.fd = proxy->fd;
}

/* ---- listening */

static bool
same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	char left[NETADDR_TEXT_SIZE], right[NETADDR_TEXT_SIZE];

	return strcmp(netaddr_text((const struct sockaddr *)a, left),
		   netaddr_text((const struct sockaddr *)b, right)) == 0;
}

static void
on_connection(void *arg, short revents)
{
	struct proxy *proxy = arg;
	struct sockaddr_storage peer = {0};
	socklen_t length = sizeof peer;
	struct proxy_link *link;
	int fd = accept4(proxy->fd, (struct sockaddr *)&peer, &length,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)revents;
	if (fd < 0)
		return;
	if (!same_host(&peer, &proxy->setup.peer)) {
		close(fd);
		return;
	}
	link = proxy_link_new(proxy, fd);
	TAILQ_INSERT_TAIL(&proxy->links, link, link);
	if (++proxy->count == LINKS_MAX)
		proxy->watch.fd = -1; /* until one has ended */
}

static uint16_t
port_of(const struct sockaddr_storage *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->ss_family == AF_INET6) {
		memcpy(&v6, address, sizeof v6);
		return ntohs(v6.sin6_port);
	}
	memcpy(&v4, address, sizeof v4);
	return ntohs(v4.sin_port);
}

void
proxy_clear_port(struct sockaddr_storage *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->ss_family == AF_INET6) {
		memcpy(&v6, address, sizeof v6);
		v6.sin6_port = 0;
		memcpy(address, &v6, sizeof v6);
	} else {
		memcpy(&v4, address, sizeof v4);
		v4.sin_port = 0;
		memcpy(address, &v4, sizeof v4);
	}
}

struct proxy *
proxy_new(const struct proxy_setup *setup)
{
	struct proxy *proxy = xcalloc(1, sizeof *proxy);
	struct sockaddr_storage own = setup->listen;
	bool v6 = own.ss_family == AF_INET6;
	socklen_t length =
	    v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	char text[NETADDR_TEXT_SIZE];
	int saved;

	proxy->setup = *setup;
	TAILQ_INIT(&proxy->links);
	proxy->fd = socket(
	    own.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (proxy->fd < 0 ||
	    bind(proxy->fd, (struct sockaddr *)&own, length) != 0 ||
	    listen(proxy->fd, SOMAXCONN) != 0 ||
	    getsockname(proxy->fd, (struct sockaddr *)&own, &length) != 0) {
		saved = errno;
		proxy_free(proxy);
		errno = saved;
		return NULL;
	}
	netaddr_text((struct sockaddr *)&own, text);
	proxy->url = xasprintf("http://%s%s%s:%u", v6 ? "[" : "", text,
	    v6 ? "]" : "", port_of(&own));
	loop_watch(setup->loop, &proxy->watch, proxy->fd, POLLIN, on_connection,
	    proxy);
	return proxy;
}

void
proxy_free(struct proxy *proxy)
{
	struct proxy_link *link;

	if (proxy == NULL)
		return;
	loop_unwatch(&proxy->watch);
	while ((link = TAILQ_FIRST(&proxy->links)) != NULL)
		proxy_link_free(link);
	if (proxy->fd >= 0)
		close(proxy->fd);
	free(proxy->url);
	free(proxy);
}

const char *
proxy_url(const struct proxy *proxy)
{
	return proxy->url;
}

/* ---- what was refused */

uint64_t
proxy_refused(const struct proxy *proxy)
{
	return proxy->refused;
}

const char *
proxy_reason(
    const struct proxy *proxy, uint64_t after, const char *host, uint16_t port)
{
	const struct refusal *best = NULL;

	for (size_t i = 0; i < REFUSALS_KEPT; i++) {
		const struct refusal *one = &proxy->refusal[i];

		if (one->number <= after ||
		    (best != NULL && best->number > one->number))
			continue;
		if (host == NULL ||
		    (one->port == port && strcasecmp(one->host, host) == 0))
			best = one;
	}
	return best != NULL ? best->reason : NULL;
}
