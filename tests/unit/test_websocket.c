#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "websocket.h"

enum { MESSAGE_MAX = 100 * 1000 };

/* Messages as "text<…>" or "binary<…>" one after the other. */
static void
note(void *arg, const char *data, size_t length, bool binary)
{
	struct buf *seen = arg;

	assert_int_equal(data[length], '\0');
	buf_add_string(seen, binary ? "binary<" : "text<");
	buf_add(seen, data, length);
	buf_add_byte(seen, '>');
}

/* A frame of a client, with a mask; `head` is its first byte. */
static void
add_frame(struct buf *out, int head, const void *data, size_t length)
{
	static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	const unsigned char *bytes = data;

	buf_add_byte(out, (char)head);
	if (length < 126) {
		buf_add_byte(out, (char)(0x80 | length));
	} else if (length < 65536) {
		buf_add_byte(out, (char)(0x80 | 126));
		buf_add_byte(out, (char)(length >> 8));
		buf_add_byte(out, (char)(length & 0xff));
	} else {
		buf_add_byte(out, (char)(0x80 | 127));
		for (int shift = 56; shift >= 0; shift -= 8)
			buf_add_byte(
			    out, (char)((unsigned long long)length >> shift));
	}
	buf_add(out, mask, 4);
	for (size_t i = 0; i < length; i++)
		buf_add_byte(out, (char)(bytes[i] ^ mask[i % 4]));
}

#define FRAME(out, head, text) add_frame(out, head, text, sizeof(text) - 1)

/* What a server does with the input, fed in pieces of one size. */
static void
serve(const struct buf *input, size_t piece, struct buf *seen,
    struct buf *output, int *code)
{
	struct websocket *server = websocket_new(WEBSOCKET_SERVER, MESSAGE_MAX);
	bool open = true;

	for (size_t i = 0; open && i < input->length; i += piece) {
		size_t left = input->length - i;

		open = websocket_feed(server, input->data + i,
		    left < piece ? left : piece, note, seen);
	}
	*code = open ? 0 : websocket_code(server);
	buf_add(output, websocket_output(server)->data,
	    websocket_output(server)->length);
	websocket_free(server);
}

/*
 * Serves the input whole and in small pieces: the same messages, the same
 * code (0: still open) and the same output of `length` bytes (its first
 * ones; the rest is a reason in words).
 */
static void
expect(struct buf *input, const char *messages, int code, const char *output,
    size_t length)
{
	static const size_t pieces[] = {1, 2, 3, 7, 4096, 1 << 20};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct buf seen = {0}, sent = {0};
		int ended;

		if (input->length > 10000 && pieces[i] < 7)
			continue;
		serve(input, pieces[i], &seen, &sent, &ended);
		assert_string_equal(buf_string(&seen), messages);
		assert_int_equal(ended, code);
		assert_true(sent.length >= length);
		if (length > 0)
			assert_memory_equal(sent.data, output, length);
		else
			assert_int_equal(sent.length, 0);
		buf_free(&seen);
		buf_free(&sent);
	}
	buf_clear(input);
}

/* Serves input after which the server closes with the code. */
static void
expect_refused(struct buf *input, const char *messages, int code)
{
	struct buf seen = {0}, sent = {0};
	int ended;

	serve(input, 1 << 20, &seen, &sent, &ended);
	assert_int_equal(ended, code);
	assert_string_equal(buf_string(&seen), messages);
	assert_true(sent.length >= 4);
	assert_int_equal((unsigned char)sent.data[0], 0x88);
	assert_int_equal(
	    (unsigned char)sent.data[2] << 8 | (unsigned char)sent.data[3],
	    code);
	buf_free(&seen);
	buf_free(&sent);
	serve(input, 1, &seen, &sent, &ended);
	assert_int_equal(ended, code);
	assert_string_equal(buf_string(&seen), messages);
	buf_free(&seen);
	buf_free(&sent);
	buf_clear(input);
}

