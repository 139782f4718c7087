#ifndef OC_RECV_HTTP_REQUEST_H
#define OC_RECV_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>
#include "buf.h"

/*
 * A request and its answer, for whoever handles a route (server.h).  A
 * request lives until it is answered (request_answer, request_answer_bytes,
 * request_error, request_end), handed over (request_take), or its client
 * leaves; then it must not be touched any more.  The answer may be given
 * from inside of the handler, or later.
 */
struct request;
struct server;
struct bufferevent;

/* ---- what was asked; valid as long as the request */

const char *request_method(const struct request *request);
const char *request_path(const struct request *request);
/* What stands for the * of a route, "" for a route without one. */
const char *request_rest(const struct request *request);
/* A header in any case of letters, or NULL. */
const char *request_header(const struct request *request, const char *name);
/*
 * All headers with small letters in their names, the last of each, but for
 * those that show who asks: for rules, which a person writes.
 */
jv request_headers(const struct request *request);
/* The query as sent, without the question mark; NULL: none. */
const char *request_query_text(const struct request *request);
/*
 * A parameter of the query, decoded; the caller frees it.  NULL: it is not
 * there, or not UTF-8.
 */
char *request_query(const struct request *request, const char *name);
/* The address of the client, "127.0.0.1". */
const char *request_peer(const struct request *request);
/* Whether it came from this machine, or with the gateway's token. */
bool request_is_trusted(const struct request *request);
const struct buf *request_body(const struct request *request);
struct server *request_server(const struct request *request);
/*
 * The body as JSON, strictly: an object.  On failure it has answered 400
 * itself, and the request is gone.  *own_out is the caller's.
 */
bool request_json(struct request *request, jv *own_out);

/* ---- the answer */

/* A header of the answer; before the answer begins.  Both are copied. */
void request_set_header(
    struct request *request, const char *name, const char *value);

/* The whole answer.  All headers that every answer has are added. */
void request_answer(struct request *request, int status, jv own_body);
void request_answer_bytes(struct request *request, int status, const char *type,
    const void *bytes, size_t length);
/* {"error":{"message","type"}} */
void request_error(
    struct request *request, int status, const char *type, const char *message);

/*
 * An answer in pieces: request_stream, any number of request_send, and
 * request_end.  When more is unsent than is kept for a client, request_send
 * returns false; the client is then cut off after the caller has returned,
 * and its `gone` is called.  So the result may be ignored.
 */
void request_stream(struct request *request, const char *type);
bool request_send(struct request *request, const char *data, size_t length);
void request_end(struct request *request);
/* Whether request_stream was called: a failure is told inside the stream. */
bool request_is_streaming(const struct request *request);

/*
 * `gone` is called when the client leaves before the answer is complete; the
 * request is invalid when it returns.  NULL: nobody wants to know any more.
 */
void request_on_gone(
    struct request *request, void (*gone)(void *arg), void *arg);

/*
 * For a WebSocket: hands the connection over.  The bufferevent is the
 * caller's (its callbacks are not set, and its input holds what came after
 * the head), and the request is gone.  It counts as a connection until
 * server_release.
 */
struct bufferevent *request_take(struct request *request);

#endif
