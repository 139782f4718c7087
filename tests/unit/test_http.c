#include <sys/mman.h>
#include <time.h>
#include "asking.h"
#include "wrapped.h"

/* ---- answers */

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

static void
test_answer_is_collected(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	assert_int_equal(get(&outcome, serve_text), HTTP_OK);
	assert_int_equal(outcome.status, 429);
	assert_int_equal(outcome.retry_after, 17);
	assert_string_equal(outcome.type, "text/plain");
	assert_string_equal(buf_string(&outcome.body), "hello");
	assert_non_null(strstr(outcome.message, "answered with status 429"));
	outcome_free(&outcome);
}

static void
serve_date(int fd, int nth)
{
	static struct buf request;
	static char *answer;
	char date[64];
	time_t later = time(NULL) + 100;

	(void)nth;
	strftime(
	    date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&later));
	loopback_read(fd, &request);
	answer = xasprintf("HTTP/1.1 503 Busy\r\nRetry-After: %s\r\n"
			   "Content-Length: 0\r\n\r\n",
	    date);
	loopback_say(fd, answer);
}

static void
serve_odd_retry(int fd, int nth)
{
	static struct buf request;

	(void)nth;
	loopback_read(fd, &request);
	loopback_say(fd, "HTTP/1.1 503 Busy\r\nRetry-After: -5 apples\r\n"
			 "Content-Length: 0\r\n\r\n");
}

static void
test_retry_after_as_date_or_rubbish(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	assert_int_equal(get(&outcome, serve_date), HTTP_OK);
	assert_in_range(outcome.retry_after, 50, 100);
	outcome_free(&outcome);
	assert_int_equal(get(&outcome, serve_odd_retry), HTTP_OK);
	assert_int_equal(outcome.retry_after, -1);
	outcome_free(&outcome);
}

/* Answers with the request itself, in chunks with pauses. */
static void
serve_echo(int fd, int nth)
{
	static struct buf request, answer;
	size_t half;

	(void)nth;
	while (loopback_read(fd, &request)) {
		half = request.length / 2;
		buf_clear(&answer);
		buf_printf(&answer,
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		    "chunked\r\n\r\n%zx\r\n",
		    half);
		buf_add(&answer, request.data, half);
		loopback_say(fd, answer.data);
		usleep(20000);
		buf_clear(&answer);
		buf_printf(&answer, "\r\n%zx\r\n", request.length - half);
		buf_add(&answer, request.data + half, request.length - half);
		buf_add_string(&answer, "\r\n0\r\n\r\n");
		loopback_say(fd, answer.data);
	}
}

static void
test_post_and_stream(void **state)
{
	const char *headers[] = {
	    "x-key: abc", "Content-Type: application/json", NULL};
	struct outcome outcome = {0};
	struct http_request request = request_for(&outcome);
	struct loopback server;

	(void)state;
	loopback_start(&server, serve_echo);
	request.method = "POST";
	request.body = "{\"a\":1}";
	request.body_length = 7;
	request.headers = headers;
	request.on_body = take_piece;
	ask(request, "127.0.0.1", server.port);
	loopback_stop(&server);
	assert_int_equal(outcome.failure, HTTP_OK);
	assert_true(outcome.pieces >= 2 || under_valgrind());
	assert_non_null(strstr(outcome.body.data, "POST /" SECRET));
	assert_non_null(strstr(outcome.body.data, "\r\nx-key: abc\r\n"));
	assert_non_null(
	    strstr(outcome.body.data, "\r\nContent-Type: application/json"));
	assert_non_null(strstr(outcome.body.data, "\r\n\r\n{\"a\":1}"));
	assert_null(strcasestr(outcome.body.data, "Expect"));
	assert_null(strcasestr(outcome.body.data, "Accept-Encoding"));
	outcome_free(&outcome);
}

/* Larger than what libcurl sends at once. */
static void
test_large_post(void **state)
{
	struct outcome outcome = {0};
	struct http_request request = request_for(&outcome);
	struct loopback server;
	size_t length = 3 * 1000 * 1000;
	char *body = xmalloc(length);

	(void)state;
	memset(body, 'x', length);
	loopback_start(&server, serve_text);
	request.method = "POST";
	request.body = body;
	request.body_length = length;
	ask(request, "127.0.0.1", server.port);
	loopback_stop(&server);
	assert_int_equal(outcome.failure, HTTP_OK);
	assert_string_equal(buf_string(&outcome.body), "hello");
	outcome_free(&outcome);
	free(body);
}

static void
serve_redirect(int fd, int nth)
{
	static struct buf request;

	(void)nth;
	loopback_read(fd, &request);
	loopback_say(fd, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n"
			 "Content-Length: 0\r\n\r\n");
}

static void
test_redirect_is_not_followed(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	assert_int_equal(get(&outcome, serve_redirect), HTTP_OK);
	assert_int_equal(outcome.status, 302);
	outcome_free(&outcome);
}

/* ---- reused connections */

static void
serve_nth(int fd, int nth)
{
	static struct buf request;
	static char *answer;

	answer = xasprintf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
			   "\r\n%d",
	    nth);

	while (loopback_read(fd, &request))
		loopback_say(fd, answer);
}

/* The first connection serves one request and is then closed while idle. */
static void
serve_closes_idle(int fd, int nth)
{
	static struct buf request;

	if (nth > 0)
		serve_nth(fd, nth);
	loopback_read(fd, &request);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0");
}

