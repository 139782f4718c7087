#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <event2/listener.h>
#include "conn.h"
#include "log.h"
#include "xalloc.h"

enum {
	BACKLOG = 1024,
	PAUSE_MS = 100, /* when there is no descriptor left */
};

struct listener {
	struct listener *next;
	struct evconnlistener *listener;
	struct event *resume;
};

/* ---- room */

/* Its request is there, and was only not read yet: it came in this moment. */
static bool
is_unread(const struct conn *conn)
{
	int bytes = 0;

	return conn->phase == CONN_IDLE &&
	       ioctl(bufferevent_getfd(conn->bev), FIONREAD, &bytes) == 0 &&
	       bytes > 0;
}

/* Closes the connection that has been waiting longest for a whole request. */
static bool
make_room(struct server *server, bool unread_too)
{
	struct conn *conn;

	TAILQ_FOREACH (conn, &server->conns, entry) {
		if (conn->phase != CONN_IDLE && conn->phase != CONN_HEAD &&
		    conn->phase != CONN_BODY && conn->phase != CONN_LINGER)
			continue;
		if (!unread_too && is_unread(conn))
			continue;
		conn_free(conn);
		return true;
	}
	return false;
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int length, void *arg)
{
	struct server *server = arg;
	char peer[NETADDR_TEXT_SIZE];
	size_t count = server->counts.connections + server->taken;
	bool crowded = count >= server->room && !make_room(server, false);

	(void)listener;
	(void)length;
	/* the newest may be a probe: of a burst the oldest give way */
	if (crowded && count >= server->room + CONN_RESERVE &&
	    !make_room(server, true)) {
		close(fd);
		return;
	}
	conn_new(server, fd, netaddr_text(address, peer), crowded);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct listener *listener = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(listener->listener);
}

/* No descriptor is left, most likely: else accept would spin. */
static void
on_accept_error(struct evconnlistener *evlistener, void *arg)
{
	static const struct timeval pause = {.tv_usec = PAUSE_MS * 1000};
	struct server *server = arg;
	int error = EVUTIL_SOCKET_ERROR();

	if (make_room(server, true))
		return;
	log_warn("a connection cannot be accepted: %s", strerror(error));
	for (struct listener *l = server->listeners; l != NULL; l = l->next)
		if (l->listener == evlistener) {
			evconnlistener_disable(evlistener);
			evtimer_add(l->resume, &pause);
		}
}

static bool
make_address(const char *text, int port, struct sockaddr_storage *address)
{
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		return true;
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons((uint16_t)port);
	return inet_pton(AF_INET6, text, &six->sin6_addr) == 1;
}

static int
port_of(struct evconnlistener *listener)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;

	if (getsockname(evconnlistener_get_fd(listener),
		(struct sockaddr *)&address, &length) != 0)
		return 0;
	/* the port stands in the same place for both families */
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* A socket that takes no IPv4 in the guise of IPv6. */
static int
bind_socket(const struct sockaddr_storage *address)
{
	socklen_t length = address->ss_family == AF_INET
			       ? sizeof(struct sockaddr_in)
			       : sizeof(struct sockaddr_in6);
	int fd = socket(
	    address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, saved;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)address, length) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

bool
server_listen(struct server *server, const char *text, int *port)
{
	struct sockaddr_storage address;
	struct listener *listener;
	int fd;

	if (!make_address(text, *port, &address)) {
		errno = EINVAL;
		return false;
	}
	fd = bind_socket(&address);
	if (fd < 0)
		return false;
	listener = xcalloc(1, sizeof *listener);
	listener->listener = evconnlistener_new(server->base, on_accept, server,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	evconnlistener_set_error_cb(listener->listener, on_accept_error);
	listener->resume = evtimer_new(server->base, on_resume, listener);
	listener->next = server->listeners;
	server->listeners = listener;
	*port = port_of(listener->listener);
	return true;
}

void
listen_stop(struct server *server)
{
	struct listener *listener;

	while ((listener = server->listeners) != NULL) {
		server->listeners = listener->next;
		evconnlistener_free(listener->listener);
		event_free(listener->resume);
		free(listener);
	}
}
