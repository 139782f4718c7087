#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>
#include "clock.h"
#include "http_private.h"
#include "log.h"
#include "xalloc.h"

/*
 * libcurl tells by callbacks which sockets it watches and when it wants to be
 * called; one epoll descriptor watches them all, so that the cost of an event
 * does not grow with the number of transfers (curl_multi_poll looks at each of
 * them every time).  None of the caller's callbacks is called from inside of
 * libcurl, which would forbid them to start or end transfers: bytes that come
 * are put into the transfer's buffer and handed on when libcurl has returned.
 */

enum {
	EVENTS_AT_ONCE = 128,      /* then the callers' own descriptors again */
	DESCRIPTORS_WANTED = 8192, /* thousands of connections */
	DESCRIPTORS_SPARED = 64,   /* for everything but connections */
};

/* ---- what libcurl calls */

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct http *http = arg;
	struct epoll_event event = {.data.fd = fd};
	int operation = known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL);
		curl_multi_assign(http->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(http->epoll, operation, fd, &event) < 0 &&
	    (errno != EEXIST ||
		epoll_ctl(http->epoll, EPOLL_CTL_MOD, fd, &event) < 0))
		fatal(
		    EX_OSERR, "cannot watch a connection: %s", strerror(errno));
	curl_multi_assign(http->multi, fd, http);
	return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http *http = arg;

	(void)multi;
	http->curl_due =
	    timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	return 0;
}

/* ---- the engine */

/* As many descriptors as are allowed; how many connections that is. */
static long
descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 256;
	if (limit.rlim_cur < DESCRIPTORS_WANTED) {
		limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED
				     ? limit.rlim_max
				     : DESCRIPTORS_WANTED;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur > DESCRIPTORS_WANTED)
		return DESCRIPTORS_WANTED - DESCRIPTORS_SPARED;
	if (limit.rlim_cur > 2 * DESCRIPTORS_SPARED)
		return (long)limit.rlim_cur - DESCRIPTORS_SPARED;
	return (long)limit.rlim_cur / 2;
}

static char *
ca_bundle(void)
{
	const char *path = getenv("CURL_CA_BUNDLE");

	if (path == NULL || *path == '\0')
		path = getenv("SSL_CERT_FILE");
	return path != NULL && *path != '\0' ? xstrdup(path) : NULL;
}

struct http *
http_new(void)
{
	struct http *http = xcalloc(1, sizeof *http);
	long connections = descriptors();

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fatal(EX_OSERR, "libcurl does not start");
	http->multi = curl_multi_init();
	http->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (http->multi == NULL || http->epoll < 0)
		fatal(EX_OSERR, "cannot start the HTTP client: %s",
		    strerror(errno));
	http->curl_due = INT64_MAX;
	http->ca_bundle = ca_bundle();
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	/* Beyond this transfers wait for a connection; none fails. */
	curl_multi_setopt(
	    http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
	/* The default follows the load down and closes what comes back. */
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, connections);
	return http;
}

