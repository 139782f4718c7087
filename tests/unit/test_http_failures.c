#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include "asking.h"
#include "wrapped.h"

static atomic_bool released;
static atomic_int lookups;

/* Names of ours resolve late or never; all else as usual. */
int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **result)
{
	int (*next)(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);

	if (node != NULL && strcmp(node, "gone.invalid") == 0)
		return EAI_NONAME;
	if (node != NULL && strcmp(node, "slow.invalid") == 0) {
		while (!released) /* until the test is over */
			usleep(10000);
		return EAI_NONAME;
	}
	if (node != NULL && strcmp(node, "many.invalid") == 0) {
		lookups++;
		usleep(50000);
		node = "127.0.0.1";
	}
	*(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
	return next(node, service, hints, result);
}

/* ---- no connection */

static void
test_refused(void **state)
{
	struct outcome outcome = {0};
	int port = loopback_closed_port();
	char *expected = xasprintf("connection to 127.0.0.1:%d refused", port);

	(void)state;
	ask(request_for(&outcome), "127.0.0.1", port);
	assert_int_equal(outcome.failure, HTTP_UNREACHABLE);
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.message, expected);
	outcome_free(&outcome);
	free(expected);
}

static void
test_unresolved(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	ask(request_for(&outcome), "gone.invalid", 80);
	assert_int_equal(outcome.failure, HTTP_UNRESOLVED);
	assert_string_equal(
	    outcome.message, "no address found for gone.invalid:80");
	outcome_free(&outcome);
}

static void
test_bad_urls(void **state)
{
	const char *const urls[] = {"", "http://", "ftp://127.0.0.1/" SECRET,
	    "http://127.0.0.1:99999/" SECRET, "http://a b/" SECRET};
	struct outcome outcome = {0};
	struct http_request request = request_for(&outcome);

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		request.url = urls[i];
		http_start(http, &request);
		while (!outcome.done)
			http_run(http, NULL, 0, -1);
		assert_int_equal(outcome.failure, HTTP_UNREACHABLE);
		outcome_free(&outcome);
	}
}

static bool
admit_none(const struct sockaddr *address, void *arg)
{
	(void)arg;
	assert_int_equal(address->sa_family, AF_INET);
	return false;
}

static void
test_address_is_refused(void **state)
{
	struct outcome outcome = {0};
	struct http_request request = request_for(&outcome);

	(void)state;
	request.admit = admit_none;
	ask(request, "127.0.0.1", 80);
	assert_int_equal(outcome.failure, HTTP_UNREACHABLE);
	assert_string_equal(
	    outcome.message, "the address of 127.0.0.1:80 is not allowed");
	outcome_free(&outcome);
}

static void
serve_text(int fd, int nth)
{
	static struct buf request;

	(void)nth;
	while (loopback_read(fd, &request))
		loopback_say(fd,
		    "HTTP/1.1 429 Slow Down\r\nContent-Type: text/plain\r\n"
		    "Retry-After: 17\r\nContent-Length: 5\r\n\r\nhello");
}

/* The name's resolver sleeps; the deadline ends it, and others go on. */
static void
test_slow_resolver_delays_nobody(void **state)
{
	struct outcome slow = {0}, quick = {0};
	struct http_request request = request_for(&slow);
	struct loopback server;

	(void)state;
	if (under_valgrind())
		skip();
	alarm(20); /* if it waited for the resolver */
	loopback_start(&server, serve_text);
	request.url = "http://slow.invalid/" SECRET;
	request.connect_ms = 400;
	http_start(http, &request);
	ask(request_for(&quick), "127.0.0.1", server.port);
	assert_int_equal(quick.failure, HTTP_OK);
	assert_false(slow.done);
	while (!slow.done)
		http_run(http, NULL, 0, -1);
	assert_int_equal(slow.failure, HTTP_TIMEOUT_CONNECT);
	assert_string_equal(
	    slow.message, "no address found for slow.invalid:80 within 0.4 s");
	loopback_stop(&server);
	outcome_free(&slow);
	outcome_free(&quick);
	released = true;
	usleep(100000); /* the thread cleans up after itself */
}

