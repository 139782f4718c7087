#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "frames.h"
#include "json.h"
#include "table.h"
#include "tree.h"

/*
 * What a browser may send, over a pipe: the same messages whole and in pieces;
 * each is read, may answer a call, and is taken for a page.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 4096, TREE_MOST = 2000, CALLS = 4 };

struct seen {
	struct table table;
	struct buf text;
};

static void
on_answer(void *arg, const struct answer *answer)
{
	struct buf *text = arg;

	(void)answer;
	buf_add_byte(text, '!');
}

static int64_t
reference(void *arg, int64_t backend)
{
	(void)arg;
	return backend;
}

static void
take(void *arg, const char *data, size_t length)
{
	struct tree_options options = {
	    .most = TREE_MOST, .reference = reference};
	struct answer answer = {.kind = ANSWER_OK, .result = json_null()};
	struct seen *seen = arg;
	struct message message;
	size_t before;
	jv nodes;

	assert(data[length] == '\0' && length <= MOST);
	if (!message_read(&message, data, length, MOST)) {
		buf_add_byte(&seen->text, '-');
		return;
	}
	buf_printf(&seen->text, "%lld %s %s\n", (long long)message.id,
	    message.method, message.session);
	if (message.id >= 0)
		table_answer(&seen->table, message.id, &answer);
	nodes = json_path(message.value, "result.nodes");
	before = seen->text.length;
	tree_text(&seen->text, nodes, &options);
	assert(seen->text.length - before <= TREE_MOST);
	jv_free(nodes);
	jv_free(message.value);
}

static void
feed(struct seen *seen, const char *bytes, size_t length, size_t piece)
{
	struct frames frames = {.most = MOST};

	table_init(&seen->table);
	for (int i = 0; i < CALLS; i++)
		table_add(&seen->table, 10, on_answer, &seen->text);
	for (size_t i = 0; i < length; i += piece)
		frames_feed(&frames, bytes + i,
		    piece < length - i ? piece : length - i, take, seen);
	table_fail(&seen->table, "gone");
	assert(seen->table.count == 0);
	frames_free(&frames);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = {.text = {0}}, pieces = {.text = {0}};

	if (size < 2)
		return 0;
	feed(&whole, (const char *)data + 1, size - 1, size);
	feed(&pieces, (const char *)data + 1, size - 1, data[0] % 13 + 1U);
	assert(whole.text.length == pieces.text.length);
	assert(
	    whole.text.length == 0 ||
	    memcmp(whole.text.data, pieces.text.data, whole.text.length) == 0);
	buf_free(&whole.text);
	buf_free(&pieces.text);
	return 0;
}