static void
test_messages(void **state)
{
	struct buf in = {0};

	(void)state;
	FRAME(&in, 0x81, "Hello");
	FRAME(&in, 0x82, "\x00\xff");
	FRAME(&in, 0x81, "");
	FRAME(&in, 0x81, "\xc3\xa9");
	{
		struct buf seen = {0}, sent = {0};
		int code;

		serve(&in, 3, &seen, &sent, &code);
		assert_int_equal(seen.length, 35);
		assert_memory_equal(seen.data,
		    "text<Hello>binary<\0\xff>text<>text<\xc3\xa9>", 35);
		assert_int_equal(code, 0);
		buf_free(&seen);
		buf_free(&sent);
	}
	buf_free(&in);
}

static void
test_fragments(void **state)
{
	struct buf in = {0};

	(void)state;
	FRAME(&in, 0x01, "Hel");
	FRAME(&in, 0x00, "");
	FRAME(&in, 0x89, "between"); /* a ping may come inside */
	FRAME(&in, 0x80, "lo");
	FRAME(&in, 0x01, "a character \xe2\x82");
	FRAME(&in, 0x80, "\xac in two frames");
	expect(&in, "text<Hello>text<a character \xe2\x82\xac in two frames>",
	    0,
	    "\x8a\x07"
	    "between",
	    9);
	buf_free(&in);
}

static void
test_wrong_fragments(void **state)
{
	struct buf in = {0};

	(void)state;
	FRAME(&in, 0x80, "end of nothing");
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	FRAME(&in, 0x01, "begins");
	FRAME(&in, 0x81, "another");
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	FRAME(&in, 0x81, "whole");
	FRAME(&in, 0x00, "more of it");
	expect_refused(&in, "text<whole>", WEBSOCKET_PROTOCOL);
	buf_free(&in);
}

static void
test_wrong_frames(void **state)
{
	struct buf in = {0};
	char big[126] = {0};

	(void)state;
	buf_add(&in, "\x81\x05Hello", 7); /* without a mask */
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	FRAME(&in, 0xc1, "compressed");
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	FRAME(&in, 0x83, "no such opcode");
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	FRAME(&in, 0x8b, "no such control");
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	FRAME(&in, 0x09, "half a ping");
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	add_frame(&in, 0x89, big, sizeof(big)); /* a ping of 126 bytes */
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	/* a length that fits in fewer bytes */
	buf_add(&in, "\x81\xfe\x00\x01mask!", 9);
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	/* a length beyond 2^63 */
	buf_add(&in, "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xffmask!", 15);
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	buf_free(&in);
}

static void
test_text_is_utf8(void **state)
{
	struct buf in = {0};

	(void)state;
	FRAME(&in, 0x81, "good");
	FRAME(&in, 0x81, "bad \xff");
	expect_refused(&in, "text<good>", WEBSOCKET_BAD_TEXT);
	FRAME(&in, 0x01, "half a character \xe2\x82");
	FRAME(&in, 0x80, "");
	expect_refused(&in, "", WEBSOCKET_BAD_TEXT);
	FRAME(&in, 0x88, "\x03\xe8 a reason \xff");
	expect_refused(&in, "", WEBSOCKET_BAD_TEXT);
	buf_free(&in);
}

static void
test_size(void **state)
{
	struct buf in = {0}, seen = {0};
	char *big = calloc(1, MESSAGE_MAX + 1);

	(void)state;
	memset(big, 'x', MESSAGE_MAX);
	buf_add_string(&seen, "text<");
	buf_add_string(&seen, big);
	buf_add_string(&seen, ">");
	add_frame(&in, 0x81, big, MESSAGE_MAX); /* exactly as much */
	expect(&in, buf_string(&seen), 0, "", 0);
	add_frame(&in, 0x81, big, MESSAGE_MAX + 1);
	expect_refused(&in, "", WEBSOCKET_TOO_BIG);
	/* the fragments of a message count together */
	add_frame(&in, 0x01, big, MESSAGE_MAX - 1);
	FRAME(&in, 0x80, "xx");
	expect_refused(&in, "", WEBSOCKET_TOO_BIG);
	/* the head alone, and a byte, are enough to refuse a terabyte */
	buf_add(&in, "\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00mask!", 15);
	expect_refused(&in, "", WEBSOCKET_TOO_BIG);
	buf_free(&in);
	buf_free(&seen);
	free(big);
}

