#ifndef OC_BUF_H
#define OC_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Bytes that grow.  All zero is a valid empty buffer; `data` is NULL until
 * something was added, and from then on always followed by a NUL that is not
 * counted in `length`.
 */
struct buf {
	char *data;
	size_t length;
	size_t capacity;
};

void buf_free(struct buf *buf);  /* releases and zeroes; NULL is fine */
void buf_clear(struct buf *buf); /* empties, keeps the memory */
void buf_wipe(struct buf *buf);  /* buf_free, after zeroing the bytes */
void buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *data, size_t length);
void buf_add_byte(struct buf *buf, char byte);
void buf_add_string(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Drops the first `count` bytes, moving the rest down. */
void buf_drop(struct buf *buf, size_t count);
/* Cuts to `length` bytes, which must not be more than there are. */
void buf_truncate(struct buf *buf, size_t length);
/* The text as a C string ("" when empty), valid until the next change. */
const char *buf_string(const struct buf *buf);
/* Hands the memory over as a C string and leaves the buffer empty. */
char *buf_take(struct buf *buf);

/*
 * Appends what one read(2) gives, at most `most` bytes.  Returns what read
 * returns; EINTR is tried again.
 */
ssize_t buf_read(struct buf *buf, int fd, size_t most);

#endif
