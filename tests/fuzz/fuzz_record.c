#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "record.h"

/*
 * The reader gives the records that a plain loop over the lines finds, in
 * whatever pieces the bytes come.  The first byte seeds the sizes.
 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_HERE = 32 * 1024 }; /* less than a pipe holds */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("OC_LOG", "error", 1); /* a line for each bad line is noise */
	log_init("fuzz_record");
	return 0;
}

static bool
is_record(const char *line, size_t length)
{
	jv value = json_parse(line, length, NULL);
	bool object = json_is_object(value);

	jv_free(value);
	return object;
}

/* Appends the lines that are records, and counts those that are not. */
static uint64_t
expect(const char *text, size_t length, struct buf *records)
{
	uint64_t bad = 0;

	while (length != 0) {
		const char *newline = memchr(text, '\n', length);
		size_t n = newline != NULL ? (size_t)(newline - text) : length;

		if (is_record(text, n)) {
			buf_add(records, text, n);
			buf_add_byte(records, '\n');
		} else {
			bad++;
		}
		n += newline != NULL;
		text += n;
		length -= n;
	}
	return bad;
}

static void
drain(struct record_reader *reader, struct buf *records)
{
	struct record record;

	while (record_read(reader, &record) == RECORD_OK) {
		assert(record.line[record.length - 1] == '\n');
		assert(json_is_object(record.value));
		buf_add(records, record.line, record.length);
		record_free(&record);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf wanted = {0}, got = {0};
	struct record_reader reader;
	uint64_t bad;
	unsigned seed;
	int fd[2];

	if (size < 1 || size > SIZE_MAX_HERE)
		return 0;
	seed = data[0];
	data++;
	size--;
	bad = expect((const char *)data, size, &wanted);
	assert(pipe(fd) == 0);
	io_set_nonblocking(fd[0], true);
	record_reader_init(&reader, fd[0], "fuzz");
	while (size != 0) {
		size_t piece = seed == 0 ? size : 1 + seed % 61;

		if (piece > size)
			piece = size;
		assert(io_write_all(fd[1], data, piece));
		drain(&reader, &got);
		data += piece;
		size -= piece;
		seed = seed == 0 ? 0 : (seed * 75 + 74) % 65537 | 1;
	}
	close(fd[1]);
	drain(&reader, &got);
	assert(reader.bad == bad);
	assert(got.length == wanted.length);
	assert(
	    got.length == 0 || memcmp(got.data, wanted.data, got.length) == 0);
	record_reader_free(&reader);
	close(fd[0]);
	buf_free(&wanted);
	buf_free(&got);
	return 0;
}