static void
test_limit_may_change(void **state)
{
	struct websocket *server = websocket_new(WEBSOCKET_SERVER, 10);
	struct buf in = {0}, seen = {0};

	(void)state;
	FRAME(&in, 0x01, "123456789");
	assert_true(websocket_feed(server, in.data, in.length, note, &seen));
	websocket_set_max(server, 5); /* below what is there already */
	buf_clear(&in);
	FRAME(&in, 0x80, "1");
	assert_false(websocket_feed(server, in.data, in.length, note, &seen));
	assert_int_equal(websocket_code(server), WEBSOCKET_TOO_BIG);
	websocket_free(server);
	buf_free(&in);
	buf_free(&seen);
}

static void
test_close(void **state)
{
	struct buf in = {0};

	(void)state;
	FRAME(&in, 0x81, "before");
	FRAME(&in, 0x88, "\x03\xe8 bye");
	FRAME(&in, 0x81, "after");
	expect(&in, "text<before>", WEBSOCKET_NORMAL, "\x88\x02\x03\xe8", 4);
	FRAME(&in, 0x88, ""); /* without a code: the same back */
	expect(&in, "", 0, "\x88\x00", 2);
	FRAME(&in, 0x88, "\x0f\xa0"); /* 4000, of an application */
	expect(&in, "", 4000, "\x88\x02\x0f\xa0", 4);
	FRAME(&in, 0x88, "\x03"); /* half a code */
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	FRAME(&in, 0x88, "\x03\xed"); /* 1005 never travels */
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	FRAME(&in, 0x88, "\x00\x00");
	expect_refused(&in, "", WEBSOCKET_PROTOCOL);
	buf_free(&in);
}

static void
test_pings_do_not_heap_up(void **state)
{
	struct websocket *server = websocket_new(WEBSOCKET_SERVER, 1000);
	struct buf in = {0}, seen = {0};
	char payload[125] = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		add_frame(&in, 0x89, payload, sizeof(payload));
	for (int i = 0; i < 100; i++)
		assert_true(
		    websocket_feed(server, in.data, in.length, note, &seen));
	assert_true(websocket_output(server)->length < 20 * 1024);
	buf_clear(
	    websocket_output(server)); /* the peer reads: answered again */
	assert_true(websocket_feed(server, in.data, 131, note, &seen));
	assert_int_equal(websocket_output(server)->length, 127);
	websocket_free(server);
	buf_free(&in);
	buf_free(&seen);
}

/* Hands what one side wrote to the other; false when that one is done. */
static bool
carry(struct websocket *from, struct websocket *to, struct buf *seen)
{
	struct buf *output = websocket_output(from);
	bool open =
	    websocket_feed(to, buf_string(output), output->length, note, seen);

	buf_clear(output);
	return open;
}

static void
test_both_sides(void **state)
{
	struct websocket *server = websocket_new(WEBSOCKET_SERVER, 1 << 20);
	struct websocket *client = websocket_new(WEBSOCKET_CLIENT, 1 << 20);
	struct buf seen = {0}, big = {0};

	(void)state;
	for (size_t i = 0; i < 70000; i++)
		buf_add_byte(&big, (char)('a' + i % 26));
	websocket_send_text(client, "hello", 5);
	websocket_ping(client);
	websocket_send_binary(client, big.data, 300);
	assert_null(memmem(websocket_output(client)->data,
	    websocket_output(client)->length, "hello", 5)); /* masked */
	assert_true(carry(client, server, &seen));
	assert_memory_equal(seen.data, "text<hello>binary<abc", 21);
	websocket_send_text(server, big.data, big.length);
	buf_clear(&seen);
	assert_true(carry(server, client, &seen));
	assert_int_equal(seen.length, big.length + 6);
	assert_memory_equal(seen.data + 5, big.data, big.length);

	websocket_close(client, WEBSOCKET_GOING_AWAY, "enough");
	assert_true(websocket_is_closing(client));
	websocket_send_text(client, "too late", 8);
	assert_false(carry(client, server, &seen));
	assert_int_equal(websocket_code(server), WEBSOCKET_GOING_AWAY);
	assert_string_equal(websocket_reason(server), "enough");
	assert_false(carry(server, client, &seen));
	assert_int_equal(websocket_code(client), WEBSOCKET_GOING_AWAY);
	websocket_free(server);
	websocket_free(client);
	websocket_free(NULL);
	buf_free(&seen);
	buf_free(&big);
}

