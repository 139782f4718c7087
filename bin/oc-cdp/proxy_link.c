#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "proxy_link.h"
#include "request.h"
#include "xalloc.h"

enum {
	HEAD_MS = 30 * 1000,   /* for the browser to say what it wants */
	CONNECT_MS = 5 * 1000, /* for each address */
	PIECE = 64 * 1024,     /* on its way in one direction */
};

enum { BROWSER, SITE }; /* the two sides */

/* One side: what was read from it waits to be written to the other. */
struct side {
	int fd;
	struct watch watch;
	struct buf waiting;
	bool ended; /* nothing more comes from it */
	bool shut;  /* it was told that nothing more comes to it */
};

struct proxy_pair {
	struct side side[2];
	struct timer timer;
	struct request request;
	struct lookup *lookup;
	struct addresses addresses;
	size_t next;   /* the address to try next */
	bool open;     /* bytes go through */
	bool answered; /* by ourselves: it ends once that is written */
};

void
proxy_link_free(struct proxy_link *link)
{
	struct proxy_pair *pair = link->pair;

	lookup_cancel(pair->lookup);
	loop_stop_timer(&pair->timer);
	for (int i = 0; i < 2; i++) {
		loop_unwatch(&pair->side[i].watch);
		if (pair->side[i].fd >= 0)
			close(pair->side[i].fd);
		buf_free(&pair->side[i].waiting);
	}
	request_free(&pair->request);
	proxy_drop_link(link->proxy, link);
	free(pair);
	free(link);
}

static void set_watches(struct proxy_link *link);

/* An answer of ours, after which the connection ends. */
static void
answer(struct proxy_link *link, int status, const char *text)
{
	struct proxy_pair *pair = link->pair;

	pair->answered = true;
	pair->side[BROWSER].ended = true;
	pair->side[SITE].ended = true;
	buf_clear(&pair->side[BROWSER].waiting);
	buf_printf(&pair->side[SITE].waiting,
	    "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: %zu\r\nCache-Control: no-store\r\n"
	    "Connection: close\r\n\r\n%s",
	    status, status == 403 ? "Forbidden" : "Bad Gateway", strlen(text),
	    text);
	set_watches(link);
}

static void
refuse(struct proxy_link *link, const struct sockaddr *address)
{
	const struct request *request = &link->pair->request;
	char text[NETADDR_TEXT_SIZE], *reason;

	netaddr_text(address, text);
	reason =
	    xasprintf("%s%s%s%s is not a public address; tools.fetch.allow in "
		      "openclaw.yaml can allow it",
		request->host, strcmp(text, request->host) == 0 ? "" : " (",
		strcmp(text, request->host) == 0 ? "" : text,
		strcmp(text, request->host) == 0 ? "" : ")");
	proxy_note_refusal(link->proxy, request->host, request->port, reason);
	answer(link, 403, reason);
	free(reason);
}

/* ---- bytes both ways */

/* Writes what waits for this side; false when it is broken. */
static bool
drain(struct side *from, struct side *to)
{
	while (from->waiting.length > 0) {
		ssize_t n =
		    write(to->fd, from->waiting.data, from->waiting.length);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			buf_drop(&from->waiting, (size_t)n);
	}
	if (from->ended && !to->shut) {
		to->shut = true;
		shutdown(to->fd, SHUT_WR);
	}
	return true;
}

static bool
fill(struct side *side)
{
	ssize_t n;

	if (side->ended || side->waiting.length >= PIECE)
		return true;
	n = buf_read(&side->waiting, side->fd, PIECE);
	if (n == 0)
		side->ended = true;
	return n >= 0 || errno == EAGAIN;
}

static void
on_bytes(void *arg, short revents)
{
	struct proxy_link *link = arg;
	struct side *side = link->pair->side;
	bool whole = true;

	for (int i = 0; i < 2 && whole; i++)
		if (side[i].fd >= 0 && !link->pair->answered)
			whole = fill(&side[i]);
	if (side[SITE].fd >= 0)
		whole = whole && drain(&side[BROWSER], &side[SITE]);
	whole = whole && drain(&side[SITE], &side[BROWSER]);
	/* a browser that has ended its side wants no more of the other */
	if ((revents & POLLERR) != 0 || !whole ||
	    (side[BROWSER].ended && side[BROWSER].waiting.length == 0 &&
		(!link->pair->answered || side[SITE].waiting.length == 0))) {
		proxy_link_free(link);
		return;
	}
	set_watches(link);
}

static void
set_watches(struct proxy_link *link)
{
	struct side *side = link->pair->side;

	for (int i = 0; i < 2; i++) {
		short events = 0;

		if (!side[i].ended && side[i].waiting.length < PIECE)
			events |= POLLIN;
		if (side[!i].waiting.length > 0)
			events |= POLLOUT;
		/* without an event a side that is gone would wake us always */
		if (side[i].fd < 0 || events == 0)
			loop_unwatch(&side[i].watch);
		else
			loop_watch(proxy_setup(link->proxy)->loop,
			    &side[i].watch, side[i].fd, events, on_bytes, link);
	}
}

/* ---- to the site */