/* One asks the resolver, the others wait for it: no burst of threads. */
static void
test_a_burst_asks_once(void **state)
{
	enum { BURST = 50 };
	struct outcome outcomes[BURST] = {0};
	struct http_request request;
	struct loopback server;
	char *url;

	(void)state;
	loopback_start(&server, serve_text);
	url = xasprintf("http://many.invalid:%d/" SECRET, server.port);
	for (int i = 0; i < BURST; i++) {
		request = request_for(&outcomes[i]);
		request.url = url;
		http_start(http, &request);
	}
	while (http_active(http) > 0)
		http_run(http, NULL, 0, -1);
	loopback_stop(&server);
	assert_int_equal(lookups, 1);
	for (int i = 0; i < BURST; i++) {
		assert_int_equal(outcomes[i].failure, HTTP_OK);
		outcome_free(&outcomes[i]);
	}
	free(url);
}

/* Whoever asks may be aborted, and whoever waits; the next one asks then. */
static void
test_aborted_while_waiting_for_a_name(void **state)
{
	struct outcome outcomes[5] = {0};
	struct http_transfer *transfers[5];
	struct http_request request;

	(void)state;
	alarm(20);
	released = false;
	for (int i = 0; i < 5; i++) {
		request = request_for(&outcomes[i]);
		request.url = "http://slow.invalid/" SECRET;
		request.connect_ms = 200;
		transfers[i] = http_start(http, &request);
	}
	http_run(http, NULL, 0, 10);
	http_abort(transfers[2]);
	http_abort(transfers[0]); /* asks; 1 may ask now */
	http_abort(transfers[1]); /* before it did; 3 may */
	http_run(http, NULL, 0, 10);
	http_run(http, NULL, 0, 10);
	while (http_active(http) > 0)
		http_run(http, NULL, 0, -1);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(outcomes[i].failure,
		    i < 3 ? HTTP_ABORTED : HTTP_TIMEOUT_CONNECT);
		outcome_free(&outcomes[i]);
	}
	released = true;
	usleep(100000);
}

/* Each finds out for itself that there is none, one after the other. */
static void
test_a_burst_to_no_host(void **state)
{
	struct outcome outcomes[20] = {0};
	struct http_request request;

	(void)state;
	for (int i = 0; i < 20; i++) {
		request = request_for(&outcomes[i]);
		request.url = "http://gone.invalid/" SECRET;
		http_start(http, &request);
	}
	while (http_active(http) > 0)
		http_run(http, NULL, 0, -1);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(outcomes[i].failure, HTTP_UNRESOLVED);
		outcome_free(&outcomes[i]);
	}
}

static void
test_connect_times_out(void **state)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	struct outcome outcome = {0};
	struct http_request request = request_for(&outcome);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fill[4];

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 0), 0);
	getsockname(listener, (struct sockaddr *)&address, &size);
	for (size_t i = 0; i < 4; i++) { /* nobody accepts: the queue fills */
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fill[i], (struct sockaddr *)&address, size);
	}
	request.connect_ms = 100;
	ask(request, "127.0.0.1", ntohs(address.sin_port));
	assert_int_equal(outcome.failure, HTTP_TIMEOUT_CONNECT);
	assert_non_null(strstr(outcome.message, "no connection to 127.0.0.1"));
	outcome_free(&outcome);
	for (size_t i = 0; i < 4; i++)
		close(fill[i]);
	close(listener);
}

/* ---- deadlines of the answer */

static void
serve_never(int fd, int nth)
{
	(void)nth;
	loopback_hang(fd);
}

static void
serve_head_only(int fd, int nth)
{
	static struct buf request;

	(void)nth;
	loopback_read(fd, &request);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
	loopback_hang(fd);
}

static void
serve_stall(int fd, int nth)
{
	static struct buf request;

	(void)nth;
	loopback_read(fd, &request);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	loopback_hang(fd);
}

static void
serve_drip(int fd, int nth)
{
	static struct buf request;

	(void)nth;
	loopback_read(fd, &request);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n");
	for (;;) {
		loopback_say(fd, "x");
		usleep(20000);
	}
}

static void
expect_time_out(void (*serve)(int fd, int nth), struct http_request request,
    enum http_failure failure, const char *message)
{
	struct outcome outcome = {0};
	struct loopback server;

