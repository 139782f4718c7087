#include <string.h>
#include "sse.h"

/* The end of an event: hands it on unless it had no data. */
static bool
dispatch(struct sse *sse,
    bool (*event)(void *arg, const char *type, const char *data, size_t size),
    void *arg)
{
	bool wanted = true;

	if (sse->has_data)
		wanted = event(arg,
		    sse->type.length > 0 ? buf_string(&sse->type) : "message",
		    buf_string(&sse->data), sse->data.length);
	buf_clear(&sse->data);
	buf_clear(&sse->type);
	sse->has_data = false;
	return wanted;
}

static void
field(struct sse *sse, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	size_t name = colon != NULL ? (size_t)(colon - line) : length;
	const char *value = line + name;
	size_t size = length - name;

	if (size > 0) /* the colon, and one space after it */
		value++, size--;
	if (size > 0 && *value == ' ')
		value++, size--;
	if (name == 4 && memcmp(line, "data", 4) == 0) {
		if (sse->has_data)
			buf_add_byte(&sse->data, '\n');
		buf_add(&sse->data, value, size);
		sse->has_data = true;
	} else if (name == 5 && memcmp(line, "event", 5) == 0) {
		buf_clear(&sse->type);
		buf_add(&sse->type, value, size);
	}
}

/* A line without its end; false when the callback has enough. */
static bool
take_line(struct sse *sse, const char *line, size_t length,
    bool (*event)(void *arg, const char *type, const char *data, size_t size),
    void *arg)
{
	if (!sse->after_bom) {
		sse->after_bom = true;
		if (length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
			line += 3, length -= 3;
	}
	if (length == 0)
		return dispatch(sse, event, arg);
	field(sse, line, length);
	return true;
}

/* The length up to the next LF or CR, or all of it. */
static size_t
line_length(const char *bytes, size_t length)
{
	size_t n = 0;

	while (n < length && bytes[n] != '\n' && bytes[n] != '\r')
		n++;
	return n;
}

bool
sse_feed(struct sse *sse, const char *bytes, size_t length,
    bool (*event)(void *arg, const char *type, const char *data, size_t size),
    void *arg)
{
	const char *end = bytes + length;
	bool wanted;

	if (sse->after_cr && length > 0) {
		sse->after_cr = false;
		bytes += *bytes == '\n';
	}
	while (bytes < end) {
		size_t n = line_length(bytes, (size_t)(end - bytes));

		if (sse->line.length + sse->data.length + n > SSE_EVENT_MAX)
			return false;
		if (bytes + n == end) {
			buf_add(&sse->line, bytes, n);
			break;
		}
		if (sse->line.length > 0) {
			buf_add(&sse->line, bytes, n);
			wanted = take_line(
			    sse, sse->line.data, sse->line.length, event, arg);
			buf_clear(&sse->line);
		} else {
			wanted = take_line(sse, bytes, n, event, arg);
		}
		if (!wanted)
			return false;
		bytes += n + 1;
		if (bytes[-1] == '\r') {
			sse->after_cr = bytes == end;
			bytes += bytes < end && *bytes == '\n';
		}
	}
	return true;
}

void
sse_free(struct sse *sse)
{
	buf_free(&sse->line);
	buf_free(&sse->data);
	buf_free(&sse->type);
	*sse = (struct sse){0};
}
