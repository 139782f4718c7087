#ifndef OC_HTTP_PRIVATE_H
#define OC_HTTP_PRIVATE_H

#include <curl/curl.h>
#include "http.h"

/* What the files of the HTTP client share, and nobody else. */

struct http {
	CURLM *multi;
	int epoll;
	char *ca_bundle;  /* path, NULL: libcurl's own default */
	int64_t curl_due; /* when libcurl wants to be called; INT64_MAX: not */
	/* Transfers under way, the one with the nearest deadline first. */
	struct http_transfer **heap;
	size_t active, heap_capacity;
	struct http_transfer *ready; /* have bytes that on_body has not seen */
	struct http_transfer *dead;  /* ended, to be freed */
	struct http_name *names;     /* of hosts that were asked for */
	struct http_transfer *startable; /* waited for a name, no more */
	struct pollfd *polled;           /* what poll(2) gets */
	unsigned int polled_capacity;
	bool running;
};

struct http_transfer {
	struct http *http;
	struct http_request request;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body; /* collected, or waiting for on_body */
	int64_t started, connected, last_byte; /* 0: not yet */
	int64_t due;                           /* no deadline is before this */
	size_t heap_index;
	curl_off_t sent; /* of the body, when last looked */
	uint64_t read;   /* of the body, by read_body */
	size_t received; /* bytes of body */
	CURLcode code;
	enum http_failure failure;
	bool answered;   /* a byte of the answer came */
	bool repeated;   /* it was sent twice */
	bool head_ended; /* the blank line after its headers came */
	bool too_large, refused, ended, is_ready;
	char *message;
	struct http_name *name; /* until the connection stands */
	enum { HTTP_WAITS_NOT, HTTP_WAITS, HTTP_MAY_START } wait;
	struct http_transfer *next_waiting;
	struct http_transfer *next_ready, *next_dead;
	char error[CURL_ERROR_SIZE]; /* libcurl's words */
};

/* http_setup.c: gives a transfer with its request to libcurl's handle. */
void http_setup(struct http_transfer *transfer);

/* http_deadline.c: the heap. */
void http_deadline_add(struct http_transfer *transfer);
/* The transfer came into its next phase: its deadline may be nearer now. */
void http_deadline_update(struct http_transfer *transfer);
void http_deadline_remove(struct http_transfer *transfer);
/* When the nearest deadline may be, INT64_MAX if there is none. */
int64_t http_deadline_next(const struct http *http);
/* A transfer whose deadline has passed, and which one it was, or NULL. */
struct http_transfer *http_deadline_expired(
    struct http *http, int64_t now, enum http_failure *failure);

/*
 * http_name.c: one transfer asks for a host's address, the others to the same
 * host wait.  http_name_wait says whether a new one has to; http_name_found,
 * that the transfer's name has been found; http_name_leave, that the transfer
 * needs no name any more, or has ended; http_name_startable takes one that
 * waited and may be given to libcurl now, or NULL.
 */
bool http_name_wait(struct http_transfer *transfer);
void http_name_found(struct http_transfer *transfer);
void http_name_leave(struct http_transfer *transfer);
struct http_transfer *http_name_startable(struct http *http);
void http_name_free_all(struct http *http);

/* http_result.c: what libcurl's verdict means. */
enum http_failure http_classify(const struct http_transfer *transfer);
/* What went wrong in words; the caller frees it. */
char *http_describe(const struct http_transfer *transfer);

#endif
