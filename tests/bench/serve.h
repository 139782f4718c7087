#ifndef OC_BENCH_SERVE_H
#define OC_BENCH_SERVE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include "buf.h"
#include "log.h"
#include "xalloc.h"

/*
 * An HTTP server for measuring: one port of the loopback, thousands of
 * connections kept alive, one thread, and nothing that a benchmark does not
 * need.  Answers are whole, head and body.
 */
enum {
	SERVE_EVENTS = 256,
	SERVE_READ_BYTES = 65536,
	SERVE_CONNECTIONS_MAX = 16384,
	SERVE_REQUEST_MAX = 64 << 20,
};

struct serve_connection {
	int fd;
	bool open, waiting; /* for its time to answer */
	bool polls;         /* the fake Telegram's */
	struct buf request;
	size_t need;         /* bytes of the whole request; 0: unknown */
	const char *answer;  /* being sent, or to be sent */
	char *own;           /* the same, if it is to be freed */
	size_t length, sent; /* of the answer */
	int64_t due_us;
	struct serve_connection *next_due;
};

struct serve {
	int epoll, listener, signals;
	struct serve_connection *connections; /* by descriptor */
	/* Those that wait, in order: the wait is the same for all. */
	struct serve_connection *first_due, *last_due;
	long requests, accepted, open, most_open;
	/* A whole request came; it is answered now or later, or never. */
	void (*request)(
	    struct serve *, struct serve_connection *, const char *text);
	void (*input)(struct serve *); /* standard input has something */
	void (*due)(struct serve *, struct serve_connection *);
	bool stop;
};

static inline int64_t
serve_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static inline void
serve_drop(struct serve *serve, struct serve_connection *connection)
{
	close(connection->fd);
	connection->open = false;
	buf_free(&connection->request);
	free(connection->own);
	connection->own = NULL;
	connection->answer = NULL;
	serve->open--;
	/* One that waits stays in the list and is skipped there. */
}

static inline void
serve_watch(struct serve *serve, int fd, unsigned int events, int operation)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(serve->epoll, operation, fd, &event) < 0)
		fatal(EX_OSERR, "epoll: %s", strerror(errno));
}

static inline void
serve_send(struct serve *serve, struct serve_connection *connection)
{
	size_t left = connection->length - connection->sent;
	ssize_t n = send(connection->fd, connection->answer + connection->sent,
	    left, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		serve_drop(serve, connection);
		return;
	}
	if (n > 0)
		connection->sent += (size_t)n;
	if (connection->sent < connection->length) {
		serve_watch(
		    serve, connection->fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
		return;
	}
	if (n < (ssize_t)connection->length)
		serve_watch(serve, connection->fd, EPOLLIN, EPOLL_CTL_MOD);
	free(connection->own);
	connection->own = NULL;
	connection->answer = NULL;
	serve->requests++;
}

/* Answers with bytes that stay as they are until they are sent. */
static inline void
serve_answer(struct serve *serve, struct serve_connection *connection,
    const char *data, size_t length)
{
	connection->answer = data;
	connection->length = length;
	connection->sent = 0;
	serve_send(serve, connection);
}

/* Answers with memory that is freed afterwards. */
static inline void
serve_answer_own(
    struct serve *serve, struct serve_connection *connection, struct buf *own)
{
	size_t length = own->length;

	connection->own = buf_take(own);
	serve_answer(serve, connection, connection->own, length);
}

/* Calls `due` at that time; the times must come in order. */
static inline void
serve_later(
    struct serve *serve, struct serve_connection *connection, int64_t due_us)
{
	connection->due_us = due_us;
	connection->waiting = true;
	connection->next_due = NULL;
	if (serve->first_due == NULL)
		serve->first_due = connection;
	else
		serve->last_due->next_due = connection;
	serve->last_due = connection;
}

static inline void
serve_due(struct serve *serve)
{
	struct serve_connection *connection;
	int64_t now = serve_now_us();

	while ((connection = serve->first_due) != NULL &&
	       connection->due_us <= now) {
		serve->first_due = connection->next_due;
		connection->waiting = false;
		if (connection->open)
			serve->due(serve, connection);
	}
}

/* The length of the request's head and body, or 0 if it is not yet known. */
static inline size_t
serve_length(const struct buf *request)
{
	const char *end = strstr(buf_string(request), "\r\n\r\n"), *length;
	size_t head;

	if (end == NULL)
		return 0;
	head = (size_t)(end - request->data) + 4;
	length = strcasestr(request->data, "\r\nContent-Length:");
	if (length == NULL || length > end)
		return head;
	return head + strtoul(length + 17, NULL, 10);
}

static inline void
serve_receive(struct serve *serve, struct serve_connection *connection)
{
	struct buf *request = &connection->request;
	ssize_t n = buf_read(request, connection->fd, SERVE_READ_BYTES);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || request->length > SERVE_REQUEST_MAX) {
		serve_drop(serve, connection);
		return;
	}
	if (connection->need == 0)
		connection->need = serve_length(request);
	if (connection->need == 0 || request->length < connection->need)
		return;
	connection->need = 0;
	serve->request(serve, connection, buf_string(request));
	buf_free(request); /* clients that pipeline are not served */
}

