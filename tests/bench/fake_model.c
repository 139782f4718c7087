/*
 * A model that answers at once, or after a given time, for measuring: Gemini
 * and OpenAI's API on one port of the loopback, thousands of connections kept
 * alive, one thread.  Prints its port; on SIGTERM it prints what it served.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sysexits.h>
#include <unistd.h>
#include "answers.h"
#include "clock.h"
#include "log.h"
#include "xalloc.h"

enum {
	EVENTS_AT_ONCE = 256,
	READ_BYTES = 65536,
	CONNECTIONS_MAX = 16384,
	REQUEST_MAX = 64 << 20,
};

struct connection {
	int fd;
	bool open, waiting; /* for its time to answer */
	struct buf request;
	size_t need;              /* bytes of the whole request; 0: unknown */
	const struct buf *answer; /* being sent, or to be sent */
	size_t sent;
	int64_t due;
	struct connection *next_due;
};

struct server {
	struct answers answers;
	bool call_first;
	int64_t latency_ms;
	int epoll, listener;
	struct connection *connections; /* by descriptor */
	/* Those that wait, in order: the latency is the same for all. */
	struct connection *first_due, *last_due;
	long requests, accepted, open, most_open;
};

static void
drop(struct server *server, struct connection *connection)
{
	close(connection->fd);
	connection->open = false;
	buf_free(&connection->request);
	connection->answer = NULL;
	server->open--;
	/* One that waits stays in the list and is skipped there. */
}

static void
watch(struct server *server, struct connection *connection, unsigned int events)
{
	struct epoll_event event = {
	    .events = events, .data.fd = connection->fd};

	(void)epoll_ctl(server->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void
send_answer(struct server *server, struct connection *connection)
{
	const struct buf *answer = connection->answer;
	ssize_t n = send(connection->fd, answer->data + connection->sent,
	    answer->length - connection->sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		drop(server, connection);
		return;
	}
	if (n > 0)
		connection->sent += (size_t)n;
	if (connection->sent < answer->length) {
		watch(server, connection, EPOLLIN | EPOLLOUT);
		return;
	}
	if (n < (ssize_t)answer->length)
		watch(server, connection, EPOLLIN);
	connection->answer = NULL;
	server->requests++;
}

static void
answer_later(struct server *server, struct connection *connection)
{
	connection->due = clock_mono_ms() + server->latency_ms;
	connection->waiting = true;
	connection->next_due = NULL;
	if (server->first_due == NULL)
		server->first_due = connection;
	else
		server->last_due->next_due = connection;
	server->last_due = connection;
}

static void
answer_due(struct server *server)
{
	struct connection *connection;
	int64_t now = clock_mono_ms();

	while ((connection = server->first_due) != NULL &&
	       connection->due <= now) {
		server->first_due = connection->next_due;
		connection->waiting = false;
		if (connection->open && connection->answer != NULL)
			send_answer(server, connection);
	}
}

/* The length of the request's head and body, or 0 if it is not yet known. */
static size_t
request_length(const struct buf *request)
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

static void
receive(struct server *server, struct connection *connection)
{
	struct buf *request = &connection->request;
	ssize_t n = buf_read(request, connection->fd, READ_BYTES);

	if (n <= 0 && (n == 0 || errno != EAGAIN)) {
		drop(server, connection);
		return;
	}
	if (connection->need == 0)
		connection->need = request_length(request);
	if (request->length > REQUEST_MAX) {
		drop(server, connection);
		return;
	}
	if (connection->need == 0 || request->length < connection->need)
		return;
	connection->answer =
	    answers_choose(&server->answers, request->data, server->call_first);
	connection->sent = connection->need = 0;
	buf_free(request); /* clients that pipeline are not served */
	if (server->latency_ms > 0)
		answer_later(server, connection);
	else
		send_answer(server, connection);
}

static void
accept_all(struct server *server)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct connection *connection;
	int fd, one = 1;

	while ((fd = accept4(server->listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		/* A descriptor whose old connection still waits is not used. */
		if (fd >= CONNECTIONS_MAX || server->connections[fd].waiting) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		connection = &server->connections[fd];
		*connection = (struct connection){.fd = fd, .open = true};
		event.data.fd = fd;
		if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			fatal(EX_OSERR, "epoll: %s", strerror(errno));
		server->accepted++;
		if (++server->open > server->most_open)
			server->most_open = server->open;
	}
}

static int
patience(const struct server *server)
{
	int64_t wait;

	if (server->first_due == NULL)
		return -1;
	wait = server->first_due->due - clock_mono_ms();
	return wait > 0 ? (int)wait : 0;
}

static void
serve(struct server *server, int signals)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	struct connection *connection;
	int n;

	for (;;) {
		n = epoll_wait(
		    server->epoll, events, EVENTS_AT_ONCE, patience(server));
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == signals)
				return;
			if (fd == server->listener) {
				accept_all(server);
				continue;
			}
			connection = &server->connections[fd];
			if (connection->open && connection->answer != NULL &&
			    !connection->waiting && events[i].events & EPOLLOUT)
				send_answer(server, connection);
			if (connection->open &&
			    events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				receive(server, connection);
		}
		answer_due(server);
	}
}

static void
listen_on(struct server *server, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN};
	socklen_t size = sizeof address;
	int one = 1;

	server->listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(
	    server->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(server->listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(server->listener, 4096) < 0 ||
	    getsockname(server->listener, (struct sockaddr *)&address, &size) <
		0)
		fatal(EX_UNAVAILABLE, "cannot listen on port %d: %s", port,
		    strerror(errno));
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	event.data.fd = server->listener;
	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event) <
	    0)
		fatal(EX_OSERR, "epoll: %s", strerror(errno));
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
}

static int
watch_signals(const struct server *server)
{
	struct epoll_event event = {.events = EPOLLIN};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	event.data.fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (event.data.fd < 0 ||
	    epoll_ctl(server->epoll, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
		fatal(EX_OSERR, "signals: %s", strerror(errno));
	return event.data.fd;
}

static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static long
number(const char *text)
{
	const char *error;
	long value = (long)strtonum(text, 0, 3600000, &error);

	if (error != NULL)
		usage_error("%s is %s", text, error);
	return value;
}

int
main(int argc, char **argv)
{
	struct server server = {0};
	const char *command = "df -h";
	int option, port = 0, signals;

	log_init("fake_model");
	while ((option = getopt(argc, argv, "c:hl:p:")) != -1)
		switch (option) {
		case 'c':
			server.call_first = true;
			command = optarg;
			break;
		case 'l': server.latency_ms = number(optarg); break;
		case 'p': port = (int)number(optarg); break;
		case 'h':
			puts("fake_model [-c COMMAND] [-l LATENCY_MS] [-p PORT]"
			     "\n-c: first a call of exec, then a text");
			return 0;
		default: usage_error("wrong usage");
		}
	raise_limit();
	answers_init(&server.answers, command);
	server.connections =
	    xcalloc(CONNECTIONS_MAX, sizeof server.connections[0]);
	listen_on(&server, port);
	signals = watch_signals(&server);
	serve(&server, signals);
	fprintf(stderr, "requests %ld, connections %ld, most at once %ld\n",
	    server.requests, server.accepted, server.most_open);
	for (int fd = 0; fd < CONNECTIONS_MAX; fd++)
		if (server.connections[fd].open)
			drop(&server, &server.connections[fd]);
	free(server.connections);
	answers_free(&server.answers);
	close(server.epoll);
	close(server.listener);
	close(signals);
	return 0;
}
