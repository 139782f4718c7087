#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "buf.h"
#include "log.h"
#include "xalloc.h"

void
buf_free(struct buf *buf)
{
	if (buf == NULL)
		return;
	free(buf->data);
	*buf = (struct buf){0};
}

void
buf_clear(struct buf *buf)
{
	buf_truncate(buf, 0);
}

void
buf_wipe(struct buf *buf)
{
	if (buf->data != NULL)
		explicit_bzero(buf->data, buf->capacity);
	buf_free(buf);
}

void
buf_reserve(struct buf *buf, size_t more)
{
	size_t need, capacity;

	if (more >= SIZE_MAX / 2 - buf->length)
		fatal(EX_OSERR, "out of memory (a buffer of %zu bytes)", more);
	need = buf->length + more + 1;
	if (need <= buf->capacity)
		return;
	capacity = buf->capacity + buf->capacity / 2;
	if (capacity < need)
		capacity = need < 64 ? 64 : need;
	buf->data = xreallocarray(buf->data, capacity, 1);
	buf->capacity = capacity;
	buf->data[buf->length] = '\0';
}

void
buf_add(struct buf *buf, const void *data, size_t length)
{
	buf_reserve(buf, length);
	if (length != 0)
		memcpy(buf->data + buf->length, data, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void
buf_add_byte(struct buf *buf, char byte)
{
	buf_add(buf, &byte, 1);
}

void
buf_add_string(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		fatal(EX_OSERR, "out of memory (formatting)");
	buf_add(buf, text, (size_t)n);
	free(text);
}

void
buf_drop(struct buf *buf, size_t count)
{
	if (count == 0)
		return;
	memmove(buf->data, buf->data + count, buf->length - count);
	buf_truncate(buf, buf->length - count);
}

void
buf_truncate(struct buf *buf, size_t length)
{
	buf->length = length;
	if (buf->data != NULL)
		buf->data[length] = '\0';
}

const char *
buf_string(const struct buf *buf)
{
	return buf->data != NULL ? buf->data : "";
}

char *
buf_take(struct buf *buf)
{
	char *text = buf->data != NULL ? buf->data : xstrdup("");

	*buf = (struct buf){0};
	return text;
}

ssize_t
buf_read(struct buf *buf, int fd, size_t most)
{
	ssize_t n;

	buf_reserve(buf, most);
	do
		n = read(fd, buf->data + buf->length, most);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		buf_truncate(buf, buf->length + (size_t)n);
	return n;
}
