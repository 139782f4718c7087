#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include "conn.h"
#include "xalloc.h"

enum {
	/* what is read ahead of a request that is being answered */
	READ_AHEAD = 64 * 1024,
	/* pipelined requests wait while so much of the answers is unsent */
	UNSENT_PAUSE = 256 * 1024,
	BURST = 32,   /* requests of one client before others get a turn */
	SLOW_S = 1,   /* how long the answer to wrong tokens is held back */
	LINGER_S = 2, /* for what a client still sends: else it gets a reset
	                * instead of the answer */
	WRITE_S = 30, /* without any progress */
	CLOSING_S = 60,
};

/* ---- phases */

static int
seconds_of(const struct conn *conn)
{
	switch (conn->phase) {
	case CONN_IDLE: return conn->server->limits.idle_s;
	case CONN_HEAD: return conn->server->limits.head_s;
	case CONN_BODY: return conn->server->limits.body_s;
	case CONN_SLOW: return SLOW_S;
	case CONN_ANSWERING: return -1;
	case CONN_CLOSING: return CLOSING_S;
	case CONN_LINGER: return LINGER_S;
	case CONN_DONE: return 0;
	}
	return 0;
}

/* The deadline of a phase begins with it, however many bytes drip in. */
static void
set_phase(struct conn *conn, enum phase phase)
{
	struct timeval wait = {0};

	if (conn->phase == CONN_DONE)
		return;
	conn->phase = phase;
	TAILQ_REMOVE(&conn->server->conns, conn, entry);
	TAILQ_INSERT_TAIL(&conn->server->conns, conn, entry);
	wait.tv_sec = seconds_of(conn);
	if (wait.tv_sec >= 0)
		evtimer_add(conn->timer, &wait);
	else
		evtimer_del(conn->timer);
}

void
conn_cut(struct conn *conn)
{
	set_phase(conn, CONN_DONE);
}

static bool
is_work(const struct conn *conn)
{
	return conn->request != NULL && conn->request->route != NULL &&
	       conn->request->route->work;
}

void
conn_free(struct conn *conn)
{
	struct server *server = conn->server;
	struct request *request = conn->request;

	if (request != NULL) {
		server->counts.running -= is_work(conn) && request->handled;
		server->counts.cut++;
		conn->request = NULL;
		if (request->gone != NULL)
			request->gone(request->gone_arg);
		request_free(request);
	}
	TAILQ_REMOVE(&server->conns, conn, entry);
	server->counts.connections--;
	event_free(conn->timer);
	if (conn->bev != NULL)
		bufferevent_free(conn->bev);
	free(conn);
	server_check_drained(server);
}

static size_t
unsent(const struct conn *conn)
{
	return evbuffer_get_length(bufferevent_get_output(conn->bev));
}

static size_t
unread(const struct conn *conn)
{
	return evbuffer_get_length(bufferevent_get_input(conn->bev));
}

