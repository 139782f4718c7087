#ifndef OC_EXEC_OUTPUT_H
#define OC_EXEC_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include "buf.h"

/*
 * What a command prints, however much that is: the beginning and the end stay
 * in memory for the result, and what does not fit goes to a file as a whole.
 */
enum {
	OUTPUT_LEAST = 1024, /* of text, so that the mark is a small part */
	OUTPUT_SAVED_MAX = 64 * 1024 * 1024, /* bytes of one file */
	OUTPUT_FILES_MAX = 100,              /* older ones are removed */
};

struct output {
	size_t most; /* bytes of the result's text */
	struct buf head;
	char *tail; /* a ring of the last most/2 bytes, once head is full */
	uint64_t total, saved;
	int root, fd;
	char *name; /* ".openclaw/output/…", below root */
	int save_error;
};

/*
 * `root` is the workspace's descriptor and stays the caller's; -1 if nothing
 * can be saved.  The file is named after the turn and the call.
 */
void output_init(struct output *output, size_t most, int root, const char *turn,
    const char *call);
void output_add(struct output *output, const char *data, size_t length);
/*
 * Appends what the model gets: UTF-8 without control bytes but tab, newline,
 * return and escape, with the middle left out when it is too long.  Returns
 * how many bytes were left out.
 */
uint64_t output_text(struct output *output, struct buf *text);
void output_free(struct output *output);

#endif
