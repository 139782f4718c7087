#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sysexits.h>
#include "clock.h"
#include "http_private.h"
#include "log.h"

/* One transfer's options, and what libcurl calls for it. */

enum {
	/*
	 * libcurl allocates this for each transfer; a model's events are
	 * smaller, and larger answers just take more turns.
	 */
	RECEIVE_BUFFER = 2048,
	UPLOAD_BUFFER = 16384,     /* the least that libcurl takes */
	KEEPALIVE_S = 30,          /* below the time-outs of most NATs */
	UNACKNOWLEDGED_MS = 30000, /* then the network is gone */
};

static void
check(CURLcode code)
{
	if (code != CURLE_OK)
		fatal(EX_SOFTWARE, "libcurl refuses an option: %s",
		    curl_easy_strerror(code));
}

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_transfer *transfer = arg;
	unsigned int unacknowledged = UNACKNOWLEDGED_MS;
	int fd;

	(void)purpose;
	http_name_found(transfer);
	if (transfer->request.admit != NULL &&
	    !transfer->request.admit(&address->addr, transfer->request.arg)) {
		transfer->refused = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
	    address->protocol);
	/* Without it the kernel sends for a quarter of an hour. */
	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
		    &unacknowledged, sizeof unacknowledged);
	return fd;
}

/* The connection stands, and the request is about to be sent. */
static int
on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct http_transfer *transfer = arg;

	(void)peer, (void)local, (void)peer_port, (void)local_port;
	if (transfer->connected != 0) {
		/* libcurl by itself would go through five idle connections. */
		if (transfer->request.once || transfer->repeated)
			return CURL_PREREQFUNC_ABORT;
		transfer->repeated = true;
		return CURL_PREREQFUNC_OK;
	}
	transfer->connected = clock_mono_ms();
	http_name_leave(transfer);
	http_deadline_update(transfer);
	return CURL_PREREQFUNC_OK;
}

static size_t
on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_transfer *transfer = arg;
	size_t length = size * count;

	transfer->answered = true;
	/* A head for each 1xx and for the answer; trailers change nothing. */
	if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
		transfer->head_ended = false;
	else if (length > 0 && (*bytes == '\r' || *bytes == '\n'))
		transfer->head_ended = true;
	return length;
}

static size_t
on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_transfer *transfer = arg;
	struct http *http = transfer->http;
	bool first = transfer->last_byte == 0;
	size_t length = size * count;

	if (length > transfer->request.answer_max - transfer->received) {
		transfer->too_large = true;
		return 0;
	}
	transfer->received += length;
	transfer->last_byte = clock_mono_ms();
	if (first)
		http_deadline_update(transfer);
	buf_add(&transfer->body, bytes, length);
	if (transfer->request.on_body != NULL && !transfer->is_ready) {
		transfer->is_ready = true;
		transfer->next_ready = http->ready;
		http->ready = transfer;
	}
	return length;
}

static size_t
on_read(char *into, size_t size, size_t count, void *arg)
{
	struct http_transfer *transfer = arg;
	const struct http_request *request = &transfer->request;
	uint64_t left = request->body_length - transfer->read;
	size_t room = size * count, n;

	if (left == 0)
		return 0;
	n = request->read_body(request->arg, transfer->read, into,
	    room < left ? room : (size_t)left);
	transfer->read += n;
	return n > 0 ? n : CURL_READFUNC_ABORT;
}

/* It is sent again on another connection, from its beginning. */
static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http_transfer *transfer = arg;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_FAIL;
	transfer->read = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static void
set_body(struct http_transfer *transfer)
{
	const struct http_request *request = &transfer->request;
	CURL *easy = transfer->easy;

	check(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)request->body_length));
	if (request->read_body == NULL) {
		check(curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
		    request->body != NULL ? request->body : ""));
		return;
	}
	check(curl_easy_setopt(easy, CURLOPT_POST, 1L));
	check(curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read));
	check(curl_easy_setopt(easy, CURLOPT_READDATA, transfer));
	check(curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek));
	check(curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer));
}

static void
add_headers(struct http_transfer *transfer)
{
	const char *const *header = transfer->request.headers;
	struct curl_slist *list = NULL, *longer;

	/* "Expect: 100-continue" costs a round trip and some servers. */
	for (const char *text = "Expect:"; text != NULL;
	     text = header != NULL ? *header++ : NULL) {
		longer = curl_slist_append(list, text);
		if (longer == NULL)
			fatal(EX_OSERR, "out of memory (headers)");
		list = longer;
	}
	transfer->headers = list;
	transfer->request.headers = NULL; /* the caller's may go */
	check(curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, list));
}

static void
set_request(struct http_transfer *transfer)
{
	const struct http_request *request = &transfer->request;
	CURL *easy = transfer->easy;
	bool tls = strncasecmp(request->url, "https:", 6) == 0;

	check(curl_easy_setopt(easy, CURLOPT_URL, request->url));
	check(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"));
	/*
	 * HTTP/2 only where TLS offers it; there new transfers wait a moment
	 * for the connection that another one is making.
	 */
	check(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
	    (long)(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)));
	check(curl_easy_setopt(easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L));
	add_headers(transfer);
	if (strcmp(request->method, "POST") == 0)
		set_body(transfer);
	else
		assert(strcmp(request->method, "GET") == 0);
	check(curl_easy_setopt(
	    easy, CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L));
	/* It divides this among a name's addresses. */
	if (request->connect_ms > 0)
		check(curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
		    (long)request->connect_ms));
}

static void
set_callbacks(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;

	check(curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer));
	check(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes));
	check(curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer));
	check(curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header));
	check(curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer));
	check(curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected));
	check(curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer));
	check(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open));
	check(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer));
	check(curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error));
}

static void
set_manners(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;

	check(
	    curl_easy_setopt(easy, CURLOPT_USERAGENT, "openclaw/" OC_VERSION));
	check(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
	/* An aborted transfer does not wait for its resolver's thread. */
	check(curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L));
	check(curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L));
	check(curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER));
	check(curl_easy_setopt(
	    easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER));
	check(curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L));
	check(curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S));
	check(curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S));
	if (transfer->http->ca_bundle != NULL)
		check(curl_easy_setopt(
		    easy, CURLOPT_CAINFO, transfer->http->ca_bundle));
	/*
	 * With a directory of certificates too libcurl does not cache what it
	 * has read, and reads the whole bundle for each connection.
	 */
	check(curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
}

void
http_setup(struct http_transfer *transfer)
{
	set_request(transfer);
	set_callbacks(transfer);
	set_manners(transfer);
}
