#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../../bin/oc-exec-tool/output.h"
#include "io.h"
#include "utf8.h"

enum { MOST = 4096 };

static char folder[] = "/tmp/test_output.XXXXXX";
static int root = -1;

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) != NULL)
		root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	unlinkat(root, ".openclaw/output/t-c.txt", 0);
	unlinkat(root, ".openclaw/output", AT_REMOVEDIR);
	unlinkat(root, ".openclaw", AT_REMOVEDIR);
	close(root);
	return rmdir(folder);
}

/* Feeds `data` in steps of `step` bytes; the text, and what was left out. */
static uint64_t
feed(const char *data, size_t length, size_t step, struct buf *text)
{
	struct output output;
	uint64_t cut;

	output_init(&output, MOST, root, "t", "c");
	for (size_t at = 0; at < length; at += step)
		output_add(&output, data + at,
		    length - at < step ? length - at : step);
	cut = output_text(&output, text);
	output_free(&output);
	assert_true(text->length <= MOST);
	assert_true(utf8_valid(buf_string(text), text->length));
	return cut;
}

static void
keeps_what_fits(void **state)
{
	char data[MOST];
	struct buf text = {0};

	(void)state;
	memset(data, 'x', sizeof data);
	assert_int_equal(feed("", 0, 1, &text), 0);
	assert_int_equal(text.length, 0);
	assert_int_equal(feed(data, sizeof data, 1000, &text), 0);
	assert_int_equal(text.length, MOST);
	buf_free(&text);
}

/* Whatever the steps, the result is the same, and the numbers are right. */
static void
keeps_head_and_tail(void **state)
{
	static const size_t steps[] = {1, 7, 2047, 2048, 2049, 4096, 65536};
	struct buf data = {0}, first = {0}, saved = {0};

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_printf(&data, "%d\n", i);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct buf text = {0};
		uint64_t cut = feed(data.data, data.length, steps[i], &text);
		const char *mark = strstr(buf_string(&text), "\n[");
		size_t head = (size_t)(mark - text.data), tail;
		const char *end = strstr(mark, "]\n") + 2;

		tail = text.length - (size_t)(end - text.data);
		assert_memory_equal(text.data, data.data, head);
		assert_memory_equal(end, data.data + data.length - tail, tail);
		assert_int_equal(head + tail + cut, data.length);
		assert_true(head > MOST / 3 && tail > MOST / 3);
		if (i == 0)
			buf_add_string(&first, buf_string(&text));
		assert_string_equal(buf_string(&text), buf_string(&first));
		buf_free(&text);
	}
	assert_true(io_read_file(
	    root, ".openclaw/output/t-c.txt", data.length, &saved));
	assert_int_equal(saved.length, data.length);
	assert_memory_equal(saved.data, data.data, data.length);
	buf_free(&saved);
	buf_free(&first);
	buf_free(&data);
}

/* Lengths around each limit: nothing is shown twice, nothing is forgotten. */
static void
counts_right_at_the_edges(void **state)
{
	static const size_t lengths[] = {MOST - 1, MOST, MOST + 1, MOST + 2047,
	    MOST + 2048, MOST + 2049, MOST * 2, MOST * 2 + 1};

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct buf data = {0}, text = {0};
		size_t shown = 0;
		uint64_t cut;

		while (data.length < lengths[i])
			buf_add_byte(&data, 'x');
		cut = feed(data.data, data.length, 333, &text);
		/* the mark and the path in it hold an x each at most */
		for (size_t k = 0; k < text.length; k++)
			shown += text.data[k] == 'x';
		if (cut != 0)
			shown -= strlen("x"); /* of ".txt" */
		assert_int_equal(shown + cut, lengths[i]);
		buf_free(&data);
		buf_free(&text);
	}
}

/* Bytes that are one when raw and three, or none, when shown. */
static void
replaces_rubbish_within_the_limit(void **state)
{
	static const char *const kinds[] = {
	    "\0", "\x80", "\xff", "\xc3", "\xf0\x9f", "\xe2\x82\xac", "a\x80"};
	static const size_t sizes[] = {1, 1, 1, 1, 2, 3, 2};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (size_t n = 1000; n < 30000; n += 997) {
			struct buf data = {0}, text = {0};

			while (data.length < n)
				buf_add(&data, kinds[i], sizes[i]);
			feed(data.data, data.length, 500, &text);
			assert_null(memchr(buf_string(&text), 0, text.length));
			buf_free(&data);
			buf_free(&text);
		}
}

static void
keeps_escapes_and_replaces_other_controls(void **state)
{
	static const char data[] = "a\tb\r\n\x1b[1mc\x07\x7f\0d";
	struct buf text = {0};

	(void)state;
	feed(data, sizeof data - 1, 3, &text);
	assert_string_equal(buf_string(&text),
	    "a\tb\r\n\x1b[1mc\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	    "d");
	buf_free(&text);
}

static void
says_that_it_cannot_save(void **state)
{
	struct output output;
	struct buf text = {0};
	char data[MOST * 3];

	(void)state;
	memset(data, 'x', sizeof data);
	output_init(&output, MOST, -1, "t", "c");
	output_add(&output, data, sizeof data);
	assert_true(output_text(&output, &text) > 0);
	assert_non_null(strstr(buf_string(&text), "could not be saved"));
	output_free(&output);
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_what_fits),
	    cmocka_unit_test(keeps_head_and_tail),
	    cmocka_unit_test(counts_right_at_the_edges),
	    cmocka_unit_test(replaces_rubbish_within_the_limit),
	    cmocka_unit_test(keeps_escapes_and_replaces_other_controls),
	    cmocka_unit_test(says_that_it_cannot_save),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
