#ifndef OC_TELEGRAM_H
#define OC_TELEGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"
#include "http.h"

/*
 * The Bot API over http.h: calls, what came of them, and files.  The token is
 * part of every address, so none is ever logged.
 */
struct telegram;
struct telegram_call;

enum telegram_outcome {
	TELEGRAM_OK,
	TELEGRAM_REFUSED,  /* asking again for the same would not help */
	TELEGRAM_TOKEN,    /* 401 or 404: the token, or the address, is wrong */
	TELEGRAM_CONFLICT, /* 409: someone else polls, or a webhook is set */
	TELEGRAM_FLOOD,    /* 429: again after `retry_after_s` */
	TELEGRAM_NOT_SENT, /* it surely did not arrive */
	TELEGRAM_UNKNOWN,  /* it may have arrived: broken off, too late, 5xx */
};

/* What came of a call.  All of it is valid until `done` returns. */
struct telegram_answer {
	enum telegram_outcome outcome;
	long status;         /* of HTTP, 0: none came */
	jv result;           /* of TELEGRAM_OK; borrowed */
	jv parameters;       /* of an error, such as migrate_to_chat_id */
	const char *message; /* why it failed, for logs: no token, no text */
	const char *description; /* in the server's own words, "" for none */
	int64_t retry_after_s;
	const struct buf *body; /* of telegram_fetch */
};

struct telegram_request {
	const char *method;
	/*
	 * The body, as JSON, or of any kind if `content_type` is given; copied.
	 * NULL: no parameters.
	 */
	const char *body;
	size_t body_length;
	const char *content_type;
	/* See http.h; its `arg` is the one below.  `body` is NULL then. */
	size_t (*read_body)(
	    void *arg, uint64_t offset, char *into, size_t size);
	int64_t answer_ms; /* until the answer begins; 0: half a minute */
	bool fresh;        /* on a new connection */
	bool once;         /* not sent again on a connection that broke */
	void (*done)(const struct telegram_answer *answer, void *arg);
	void *arg;
};

/* `root` is the address before /bot, with or without a final slash. */
struct telegram *telegram_new(
    struct http *http, const char *root, char *own_token);
void telegram_free(struct telegram *telegram); /* NULL is fine */

/* Starts.  `done` is called once, from http_run, unless it is cancelled. */
struct telegram_call *telegram_call(
    struct telegram *telegram, const struct telegram_request *request);
/* The same with the parameters as an object. */
struct telegram_call *telegram_ask(struct telegram *telegram,
    const struct telegram_request *request, jv own_params);
/* Fetches a file of at most `most` bytes by the file_path of getFile. */
struct telegram_call *telegram_fetch(struct telegram *telegram,
    const char *file_path, size_t most,
    void (*done)(const struct telegram_answer *answer, void *arg), void *arg);
/* Ends it; `done` is not called. */
void telegram_cancel(struct telegram_call *call);

#endif
