#ifndef OC_TESTS_ASKING_H
#define OC_TESTS_ASKING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "http.h"
#include "loopback.h"
#include "xalloc.h"

/* For the tests of the HTTP client: one request, and what came of it. */

/* What became of a transfer. */
struct outcome {
	bool done, repeated;
	enum http_failure failure;
	long status;
	int64_t retry_after;
	char *message, *type;
	struct buf body;
	int pieces;
};

/* In every URL, and never in a message. */
#define SECRET "s3cr3t"

static struct http *http;

static inline void
done(struct http_transfer *transfer, enum http_failure failure, void *arg)
{
	struct outcome *outcome = arg;
	const char *type = http_header(transfer, "content-TYPE");

	assert_false(outcome->done);
	outcome->done = true;
	outcome->failure = failure;
	outcome->repeated = http_repeated(transfer);
	outcome->status = http_status(transfer);
	outcome->retry_after = http_retry_after(transfer);
	outcome->message = xstrdup(http_message(transfer));
	outcome->type = type != NULL ? xstrdup(type) : NULL;
	buf_add(&outcome->body, buf_string(http_body(transfer)),
	    http_body(transfer)->length);
	assert_null(strstr(outcome->message, SECRET));
}

static inline bool
take_piece(
    struct http_transfer *transfer, const char *bytes, size_t length, void *arg)
{
	struct outcome *outcome = arg;

	assert_int_equal(http_status(transfer), 200);
	buf_add(&outcome->body, bytes, length);
	outcome->pieces++;
	return true;
}

static inline void
outcome_free(struct outcome *outcome)
{
	buf_free(&outcome->body);
	free(outcome->message);
	free(outcome->type);
	*outcome = (struct outcome){0};
}

static inline struct http_request
request_for(struct outcome *outcome)
{
	return (struct http_request){.method = "GET",
	    .connect_ms = 10000,
	    .first_byte_ms = 10000,
	    .idle_ms = 10000,
	    .total_ms = 10000,
	    .answer_max = 1000000,
	    .done = done,
	    .arg = outcome};
}

/* Sends `request` to a port of the loopback, or to `host`, and waits. */
static inline void
ask(struct http_request request, const char *host, int port)
{
	struct outcome *outcome = request.arg;
	char *url =
	    xasprintf("http://%s:%d/" SECRET "?key=" SECRET, host, port);

	request.url = url;
	http_start(http, &request);
	while (!outcome->done)
		http_run(http, NULL, 0, -1);
	free(url);
}

static inline enum http_failure
get(struct outcome *outcome, void (*serve)(int fd, int nth))
{
	struct loopback server;

	loopback_start(&server, serve);
	ask(request_for(outcome), "127.0.0.1", server.port);
	loopback_stop(&server);
	return outcome->failure;
}

static inline int
set_up(void **state)
{
	(void)state;
	alarm(60);
	http = http_new();
	return 0;
}

static inline int
tear_down(void **state)
{
	(void)state;
	assert_int_equal(http_active(http), 0);
	http_free(http);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
