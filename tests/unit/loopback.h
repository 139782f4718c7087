#ifndef OC_TESTS_LOOPBACK_H
#define OC_TESTS_LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "buf.h"

/*
 * A server on the loopback for tests: a process that accepts, and one for
 * each connection that does what `serve` says.  `nth` counts connections from
 * 0.
 */
struct loopback {
	pid_t pid;
	int port;
};

static inline void
loopback_start(struct loopback *server, void (*serve)(int fd, int nth))
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener, 512) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		abort();
	server->port = ntohs(address.sin_port);
	server->pid = fork();
	if (server->pid != 0) {
		setpgid(server->pid, server->pid);
		close(listener);
		return;
	}
	setpgid(0, 0);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	alarm(60); /* nothing outlives a test that died */
	for (int nth = 0;; nth++) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			_exit(1);
		if (fork() == 0) {
			close(listener);
			alarm(60);
			serve(fd, nth);
			shutdown(fd, SHUT_RDWR); /* exit may be slow */
			_exit(0);
		}
		close(fd);
	}
}

static inline void
loopback_stop(struct loopback *server)
{
	kill(-server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}

/* A port on which nobody listens. */
static inline int
loopback_closed_port(void)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		abort();
	close(fd);
	return ntohs(address.sin_port);
}

/* Reads one request; false at the end.  The whole text is in `request`. */
static inline bool
loopback_read(int fd, struct buf *request)
{
	const char *head, *length;
	size_t need;

	buf_clear(request);
	for (;;) {
		head = strstr(buf_string(request), "\r\n\r\n");
		if (head != NULL) {
			length = strcasestr(request->data, "Content-Length: ");
			need = (size_t)(head - request->data) + 4;
			if (length != NULL && length < head)
				need += strtoul(length + 16, NULL, 10);
			if (request->length >= need)
				return true;
		}
		if (buf_read(request, fd, 65536) <= 0)
			return false;
	}
}

static inline void
loopback_say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Says nothing more and keeps the connection until the other side goes. */
static inline void
loopback_hang(int fd)
{
	char byte;

	while (read(fd, &byte, 1) > 0)
		;
}

#endif
