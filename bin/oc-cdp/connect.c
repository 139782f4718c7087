#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "connect.h"
#include "io.h"
#include "json.h"
#include "request.h"
#include "websocket.h"
#include "xalloc.h"

enum {
	DEADLINE_MS = 10 * 1000,
	ANSWER_MAX = 64 * 1024,
	PATH_MAX_BYTES = 512,
};

struct connect {
	struct loop *loop;
	struct resolver *resolver;
	void (*done)(void *arg, const struct connected *result);
	void *arg;
	char *url;
	char host[256];
	uint16_t port;
	struct lookup *lookup;
	struct addresses addresses;
	size_t next;
	int fd;
	struct watch watch;
	struct timer timer;
	struct buf out, in;
	char *path; /* of the WebSocket, once it is known */
	char key[WEBSOCKET_KEY_SIZE];
	struct buf problem;
};

void
connect_cancel(struct connect *attempt)
{
	if (attempt == NULL)
		return;
	lookup_cancel(attempt->lookup);
	loop_unwatch(&attempt->watch);
	loop_stop_timer(&attempt->timer);
	if (attempt->fd >= 0)
		close(attempt->fd);
	buf_free(&attempt->out);
	buf_free(&attempt->in);
	buf_free(&attempt->problem);
	free(attempt->path);
	free(attempt->url);
	free(attempt);
}

static void
tell(struct connect *attempt, struct connected *result)
{
	void (*done)(void *, const struct connected *) = attempt->done;
	void *arg = attempt->arg;

	/* the strings of the result live until it was told */
	loop_unwatch(&attempt->watch);
	loop_stop_timer(&attempt->timer);
	attempt->fd = result->fd >= 0 ? -1 : attempt->fd;
	done(arg, result);
	connect_cancel(attempt);
}

static void
tell_failure(void *arg)
{
	struct connect *attempt = arg;
	struct connected result = {.fd = -1};

	result.problem = buf_string(&attempt->problem);
	tell(attempt, &result);
}

/* Tells it from the loop. */
static void
fail(struct connect *attempt, const char *what)
{
	loop_unwatch(&attempt->watch);
	lookup_cancel(attempt->lookup);
	attempt->lookup = NULL;
	buf_clear(&attempt->problem);
	buf_printf(&attempt->problem, "%s: %s", attempt->url, what);
	loop_timer(attempt->loop, &attempt->timer, 0, tell_failure, attempt);
}

static void
on_deadline(void *arg)
{
	fail(arg, "no answer within 10 s; is a browser behind it?");
}

static void try_next(struct connect *attempt);

/* ---- the two questions */

/* The path of "ws://host/path" in what /json/version says, or NULL. */
static char *
read_path(const char *text, size_t length)
{
	jv value = json_parse(text, length, NULL);
	const char *url = json_get_string(value, "webSocketDebuggerUrl", "");
	const char *slash =
	    strncmp(url, "ws://", 5) == 0 ? strchr(url + 5, '/') : NULL;
	char *path = NULL;

	if (slash != NULL && strlen(slash) < PATH_MAX_BYTES) {
		path = xstrdup(slash);
		for (const char *c = path; *c != '\0'; c++)
			if ((unsigned char)*c <= ' ' || *c == 0x7f) {
				free(path);
				path = NULL;
				break;
			}
	}
	jv_free(value);
	return path;
}

/* The first answer is whole when the other side has closed. */
static void
take_version(struct connect *attempt)
{
	const char *text = buf_string(&attempt->in);
	const char *body = memmem(text, attempt->in.length, "\r\n\r\n", 4);

	if (strncmp(text, "HTTP/1.", 7) != 0 || body == NULL) {
		fail(attempt, "what answers there does not speak HTTP; it is "
			      "no browser's debugging port");
		return;
	}
	body += 4;
	if (strncmp(text + 8, " 200", 4) == 0)
		attempt->path =
		    read_path(body, attempt->in.length - (size_t)(body - text));
	if (attempt->path == NULL) {
		fail(attempt,
		    "what answers there is not a browser's debugging port: "
		    "/json/version names no WebSocket (Chromium takes "
		    "--remote-debugging-port=9222)");
		return;
	}
	attempt->next--; /* the same address again */
	buf_clear(&attempt->in);
	try_next(attempt);
}

/* Whether the first answer is whole: some do not close behind it. */
static bool
is_whole(const struct connect *attempt)
{
	static const char name[] = "\ncontent-length:";
	const char *text = buf_string(&attempt->in);
	const char *body = memmem(text, attempt->in.length, "\r\n\r\n", 4);
	const char *header = strcasestr(text, name);

	if (body == NULL || header == NULL || header > body)
		return false;
	return attempt->in.length - (size_t)(body + 4 - text) >=
	       strtoul(header + sizeof name - 1, NULL, 10);
}