void
conn_answered(struct conn *conn)
{
	if (conn->last || conn->server->draining) {
		set_phase(conn, unsent(conn) != 0 ? CONN_CLOSING : CONN_DONE);
		return;
	}
	set_phase(conn, CONN_IDLE);
	if (!conn->working && (unread(conn) != 0 || conn->client_ended))
		bufferevent_trigger(
		    conn->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

/* ---- reading requests */

/* Answers what never became a request, or only half of one. */
static bool
refuse(struct conn *conn, int status, const char *problem)
{
	if (conn->request == NULL)
		conn->request = request_new(conn);
	conn->last = true;
	request_error(conn->request, status, "invalid_request_error", problem);
	return true;
}

static bool
read_head(struct conn *conn)
{
	struct evbuffer *input = bufferevent_get_input(conn->bev);
	size_t length = unread(conn), end;
	struct request *request;
	const char *problem = NULL, *data;
	bool has_body;
	int status;

	if (length > HEAD_MAX)
		length = HEAD_MAX;
	data = (const char *)evbuffer_pullup(input, (ssize_t)length);
	if (!head_may_begin(data, length))
		return refuse(conn, 400, "this is no HTTP request");
	end = head_end(data, length, &conn->scanned);
	if (end == 0)
		return length == HEAD_MAX
			   ? refuse(conn, 431, "the headers are too large")
			   : false;
	request = conn->request = request_new(conn);
	status = head_parse(&request->head, data, end, &problem);
	evbuffer_drain(input, end);
	if (status != 0)
		return refuse(conn, status, problem);
	/* a body that is not read must not become the next request */
	has_body = request->head.chunked || request->head.length > 0;
	conn->last = conn->crowded || has_body || !request->head.keep_alive;
	if (!server_admit(conn->server, request)) {
		if (conn->request != NULL && conn->phase == CONN_HEAD)
			set_phase(conn, CONN_SLOW);
		return true;
	}
	conn->last = conn->crowded || !request->head.keep_alive;
	set_phase(conn, CONN_BODY);
	if (request->head.expects_continue && has_body)
		evbuffer_add_printf(bufferevent_get_output(conn->bev),
		    "HTTP/1.1 100 Continue\r\n\r\n");
	return true;
}

static bool
handle(struct conn *conn)
{
	struct request *request = conn->request;

	set_phase(conn, CONN_ANSWERING);
	request->handled = true;
	conn->server->counts.running += is_work(conn);
	request->route->handle(request, request->route->arg);
	return true;
}

static bool
read_chunks(struct conn *conn)
{
	struct evbuffer *input = bufferevent_get_input(conn->bev);
	struct request *request = conn->request;
	enum chunks_result result;
	size_t used;

	if (unread(conn) == 0)
		return false;
	result = chunks_feed(&request->chunks,
	    (const char *)evbuffer_pullup(input, -1), unread(conn),
	    request->body_max, &request->body, &used);
	evbuffer_drain(input, used);
	switch (result) {
	case CHUNKS_MORE: return false;
	case CHUNKS_DONE: return handle(conn);
	case CHUNKS_BAD: return refuse(conn, 400, "a chunk is malformed");
	case CHUNKS_TOO_LARGE: break;
	}
	return refuse(conn, 413, "the body is too large");
}

static bool
read_body(struct conn *conn)
{
	struct evbuffer *input = bufferevent_get_input(conn->bev);
	struct request *request = conn->request;
	struct buf *body = &request->body;
	size_t want, n = unread(conn);

	if (request->head.chunked)
		return read_chunks(conn);
	if (request->head.length <= 0)
		return handle(conn);
	want = (size_t)request->head.length - body->length;
	if (n > want)
		n = want;
	buf_reserve(body, n);
	buf_add(body, evbuffer_pullup(input, (ssize_t)n), n);
	evbuffer_drain(input, n);
	return n == want ? handle(conn) : false;
}

/* One step.  False: there is nothing to do before something happens. */
static bool
step(struct conn *conn)
{
	switch (conn->phase) {
	case CONN_IDLE:
		if (unread(conn) == 0 || unsent(conn) > UNSENT_PAUSE)
			return false;
		conn->scanned = 0;
		set_phase(conn, CONN_HEAD);
		return true;
	case CONN_HEAD: return read_head(conn);
	case CONN_BODY: return read_body(conn);
	case CONN_LINGER:
		evbuffer_drain(bufferevent_get_input(conn->bev), unread(conn));
		return false;
	default: return false;
	}
}

/* Whether what was sent so far is all that will ever be answered. */
static bool
is_at_end(const struct conn *conn)
{
	return conn->client_ended &&
	       (conn->phase == CONN_HEAD || conn->phase == CONN_BODY ||
		   (conn->phase == CONN_IDLE && unread(conn) == 0));
}

static void
work(struct conn *conn)
{
	int steps = 0;

	conn->working = true;
	while (step(conn)) {
		if (++steps < BURST * 3)
			continue;
		bufferevent_trigger(
		    conn->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
		conn->working = false;
		return;
	}
	conn->working = false;
	if (is_at_end(conn))
		set_phase(conn, conn->bev != NULL && unsent(conn) != 0
				    ? CONN_CLOSING
				    : CONN_DONE);
}

/* ---- what happens */

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	work(arg);
}

/* All that there was is sent. */
static void
on_write(struct bufferevent *bev, void *arg)
{
	struct conn *conn = arg;

	if (conn->phase == CONN_CLOSING) {
		shutdown(bufferevent_getfd(bev), SHUT_WR);
		set_phase(conn, CONN_LINGER);
		server_check_drained(conn->server);
	} else if (conn->phase == CONN_IDLE) {
		work(conn);
	}
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *conn = arg;

	(void)bev;
	if ((what & BEV_EVENT_EOF) == 0) {
		conn_free(conn);
		return;
	}
	conn->client_ended = true;
	switch (conn->phase) {
	case CONN_IDLE:
	case CONN_HEAD:
	case CONN_BODY: work(conn); break;
	case CONN_CLOSING: break;
	default: conn_free(conn);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;

	(void)fd;
	(void)what;
	switch (conn->phase) {
	case CONN_HEAD: refuse(conn, 408, "the headers took too long"); break;
	case CONN_BODY: refuse(conn, 408, "the body took too long"); break;
	case CONN_SLOW:
		conn->last = true;
		request_error(
		    conn->request, 401, "unauthorized", "Unauthorized");
		break;
	default: conn_free(conn);
	}
}

void
conn_new(
    struct server *server, evutil_socket_t fd, const char *peer, bool crowded)
{
	static const struct timeval write_wait = {.tv_sec = WRITE_S};
	struct conn *conn = xcalloc(1, sizeof *conn);
	int on = 1;

	conn->server = server;
	conn->crowded = crowded;
	memcpy(conn->peer, peer, strlen(peer) + 1);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	conn->bev =
	    bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	conn->timer = evtimer_new(server->base, on_timer, conn);
	TAILQ_INSERT_TAIL(&server->conns, conn, entry);
	server->counts.connections++;
	server->counts.accepted++;
	bufferevent_setcb(conn->bev, on_read, on_write, on_event, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, READ_AHEAD);
	bufferevent_set_timeouts(conn->bev, NULL, &write_wait);
	set_phase(conn, CONN_IDLE);
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}