	request.arg = &outcome;
	loopback_start(&server, serve);
	ask(request, "127.0.0.1", server.port);
	loopback_stop(&server);
	assert_int_equal(outcome.failure, failure);
	assert_non_null(strstr(outcome.message, message));
	outcome_free(&outcome);
}

static void
test_answer_times_out(void **state)
{
	struct http_request request = request_for(NULL);

	(void)state;
	request.first_byte_ms = 100;
	expect_time_out(serve_never, request, HTTP_TIMEOUT_FIRST_BYTE,
	    "no answer from 127.0.0.1");
	expect_time_out(
	    serve_head_only, request, HTTP_TIMEOUT_FIRST_BYTE, "within 0.1 s");
	request = request_for(NULL);
	request.idle_ms = 100; /* less than the first byte may take */
	expect_time_out(serve_stall, request, HTTP_TIMEOUT_IDLE, "fell silent");
	request = request_for(NULL);
	request.idle_ms = 2000;
	request.total_ms = 300;
	expect_time_out(
	    serve_drip, request, HTTP_TIMEOUT_TOTAL, "did not finish");
	request = request_for(NULL);
	request.connect_ms = request.first_byte_ms = request.idle_ms = 0;
	request.total_ms = 100;
	expect_time_out(
	    serve_never, request, HTTP_TIMEOUT_TOTAL, "within 0.1 s");
}

/* ---- broken answers */

static void
serve_nothing(int fd, int nth)
{
	static struct buf request;

	(void)nth;
	loopback_read(fd, &request);
}

static void
serve_half_status(int fd, int nth)
{
	serve_nothing(fd, nth);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nContent-Ty");
}

static void
serve_cut_length(int fd, int nth)
{
	serve_nothing(fd, nth);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
}

static void
serve_cut_chunk(int fd, int nth)
{
	serve_nothing(fd, nth);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			 "\r\n3\r\nabc\r\n");
}

static void
serve_rubbish_chunk(int fd, int nth)
{
	serve_nothing(fd, nth);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			 "\r\n3\r\nabc\r\nzz\r\n");
	loopback_hang(fd);
}

static void
serve_flood(int fd, int nth)
{
	char text[4097];

	serve_nothing(fd, nth);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (;;)
		loopback_say(fd, text);
}

static void
test_broken_answers(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	assert_int_equal(get(&outcome, serve_nothing), HTTP_RESET);
	outcome_free(&outcome);
	assert_int_equal(get(&outcome, serve_half_status), HTTP_CUT);
	outcome_free(&outcome);
	assert_int_equal(get(&outcome, serve_cut_length), HTTP_CUT);
	outcome_free(&outcome);
	assert_int_equal(get(&outcome, serve_cut_chunk), HTTP_CUT);
	outcome_free(&outcome);
	assert_int_equal(get(&outcome, serve_rubbish_chunk), HTTP_CUT);
	outcome_free(&outcome);
	assert_int_equal(get(&outcome, serve_flood), HTTP_TOO_LARGE);
	assert_true(outcome.body.length <= 1000000);
	outcome_free(&outcome);
}

/* Bytes that are not HTTP, and a status line that does not end. */
static void
serve_rubbish(int fd, int nth)
{
	serve_nothing(fd, nth);
	loopback_say(fd, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
	loopback_hang(fd);
}

static void
test_rubbish_is_a_failure(void **state)
{
	struct outcome outcome = {0};
	enum http_failure failure;

	(void)state;
	failure = get(&outcome, serve_rubbish);
	assert_true(failure == HTTP_CUT || failure == HTTP_RESET);
	outcome_free(&outcome);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_refused),
	    TEST(test_unresolved),
	    TEST(test_bad_urls),
	    TEST(test_address_is_refused),
	    TEST(test_slow_resolver_delays_nobody),
	    TEST(test_a_burst_asks_once),
	    TEST(test_aborted_while_waiting_for_a_name),
	    TEST(test_a_burst_to_no_host),
	    TEST(test_connect_times_out),
	    TEST(test_answer_times_out),
	    TEST(test_broken_answers),
	    TEST(test_rubbish_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
