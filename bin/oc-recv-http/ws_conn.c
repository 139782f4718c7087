#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include "json.h"
#include "log.h"
#include "server.h"
#include "ws_parts.h"
#include "xalloc.h"

enum {
	READ_AHEAD = 64 * 1024,
	/* a client that does not read its answers is not read either */
	UNSENT_PAUSE = 1024 * 1024,
	WRITE_S = 30, /* without any progress */
	CLOSING_S = 5,
	LINGER_S = 2,
	HOLD_S = 1,
};

static size_t
unsent(const struct ws_conn *conn)
{
	return evbuffer_get_length(bufferevent_get_output(conn->bev));
}

static void
set_timer(struct ws_conn *conn, int seconds)
{
	struct timeval wait = {.tv_sec = seconds};

	evtimer_add(conn->timer, &wait);
}

static void
set_phase(struct ws_conn *conn, enum ws_phase phase)
{
	if (conn->phase == WS_DEAD)
		return;
	conn->phase = phase;
	switch (phase) {
	case WS_OPEN: evtimer_del(conn->timer); break;
	case WS_CLOSING:
	case WS_LAST: set_timer(conn, CLOSING_S); break;
	case WS_LINGER: set_timer(conn, LINGER_S); break;
	case WS_DEAD: set_timer(conn, 0); break;
	}
}

void
ws_conn_cut(struct ws_conn *conn)
{
	set_phase(conn, WS_DEAD);
}

void
ws_conn_free(struct ws_conn *conn)
{
	struct ws *ws = conn->ws;

	ws_runs_forget(conn);
	ws_waiters_forget(ws, conn);
	TAILQ_REMOVE(&ws->conns, conn, entry);
	ws->strangers -= !conn->greeted;
	event_free(conn->timer);
	bufferevent_free(conn->bev);
	websocket_free(conn->websocket);
	free(conn->slow);
	free(conn);
	server_release(ws->server);
}

/* ---- sending */

/* Hands what the protocol made to the socket. */
static void
flush(struct ws_conn *conn)
{
	struct buf *output = websocket_output(conn->websocket);

	if (conn->phase == WS_DEAD)
		return;
	if (output->length != 0)
		bufferevent_write(conn->bev, output->data, output->length);
	if (output->capacity > READ_AHEAD)
		buf_free(output);
	else
		buf_clear(output);
	if (unsent(conn) > WS_BUFFERED_MAX) {
		log_info(
		    "%s: reads too slowly; its WebSocket is cut", conn->peer);
		ws_conn_cut(conn);
	} else if (unsent(conn) > UNSENT_PAUSE && conn->phase == WS_OPEN) {
		bufferevent_disable(conn->bev, EV_READ);
	}
}

void
ws_send(struct ws_conn *conn, jv own_frame)
{
	struct buf text = {0};

	if (conn->phase == WS_OPEN) {
		json_write(&text, own_frame);
		websocket_send_text(conn->websocket, text.data, text.length);
		flush(conn);
	}
	buf_free(&text);
	jv_free(own_frame);
}

void
ws_conn_close(
    struct ws_conn *conn, enum websocket_code code, const char *reason)
{
	if (conn->phase != WS_OPEN)
		return;
	websocket_close(conn->websocket, code, reason);
	flush(conn);
	set_phase(conn, WS_CLOSING);
	bufferevent_enable(conn->bev, EV_READ);
}

/* Nothing more will be read: the rest goes out, and then the end. */
static void
finish(struct ws_conn *conn)
{
	if (conn->phase == WS_DEAD)
		return;
	flush(conn);
	set_phase(conn, WS_LAST);
	if (unsent(conn) == 0)
		bufferevent_trigger(
		    conn->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

/* ---- what happens */

static void
on_message(void *arg, const char *data, size_t length, bool binary)
{
	struct ws_conn *conn = arg;

	if (conn->phase != WS_OPEN)
		return;
	if (binary)
		ws_conn_close(conn, WEBSOCKET_UNSUPPORTED, "text is wanted");
	else
		ws_frame(conn, data, length);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct ws_conn *conn = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t length = evbuffer_get_length(input);
	bool open = true;

	conn->silent = 0;
	if (conn->phase == WS_OPEN || conn->phase == WS_CLOSING)
		open = websocket_feed(conn->websocket,
		    evbuffer_pullup(input, -1), length, on_message, conn);
	evbuffer_drain(input, length);
	if (!open)
		finish(conn);
	else
		flush(conn); /* answers to pings */
}

/* All that there was is sent. */
static void
on_write(struct bufferevent *bev, void *arg)
{
	struct ws_conn *conn = arg;

	if (conn->phase == WS_LAST) {
		shutdown(bufferevent_getfd(bev), SHUT_WR);
		set_phase(conn, WS_LINGER);
		bufferevent_enable(bev, EV_READ);
	} else if (conn->phase == WS_OPEN) {
		bufferevent_enable(bev, EV_READ);
	}
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	ws_conn_free(arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ws_conn *conn = arg;

	(void)fd;
	(void)what;
	if (conn->phase != WS_OPEN)
		ws_conn_free(conn);
	else if (conn->slow != NULL)
		ws_refuse_slow(conn);
	else
		ws_conn_close(conn, WEBSOCKET_POLICY, "handshake timeout");
}

/* ---- life */

static void
make_id(char out[WS_NONCE_SIZE])
{
	unsigned char bytes[WS_NONCE_SIZE / 2];

	arc4random_buf(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void
ws_conn_new(struct ws *ws, struct bufferevent *bev, const char *peer)
{
	static const struct timeval write_wait = {.tv_sec = WRITE_S};
	struct ws_conn *conn = xcalloc(1, sizeof *conn);

	conn->ws = ws;
	conn->bev = bev;
	conn->websocket = websocket_new(WEBSOCKET_SERVER, WS_BEFORE_HELLO_MAX);
	conn->timer = evtimer_new(server_base(ws->server), on_timer, conn);
	snprintf(conn->peer, sizeof conn->peer, "%s", peer);
	make_id(conn->id);
	make_id(conn->nonce);
	TAILQ_INSERT_TAIL(&ws->conns, conn, entry);
	ws->strangers++;
	bufferevent_setcb(bev, on_read, on_write, on_event, conn);
	bufferevent_setwatermark(bev, EV_READ, 0, READ_AHEAD);
	bufferevent_setwatermark(bev, EV_WRITE, 0, 0);
	bufferevent_set_timeouts(bev, NULL, &write_wait);
	set_timer(conn, WS_HELLO_S);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	/* what came along with the handshake */
	if (evbuffer_get_length(bufferevent_get_input(bev)) != 0)
		bufferevent_trigger(bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

void
ws_conn_greeted(struct ws_conn *conn)
{
	conn->greeted = true;
	conn->ws->strangers--;
	websocket_set_max(conn->websocket, WS_PAYLOAD_MAX);
	set_phase(conn, WS_OPEN);
}

void
ws_conn_hold(struct ws_conn *conn)
{
	set_timer(conn, HOLD_S);
}