static void
take_handshake(struct connect *attempt)
{
	struct connected result = {.fd = attempt->fd};
	socklen_t own = sizeof result.own, peer = sizeof result.peer;
	size_t used = 0;
	int status = 0, on = 1;

	switch (websocket_answer(buf_string(&attempt->in), attempt->in.length,
	    attempt->key, &used, &status)) {
	case WEBSOCKET_MORE: return;
	case WEBSOCKET_OPEN: break;
	default:
		fail(attempt, "the browser does not open its WebSocket");
		return;
	}
	/* each call waits for an acknowledgement otherwise, 40 ms */
	setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	getsockname(attempt->fd, (struct sockaddr *)&result.own, &own);
	getpeername(attempt->fd, (struct sockaddr *)&result.peer, &peer);
	result.first = buf_string(&attempt->in) + used;
	result.length = attempt->in.length - used;
	tell(attempt, &result);
}

static void
on_bytes(void *arg, short revents)
{
	struct connect *attempt = arg;
	ssize_t n;

	(void)revents;
	if (attempt->out.length > 0) {
		n = write(attempt->fd, attempt->out.data, attempt->out.length);
		if (n > 0)
			buf_drop(&attempt->out, (size_t)n);
		if (attempt->out.length == 0)
			loop_watch(attempt->loop, &attempt->watch, attempt->fd,
			    POLLIN, on_bytes, attempt);
		if (n >= 0 || errno == EAGAIN)
			return;
		fail(attempt, strerror(errno));
		return;
	}
	n = buf_read(&attempt->in, attempt->fd, ANSWER_MAX);
	if (n < 0 && errno == EAGAIN)
		return;
	if (attempt->in.length > ANSWER_MAX)
		fail(attempt, "it answers without end; it is no browser's "
			      "debugging port");
	else if (attempt->path == NULL && (n <= 0 || is_whole(attempt)))
		take_version(attempt);
	else if (attempt->path != NULL && n > 0)
		take_handshake(attempt);
	else if (n <= 0)
		fail(attempt, "the browser closed the connection");
}

static void
ask(struct connect *attempt)
{
	buf_clear(&attempt->out);
	/* another Host than localhost or an address is refused */
	if (attempt->path == NULL)
		buf_add_string(&attempt->out,
		    "GET /json/version HTTP/1.1\r\nHost: localhost\r\n"
		    "Accept: application/json\r\nConnection: close\r\n\r\n");
	else
		websocket_ask(&attempt->out, "localhost", attempt->path, NULL,
		    attempt->key);
	loop_watch(attempt->loop, &attempt->watch, attempt->fd, POLLOUT,
	    on_bytes, attempt);
}

/* ---- to get there */

static void
on_connect(void *arg, short revents)
{
	struct connect *attempt = arg;
	socklen_t length = sizeof(int);
	int error = 0;

	(void)revents;
	getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	loop_unwatch(&attempt->watch);
	if (error == 0)
		ask(attempt);
	else if (attempt->next < attempt->addresses.count)
		try_next(attempt);
	else
		fail(attempt, error == ECONNREFUSED
				  ? "connection refused; does the browser run?"
				  : strerror(error));
}

static void
try_next(struct connect *attempt)
{
	struct sockaddr_storage address =
	    attempt->addresses.address[attempt->next++];
	bool v6 = address.ss_family == AF_INET6;
	struct sockaddr_in v4_address;
	struct sockaddr_in6 v6_address;

	loop_unwatch(&attempt->watch);
	if (attempt->fd >= 0)
		close(attempt->fd);
	if (v6) {
		memcpy(&v6_address, &address, sizeof v6_address);
		v6_address.sin6_port = htons(attempt->port);
		memcpy(&address, &v6_address, sizeof v6_address);
	} else {
		memcpy(&v4_address, &address, sizeof v4_address);
		v4_address.sin_port = htons(attempt->port);
		memcpy(&address, &v4_address, sizeof v4_address);
	}
	attempt->fd = socket(
	    address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (attempt->fd >= 0 &&
	    (connect(attempt->fd, (struct sockaddr *)&address,
		 v6 ? sizeof v6_address : sizeof v4_address) == 0 ||
		errno == EINPROGRESS))
		loop_watch(attempt->loop, &attempt->watch, attempt->fd, POLLOUT,
		    on_connect, attempt);
	else
		fail(attempt, strerror(errno));
}

static void
on_addresses(void *arg, const struct addresses *found)
{
	struct connect *attempt = arg;

	attempt->lookup = NULL;
	attempt->addresses = *found;
	if (found->count == 0)
		fail(attempt, "its name has no address");
	else
		try_next(attempt);
}

struct connect *
connect_start(struct loop *loop, struct resolver *resolver, const char *url,
    void (*done)(void *arg, const struct connected *result), void *arg)
{
	static const char scheme[] = "http://";
	struct connect *attempt = xcalloc(1, sizeof *attempt);
	const char *host = url + sizeof scheme - 1;

	attempt->loop = loop;
	attempt->resolver = resolver;
	attempt->url = xstrdup(url);
	attempt->done = done;
	attempt->arg = arg;
	attempt->fd = -1;
	if (strncasecmp(url, scheme, sizeof scheme - 1) != 0 ||
	    !request_read_authority(host, strcspn(host, "/?#"), 80,
		attempt->host, &attempt->port)) {
		fail(attempt, "not an address like http://127.0.0.1:9222");
		return attempt;
	}
	loop_timer(loop, &attempt->timer, DEADLINE_MS, on_deadline, attempt);
	attempt->lookup =
	    resolver_ask(resolver, attempt->host, on_addresses, attempt);
	return attempt;
}
