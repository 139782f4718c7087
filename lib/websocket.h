#ifndef OC_WEBSOCKET_H
#define OC_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buf.h"

/*
 * The WebSocket protocol (RFC 6455) between any two streams of bytes, for
 * either side and without extensions.  Nothing here reads, writes or waits:
 * the caller feeds what came in, and sends what websocket_output holds.
 *
 * websocket_accept, websocket_ask and websocket_answer are the handshake,
 * which comes before and is done once.
 */
enum websocket_code {
	WEBSOCKET_NONE = 0, /* the peer gave none */
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL = 1002,
	WEBSOCKET_UNSUPPORTED = 1003,
	WEBSOCKET_BAD_TEXT = 1007,
	WEBSOCKET_POLICY = 1008,
	WEBSOCKET_TOO_BIG = 1009,
	WEBSOCKET_INTERNAL = 1011,
	WEBSOCKET_RESTART = 1012,
};

enum {
	WEBSOCKET_KEY_SIZE = 25,        /* of Sec-WebSocket-Key, with a NUL */
	WEBSOCKET_ACCEPT_SIZE = 29,     /* of its answer, with a NUL */
	WEBSOCKET_REASON_MAX = 123,     /* bytes that a close frame holds */
	WEBSOCKET_HEAD_MAX = 16 * 1024, /* a server's answer to websocket_ask */
};

enum websocket_side { WEBSOCKET_SERVER, WEBSOCKET_CLIENT };

struct websocket;

/* Messages longer than `message_max` end the connection with 1009. */
struct websocket *websocket_new(enum websocket_side side, size_t message_max);
void websocket_free(struct websocket *websocket); /* NULL is fine */
void websocket_set_max(struct websocket *websocket, size_t message_max);
/*
 * Longer messages do not end the connection: their first `message_max` bytes
 * come (a text may end inside of a character), and the rest is dropped on the
 * way.
 */
void websocket_cut_long(struct websocket *websocket);

/*
 * Takes what came from the peer, in pieces of any size, and calls `message`
 * for each message that is complete, with data that is valid during the call
 * and followed by a NUL; a text is UTF-8.  The callback may send and close,
 * but not feed or free.  Pings are answered.  False once the
 * connection is over, because the peer closed it or broke the protocol, or
 * because a close of ours was answered: then what websocket_output holds is
 * the last to be sent, and the rest of the input is not looked at.
 */
bool websocket_feed(struct websocket *websocket, const void *data,
    size_t length,
    void (*message)(void *arg, const char *data, size_t length, bool binary),
    void *arg);

/*
 * What has to be sent, which the caller takes away with buf_drop as it is
 * written.  Its length tells how far the peer is behind.
 */
struct buf *websocket_output(struct websocket *websocket);

/* Each does nothing once a close was sent. */
void websocket_send_text(
    struct websocket *websocket, const char *text, size_t length);
void websocket_send_binary(
    struct websocket *websocket, const void *data, size_t length);
void websocket_ping(struct websocket *websocket);
/*
 * Begins the end; `reason` is cut to WEBSOCKET_REASON_MAX.  Messages that
 * come after it are dropped; websocket_feed waits for the peer's close, for
 * which the caller has a deadline of its own.
 */
void websocket_close(
    struct websocket *websocket, enum websocket_code code, const char *reason);

bool websocket_is_closing(const struct websocket *websocket); /* close sent */
/*
 * The code that the connection ended with: the peer's if it closed first,
 * else ours.  WEBSOCKET_NONE before the end, too.
 */
int websocket_code(const struct websocket *websocket);
/* What the peer said to its close, "" otherwise; it is text from outside. */
const char *websocket_reason(const struct websocket *websocket);

/*
 * The server's half of the handshake: whether a Sec-WebSocket-Key (NULL:
 * missing) is 16 bytes in base64, and then the Sec-WebSocket-Accept for it.
 */
bool websocket_accept(const char *key, char out[WEBSOCKET_ACCEPT_SIZE]);
/* Whether a comma-separated header (NULL: missing) names this token. */
bool websocket_header_has(const char *header, const char *token);

/*
 * The client's half.  websocket_ask appends the request; `host` is "name" or
 * "name:port", `path` begins with a slash and may have a query, `more` is
 * further header lines, each with its CRLF, or NULL.  None of them may hold
 * other control bytes.
 */
void websocket_ask(struct buf *out, const char *host, const char *path,
    const char *more, char key[WEBSOCKET_KEY_SIZE]);

enum websocket_answer {
	WEBSOCKET_MORE,    /* the head is not complete */
	WEBSOCKET_OPEN,    /* *used bytes were the head; frames follow */
	WEBSOCKET_REFUSED, /* another status than 101: *status */
	WEBSOCKET_WRONG,   /* no answer to this request at all */
};
/* Looks at what came so far, from its first byte. */
enum websocket_answer websocket_answer(const char *head, size_t length,
    const char *key, size_t *used, int *status);

#endif
