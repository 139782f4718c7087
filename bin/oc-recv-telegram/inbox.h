#ifndef OC_INBOX_H
#define OC_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "telegram.h"

/*
 * Files that come with messages: fetched into WORKSPACE/inbox/DAY/, a few at
 * a time, tried again when the network fails.
 */
enum { INBOX_FILES_MAX = 10 }; /* of one message: as many as an album has */

struct inbox_file {
	char *file_id, *name, *mime;
	int64_t bytes; /* as announced, 0: not told */
};

/*
 * The files of a message, and of the one that it answers.  Returns how many;
 * the caller frees each with inbox_file_free.
 */
size_t inbox_files(jv ref_message, struct inbox_file files[INBOX_FILES_MAX]);
void inbox_file_free(struct inbox_file *file);

struct inbox;
/* `most` is the size in bytes above which a file is not taken. */
struct inbox *inbox_new(
    struct telegram *telegram, const char *workspace, int64_t most);
void inbox_free(struct inbox *inbox); /* what is under way is given up */

/*
 * Fetches one; the file is consumed.  `update` and `number` go into its name.
 * `done` is called once: with {"path","mime","bytes"}, or with null and the
 * reason in words for the model.
 */
void inbox_fetch(struct inbox *inbox, struct inbox_file *own_file,
    int64_t update, int number,
    void (*done)(jv own_media, const char *problem, void *arg), void *arg);

/* When inbox_work has something to do (clock_mono_ms), or -1. */
int64_t inbox_deadline(const struct inbox *inbox);
void inbox_work(struct inbox *inbox);

#endif
