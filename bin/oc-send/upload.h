#ifndef OC_SEND_UPLOAD_H
#define OC_SEND_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

/*
 * A form with files (multipart/form-data).  Files are read from the disk
 * while they are sent and are never in memory as a whole.
 */
struct upload;

struct upload *upload_new(void);
void upload_free(struct upload *upload); /* NULL is fine */
void upload_field(struct upload *upload, const char *name, const char *value);
/* Takes the descriptor.  `size` bytes are sent, from the file's beginning. */
void upload_file(struct upload *upload, const char *name, const char *file_name,
    int fd, uint64_t size);
/* The last boundary: nothing can be added after it. */
void upload_end(struct upload *upload);

/* "multipart/form-data; boundary=..." */
const char *upload_type(const struct upload *upload);
size_t upload_length(const struct upload *upload);
/*
 * Up to `size` bytes from `offset` on.  0 at the end, or when a file is
 * shorter than it was.
 */
size_t upload_read(
    const struct upload *upload, uint64_t offset, char *into, size_t size);

#endif