static void
close_it(void *arg, const char *data, size_t length, bool binary)
{
	(void)data, (void)length, (void)binary;
	websocket_close(arg, WEBSOCKET_POLICY, "no");
}

static void
test_close_from_within(void **state)
{
	struct websocket *server = websocket_new(WEBSOCKET_SERVER, 1000);
	struct buf in = {0};
	char reason[300];

	(void)state;
	FRAME(&in, 0x81, "first");
	FRAME(&in, 0x81, "not handed out any more");
	FRAME(&in, 0x89, "not answered");
	assert_true(
	    websocket_feed(server, in.data, in.length, close_it, server));
	assert_memory_equal(
	    websocket_output(server)->data, "\x88\x04\x03\xf0no", 6);
	assert_int_equal(websocket_output(server)->length, 6);
	buf_clear(&in);
	FRAME(&in, 0x88, "\x03\xf0");
	assert_false(
	    websocket_feed(server, in.data, in.length, close_it, server));
	websocket_free(server);

	/* a reason is cut between characters */
	memset(reason, 'x', sizeof(reason));
	memcpy(reason + 122, "\xc3\xa9", 2);
	reason[299] = '\0';
	server = websocket_new(WEBSOCKET_SERVER, 1000);
	websocket_close(server, WEBSOCKET_RESTART, reason);
	assert_int_equal(websocket_output(server)->length, 2 + 2 + 122);
	websocket_free(server);
	buf_free(&in);
}

/* A server's frame, without a mask. */
static void
add_plain_frame(struct buf *out, int head, const char *data, size_t length)
{
	buf_add_byte(out, (char)head);
	assert_true(length < 126);
	buf_add_byte(out, (char)length);
	buf_add(out, data, length);
}

static void
test_long_messages_are_cut_where_asked_for(void **state)
{
	struct websocket *client = websocket_new(WEBSOCKET_CLIENT, 4);
	struct buf input = {0}, seen = {0};

	(void)state;
	websocket_cut_long(client);
	add_plain_frame(&input, 0x81, "123456789", 9);
	add_plain_frame(&input, 0x81, "123\xc3\xa9", 5);
	add_plain_frame(&input, 0x01, "12", 2);
	add_plain_frame(&input, 0x80, "3456", 4);
	add_plain_frame(&input, 0x81, "ab", 2);
	for (size_t i = 0; i < input.length; i++)
		assert_true(
		    websocket_feed(client, input.data + i, 1, note, &seen));
	assert_string_equal(
	    buf_string(&seen), "text<1234>text<123\xc3>text<1234>text<ab>");
	buf_free(&input);
	buf_free(&seen);
	websocket_free(client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_long_messages_are_cut_where_asked_for),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_wrong_fragments),
	    cmocka_unit_test(test_wrong_frames),
	    cmocka_unit_test(test_text_is_utf8),
	    cmocka_unit_test(test_size),
	    cmocka_unit_test(test_limit_may_change),
	    cmocka_unit_test(test_close),
	    cmocka_unit_test(test_pings_do_not_heap_up),
	    cmocka_unit_test(test_both_sides),
	    cmocka_unit_test(test_close_from_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
