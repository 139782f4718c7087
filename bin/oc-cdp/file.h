#ifndef OC_CDP_FILE_H
#define OC_CDP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"

/*
 * Files that the browser's tools make: in a directory of the workspace, or, by
 * hand, on a descriptor that is given.
 */
struct file_out {
	int fd;
	char *name; /* "browser/page.pdf", below the root; NULL: none */
	char *path; /* the same with the root */
	uint64_t written;
	unsigned char rest[4]; /* of base64, between two pieces */
	size_t rest_count;
};

/*
 * A new file in the directory `below` of `root` ("." is the root itself), of
 * this name, or of one made of `title` where `name` is empty.  An existing one
 * is never touched: a number is added.  NULL with the reason in *problem.
 */
struct file_out *file_new(const char *root, const char *below, const char *name,
    const char *title, const char *suffix, struct buf *problem);
/* One whose bytes go to a descriptor, which stays the caller's. */
struct file_out *file_of(int fd);

/* False with errno set. */
bool file_write(struct file_out *file, const void *data, size_t length);
/* Bytes in base64, in pieces of any size; false with errno set, or EBADMSG. */
bool file_write_base64(struct file_out *file, const char *text, size_t length);
/* {"path","mime","bytes"}; with `send`, it goes to the person. */
jv file_media(const struct file_out *file, const char *mime, bool send);
void file_free(struct file_out *file); /* NULL is fine */
/* The same, and removes what was written. */
void file_discard(struct file_out *file);

#endif
