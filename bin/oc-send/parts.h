#ifndef OC_SEND_PARTS_H
#define OC_SEND_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "chunk.h"

/*
 * A reply as the messages that it is made of: pieces of its text, then its
 * files.  The same reply gives the same parts each time, so that the ledger
 * can count them.
 */
enum {
	PARTS_ALBUM_MAX = 10, /* images in one album */
	PARTS_IMAGE_MAX = 10 * 1024 * 1024,
	PARTS_FILE_MAX = 50 * 1024 * 1024,
	/* Room in each message for the mark of a possible repeat. */
	PARTS_MARK_UNITS = 32,
};

enum part_kind { PART_TEXT, PART_IMAGE, PART_ALBUM, PART_FILE };

struct media {
	char *path, *name;
	uint64_t size;
	bool image; /* one that is shown as an image */
};

struct part {
	enum part_kind kind;
	struct chunk text;   /* of PART_TEXT, else the caption; may be empty */
	size_t media, count; /* the first file, and how many */
};

struct parts {
	struct rich rich;
	struct part *part;
	size_t count;
	struct media *media;
	size_t media_count;
};

/*
 * `caption`: a short text may become the caption of the files instead of a
 * message of its own.  Only files below `workspace` are sent; the text tells
 * of those that cannot be.
 */
void parts_make(
    struct parts *parts, jv ref_reply, const char *workspace, bool caption);
void parts_free(struct parts *parts); /* releases and zeroes */
/* Adds the files of an image or album as parts of their own, at the end. */
void parts_split(struct parts *parts, size_t part);
/* Opens a file for sending; -1 with errno set, EFBIG when it has grown. */
int parts_open(const struct media *media);

#endif
