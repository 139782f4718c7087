#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>
#include "http.h"
#include "loopback.h"
#include "xalloc.h"

/*
 * What callbacks may do: start transfers, abort others and their own, let go
 * of the body; and every transfer is told its end exactly once.
 */

enum { MANY = 300 };

struct member {
	struct http_transfer *transfer; /* NULL after the end */
	enum http_failure failure;
	int ends, pieces;
	int index;
	char *body;
};

static struct http *http;
static struct loopback server;
static struct http_request request;
static struct member members[MANY];
static char *url;

static void
start(int index)
{
	members[index].index = index;
	request.arg = &members[index];
	members[index].transfer = http_start(http, &request);
}

static void
note_end(struct member *member, enum http_failure failure)
{
	member->ends++;
	member->failure = failure;
	member->transfer = NULL;
	free(member->body);
	member->body = NULL;
}

static void
done(struct http_transfer *transfer, enum http_failure failure, void *arg)
{
	(void)transfer;
	note_end(arg, failure);
}

static void
run(void)
{
	while (http_active(http) > 0)
		http_run(http, NULL, 0, -1);
}

static void
serve_text(int fd, int nth)
{
	static struct buf text;

	(void)nth;
	while (loopback_read(fd, &text))
		loopback_say(
		    fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

/* All answers come at the same moment, half of a second after the start. */
static void
serve_together(int fd, int nth)
{
	static struct buf text;
	struct timespec now;

	(void)nth;
	loopback_read(fd, &text);
	clock_gettime(CLOCK_REALTIME, &now);
	usleep((useconds_t)(500000 - now.tv_nsec / 1000 % 500000));
	loopback_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	loopback_hang(fd);
}

static void
begin(void (*serve)(int fd, int nth))
{
	loopback_start(&server, serve);
	url = xasprintf("http://127.0.0.1:%d/", server.port);
	request = (struct http_request){.method = "GET",
	    .url = url,
	    .total_ms = 20000,
	    .answer_max = 1000,
	    .done = done};
}

/* ---- starting */

static void
done_starts_next(
    struct http_transfer *transfer, enum http_failure failure, void *arg)
{
	struct member *member = arg;

	(void)transfer;
	note_end(member, failure);
	if (member->index + 1 < 50)
		start(member->index + 1);
}

static void
test_done_starts_another(void **state)
{
	(void)state;
	begin(serve_text);
	request.done = done_starts_next;
	start(0);
	run();
	for (int i = 0; i < 50; i++) {
		assert_int_equal(members[i].ends, 1);
		assert_int_equal(members[i].failure, HTTP_OK);
	}
}

static bool
body_starts_next(
    struct http_transfer *transfer, const char *bytes, size_t length, void *arg)
{
	struct member *member = arg;

	(void)transfer, (void)bytes, (void)length;
	member->pieces++;
	if (member->index + 1 < 50 && member->pieces == 1)
		start(member->index + 1);
	return true;
}

static void
test_body_starts_another(void **state)
{
	(void)state;
	begin(serve_text);
	request.on_body = body_starts_next;
	start(0);
	run();
	for (int i = 0; i < 50; i++)
		assert_int_equal(members[i].failure, HTTP_OK);
}

static void
test_many_at_once(void **state)
{
	(void)state;
	begin(serve_text);
	for (int i = 0; i < MANY; i++)
		start(i);
	assert_int_equal(http_active(http), MANY);
	run();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(members[i].ends, 1);
		assert_int_equal(members[i].failure, HTTP_OK);
	}
}

/* ---- aborting */

static void
abort_others(const struct member *self)
{
	for (int i = 0; i < MANY; i++)
		if (i != self->index && members[i].transfer != NULL)
			http_abort(members[i].transfer);
}

static void
done_aborts_others(
    struct http_transfer *transfer, enum http_failure failure, void *arg)
{
	struct member *member = arg;

	(void)transfer;
	note_end(member, failure);
	if (failure == HTTP_OK)
		abort_others(member);
}

static bool
body_aborts_others(
    struct http_transfer *transfer, const char *bytes, size_t length, void *arg)
{
	struct member *member = arg;

	(void)transfer, (void)bytes, (void)length;
	assert_int_equal(member->ends, 0); /* nothing after its end */
	abort_others(member);
	return true;
}

static void
expect_one_survivor(void)
{
	int survivors = 0;

	for (int i = 0; i < 40; i++) {
		assert_int_equal(members[i].ends, 1);
		survivors += members[i].failure == HTTP_OK;
	}
	assert_int_equal(survivors, 1);
}

static void
test_done_aborts_others(void **state)
{
	(void)state;
	begin(serve_together);
	request.done = done_aborts_others;
	for (int i = 0; i < 40; i++)
		start(i);
	run();
	expect_one_survivor();
}

static void
test_body_aborts_others(void **state)
{
	(void)state;
	begin(serve_together);
	request.on_body = body_aborts_others;
	for (int i = 0; i < 40; i++)
		start(i);
	run();
	expect_one_survivor();
}

static bool
body_refuses(
    struct http_transfer *transfer, const char *bytes, size_t length, void *arg)
{
	struct member *member = arg;

	(void)transfer, (void)bytes, (void)length;
	member->pieces++;
	return false;
}

static bool
body_aborts_itself(
    struct http_transfer *transfer, const char *bytes, size_t length, void *arg)
{
	struct member *member = arg;

	(void)bytes, (void)length;
	member->pieces++;
	http_abort(transfer);
	return member->index % 2 == 0; /* of no consequence any more */
}

static void
test_body_ends_its_own(void **state)
{
	(void)state;
	begin(serve_text);
	request.on_body = body_refuses;
	start(0);
	request.on_body = body_aborts_itself;
	start(1);
	start(2);
	run();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(members[i].ends, 1);
		assert_int_equal(members[i].pieces, 1);
		assert_int_equal(members[i].failure, HTTP_ABORTED);
	}
}

