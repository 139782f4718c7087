#ifndef OC_RECV_HTTP_WS_PARTS_H
#define OC_RECV_HTTP_WS_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <jv.h>
#include "netaddr.h"
#include "turn.h"
#include "websocket.h"
#include "ws.h"
#include "ws_request.h"

/* What the parts of the WebSocket protocol share. */

enum {
	WS_PROTOCOL = 4,
	WS_BEFORE_HELLO_MAX = 64 * 1024, /* bytes of a frame of a stranger */
	WS_HELLO_S = 15,                 /* and how long one may take */
	/* a text of TURN_TEXT_MAX, with each byte written as an escape */
	WS_PAYLOAD_MAX = 6 * TURN_TEXT_MAX + 64 * 1024,
	/* what may be unsent to a client before it is cut off */
	WS_BUFFERED_MAX = 8 * 1024 * 1024,
	WS_TICK_MS = 30 * 1000, /* the official server's, too */
	WS_NONCE_SIZE = 33,
};

struct bufferevent;
struct event;
struct ws_conn;
struct ws_run;
struct ws_waiter;
TAILQ_HEAD(ws_conns, ws_conn);
TAILQ_HEAD(ws_runs, ws_run);
TAILQ_HEAD(ws_waiters, ws_waiter);

struct ws {
	struct server *server;
	struct submit *submit;
	struct wait *wait;
	struct ws_conns conns;
	size_t strangers; /* connections before hello-ok */
	struct event *tick;
	int64_t started;               /* clock_mono_ms */
	struct ws_runs runs, finished; /* the oldest first */
	size_t run_count, finished_count;
	struct ws_waiters waiters;
};

/* ---- a connection (ws_conn.c) */

enum ws_phase {
	WS_OPEN,
	WS_CLOSING, /* our close is sent, the peer's is awaited */
	WS_LAST,    /* nothing is read any more, the last bytes go out */
	WS_LINGER,  /* they went out; what the peer still sends is dropped, so
	             * that it gets them before a reset */
	WS_DEAD,    /* to be freed by its timer, at once */
};

struct ws_conn {
	TAILQ_ENTRY(ws_conn) entry;
	struct ws *ws;
	struct bufferevent *bev;
	struct websocket *websocket;
	struct event *timer;
	enum ws_phase phase;
	bool greeted;    /* hello-ok was sent */
	bool subscribed; /* hears of every session */
	bool tools;      /* wants to see tool calls */
	int silent;      /* ticks without a byte from the peer */
	unsigned scopes; /* enum ws_scope */
	uint64_t seq;    /* of the last event */
	size_t runs;     /* of its own that are under way */
	size_t waits;    /* agent.wait that are not answered */
	char *slow;      /* the id of a connect whose refusal is held back */
	char id[WS_NONCE_SIZE], nonce[WS_NONCE_SIZE];
	char peer[NETADDR_TEXT_SIZE];
};

/* Takes a connection over, whose handshake is answered. */
void ws_conn_new(struct ws *ws, struct bufferevent *bev, const char *peer);
void ws_conn_free(struct ws_conn *conn);
/* Says why and ends; what is sent after it is dropped. */
void ws_conn_close(
    struct ws_conn *conn, enum websocket_code code, const char *reason);
/* Ends without a word, once the caller has returned. */
void ws_conn_cut(struct ws_conn *conn);
/* hello-ok was sent: other limits, no deadline. */
void ws_conn_greeted(struct ws_conn *conn);
/* Calls ws_refuse_slow in a second. */
void ws_conn_hold(struct ws_conn *conn);

void ws_send(struct ws_conn *conn, jv own_frame);

/* ---- frames (ws_frame.c) */

/* A text from the peer. */
void ws_frame(struct ws_conn *conn, const char *data, size_t length);
void ws_answer(struct ws_conn *conn, const char *id, jv own_payload);
void ws_error(struct ws_conn *conn, const char *id, const char *code,
    const char *message);
/* With `details`, and a payload beside the error (null: none). */
void ws_error_with(struct ws_conn *conn, const char *id, const char *code,
    const char *message, jv own_details, jv own_payload);
/* {"code":"UNAVAILABLE", ..., "retryable":true}: nothing was begun. */
void ws_unavailable(struct ws_conn *conn, const char *id, const char *message);
void ws_event(struct ws_conn *conn, const char *event, jv own_payload);

/* ---- methods */

struct ws_method {
	const char *name;
	unsigned scope; /* one of enum ws_scope */
	void (*handle)(struct ws_conn *conn, const char *id, jv ref_params);
};
/* The table, ended by a NULL name (ws_methods.c). */
extern const struct ws_method ws_methods[];
/* "invalid METHOD params: PROBLEM" */
void ws_bad_params(struct ws_conn *conn, const char *id, const char *method,
    const char *problem);

/* ws_connect.c */
void ws_connect(struct ws_conn *conn, const char *id, jv ref_params);
void ws_refuse_slow(struct ws_conn *conn);

/* ws_health.c */
jv ws_health(struct ws *ws);
void ws_method_health(struct ws_conn *conn, const char *id, jv ref_params);
void ws_method_status(struct ws_conn *conn, const char *id, jv ref_params);

/* ws_sessions.c */
void ws_method_history(struct ws_conn *conn, const char *id, jv ref_params);
void ws_method_list(struct ws_conn *conn, const char *id, jv ref_params);
void ws_method_describe(struct ws_conn *conn, const char *id, jv ref_params);
/* What is told of a session, as of a list. */
jv ws_session(struct ws *ws, const char *session);

/* ws_start.c */
void ws_method_agent(struct ws_conn *conn, const char *id, jv ref_params);
void ws_method_send(struct ws_conn *conn, const char *id, jv ref_params);
void ws_method_abort(struct ws_conn *conn, const char *id, jv ref_params);

/* ws_wait.c */
void ws_method_wait(struct ws_conn *conn, const char *id, jv ref_params);
/* The connection is about to be freed; NULL: all of them are. */
void ws_waiters_forget(struct ws *ws, const struct ws_conn *conn);

/* ws_run.c */
void ws_runs_forget(struct ws_conn *conn);
void ws_runs_free(struct ws *ws);
/* Whether a run of the session is under way. */
bool ws_session_runs(const struct ws *ws, const char *session);

#endif
