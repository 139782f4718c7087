#ifndef OC_HTTP_H
#define OC_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "buf.h"

/*
 * An HTTP client for many transfers at once in one thread, over libcurl's
 * multi interface.  Every transfer has deadlines: connect, first byte of the
 * answer's body, silence between bytes, and the whole.
 *
 * Proxies are taken from the environment (HTTPS_PROXY, NO_PROXY, ...), and the
 * certificates of authorities from the file that CURL_CA_BUNDLE or
 * SSL_CERT_FILE names, else from the system's.  Redirects are not followed, no
 * cookies are kept, and an answer is not decompressed.  Of a burst of requests
 * to one host only one asks the resolver, and the others wait for its answer.
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
	/*
	 * Where the body is not in memory (then `body` is NULL): puts up to
	 * `size` bytes of it, those from `offset` on, into `into` and returns
	 * how many; 0 breaks the transfer off.  Called from inside of libcurl,
	 * as `admit` is.
	 */
	size_t (*read_body)(
	    void *arg, uint64_t offset, char *into, size_t size);
	/*
	 * Milliseconds: until the connection stands; from then until the first
	 * byte of the answer's body (it starts anew while the request is still
	 * going out); between two bytes; and from the start to the end.  Zero
	 * means that only the total counts, which must be set.
	 */
	int64_t connect_ms, first_byte_ms, idle_ms, total_ms;
	size_t answer_max; /* bytes of body */
	/*
	 * A reused connection that breaks before it gave a byte of the answer
	 * was closed by the server while it was idle, most likely, and the
	 * request goes out once again on another (http_repeated).  `once`: it
	 * does not, and fails as HTTP_RESET, for a request that must not take
	 * effect twice.
	 */
	bool once;
	bool fresh; /* on a connection that was not used before */
	/*
	 * Whether this address may be connected to; NULL: every one.  It sees
	 * what the name resolved to (or the proxy's).  Refused: UNREACHABLE.
	 * It is called from inside of libcurl: no function of this module may
	 * be called from it.
	 */
	bool (*admit)(const struct sockaddr *address, void *arg);
	/*
	 * Bytes of the body as they come; false breaks the transfer off
	 * (HTTP_ABORTED).  NULL: they are collected in the result's body.
	 * The status is known by then: http_status.  The transfer may be ended
	 * with http_abort from here, and others started and aborted.
	 */
	bool (*on_body)(struct http_transfer *transfer, const char *bytes,
	    size_t length, void *arg);
	/*
	 * Called once at the end, from http_run or http_abort.  It may start
	 * other transfers and abort them.
	 */
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
/*
 * Ends it now: `done` is called with HTTP_ABORTED before this returns, and
 * `on_body` no more.  After `done` was called this must not be.
 */
void http_abort(struct http_transfer *transfer);
size_t http_active(const struct http *http);

/* For `on_body` and `done`. */
long http_status(const struct http_transfer *transfer); /* 0: none came */
/* Whether it was sent twice already because a reused connection broke. */
bool http_repeated(const struct http_transfer *transfer);
const struct buf *http_body(const struct http_transfer *transfer);
/*
 * An answer's header by its name without regard to case, or NULL.  Valid
 * until the next call for this transfer.
 */
const char *http_header(const struct http_transfer *transfer, const char *name);
/*
 * What came of it, in words and without the URL's path or query: "connection
 * to 127.0.0.1:9 refused", "127.0.0.1:80 answered with status 503".  For
 * `done`, and valid until it returns.
 */
const char *http_message(const struct http_transfer *transfer);
/* Retry-After in seconds (a number or a date), or -1. */
int64_t http_retry_after(const struct http_transfer *transfer);

/*
 * Waits until a transfer needs work, one of the extra descriptors is ready
 * (revents is filled in), or `timeout_ms` (-1: none) has run down; then works
 * and calls back.  Deadlines of transfers are kept whatever the time-out.  It
 * may return early, and does after a signal.  Not to be called from a callback.
 */
void http_run(struct http *http, struct pollfd *extra, unsigned int count,
    int64_t timeout_ms);

#endif
