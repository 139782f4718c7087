#ifndef OC_SPOOL_HANDOUT_H
#define OC_SPOOL_HANDOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>
#include "lineup.h"
#include "queue_files.h"

/*
 * Reads a file of new/ (attempts is 0) or cur/ and lines its turn up.  One
 * that is no turn is given up at once; one that is gone is passed over.
 */
void handout_line_up(
    struct queue *queue, struct lineup *lineup, const char *file);

/* The turn in a file, or an invalid jv with errno set (EBADMSG: no turn). */
jv handout_read(
    struct queue *queue, enum queue_directory directory, const char *file);

enum { HANDOUT_MAX = 64 }; /* turns that share one sync */

/* Turns that are handed out together. */
struct handout {
	jv turn[HANDOUT_MAX];
	size_t count;
};

/*
 * Moves the next turns to cur/, or to dead/ or done/ where that is their
 * fate, and gathers what is to be written.  The caller syncs cur/ before it
 * writes.  False with errno set when a move failed: try again later.
 */
bool handout_gather(
    struct queue *queue, struct lineup *lineup, struct handout *handout);

/*
 * Writes what was gathered to standard output, once its moves are safe: after
 * a crash of the machine it must be known that it had been begun.
 */
void handout_write(struct queue *queue, struct handout *handout);

#endif
