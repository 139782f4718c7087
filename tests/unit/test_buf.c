#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <cmocka.h>
#include "buf.h"
#include "watch.h"

static void
empty_is_valid(void **state)
{
	struct buf buf = {0};

	(void)state;
	assert_string_equal(buf_string(&buf), "");
	buf_clear(&buf);
	buf_drop(&buf, 0);
	buf_wipe(&buf);
	buf_free(&buf);
	buf_free(NULL);
}

static void
grows_and_stays_terminated(void **state)
{
	struct buf buf = {0};

	(void)state;
	for (int i = 0; i < 10000; i++) {
		buf_add_byte(&buf, (char)('a' + i % 26));
		assert_int_equal(buf.data[buf.length], '\0');
	}
	assert_int_equal(buf.length, 10000);
	assert_true(buf.capacity > buf.length);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	buf_free(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.length, 0);
}

static void
adds_nothing_of_length_zero(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_add(&buf, NULL, 0);
	buf_add_string(&buf, "");
	assert_int_equal(buf.length, 0);
	assert_string_equal(buf_string(&buf), "");
	buf_free(&buf);
}

static void
holds_nul_bytes(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_add(&buf, "a\0b", 3);
	buf_add_string(&buf, "c");
	assert_int_equal(buf.length, 4);
	assert_memory_equal(buf.data, "a\0bc", 5);
	buf_free(&buf);
}

static void
drops_at_the_front(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_add_string(&buf, "hello, world");
	buf_drop(&buf, 7);
	assert_string_equal(buf_string(&buf), "world");
	buf_drop(&buf, 5);
	assert_int_equal(buf.length, 0);
	assert_string_equal(buf_string(&buf), "");
	buf_free(&buf);
}

static void
clear_keeps_the_memory(void **state)
{
	struct buf buf = {0};
	char *data;

	(void)state;
	buf_reserve(&buf, 1000);
	data = buf.data;
	buf_add_string(&buf, "text");
	buf_clear(&buf);
	buf_reserve(&buf, 1000);
	assert_ptr_equal(buf.data, data);
	buf_free(&buf);
}

static void
prints(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_printf(&buf, "%s=%d;", "a", 1);
	buf_printf(&buf, "%*s", 500, "b");
	assert_int_equal(buf.length, 504);
	assert_memory_equal(buf.data, "a=1; ", 5);
	buf_free(&buf);
}

static void
take_leaves_it_empty(void **state)
{
	struct buf buf = {0};
	char *text;

	(void)state;
	buf_add_string(&buf, "mine");
	text = buf_take(&buf);
	assert_string_equal(text, "mine");
	free(text);
	text = buf_take(&buf);
	assert_string_equal(text, "");
	free(text);
}

static void
reads(void **state)
{
	struct buf buf = {0};
	int fd = file_of("0123456789", 10);

	(void)state;
	assert_int_equal(buf_read(&buf, fd, 4), 4);
	assert_int_equal(buf_read(&buf, fd, 100), 6);
	assert_int_equal(buf_read(&buf, fd, 100), 0);
	assert_string_equal(buf_string(&buf), "0123456789");
	close(fd);
	assert_int_equal(buf_read(&buf, -1, 100), -1);
	assert_string_equal(buf_string(&buf), "0123456789");
	buf_free(&buf);
}

static void
reserve_too_much(void *arg)
{
	struct buf buf = {0};

	buf_add_string(&buf, "x");
	buf_reserve(&buf, *(size_t *)arg);
}

static void
impossible_sizes_end_the_program(void **state)
{
	size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct buf err = {0};

		assert_int_equal(
		    ends_with(reserve_too_much, &sizes[i], &err), EX_OSERR);
		assert_non_null(strstr(buf_string(&err), "out of memory"));
		buf_free(&err);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty_is_valid),
	    cmocka_unit_test(grows_and_stays_terminated),
	    cmocka_unit_test(adds_nothing_of_length_zero),
	    cmocka_unit_test(holds_nul_bytes),
	    cmocka_unit_test(drops_at_the_front),
	    cmocka_unit_test(clear_keeps_the_memory),
	    cmocka_unit_test(prints),
	    cmocka_unit_test(take_leaves_it_empty),
	    cmocka_unit_test(reads),
	    cmocka_unit_test(impossible_sizes_end_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
