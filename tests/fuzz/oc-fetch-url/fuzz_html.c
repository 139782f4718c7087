#include <assert.h>
#include <stdint.h>
#include <string.h>
#include "buf.h"
#include "extract.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
flush(struct buf *out, void *arg)
{
	struct buf *whole = arg;

	buf_add(whole, out->data, out->length);
	buf_clear(out);
}

/*
 * The first byte chooses the declared charset and the kind; the rest is the
 * page.  What comes out is UTF-8 of a bounded length without NUL.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const charsets[] = {NULL, "utf-8", "windows-1252",
	    "shift_jis", "iso-2022-jp", "gb18030", "big5", "utf-16le"};
	struct extract_input input = {
	    .type = "text/html", .url = "http://site.example/a/b"};
	struct buf page = {.data = NULL}, out = {.data = NULL};
	enum extract_kind kind;

	if (size == 0)
		return 0;
	buf_add(&page, data + 1, size - 1);
	input.charset = charsets[data[0] % 8];
	input.body = buf_string(&page);
	input.length = page.length;
	kind = (data[0] & 0x80) != 0 ? EXTRACT_XML : EXTRACT_HTML;
	extract_here(&input, kind, flush, &out);
	assert(utf8_valid(buf_string(&out), out.length));
	assert(strlen(buf_string(&out)) == out.length);
	assert(out.length <= 32 * size + 64);
	buf_free(&page);
	buf_free(&out);
	return 0;
}
