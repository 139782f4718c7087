#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <cmocka.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "record.h"
#include "watch.h"

/*
 * Reads all records of the bytes: their "n" as digits into `got`, what was
 * logged into `log`; the exit status.
 */
static int
read_all(const void *bytes, size_t length, struct buf *got, struct buf *log)
{
	struct record_reader reader;
	struct record record;
	struct capture capture;
	int status;

	capture_begin(&capture, STDERR_FILENO);
	record_reader_init(&reader, file_of(bytes, length), "test input");
	while (record_read(&reader, &record) == RECORD_OK) {
		buf_printf(got, "%d", (int)json_get_int(record.value, "n", 0));
		record_free(&record);
	}
	status = record_status(&reader);
	close(reader.fd);
	record_reader_free(&reader);
	capture_end(&capture, log);
	return status;
}

static size_t
count_lines(const struct buf *text)
{
	size_t count = 0;

	for (size_t i = 0; i < text->length; i++)
		count += text->data[i] == '\n';
	return count;
}

static void
reads_good_lines(void **state)
{
	static const char text[] = "{\"n\":1}\n { \"n\" : 2 } \r\n{\"n\":3}\n";
	struct buf got = {0}, log = {0};

	(void)state;
	assert_int_equal(read_all(text, sizeof text - 1, &got, &log), 0);
	assert_string_equal(buf_string(&got), "123");
	assert_string_equal(buf_string(&log), "");
	buf_free(&got);
	buf_free(&log);
}

static void
empty_input_is_no_error(void **state)
{
	struct buf got = {0}, log = {0};

	(void)state;
	assert_int_equal(read_all("", 0, &got, &log), 0);
	assert_string_equal(buf_string(&got), "");
	assert_string_equal(buf_string(&log), "");
	buf_free(&got);
	buf_free(&log);
}

static void
each_bad_line_is_told_with_its_number(void **state)
{
	static const char text[] = "{\"n\":1}\n"
				   "\n"
				   "rubbish\n"
				   "[1]\n"
				   "{\"n\":2}\n"
				   "{\"n\":\0}\n"
				   "{\"n\":\"\xff\"}\n"
				   "{\"n\":3}\n";
	static const char *const told[] = {"test input: line 2: empty",
	    "test input: line 3: not JSON", "line 4: JSON, but not an object",
	    "line 6: not JSON", "line 7: not JSON"};
	struct buf got = {0}, log = {0};

	(void)state;
	assert_int_equal(
	    read_all(text, sizeof text - 1, &got, &log), EX_DATAERR);
	assert_string_equal(buf_string(&got), "123");
	assert_int_equal(count_lines(&log), 5);
	for (size_t i = 0; i < 5; i++)
		assert_non_null(strstr(buf_string(&log), told[i]));
	assert_null(strstr(buf_string(&log), "rubbish"));
	buf_free(&got);
	buf_free(&log);
}

