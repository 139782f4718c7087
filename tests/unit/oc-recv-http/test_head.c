#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "chunks.h"
#include "head.h"

static int
parse(struct head *head, const char *text)
{
	const char *problem = NULL;
	int status = head_parse(head, text, strlen(text), &problem);

	assert_true(status == 0 || problem != NULL);
	return status;
}

static void
test_what_is_understood(void **state)
{
	struct head head;

	(void)state;
	assert_int_equal(
	    parse(&head, "POST /a/b%20c?x=1&y HTTP/1.1\r\nHost: h:1\r\n"
			 "content-length:  12 \r\nX: a b\t\r\n\r\n"),
	    0);
	assert_string_equal(head.method, "POST");
	assert_string_equal(head.path, "/a/b%20c");
	assert_string_equal(head.query, "x=1&y");
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.length, 12);
	assert_true(head.keep_alive);
	assert_false(head.chunked);
	assert_string_equal(head_field(&head, "HOST"), "h:1");
	assert_string_equal(head_field(&head, "x"), "a b");
	assert_null(head_field(&head, "y"));
	head_free(&head);
}

static void
test_who_keeps_the_connection(void **state)
{
	static const struct {
		const char *text;
		bool keeps;
	} cases[] = {{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
	    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false},
	    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n",
		false},
	    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
	    {"GET / HTTP/1.0\r\n\r\n", false},
	    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct head head;

		assert_int_equal(parse(&head, cases[i].text), 0);
		assert_int_equal(head.keep_alive, cases[i].keeps);
		head_free(&head);
	}
}

/* What two readers could understand in two ways. */
static void
test_what_is_refused(void **state)
{
	static const char *const fields[] = {"Content-Length: 1\r\n"
					     "Content-Length: 1\r\n",
	    "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
	    "Content-Length: 0x1\r\n", "Content-Length: -1\r\n",
	    "Content-Length: \r\n", "Content-Length: 1 1\r\n",
	    "Content-Length: 9999999999999999\r\n",
	    "Transfer-Encoding: identity\r\n",
	    "Transfer-Encoding: chunked, chunked\r\n",
	    "Transfer-Encoding: \x0b"
	    "chunked\r\n",
	    "Host: b\r\n", "X : y\r\n", " X: y\r\n", "X\r\n", ": y\r\n",
	    "X: a\nY: b\r\n", "X: a\rY: b\r\n", "X: \x7f\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		struct head head;
		char text[256];

		snprintf(text, sizeof text,
		    "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields[i]);
		if (parse(&head, text) != 400)
			fail_msg("taken: %s", fields[i]);
		head_free(&head);
	}
}

static void
test_a_head_comes_in_pieces(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nmore";
	size_t scanned = 0;

	(void)state;
	for (size_t i = 0; i < sizeof text - 5; i++)
		assert_int_equal(head_end(text, i, &scanned), 0);
	assert_int_equal(
	    head_end(text, sizeof text - 1, &scanned), sizeof text - 5);
}

static void
test_what_cannot_become_a_request(void **state)
{
	(void)state;
	assert_true(head_may_begin("G", 1));
	assert_true(head_may_begin("GET /", 5));
	assert_false(head_may_begin("\x16\x03\x01", 3));
	assert_false(head_may_begin(" GET", 4));
	assert_false(head_may_begin("\r\n", 2));
	assert_false(head_may_begin("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 32));
}

static void
test_chunks_in_pieces_of_every_size(void **state)
{
	static const char text[] = "5\r\nhello\r\n1;a=\"b\"\r\n \r\nA\r\n"
				   "0123456789\r\n0\r\nX: y\r\n\r\nrest";
	size_t length = sizeof text - 5;

	(void)state;
	for (size_t piece = 1; piece <= sizeof text; piece++) {
		enum chunks_result result = CHUNKS_MORE;
		struct chunks chunks = {0};
		struct buf body = {0};
		size_t at = 0, used;

		while (result == CHUNKS_MORE && at < sizeof text - 1) {
			size_t n = sizeof text - 1 - at;

			result = chunks_feed(&chunks, text + at,
			    n < piece ? n : piece, 100, &body, &used);
			at += used;
		}
		assert_int_equal(result, CHUNKS_DONE);
		assert_int_equal(at, length);
		assert_string_equal(buf_string(&body), "hello 0123456789");
		buf_free(&body);
	}
}

static void
test_a_body_that_is_too_large_is_told_before_it_comes(void **state)
{
	struct chunks chunks = {0};
	struct buf body = {0};
	size_t used;

	(void)state;
	assert_int_equal(
	    chunks_feed(&chunks, "3\r\nabc\r\n62\r\n", 12, 100, &body, &used),
	    CHUNKS_TOO_LARGE);
	buf_free(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_understood),
	    cmocka_unit_test(test_who_keeps_the_connection),
	    cmocka_unit_test(test_what_is_refused),
	    cmocka_unit_test(test_a_head_comes_in_pieces),
	    cmocka_unit_test(test_what_cannot_become_a_request),
	    cmocka_unit_test(test_chunks_in_pieces_of_every_size),
	    cmocka_unit_test(
		test_a_body_that_is_too_large_is_told_before_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
