#include <assert.h>
#include <stdint.h>
#include "clock.h"
#include "http_private.h"
#include "xalloc.h"

/*
 * The transfers under way form a binary heap by `due`.  A byte that comes puts
 * a deadline off without touching the heap: only when `due` has passed is it
 * looked up what the deadline is now.
 */

static void
place(struct http *http, size_t index, struct http_transfer *transfer)
{
	http->heap[index] = transfer;
	transfer->heap_index = index;
}

static void
sift_up(struct http *http, struct http_transfer *transfer)
{
	size_t i = transfer->heap_index;

	while (i > 0 && http->heap[(i - 1) / 2]->due > transfer->due) {
		place(http, i, http->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(http, i, transfer);
}

static void
sift_down(struct http *http, struct http_transfer *transfer)
{
	size_t i = transfer->heap_index, child;

	while ((child = 2 * i + 1) < http->active) {
		if (child + 1 < http->active &&
		    http->heap[child + 1]->due < http->heap[child]->due)
			child++;
		if (http->heap[child]->due >= transfer->due)
			break;
		place(http, i, http->heap[child]);
		i = child;
	}
	place(http, i, transfer);
}

/* A limit of 0 is none. */
static int64_t
after(int64_t start, int64_t limit)
{
	return limit > 0 && limit < INT64_MAX - start ? start + limit
						      : INT64_MAX;
}

static int64_t
deadline(const struct http_transfer *transfer, enum http_failure *failure)
{
	const struct http_request *request = &transfer->request;
	int64_t total = after(transfer->started, request->total_ms), phase;

	if (transfer->connected == 0) {
		phase = after(transfer->started, request->connect_ms);
		*failure = HTTP_TIMEOUT_CONNECT;
	} else if (transfer->last_byte == 0) {
		phase = after(transfer->connected, request->first_byte_ms);
		*failure = HTTP_TIMEOUT_FIRST_BYTE;
	} else {
		phase = after(transfer->last_byte, request->idle_ms);
		*failure = HTTP_TIMEOUT_IDLE;
	}
	if (phase < total)
		return phase;
	*failure = HTTP_TIMEOUT_TOTAL;
	return total;
}

void
http_deadline_add(struct http_transfer *transfer)
{
	struct http *http = transfer->http;
	enum http_failure ignored;

	if (http->active == http->heap_capacity) {
		http->heap_capacity = http->heap_capacity * 2 + 16;
		http->heap = xreallocarray(
		    http->heap, http->heap_capacity, sizeof(http->heap[0]));
	}
	transfer->due = deadline(transfer, &ignored);
	place(http, http->active++, transfer);
	sift_up(http, transfer);
}

void
http_deadline_update(struct http_transfer *transfer)
{
	enum http_failure ignored;

	transfer->due = deadline(transfer, &ignored);
	sift_up(transfer->http, transfer);
	sift_down(transfer->http, transfer);
}

void
http_deadline_remove(struct http_transfer *transfer)
{
	struct http *http = transfer->http;
	struct http_transfer *last = http->heap[--http->active];

	assert(http->heap[transfer->heap_index] == transfer);
	if (last == transfer)
		return;
	place(http, transfer->heap_index, last);
	sift_up(http, last);
	sift_down(http, last);
}

int64_t
http_deadline_next(const struct http *http)
{
	return http->active > 0 ? http->heap[0]->due : INT64_MAX;
}

/*
 * While a long request is still going out its answer is not late.  A short
 * one went out in one piece.
 */
static bool
still_sending(struct http_transfer *transfer, int64_t now)
{
	enum { SHORT = 64 * 1024 };
	curl_off_t sent = 0;

	if (transfer->request.body_length <= SHORT)
		return false;
	curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	if (sent <= transfer->sent)
		return false;
	transfer->sent = sent;
	transfer->connected = now;
	return true;
}

struct http_transfer *
http_deadline_expired(
    struct http *http, int64_t now, enum http_failure *failure)
{
	while (http_deadline_next(http) <= now) {
		struct http_transfer *transfer = http->heap[0];

		if (deadline(transfer, failure) <= now &&
		    (*failure != HTTP_TIMEOUT_FIRST_BYTE ||
			!still_sending(transfer, now)))
			return transfer;
		http_deadline_update(transfer);
	}
	return NULL;
}
