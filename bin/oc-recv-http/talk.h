#ifndef OC_RECV_HTTP_TALK_H
#define OC_RECV_HTTP_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>
#include "buf.h"

/*
 * A conversation as OpenAI's clients send it, on its way to be a turn: what
 * the person said last, with its files; what was said before; what the system
 * and developer messages ask for.  All zero is an empty one, but for `before`:
 * talk_init.
 */
enum {
	TALK_FILES_MAX = 16,
	TALK_BEFORE_MAX = 1024 * 1024, /* of the 4 MiB of a turn's line */
};

struct talk_file {
	char *mime;
	struct buf bytes;
};

struct talk {
	struct buf text, instructions;
	jv before; /* as in a turn */
	size_t before_size;
	struct talk_file file[TALK_FILES_MAX];
	size_t files;
	bool asked; /* the last message is the person's */
};

void talk_init(struct talk *talk);
void talk_free(struct talk *talk);

/*
 * Adds a message: text, or an array of parts of either API (text, input_text,
 * output_text, image_url, input_image, file, input_file, input_audio).  0, or
 * the status of the refusal, and then *problem says why.
 */
int talk_add(
    struct talk *talk, const char *role, jv ref_content, const char **problem);

/* The end of the messages: whether there is anything to answer. */
int talk_end(const struct talk *talk, const char **problem);

/*
 * Adds it to a turn.  The files are written to `folder`, under names that
 * begin with the turn's id.  `fresh`: the session does not know yet what was
 * said before.  False, with errno set, when a file cannot be written.
 */
bool talk_to_turn(
    const struct talk *talk, jv *turn, const char *folder, bool fresh);

#endif