static void
last_line_without_newline(void **state)
{
	static const struct {
		const char *text, *got;
		size_t lines;
	} cases[] = {
	    {"{\"n\":1}\n{\"n\":2}", "12", 0},
	    {"{\"n\":1}\n{\"n\":2", "1", 1},
	    {"{\"n\":1}\n{", "1", 1},
	    {"{\"n\":1}\n1", "1", 1},
	    {"{\"n\":1}\nnull", "1", 1},
	    {"{\"n\":1}\n ", "1", 1},
	    {"x", "", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf got = {0}, log = {0};
		const char *text = cases[i].text;
		int status = read_all(text, strlen(text), &got, &log);

		assert_int_equal(status, cases[i].lines != 0 ? EX_DATAERR : 0);
		assert_string_equal(buf_string(&got), cases[i].got);
		assert_int_equal(count_lines(&log), cases[i].lines);
		buf_free(&got);
		buf_free(&log);
	}
}

/* {"n":N,"pad":"xxx…"} and a newline, `length` bytes in all. */
static void
add_line_of(struct buf *text, int n, size_t length)
{
	size_t from = text->length;

	buf_printf(text, "{\"n\":%d,\"pad\":\"", n);
	while (text->length - from < length - 3)
		buf_add_byte(text, 'x');
	buf_add_string(text, "\"}\n");
	assert_int_equal(text->length - from, length);
}

static void
line_of_4_mib_is_the_longest(void **state)
{
	struct buf text = {0}, got = {0}, log = {0};

	(void)state;
	add_line_of(&text, 1, RECORD_LINE_MAX);
	add_line_of(&text, 2, RECORD_LINE_MAX + 1);
	add_line_of(&text, 3, 100);
	add_line_of(&text, 4, 3 * RECORD_LINE_MAX);
	add_line_of(&text, 5, RECORD_LINE_MAX);
	add_line_of(&text, 6, 5 * RECORD_LINE_MAX);
	assert_int_equal(
	    read_all(text.data, text.length, &got, &log), EX_DATAERR);
	assert_string_equal(buf_string(&got), "135");
	assert_int_equal(count_lines(&log), 3);
	assert_non_null(strstr(log.data, "line 2: longer than 4 MiB"));
	assert_non_null(strstr(log.data, "line 4: longer than 4 MiB"));
	assert_non_null(strstr(log.data, "line 6: longer than 4 MiB"));
	/* and one that never ends is told once */
	buf_clear(&log);
	buf_clear(&got);
	assert_int_equal(
	    read_all(text.data, text.length - 1, &got, &log), EX_DATAERR);
	assert_int_equal(count_lines(&log), 3);
	buf_free(&text);
	buf_free(&got);
	buf_free(&log);
}

static void
too_long_line_takes_no_memory(void **state)
{
	static char block[RECORD_READ_SIZE];
	struct record_reader reader;
	struct record record;
	struct capture capture;
	struct buf log = {0};
	int fd[2];

	(void)state;
	memset(block, 'x', sizeof block);
	assert_int_equal(pipe(fd), 0);
	capture_begin(&capture, STDERR_FILENO);
	record_reader_init(&reader, fd[0], "test input");
	for (size_t i = 0; i < 64 * 1024 * 1024 / sizeof block; i++) {
		assert_true(io_write_all(fd[1], block, sizeof block));
		assert_true(record_fill(&reader));
		assert_int_equal(record_next(&reader, &record), RECORD_AGAIN);
		assert_true(reader.buf.capacity < 2 * RECORD_LINE_MAX);
	}
	assert_true(io_write_all(fd[1], "\n{\"n\":1}\n", 9));
	assert_true(record_fill(&reader));
	assert_int_equal(record_next(&reader, &record), RECORD_OK);
	record_free(&record);
	assert_int_equal(record_next(&reader, &record), RECORD_AGAIN);
	assert_true(reader.buf.capacity < RECORD_LINE_MAX);
	capture_end(&capture, &log);
	assert_int_equal(count_lines(&log), 1);
	record_reader_free(&reader);
	close(fd[0]);
	close(fd[1]);
	buf_free(&log);
}

/* What comes in pieces of every size gives the same records. */
static void
pieces_of_every_size(void **state)
{
	static const char text[] = "{\"n\":1}\n{\"n\":2,\"t\":\"\xc3\xa9\"}\n"
				   "x\n{\"n\":3}\n{\"n\":4}";
	const size_t length = sizeof text - 1;

	(void)state;
	for (size_t piece = 1; piece <= length; piece++) {
		struct record_reader reader;
		struct record record;
		struct capture capture;
		struct buf got = {0}, log = {0};
		int fd[2];

		assert_int_equal(pipe(fd), 0);
		io_set_nonblocking(fd[0], true);
		capture_begin(&capture, STDERR_FILENO);
		record_reader_init(&reader, fd[0], "test input");
		for (size_t at = 0; at <= length; at += piece) {
			size_t n = length - at < piece ? length - at : piece;

			assert_true(io_write_all(fd[1], text + at, n));
			if (n < piece || at + n == length)
				close(fd[1]);
			while (record_read(&reader, &record) == RECORD_OK) {
				buf_printf(&got, "%d",
				    (int)json_get_int(record.value, "n", 0));
				record_free(&record);
			}
			if (at + n == length)
				break;
		}
		capture_end(&capture, &log);
		assert_string_equal(buf_string(&got), "1234");
		assert_non_null(strstr(log.data, "line 3: "));
		assert_int_equal(count_lines(&log), 1);
		record_reader_free(&reader);
		close(fd[0]);
		buf_free(&got);
		buf_free(&log);
	}
}

static void
would_block_is_no_end(void **state)
{
	struct record_reader reader;
	struct record record;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	io_set_nonblocking(fd[0], true);
	record_reader_init(&reader, fd[0], "test input");
	assert_false(record_fill(&reader));
	assert_int_equal(record_read(&reader, &record), RECORD_AGAIN);
	assert_true(io_write_all(fd[1], "{\"n\":", 5));
	assert_int_equal(record_read(&reader, &record), RECORD_AGAIN);
	assert_true(io_write_all(fd[1], "7}\n", 3));
	assert_int_equal(record_read(&reader, &record), RECORD_OK);
	assert_int_equal(json_get_int(record.value, "n", 0), 7);
	record_free(&record);
	close(fd[1]);
	assert_int_equal(record_read(&reader, &record), RECORD_END);
	assert_int_equal(record_read(&reader, &record), RECORD_END);
	record_reader_free(&reader);
	close(fd[0]);
}

static void
forwards_the_bytes_as_they_came(void **state)
{
	static const char text[] =
	    "{ \"n\":1e0, \"big\":12345678901234567890,\"e\":\"\\u00e9\"} \r\n";
	struct record_reader reader;
	struct record record;
	struct capture capture;
	struct buf out = {0};

	(void)state;
	record_reader_init(
	    &reader, file_of(text, sizeof text - 1), "test input");
	assert_int_equal(record_read(&reader, &record), RECORD_OK);
	capture_begin(&capture, STDOUT_FILENO);
	record_forward(&record);
	capture_end(&capture, &out);
	assert_string_equal(buf_string(&out), text);
	record_free(&record);
	record_free(&record); /* zeroed, so this is fine */
	close(reader.fd);
	record_reader_free(&reader);
	buf_free(&out);
}

static void
object_without_newline_is_forwarded_with_one(void **state)
{
	struct record_reader reader;
	struct record record;
	struct capture capture;
	struct buf out = {0};

	(void)state;
	record_reader_init(&reader, file_of("{\"n\":1}", 7), "test input");
	assert_int_equal(record_read(&reader, &record), RECORD_OK);
	capture_begin(&capture, STDOUT_FILENO);
	record_forward(&record);
	capture_end(&capture, &out);
	assert_string_equal(buf_string(&out), "{\"n\":1}\n");
	record_free(&record);
	close(reader.fd);
	record_reader_free(&reader);
	buf_free(&out);
}

static void
writes_at_most_4_mib(void **state)
{
	struct capture capture;
	struct buf out = {0}, pad = {0};
	jv fits, large;
	bool wrote, wrote_large;

	(void)state;
	while (pad.length < RECORD_LINE_MAX - strlen("{\"p\":\"\"}\n"))
		buf_add_byte(&pad, 'x');
	fits = json_set_string(json_object(), "p", pad.data);
	buf_add_byte(&pad, 'x');
	large = json_set_string(json_object(), "p", pad.data);
	capture_begin(&capture, STDOUT_FILENO);
	wrote = record_write(fits);
	wrote_large = record_write(large);
	capture_end(&capture, &out);
	assert_true(wrote);
	assert_false(wrote_large);
	assert_int_equal(out.length, RECORD_LINE_MAX);
	jv_free(fits);
	jv_free(large);
	buf_free(&out);
	buf_free(&pad);
}

static void
read_a_directory(void *arg)
{
	struct record_reader reader;
	struct record record;

	record_reader_init(
	    &reader, open(arg, O_RDONLY | O_CLOEXEC), "the input");
	record_read(&reader, &record);
}

static void
read_error_ends_the_program(void **state)
{
	char directory[] = "/";
	struct buf err = {0};

	(void)state;
	assert_int_equal(
	    ends_with(read_a_directory, directory, &err), EX_IOERR);
	assert_non_null(strstr(buf_string(&err), "the input: "));
	buf_free(&err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_good_lines),
	    cmocka_unit_test(empty_input_is_no_error),
	    cmocka_unit_test(each_bad_line_is_told_with_its_number),
	    cmocka_unit_test(last_line_without_newline),
	    cmocka_unit_test(line_of_4_mib_is_the_longest),
	    cmocka_unit_test(too_long_line_takes_no_memory),
	    cmocka_unit_test(pieces_of_every_size),
	    cmocka_unit_test(would_block_is_no_end),
	    cmocka_unit_test(forwards_the_bytes_as_they_came),
	    cmocka_unit_test(object_without_newline_is_forwarded_with_one),
	    cmocka_unit_test(writes_at_most_4_mib),
	    cmocka_unit_test(read_error_ends_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
