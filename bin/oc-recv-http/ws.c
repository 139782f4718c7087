#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include "clock.h"
#include "json.h"
#include "log.h"
#include "server.h"
#include "ws_parts.h"
#include "xalloc.h"

enum {
	/* connections before their connect; the oldest gives way */
	STRANGERS_MAX = 128,
	SILENT_TICKS = 3, /* each tick is a ping, which is answered at once */
};

/* ---- the handshake */

static void
refuse(struct request *request, int status, const char *why)
{
	request_error(request, status, "invalid_request_error", why);
}

static void
drop_stranger(struct ws *ws)
{
	struct ws_conn *conn;

	TAILQ_FOREACH (conn, &ws->conns, entry)
		if (!conn->greeted && conn->phase == WS_OPEN)
			break;
	if (conn != NULL)
		ws_conn_cut(conn);
}

static void
challenge(struct ws_conn *conn)
{
	jv payload = json_set_string(json_object(), "nonce", conn->nonce);

	ws_event(conn, "connect.challenge",
	    json_set_int(payload, "ts", clock_now_ms()));
}

static void
take(struct request *request, void *arg)
{
	const char *key = request_header(request, "Sec-WebSocket-Key");
	const char *version = request_header(request, "Sec-WebSocket-Version");
	char accept[WEBSOCKET_ACCEPT_SIZE];
	char *peer = xstrdup(request_peer(request));
	struct ws *ws = arg;
	struct bufferevent *bev;

	if (version == NULL || strcmp(version, "13") != 0) {
		request_set_header(request, "Sec-WebSocket-Version", "13");
		refuse(request, 426, "version 13 of WebSocket is spoken here");
	} else if (!websocket_header_has(
		       request_header(request, "Connection"), "upgrade") ||
		   !websocket_accept(key, accept)) {
		refuse(request, 400, "this is no WebSocket handshake");
	} else if (auth_is_open(server_auth(ws->server)) &&
		   auth_is_foreign(request_header(request, "Host"),
		       request_header(request, "Origin"))) {
		request_error(request, 403, "forbidden",
		    "without a token only programs of this machine are "
		    "answered, under localhost or an address");
	} else {
		if (ws->strangers >= STRANGERS_MAX)
			drop_stranger(ws);
		bev = request_take(request);
		evbuffer_add_printf(bufferevent_get_output(bev),
		    "HTTP/1.1 101 Switching Protocols\r\n"
		    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Accept: %s\r\n\r\n",
		    accept);
		ws_conn_new(ws, bev, peer);
		challenge(TAILQ_LAST(&ws->conns, ws_conns));
	}
	free(peer);
}

/* ---- the clock, and the end */

/* Tells those who are there that we are, and asks whether they still are. */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct ws *ws = arg;
	struct ws_conn *conn;

	(void)fd;
	(void)what;
	TAILQ_FOREACH (conn, &ws->conns, entry) {
		if (!conn->greeted || conn->phase != WS_OPEN)
			continue;
		if (++conn->silent > SILENT_TICKS) {
			log_info("%s: silent for %d s; its WebSocket is cut",
			    conn->peer, SILENT_TICKS * WS_TICK_MS / 1000);
			ws_conn_cut(conn);
			continue;
		}
		websocket_ping(conn->websocket);
		ws_event(conn, "tick",
		    json_set_int(json_object(), "ts", clock_now_ms()));
	}
}

/* The program ends: clients come back to the next one. */
static void
on_drain(void *arg)
{
	struct ws *ws = arg;
	struct ws_conn *conn;

	TAILQ_FOREACH (conn, &ws->conns, entry) {
		if (conn->greeted)
			ws_event(conn, "shutdown",
			    json_set_string(
				json_object(), "reason", "service restart"));
		ws_conn_close(conn, WEBSOCKET_RESTART, "service restart");
	}
}

struct ws *
ws_init(struct server *server, struct submit *submit, struct wait *wait)
{
	static const struct timeval interval = {.tv_sec = WS_TICK_MS / 1000};
	struct ws *ws = xcalloc(1, sizeof *ws);

	ws->server = server;
	ws->submit = submit;
	ws->wait = wait;
	ws->started = clock_mono_ms();
	TAILQ_INIT(&ws->conns);
	TAILQ_INIT(&ws->runs);
	TAILQ_INIT(&ws->finished);
	TAILQ_INIT(&ws->waiters);
	ws->tick = event_new(
	    server_base(server), -1, EV_PERSIST | EV_TIMEOUT, on_tick, ws);
	event_add(ws->tick, &interval);
	server_on_upgrade(server, take, ws);
	server_on_drain(server, on_drain, ws);
	return ws;
}

void
ws_free(struct ws *ws)
{
	if (ws == NULL)
		return;
	while (!TAILQ_EMPTY(&ws->conns))
		ws_conn_free(TAILQ_FIRST(&ws->conns));
	ws_runs_free(ws);
	event_free(ws->tick);
	free(ws);
}
