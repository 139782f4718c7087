#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sse.h"

/* Events as "type<data>" one after the other. */
struct seen {
	struct buf text;
	int events, stop_at;
};

static bool
note(void *arg, const char *type, const char *data, size_t size)
{
	struct seen *seen = arg;

	buf_add_string(&seen->text, type);
	buf_add_byte(&seen->text, '<');
	buf_add(&seen->text, data, size);
	buf_add_byte(&seen->text, '>');
	return ++seen->events != seen->stop_at;
}

/* Feeds the text whole, then in pieces of every size. */
static void
expect(const char *text, size_t length, const char *events)
{
	for (size_t piece = 1; piece <= length + 1; piece++) {
		struct sse sse = {0};
		struct seen seen = {0};

		for (size_t i = 0; i < length; i += piece)
			assert_true(sse_feed(&sse, text + i,
			    length - i < piece ? length - i : piece, note,
			    &seen));
		assert_string_equal(buf_string(&seen.text), events);
		buf_free(&seen.text);
		sse_free(&sse);
	}
}

#define EXPECT(text, events) expect(text, sizeof(text) - 1, events)

static void
test_line_ends(void **state)
{
	(void)state;
	EXPECT("data: a\n\ndata: b\n\n", "message<a>message<b>");
	EXPECT("data: a\r\n\r\ndata: b\r\n\r\n", "message<a>message<b>");
	EXPECT("data: a\r\rdata: b\r\r", "message<a>message<b>");
	EXPECT("data: a\r\n\rdata: b\n\r\n", "message<a>message<b>");
	EXPECT("data: a\n\r\n", "message<a>");
}

static void
test_fields(void **state)
{
	(void)state;
	EXPECT("data: one\ndata: two\n\n", "message<one\ntwo>");
	EXPECT("event: add\ndata:x\n\ndata: y\n\n", "add<x>message<y>");
	EXPECT("data:  two spaces\n\n", "message< two spaces>");
	EXPECT("data\n\n", "message<>");
	EXPECT("data:\ndata:\n\n", "message<\n>");
	EXPECT("data: {\"a\":\"b: c\"}\n\n", "message<{\"a\":\"b: c\"}>");
	EXPECT("Data: no\ndatum: no\n data: no\n\n", "");
}

static void
test_skipped(void **state)
{
	(void)state;
	EXPECT(": a comment\n:\n\ndata: a\n: in between\ndata: b\n\n",
	    "message<a\nb>");
	EXPECT("id: 7\nretry: 10\nunknown\ndata: a\n\n", "message<a>");
	EXPECT("\n\n\ndata: a\n\n\n\n", "message<a>");
	EXPECT("event: empty\n\ndata: a\n\n", "message<a>");
}

static void
test_byte_order_mark(void **state)
{
	(void)state;
	EXPECT("\xef\xbb\xbf"
	       "data: a\n\n",
	    "message<a>");
	EXPECT("data: a\n\n\xef\xbb\xbf"
	       "data: b\n\n",
	    "message<a>");
}

static void
test_unfinished_event_is_not_one(void **state)
{
	(void)state;
	EXPECT("data: a\n\ndata: b\n", "message<a>");
	EXPECT("data: a", "");
}

static void
test_nul_in_data(void **state)
{
	struct sse sse = {0};
	struct seen seen = {0};

	(void)state;
	assert_true(sse_feed(&sse, "data: a\0b\n\n", 11, note, &seen));
	assert_int_equal(seen.text.length, strlen("message<>") + 3);
	buf_free(&seen.text);
	sse_free(&sse);
}

static void
test_callback_stops(void **state)
{
	struct sse sse = {0};
	struct seen seen = {.stop_at = 1};
	const char *text = "data: a\n\ndata: b\n\n";

	(void)state;
	assert_false(sse_feed(&sse, text, strlen(text), note, &seen));
	assert_int_equal(seen.events, 1);
	buf_free(&seen.text);
	sse_free(&sse);
}

/* Feeds `text` until it is refused; how many bytes were taken. */
static size_t
flood(const char *text)
{
	struct sse sse = {0};
	struct seen seen = {0};
	size_t fed = 0, length = strlen(text);

	while (fed < 2 * (size_t)SSE_EVENT_MAX + length &&
	       sse_feed(&sse, text, length, note, &seen))
		fed += length;
	assert_int_equal(seen.events, 0);
	buf_free(&seen.text);
	sse_free(&sse);
	return fed;
}

static void
test_endless_events_are_refused(void **state)
{
	char line[1025];

	(void)state;
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	assert_in_range(flood(line), 1, SSE_EVENT_MAX);
	memcpy(line, "data:", 5);
	line[sizeof line - 2] = '\n';
	assert_in_range(flood(line), 1, 2 * SSE_EVENT_MAX - 1);
}

/* The newlines that join empty data lines count too. */
static void
test_endless_empty_lines_are_refused(void **state)
{
	struct buf text = {0};
	struct sse sse = {0};
	struct seen seen = {0};
	bool refused = false;

	(void)state;
	for (int i = 0; i < 4096; i++)
		buf_add_string(&text, "data\n");
	for (int i = 0; i < 2000 && !refused; i++)
		refused = !sse_feed(&sse, text.data, text.length, note, &seen);
	assert_true(refused);
	assert_int_equal(seen.events, 0);
	buf_free(&text);
	sse_free(&sse);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_line_ends),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_skipped),
	    cmocka_unit_test(test_byte_order_mark),
	    cmocka_unit_test(test_unfinished_event_is_not_one),
	    cmocka_unit_test(test_nul_in_data),
	    cmocka_unit_test(test_callback_stops),
	    cmocka_unit_test(test_endless_events_are_refused),
	    cmocka_unit_test(test_endless_empty_lines_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
