#ifndef OC_PROVISION_H
#define OC_PROVISION_H

#include <stdbool.h>
#include <stdint.h>
#include "config.h"
#include "report.h"

/*
 * The steps of a round.  Each leaves alone what is right already, replaces a
 * file in one step or not at all, and reports what it could not do; none of
 * them ends the program.
 */

/*
 * Copies the configuration from where it is mounted to where it is read, if
 * it is a right one and another than was copied last.  A wrong one is
 * reported and the old one stays.  Whether `to` was replaced.
 */
bool source_take(const char *from, const char *to, struct report *report);

/* Copies each of provision.files that differs. */
void files_copy(const struct config *config, struct report *report);

/*
 * Fetches each of provision.binaries that is not there with the right
 * checksum, until the deadline.  False when one should be tried again later.
 */
bool binaries_fetch(
    const struct config *config, int64_t deadline_ms, struct report *report);

/* Prepares ~/.ssh for programs that cannot be asked anything. */
void ssh_prepare(const struct config *config, struct report *report);

/*
 * Reads a file of at most `most` bytes of text that is UTF-8 and not empty.
 * False, and *why is set (static), when it is none.
 */
bool text_read(
    const char *path, size_t most, struct buf *into, const char **why);

/*
 * Writes the file if it holds something else, makes its directory where that
 * is missing, and gives it the mode.  False, with errno set, on failure.
 */
bool file_put(
    const char *path, const struct buf *text, unsigned mode, bool *replaced);

/*
 * What a change is looked for in: the files that provisioning reads, and
 * those that hold secrets (NAME_FILE).  A change is another inode, time or
 * size, so no secret is read.
 */
struct watch;

enum watch_kind {
	WATCH_INPUT, /* another round is due */
	WATCH_TAKEN, /* the same, and the programs must start again */
};

struct watch *watch_new(void);
void watch_free(struct watch *watch); /* NULL is fine */
void watch_clear(struct watch *watch);
void watch_add(struct watch *watch, const char *path, enum watch_kind kind);
/*
 * Waits for a change, at most `most_ms`.  False: none came.  *taken is set
 * when one of the second kind did.
 */
bool watch_wait(struct watch *watch, int64_t most_ms, bool *taken);

#endif