static void
test_abort_from_outside(void **state)
{
	(void)state;
	begin(serve_text);
	start(0); /* before libcurl heard of it */
	http_abort(members[0].transfer);
	assert_int_equal(members[0].failure, HTTP_ABORTED);
	start(1);
	start(2);
	http_run(http, NULL, 0, 0);
	if (members[1].transfer != NULL)
		http_abort(members[1].transfer);
	assert_int_equal(members[1].ends, 1);
	run();
	assert_int_equal(members[2].failure, HTTP_OK);
	assert_int_equal(members[0].ends, 1);
}

static void
serve_reads_nothing(int fd, int nth)
{
	(void)fd, (void)nth;
	for (;;)
		pause();
}

/* The body's memory goes with `done` while half of it is still to be sent. */
static void
test_body_is_let_go_at_the_end(void **state)
{
	size_t length = 10 * 1000 * 1000;

	(void)state;
	begin(serve_reads_nothing);
	request.method = "POST";
	request.body_length = length;
	for (int i = 0; i < 3; i++) {
		members[i].body = xcalloc(1, length);
		request.body = members[i].body;
		request.total_ms = i == 2 ? 100 : 20000;
		start(i);
	}
	for (int i = 0; i < 20; i++)
		http_run(http, NULL, 0, 5);
	http_abort(members[0].transfer);
	assert_null(members[0].body);
	http_abort(members[1].transfer);
	run();
	assert_int_equal(members[2].failure, HTTP_TIMEOUT_TOTAL);
	assert_null(members[2].body);
}

/* Deadlines in another order than the starts, and all are kept. */
static void
test_deadlines_in_any_order(void **state)
{
	(void)state;
	begin(serve_reads_nothing);
	for (int i = 0; i < 60; i++) {
		request.total_ms = 50 + (i * 37) % 100;
		start(i);
	}
	for (int i = 0; i < 60; i += 3)
		http_abort(members[i].transfer);
	run();
	for (int i = 0; i < 60; i++) {
		assert_int_equal(members[i].ends, 1);
		assert_int_equal(members[i].failure,
		    i % 3 == 0 ? HTTP_ABORTED : HTTP_TIMEOUT_TOTAL);
	}
}

static int
set_up(void **state)
{
	(void)state;
	alarm(60);
	memset(members, 0, sizeof members);
	http = http_new();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	loopback_stop(&server);
	free(url);
	http_free(http);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_done_starts_another),
	    TEST(test_body_starts_another),
	    TEST(test_many_at_once),
	    TEST(test_done_aborts_others),
	    TEST(test_body_aborts_others),
	    TEST(test_body_ends_its_own),
	    TEST(test_abort_from_outside),
	    TEST(test_body_is_let_go_at_the_end),
	    TEST(test_deadlines_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
