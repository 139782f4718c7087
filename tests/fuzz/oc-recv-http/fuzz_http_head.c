#include <assert.h>
#include <stdint.h>
#include <string.h>
#include "chunks.h"
#include "head.h"

/*
 * The bytes of a connection: a head, and the rest as a body in chunks.  A head
 * that is taken is written out again from what was understood and must be
 * understood in the same way; the body must come out the same whole and byte
 * by byte.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 4096 };

static void
check_fields(const struct head *head, struct buf *again)
{
	buf_printf(again, "%s %s%s%s HTTP/1.%d\r\n", head->method, head->path,
	    head->query != NULL ? "?" : "",
	    head->query != NULL ? head->query : "", head->minor);
	for (size_t i = 0; i < head->count; i++) {
		assert(head->field[i].name[0] != '\0');
		assert(strpbrk(head->field[i].name, " \t\r\n:") == NULL);
		assert(strpbrk(head->field[i].value, "\r\n") == NULL);
		buf_printf(again, "%s: %s\r\n", head->field[i].name,
		    head->field[i].value);
	}
	buf_add_string(again, "\r\n");
}

static void
check_head(const char *text, size_t length)
{
	struct buf again = {0};
	struct head head, second;
	const char *problem;
	int status = head_parse(&head, text, length, &problem);

	if (status != 0) {
		assert(status >= 400 && problem != NULL);
		head_free(&head);
		return;
	}
	assert(head_may_begin(text, length));
	assert(head.path[0] == '/' && head.count <= HEAD_FIELDS_MAX);
	assert(!(head.chunked && head.length >= 0));
	assert(head_field(&head, "Transfer-Encoding") == NULL || head.chunked);
	check_fields(&head, &again);
	assert(head_parse(&second, again.data, again.length, &problem) == 0);
	assert(second.length == head.length && second.chunked == head.chunked);
	assert(second.count == head.count);
	assert(second.keep_alive == head.keep_alive);
	head_free(&second);
	head_free(&head);
	buf_free(&again);
}

static void
check_chunks(const char *text, size_t length)
{
	struct chunks whole = {0}, bytes = {0};
	struct buf body = {0}, other = {0};
	enum chunks_result result, each = CHUNKS_MORE;
	size_t used, one, all = 0;

	result = chunks_feed(&whole, text, length, BODY_MAX, &body, &used);
	assert(used <= length && body.length <= BODY_MAX);
	assert(result != CHUNKS_MORE || used == length);
	while (all < length && each == CHUNKS_MORE) {
		each =
		    chunks_feed(&bytes, text + all, 1, BODY_MAX, &other, &one);
		all += one;
	}
	assert(each == result && all == used);
	assert(other.length == body.length);
	assert(body.length == 0 ||
	       memcmp(other.data, body.data, body.length) == 0);
	buf_free(&body);
	buf_free(&other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t scanned = 0, end;

	if (size == 0 || size > HEAD_MAX)
		return 0;
	end = head_end(text, size, &scanned);
	for (size_t i = 0, part = 0; i <= size && end != 0; i++) {
		size_t found = head_end(text, i, &part);

		assert(found == 0 || found == end);
		if (found != 0)
			break;
	}
	if (end != 0)
		check_head(text, end);
	check_chunks(text + end, size - end);
	return 0;
}