static inline void
serve_accept(struct serve *serve)
{
	int fd, one = 1;

	while ((fd = accept4(serve->listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		/* A descriptor whose old connection still waits is not used. */
		if (fd >= SERVE_CONNECTIONS_MAX ||
		    serve->connections[fd].waiting) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		serve->connections[fd] =
		    (struct serve_connection){.fd = fd, .open = true};
		serve_watch(serve, fd, EPOLLIN, EPOLL_CTL_ADD);
		serve->accepted++;
		if (++serve->open > serve->most_open)
			serve->most_open = serve->open;
	}
}

static inline int
serve_patience(const struct serve *serve)
{
	int64_t wait;

	if (serve->first_due == NULL)
		return -1;
	wait = serve->first_due->due_us - serve_now_us();
	return wait > 0 ? (int)((wait + 999) / 1000) : 0;
}

static inline void
serve_event(struct serve *serve, const struct epoll_event *event)
{
	struct serve_connection *connection;
	int fd = event->data.fd;

	if (fd == serve->signals) {
		serve->stop = true;
	} else if (fd == serve->listener) {
		serve_accept(serve);
	} else if (fd == STDIN_FILENO) {
		serve->input(serve);
	} else {
		connection = &serve->connections[fd];
		if (connection->open && connection->answer != NULL &&
		    (event->events & EPOLLOUT) != 0)
			serve_send(serve, connection);
		if (connection->open &&
		    (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
			serve_receive(serve, connection);
	}
}

/* Serves until SIGTERM or SIGINT, or until `stop` is set. */
static inline void
serve_run(struct serve *serve)
{
	struct epoll_event events[SERVE_EVENTS];
	int n;

	while (!serve->stop) {
		n = epoll_wait(
		    serve->epoll, events, SERVE_EVENTS, serve_patience(serve));
		for (int i = 0; i < n; i++)
			serve_event(serve, &events[i]);
		serve_due(serve);
	}
}

/* Listens, and prints the port. */
static inline void
serve_listen(struct serve *serve, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int one = 1;

	serve->listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(serve->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(serve->listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(serve->listener, 4096) < 0 ||
	    getsockname(serve->listener, (struct sockaddr *)&address, &size) <
		0)
		fatal(EX_UNAVAILABLE, "cannot listen on port %d: %s", port,
		    strerror(errno));
	serve_watch(serve, serve->listener, EPOLLIN, EPOLL_CTL_ADD);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
}

static inline void
serve_open(struct serve *serve, int port)
{
	struct rlimit limit;
	sigset_t set;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	serve->connections =
	    xcalloc(SERVE_CONNECTIONS_MAX, sizeof serve->connections[0]);
	serve->epoll = epoll_create1(EPOLL_CLOEXEC);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	serve->signals = signalfd(-1, &set, SFD_CLOEXEC);
	serve_watch(serve, serve->signals, EPOLLIN, EPOLL_CTL_ADD);
	serve_listen(serve, port);
	if (serve->input != NULL)
		serve_watch(serve, STDIN_FILENO, EPOLLIN, EPOLL_CTL_ADD);
}

static inline void
serve_close(struct serve *serve)
{
	fprintf(stderr, "requests %ld, connections %ld, most at once %ld\n",
	    serve->requests, serve->accepted, serve->most_open);
	for (int fd = 0; fd < SERVE_CONNECTIONS_MAX; fd++)
		if (serve->connections[fd].open)
			serve_drop(serve, &serve->connections[fd]);
	free(serve->connections);
	close(serve->epoll);
	close(serve->listener);
	close(serve->signals);
}

static inline long
serve_number(const char *text)
{
	const char *error;
	long value = (long)strtonum(text, 0, 3600000, &error);

	if (error != NULL)
		usage_error("%s is %s", text, error);
	return value;
}

#endif
