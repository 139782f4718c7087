#ifndef OC_RECV_HTTP_HEAD_H
#define OC_RECV_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The head of an HTTP/1 request, read to the letter (RFC 9112): what two
 * readers could understand in two ways is refused, so that nobody in front of
 * us sees another request than we do.  Refused are a bare CR or LF, blanks
 * around a name, folded lines, a second Content-Length or Authorization, a
 * length together with a transfer coding, and any coding but "chunked".
 */
enum {
	HEAD_MAX = 32 * 1024, /* bytes; browsers and SDKs send 2 KiB */
	HEAD_FIELDS_MAX = 100,
};

struct head_field {
	const char *name, *value;
};

/* All strings point into `text`. */
struct head {
	char *text;
	const char *method;
	const char *path;  /* as sent, without the query; begins with a slash */
	const char *query; /* what follows the question mark, or NULL */
	struct head_field *field;
	size_t count;
	int minor;      /* 0 or 1: HTTP/1.0, HTTP/1.1 */
	int64_t length; /* of the body; -1: not said */
	bool chunked;
	bool keep_alive;
	bool expects_continue;
};

/*
 * Where the head ends: the length with its empty line, or 0 when it is not
 * all there.  *scanned begins at 0 and keeps what need not be looked at again.
 */
size_t head_end(const char *data, size_t length, size_t *scanned);

/*
 * Whether these first bytes can still become a request; a TLS hello, say, is
 * told from it at once.
 */
bool head_may_begin(const char *data, size_t length);

/*
 * Reads a whole head.  0, or the status that the request is to be answered
 * with, and then *problem says why.  head_free releases in both cases.
 */
int head_parse(
    struct head *head, const char *data, size_t length, const char **problem);
void head_free(struct head *head);

/* The first field of this name, in any case of letters, or NULL. */
const char *head_field(const struct head *head, const char *name);

#endif
