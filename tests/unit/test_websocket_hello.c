#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "websocket.h"

static void
test_accept(void **state)
{
	char accept[WEBSOCKET_ACCEPT_SIZE];

	(void)state;
	/* The example of RFC 6455. */
	assert_true(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", accept));
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_false(websocket_accept(NULL, accept));
	assert_false(websocket_accept("", accept));
	assert_false(websocket_accept("dGhlIHNhbXBsZSBub25jZQ", accept));
	assert_false(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=!", accept));
	assert_false(websocket_accept("dGhlIHN?bXBsZSBub25jZQ==", accept));
	assert_false(websocket_accept("dGhlIHNhbXBsZSBub25jZSBhYQ==", accept));
}

static void
test_header_lists(void **state)
{
	(void)state;
	assert_true(websocket_header_has("Upgrade", "upgrade"));
	assert_true(websocket_header_has("keep-alive, Upgrade", "upgrade"));
	assert_true(websocket_header_has(" ,\tupgrade\t , x", "upgrade"));
	assert_false(websocket_header_has("upgraded", "upgrade"));
	assert_false(websocket_header_has("up", "upgrade"));
	assert_false(websocket_header_has("", "upgrade"));
	assert_false(websocket_header_has(NULL, "upgrade"));
}

/* What a client makes of a server's head, in which %s is the accept value. */
static enum websocket_answer
ask(const char *head, size_t *used, int *status)
{
	char key[WEBSOCKET_KEY_SIZE], accept[WEBSOCKET_ACCEPT_SIZE];
	char text[2048], *slot;
	struct buf out = {0};
	enum websocket_answer answer;

	websocket_ask(&out, "127.0.0.1:9222", "/devtools/x", "X: y\r\n", key);
	assert_non_null(strstr(
	    out.data, "GET /devtools/x HTTP/1.1\r\nHost: 127.0.0.1:9222\r\n"));
	assert_non_null(strstr(out.data, key));
	assert_string_equal(out.data + out.length - 10, "\r\nX: y\r\n\r\n");
	buf_free(&out);
	assert_true(websocket_accept(key, accept));
	snprintf(text, sizeof(text), "%s", head);
	slot = strstr(text, "ACCEPT");
	if (slot != NULL) {
		memmove(slot + WEBSOCKET_ACCEPT_SIZE - 1, slot + 6,
		    strlen(slot + 6) + 1);
		memcpy(slot, accept, WEBSOCKET_ACCEPT_SIZE - 1);
	}
	answer = websocket_answer(text, strlen(text), key, used, status);
	/* Every part of it is too short, unless the frames are missing. */
	for (size_t i = 0; i + 1 < *used; i++)
		assert_int_equal(websocket_answer(text, i, key, used, status),
		    WEBSOCKET_MORE);
	return answer;
}

static void
test_answers(void **state)
{
	size_t used = 0;
	int status = 0;

	(void)state;
	assert_int_equal(ask("HTTP/1.1 101 Switching\r\nupgrade: WebSocket\r\n"
			     "Connection: keep-alive, Upgrade\r\n"
			     "Sec-WebSocket-Accept:  ACCEPT \r\n\r\nframes",
			     &used, &status),
	    WEBSOCKET_OPEN);
	assert_int_equal(ask("HTTP/1.1 403 Forbidden\r\n\r\n", &used, &status),
	    WEBSOCKET_REFUSED);
	assert_int_equal(status, 403);
	assert_int_equal(
	    ask("HTTP/1.1 101\r\n\r\n", &used, &status), WEBSOCKET_WRONG);
	assert_int_equal(ask("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n"
			     "Connection: Upgrade\r\nSec-WebSocket-Accept: "
			     "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
			     &used, &status),
	    WEBSOCKET_WRONG);
	assert_int_equal(ask("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n"
			     "Connection: Upgrade\r\n"
			     "Sec-WebSocket-Extensions: permessage-deflate\r\n"
			     "Sec-WebSocket-Accept: ACCEPT\r\n\r\n",
			     &used, &status),
	    WEBSOCKET_WRONG);
	assert_int_equal(
	    ask("SSH-2.0-OpenSSH\r\n\r\n", &used, &status), WEBSOCKET_WRONG);
	assert_int_equal(
	    ask("HTTP/1.1 1x1 no\r\n\r\n", &used, &status), WEBSOCKET_WRONG);
	assert_int_equal(ask("\r\n\r\n", &used, &status), WEBSOCKET_WRONG);
}

static void
test_endless_head(void **state)
{
	char *head = malloc(WEBSOCKET_HEAD_MAX);
	size_t used;
	int status;

	(void)state;
	memset(head, 'x', WEBSOCKET_HEAD_MAX);
	assert_int_equal(websocket_answer(head, WEBSOCKET_HEAD_MAX - 1,
			     "dGhlIHNhbXBsZSBub25jZQ==", &used, &status),
	    WEBSOCKET_MORE);
	assert_int_equal(websocket_answer(head, WEBSOCKET_HEAD_MAX,
			     "dGhlIHNhbXBsZSBub25jZQ==", &used, &status),
	    WEBSOCKET_WRONG);
	free(head);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_accept),
	    cmocka_unit_test(test_header_lists),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_endless_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