static void
connected(struct proxy_link *link)
{
	static const char yes[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	struct proxy_pair *pair = link->pair;
	struct buf *from_browser = &pair->side[BROWSER].waiting;
	struct buf head = {0};
	int on = 1;

	loop_stop_timer(&pair->timer);
	setsockopt(
	    pair->side[SITE].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	pair->open = true;
	buf_drop(from_browser, pair->request.used);
	if (pair->request.tunnel) {
		buf_add(&pair->side[SITE].waiting, yes, sizeof yes - 1);
	} else {
		buf_add(&head, buf_string(&pair->request.head),
		    pair->request.head.length);
		buf_add(&head, buf_string(from_browser), from_browser->length);
		buf_free(from_browser);
		*from_browser = head;
	}
	request_free(&pair->request);
	set_watches(link);
}

static void try_next(struct proxy_link *link);

static void
on_connect(void *arg, short revents)
{
	struct proxy_link *link = arg;
	struct side *site = &link->pair->side[SITE];
	socklen_t length = sizeof(int);
	int error = 0;

	(void)revents;
	getsockopt(site->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	loop_unwatch(&site->watch);
	if (error == 0)
		connected(link);
	else
		try_next(link);
}

static void
on_connect_timeout(void *arg)
{
	struct proxy_link *link = arg;

	loop_unwatch(&link->pair->side[SITE].watch);
	try_next(link);
}

/* A copy of the address with the request's port: its size. */
static socklen_t
with_port(struct sockaddr_storage *address, uint16_t port)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->ss_family == AF_INET6) {
		memcpy(&v6, address, sizeof v6);
		v6.sin6_port = htons(port);
		memcpy(address, &v6, sizeof v6);
		return sizeof v6;
	}
	memcpy(&v4, address, sizeof v4);
	v4.sin_port = htons(port);
	memcpy(address, &v4, sizeof v4);
	return sizeof v4;
}

/* Connects to the next address, which was permitted. */
static void
try_next(struct proxy_link *link)
{
	const struct proxy_setup *setup = proxy_setup(link->proxy);
	struct proxy_pair *pair = link->pair;
	struct side *site = &pair->side[SITE];
	struct sockaddr_storage address;
	socklen_t length;

	if (site->fd >= 0)
		close(site->fd);
	site->fd = -1;
	loop_stop_timer(&pair->timer);
	if (pair->next == pair->addresses.count) {
		answer(link, 502, "the site cannot be connected to");
		return;
	}
	address = pair->addresses.address[pair->next++];
	length = with_port(&address, pair->request.port);
	site->fd = socket(
	    address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (site->fd < 0 ||
	    (connect(site->fd, (struct sockaddr *)&address, length) != 0 &&
		errno != EINPROGRESS)) {
		loop_timer(
		    setup->loop, &pair->timer, 0, on_connect_timeout, link);
		return;
	}
	loop_timer(
	    setup->loop, &pair->timer, CONNECT_MS, on_connect_timeout, link);
	loop_watch(
	    setup->loop, &site->watch, site->fd, POLLOUT, on_connect, link);
}

/* Keeps the addresses that may be connected to. */
static void
on_addresses(void *arg, const struct addresses *found)
{
	struct proxy_link *link = arg;
	struct proxy_pair *pair = link->pair;
	const struct proxy_setup *setup = proxy_setup(link->proxy);

	pair->lookup = NULL;
	for (size_t i = 0; i < found->count; i++)
		if (netaddr_permitted(setup->allow, pair->request.host,
			pair->request.port,
			(const struct sockaddr *)&found->address[i]))
			pair->addresses.address[pair->addresses.count++] =
			    found->address[i];
	if (found->count == 0)
		answer(link, 502, "the name has no address");
	else if (pair->addresses.count == 0)
		refuse(link, (const struct sockaddr *)&found->address[0]);
	else
		try_next(link);
}

/* ---- from the browser */

static void
on_head(void *arg, short revents)
{
	struct proxy_link *link = arg;
	struct proxy_pair *pair = link->pair;
	struct side *browser = &pair->side[BROWSER];
	ssize_t n = buf_read(&browser->waiting, browser->fd, PIECE);
	enum request_state state;

	(void)revents;
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		proxy_link_free(link);
		return;
	}
	request_free(&pair->request);
	state = request_read(&pair->request, buf_string(&browser->waiting),
	    browser->waiting.length);
	if (state == REQUEST_MORE)
		return;
	loop_unwatch(&browser->watch);
	loop_stop_timer(&pair->timer);
	if (state == REQUEST_BAD) {
		buf_clear(&browser->waiting);
		answer(link, 502, "not a request to a proxy");
		return;
	}
	pair->lookup = resolver_ask(proxy_setup(link->proxy)->resolver,
	    pair->request.host, on_addresses, link);
}

static void
on_silence(void *arg)
{
	proxy_link_free(arg);
}

struct proxy_link *
proxy_link_new(struct proxy *proxy, int fd)
{
	struct proxy_link *link = xcalloc(1, sizeof *link);
	struct loop *loop = proxy_setup(proxy)->loop;
	int on = 1;

	link->proxy = proxy;
	link->pair = xcalloc(1, sizeof *link->pair);
	link->pair->side[BROWSER].fd = fd;
	link->pair->side[SITE].fd = -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	loop_watch(
	    loop, &link->pair->side[BROWSER].watch, fd, POLLIN, on_head, link);
	loop_timer(loop, &link->pair->timer, HEAD_MS, on_silence, link);
	return link;
}