/* The first connection reads a second request and is closed without answer. */
static void
serve_drops_second(int fd, int nth)
{
	static struct buf request;

	serve_closes_idle(fd, nth);
	loopback_read(fd, &request);
}

/* The same, but in the midst of an answer. */
static void
serve_cuts_second(int fd, int nth)
{
	serve_drops_second(fd, nth);
	loopback_say(fd, "HTTP/1.1 200 OK\r\n");
}

/* Asks twice; the outcome of the second request. */
static enum http_failure
ask_twice(struct outcome *outcome, void (*serve)(int fd, int nth), bool once,
    bool fresh)
{
	struct http_request request = request_for(outcome);
	struct loopback server;

	loopback_start(&server, serve);
	ask(request, "127.0.0.1", server.port);
	assert_int_equal(outcome->failure, HTTP_OK);
	assert_string_equal(buf_string(&outcome->body), "0");
	outcome_free(outcome);
	usleep(100000);
	request.once = once;
	request.fresh = fresh;
	ask(request, "127.0.0.1", server.port);
	loopback_stop(&server);
	return outcome->failure;
}

static void
test_connections_are_reused(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	assert_int_equal(ask_twice(&outcome, serve_nth, false, false), HTTP_OK);
	assert_string_equal(outcome.body.data, "0");
	outcome_free(&outcome);
	assert_int_equal(ask_twice(&outcome, serve_nth, false, true), HTTP_OK);
	assert_string_equal(outcome.body.data, "1");
	outcome_free(&outcome);
}

static void
test_stale_connection_is_no_failure(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	assert_int_equal(
	    ask_twice(&outcome, serve_closes_idle, true, false), HTTP_OK);
	assert_string_equal(outcome.body.data, "1");
	outcome_free(&outcome);
	assert_int_equal(
	    ask_twice(&outcome, serve_drops_second, false, false), HTTP_OK);
	assert_string_equal(outcome.body.data, "1");
	outcome_free(&outcome);
}

static void
test_once_is_not_repeated(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	assert_int_equal(
	    ask_twice(&outcome, serve_drops_second, true, false), HTTP_RESET);
	outcome_free(&outcome);
}

static int *dropped; /* shared with the servers */

/* Answers the first request when five are there, and drops the second. */
static void
serve_drops_all(int fd, int nth)
{
	static struct buf request;

	(void)nth;
	loopback_read(fd, &request);
	usleep(200000);
	loopback_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0");
	if (loopback_read(fd, &request))
		__atomic_add_fetch(dropped, 1, __ATOMIC_SEQ_CST);
}

/* However many idle connections there are, it goes out twice at most. */
static void
test_repeated_once_at_most(void **state)
{
	struct outcome outcomes[5] = {0}, last = {0};
	struct http_request request = request_for(&last);
	struct loopback server;
	char *url;

	(void)state;
	dropped = mmap(NULL, sizeof *dropped, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	loopback_start(&server, serve_drops_all);
	url = xasprintf("http://127.0.0.1:%d/", server.port);
	request.url = url;
	for (int i = 0; i < 5; i++) {
		request.arg = &outcomes[i];
		http_start(http, &request);
	}
	while (http_active(http) > 0)
		http_run(http, NULL, 0, -1);
	ask(request_for(&last), "127.0.0.1", server.port);
	assert_int_equal(last.failure, HTTP_RESET);
	assert_true(last.repeated);
	assert_int_equal(*dropped, 2);
	loopback_stop(&server);
	for (int i = 0; i < 5; i++)
		outcome_free(&outcomes[i]);
	outcome_free(&last);
	free(url);
	munmap(dropped, sizeof *dropped);
}

static void
test_answered_is_not_repeated(void **state)
{
	struct outcome outcome = {0};

	(void)state;
	assert_int_equal(
	    ask_twice(&outcome, serve_cuts_second, false, false), HTTP_CUT);
	outcome_free(&outcome);
}

/* ---- the caller's own descriptors */

static void
test_extra_descriptors(void **state)
{
	struct pollfd extra[2];
	int one[2], two[2];

	(void)state;
	assert_int_equal(pipe(one), 0);
	assert_int_equal(pipe(two), 0);
	extra[0] = (struct pollfd){.fd = one[0], .events = POLLIN};
	extra[1] = (struct pollfd){.fd = two[0], .events = POLLIN};
	extra[0].revents = extra[1].revents = -1;
	http_run(http, extra, 2, 0);
	assert_int_equal(extra[0].revents, 0);
	assert_int_equal(extra[1].revents, 0);
	assert_int_equal(write(two[1], "x", 1), 1);
	http_run(http, extra, 2, -1);
	assert_int_equal(extra[0].revents, 0);
	assert_int_equal(extra[1].revents, POLLIN);
	close(one[1]);
	http_run(http, extra, 2, -1);
	assert_true(extra[0].revents & POLLHUP);
	close(one[0]);
	close(two[0]);
	close(two[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_answer_is_collected),
	    TEST(test_retry_after_as_date_or_rubbish),
	    TEST(test_post_and_stream),
	    TEST(test_large_post),
	    TEST(test_redirect_is_not_followed),
	    TEST(test_connections_are_reused),
	    TEST(test_stale_connection_is_no_failure),
	    TEST(test_once_is_not_repeated),
	    TEST(test_repeated_once_at_most),
	    TEST(test_answered_is_not_repeated),
	    TEST(test_extra_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
