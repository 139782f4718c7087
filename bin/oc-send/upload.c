#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "buf.h"
#include "ulid.h"
#include "upload.h"
#include "xalloc.h"

/* A stretch of the body: bytes in memory, then a file's. */
struct piece {
	struct buf text;
	int fd; /* -1: none */
	uint64_t size;
};

struct upload {
	struct piece *piece;
	size_t count;
	char *type;
	char boundary[ULID_SIZE];
	uint64_t length;
};

static struct piece *
add_piece(struct upload *upload)
{
	upload->piece = xreallocarray(
	    upload->piece, upload->count + 1, sizeof *upload->piece);
	upload->piece[upload->count] = (struct piece){.fd = -1};
	return &upload->piece[upload->count++];
}

struct upload *
upload_new(void)
{
	struct upload *upload = xcalloc(1, sizeof *upload);

	/* 80 random bits: what no file has in it but by design */
	ulid_make(upload->boundary);
	upload->type =
	    xasprintf("multipart/form-data; boundary=%s", upload->boundary);
	add_piece(upload);
	return upload;
}

void
upload_free(struct upload *upload)
{
	if (upload == NULL)
		return;
	for (size_t i = 0; i < upload->count; i++) {
		buf_free(&upload->piece[i].text);
		if (upload->piece[i].fd >= 0)
			close(upload->piece[i].fd);
	}
	free(upload->piece);
	free(upload->type);
	free(upload);
}

void
upload_field(struct upload *upload, const char *name, const char *value)
{
	buf_printf(&upload->piece[upload->count - 1].text,
	    "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n",
	    upload->boundary, name, value);
}

/* A quote, a backslash or a line's end would end the name. */
static void
add_file_name(struct buf *out, const char *name)
{
	for (; *name != '\0'; name++)
		buf_add_byte(out, (unsigned char)*name < 0x20 || *name == '"' ||
					  *name == '\\' || *name == 0x7f
				      ? '_'
				      : *name);
}

void
upload_file(struct upload *upload, const char *name, const char *file_name,
    int fd, uint64_t size)
{
	struct piece *piece = &upload->piece[upload->count - 1];

	buf_printf(&piece->text,
	    "--%s\r\nContent-Disposition: form-data; name=\"%s\"; "
	    "filename=\"",
	    upload->boundary, name);
	add_file_name(&piece->text, file_name);
	buf_add_string(&piece->text,
	    "\"\r\nContent-Type: application/octet-stream\r\n\r\n");
	piece->fd = fd;
	piece->size = size;
	buf_add_string(&add_piece(upload)->text, "\r\n");
}

void
upload_end(struct upload *upload)
{
	buf_printf(&upload->piece[upload->count - 1].text, "--%s--\r\n",
	    upload->boundary);
	for (size_t i = 0; i < upload->count; i++)
		upload->length +=
		    upload->piece[i].text.length + upload->piece[i].size;
}

const char *
upload_type(const struct upload *upload)
{
	return upload->type;
}

size_t
upload_length(const struct upload *upload)
{
	assert(upload->length > 0);
	return upload->length;
}

static size_t
read_file(const struct piece *piece, uint64_t offset, char *into, size_t size)
{
	uint64_t left = piece->size - offset;
	ssize_t n;

	if (size > left)
		size = (size_t)left;
	do
		n = pread(piece->fd, into, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n > 0 ? (size_t)n : 0;
}

size_t
upload_read(
    const struct upload *upload, uint64_t offset, char *into, size_t size)
{
	for (size_t i = 0; i < upload->count; i++) {
		const struct piece *piece = &upload->piece[i];
		size_t text = piece->text.length;

		if (offset < text) {
			if (size > text - offset)
				size = text - (size_t)offset;
			memcpy(into, piece->text.data + offset, size);
			return size;
		}
		offset -= text;
		if (offset < piece->size)
			return read_file(piece, offset, into, size);
		offset -= piece->size;
	}
	return 0;
}