static void
transfer_free(struct http_transfer *transfer)
{
	for (struct curl_slist *h = transfer->headers; h != NULL; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	buf_free(&transfer->body);
	free(transfer->message);
	free(transfer);
}

static void
bury(struct http *http)
{
	struct http_transfer *transfer;

	while ((transfer = http->dead) != NULL) {
		http->dead = transfer->next_dead;
		transfer_free(transfer);
	}
}

void
http_free(struct http *http)
{
	if (http == NULL)
		return;
	assert(http->active == 0 && !http->running);
	bury(http);
	curl_multi_cleanup(http->multi);
	close(http->epoll);
	http_name_free_all(http);
	free(http->heap);
	free(http->polled);
	free(http->ca_bundle);
	free(http);
	curl_global_cleanup();
}

size_t
http_active(const struct http *http)
{
	return http->active;
}

/* ---- a transfer */

static void
hand_over(struct http_transfer *transfer)
{
	if (curl_multi_add_handle(transfer->http->multi, transfer->easy) !=
	    CURLM_OK)
		fatal(EX_OSERR, "libcurl takes no more requests");
}

struct http_transfer *
http_start(struct http *http, const struct http_request *request)
{
	struct http_transfer *transfer = xcalloc(1, sizeof *transfer);

	assert(request->total_ms > 0 && request->done != NULL);
	transfer->http = http;
	transfer->request = *request;
	transfer->started = clock_mono_ms();
	transfer->easy = curl_easy_init();
	if (transfer->easy == NULL)
		fatal(EX_OSERR, "out of memory (a request)");
	http_setup(transfer);
	http_deadline_add(transfer);
	if (!http_name_wait(transfer))
		hand_over(transfer);
	return transfer;
}

/* The caller hears of it once; the memory goes when nobody looks any more. */
static void
end(struct http_transfer *transfer, enum http_failure failure)
{
	struct http *http = transfer->http;

	transfer->ended = true;
	transfer->failure = failure;
	http_deadline_remove(transfer);
	http_name_leave(transfer);
	if (failure != HTTP_OK || http_status(transfer) >= 400)
		transfer->message = http_describe(transfer);
	curl_multi_remove_handle(http->multi, transfer->easy);
	transfer->request.done(transfer, failure, transfer->request.arg);
	transfer->next_dead = http->dead;
	http->dead = transfer;
}

void
http_abort(struct http_transfer *transfer)
{
	struct http *http = transfer->http;

	assert(!transfer->ended);
	end(transfer, HTTP_ABORTED);
	if (!http->running)
		bury(http);
}

/* ---- the loop */

/* Hands on what came in.  Callbacks may end any transfer, this one too. */
static void
deliver(struct http *http)
{
	struct http_transfer *transfer;
	struct buf bytes;
	bool wanted;

	while ((transfer = http->ready) != NULL) {
		http->ready = transfer->next_ready;
		transfer->is_ready = false;
		if (transfer->ended)
			continue;
		bytes = transfer->body;
		transfer->body = (struct buf){0};
		wanted = transfer->request.on_body(
		    transfer, bytes.data, bytes.length, transfer->request.arg);
		buf_free(&bytes);
		if (!wanted && !transfer->ended)
			end(transfer, HTTP_ABORTED);
	}
}

static void
act(struct http *http, int fd, unsigned int events)
{
	int still = 0, what = 0;

	if (events & (EPOLLIN | EPOLLHUP))
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(http->multi, fd, what, &still);
	deliver(http);
}

static void
reap(struct http *http)
{
	struct http_transfer *transfer;
	CURLMsg *message;
	char *private;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(
		    message->easy_handle, CURLINFO_PRIVATE, &private);
		transfer = (struct http_transfer *)(void *)private;
		transfer->code = message->data.result;
		end(transfer, http_classify(transfer));
	}
}

static void
expire(struct http *http)
{
	struct http_transfer *transfer;
	enum http_failure failure;
	int64_t now = clock_mono_ms();

	while ((transfer = http_deadline_expired(http, now, &failure)) != NULL)
		end(transfer, failure);
}

/* How long to wait, for poll(2). */
static int
patience(const struct http *http, int64_t timeout_ms)
{
	int64_t due = http_deadline_next(http), now = clock_mono_ms(), wait;

	if (http->curl_due < due)
		due = http->curl_due;
	if (due == INT64_MAX)
		wait = timeout_ms;
	else if (due <= now)
		wait = 0;
	else
		wait = timeout_ms >= 0 && timeout_ms < due - now ? timeout_ms
								 : due - now;
	return wait > INT32_MAX ? INT32_MAX : wait < 0 ? -1 : (int)wait;
}

/* Waits on the extra descriptors and epoll's; true when epoll has events. */
static bool
wait_with(struct http *http, struct pollfd *extra, unsigned int count, int wait)
{
	bool ready;

	if (count >= http->polled_capacity) {
		http->polled_capacity = count + 1;
		http->polled = xreallocarray(
		    http->polled, count + 1, sizeof http->polled[0]);
	}
	if (count > 0)
		memcpy(http->polled, extra, count * sizeof *extra);
	http->polled[count] =
	    (struct pollfd){.fd = http->epoll, .events = POLLIN};
	ready = poll(http->polled, count + 1, wait) > 0;
	for (unsigned int i = 0; i < count; i++)
		extra[i].revents = ready ? http->polled[i].revents : (short)0;
	return ready && http->polled[count].revents != 0;
}

void
http_run(struct http *http, struct pollfd *extra, unsigned int count,
    int64_t timeout_ms)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	struct http_transfer *transfer;
	int n = 0, wait;

	assert(!http->running);
	http->running = true;
	while ((transfer = http_name_startable(http)) != NULL)
		hand_over(transfer);
	wait = patience(http, timeout_ms);
	if (count == 0 || wait_with(http, extra, count, wait))
		n = epoll_wait(
		    http->epoll, events, EVENTS_AT_ONCE, count == 0 ? wait : 0);
	for (int i = 0; i < n; i++)
		act(http, events[i].data.fd, events[i].events);
	if (http->curl_due <= clock_mono_ms()) {
		http->curl_due = INT64_MAX;
		act(http, CURL_SOCKET_TIMEOUT, 0);
	}
	reap(http);
	expire(http);
	bury(http);
	http->running = false;
}
