#ifndef OC_HTTP_H
#define OC_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buf.h"

/*
 * An HTTP client for many transfers at once in one thread, over libcurl's
 * multi interface.  Every transfer has deadlines: connect, first byte of the
 * answer's body, silence between bytes, and the whole.
 */
struct http;          /* the engine: connections, timers */
struct http_transfer; /* one request and its answer */

enum http_failure {
	HTTP_OK,          /* an answer with a status came, to its end */
	HTTP_UNRESOLVED,  /* the name has no address */
	HTTP_UNREACHABLE, /* refused, no route, TLS failed: nothing was sent */
	HTTP_TIMEOUT_CONNECT,
	HTTP_TIMEOUT_FIRST_BYTE,
	HTTP_TIMEOUT_IDLE,
	HTTP_TIMEOUT_TOTAL,
	HTTP_RESET,     /* broken off before a byte of the answer came */
	HTTP_CUT,       /* broken off inside the answer */
	HTTP_TOO_LARGE, /* the answer is longer than allowed */
	HTTP_ABORTED,   /* by http_abort, or by the body callback */
};

/* What to ask, and who is told.  Borrowed strings live until `done`. */
struct http_request {
	const char *method; /* "GET" or "POST" */
	const char *url;
	const char *const *headers; /* "Name: value", NULL ends; copied */
	const char *body;           /* borrowed until `done`; NULL for none */
	size_t body_length;
	int64_t connect_ms, first_byte_ms, idle_ms, total_ms;
	size_t answer_max; /* bytes of body */
	/*
	 * Bytes of the body as they come; false breaks the transfer off
	 * (HTTP_ABORTED).  NULL: they are collected in the result's body.
	 * The status is known by then: http_status.
	 */
	bool (*on_body)(struct http_transfer *transfer, const char *bytes,
	    size_t length, void *arg);
	/* Called once at the end, from http_run or http_abort. */
	void (*done)(struct http_transfer *transfer, enum http_failure failure,
	    void *arg);
	void *arg;
};

struct http *http_new(void);
void http_free(struct http *http); /* no transfer may be under way */

/*
 * Starts.  The transfer is freed after `done` returns.  Headers with secrets
 * are wiped with it, and no secret of a header gets into a message.
 */
struct http_transfer *http_start(
    struct http *http, const struct http_request *request);
/* Ends it now: `done` is called with HTTP_ABORTED before this returns. */
void http_abort(struct http_transfer *transfer);
size_t http_active(const struct http *http);

/* For `on_body` and `done`. */
long http_status(const struct http_transfer *transfer); /* 0: none came */
const struct buf *http_body(const struct http_transfer *transfer);
/* An answer's header by its name without regard to case, or NULL. */
const char *http_header(const struct http_transfer *transfer, const char *name);
/* Why it failed, in words: "connection to 127.0.0.1:9 refused". */
const char *http_message(const struct http_transfer *transfer);
/* Retry-After in seconds (a number or a date), or -1. */
int64_t http_retry_after(const struct http_transfer *transfer);

/*
 * Waits until a transfer needs work, one of the extra descriptors is ready
 * (revents is filled in), or `timeout_ms` (-1: none) has run down; then works
 * and calls back.  Deadlines of transfers are kept whatever the time-out.
 */
void http_run(struct http *http, struct pollfd *extra, unsigned int count,
    int64_t timeout_ms);

#endif
