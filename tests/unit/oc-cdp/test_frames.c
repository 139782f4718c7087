#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "frames.h"

static void
note(void *arg, const char *data, size_t length)
{
	struct buf *seen = arg;

	assert_int_equal(data[length], '\0');
	buf_printf(seen, "<%s>", data);
}

static void
assert_frames(const char *input, size_t length, size_t most, const char *want)
{
	for (size_t piece = 1; piece <= length; piece++) {
		struct frames frames = {.most = most};
		struct buf seen = {0};

		for (size_t i = 0; i < length; i += piece)
			frames_feed(&frames, input + i,
			    piece < length - i ? piece : length - i, note,
			    &seen);
		assert_string_equal(buf_string(&seen), want);
		buf_free(&seen);
		frames_free(&frames);
	}
}

static void
test_messages_come_out_of_pieces_of_any_size(void **state)
{
	(void)state;
	assert_frames("one\0two\0\0rest", 13, 100, "<one><two><>");
	assert_frames("", 0, 100, "");
}

static void
test_what_is_too_long_is_cut(void **state)
{
	(void)state;
	assert_frames("123456789\0ab\0", 13, 4, "<1234><ab>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_messages_come_out_of_pieces_of_any_size),
	    cmocka_unit_test(test_what_is_too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
