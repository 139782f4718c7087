#ifndef OC_QUEUE_FILES_H
#define OC_QUEUE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include "buf.h"
#include "queue.h"

/*
 * The files of a queue, for queue.c and for oc-spool, which moves them.  A
 * queue in Redis has the same places and names, and no files: read what is in
 * them by queue_read.
 */
enum queue_directory {
	QUEUE_DIR_TMP,
	QUEUE_DIR_NEW,
	QUEUE_DIR_CUR,
	QUEUE_DIR_DEAD,
	QUEUE_DIR_ID,
	QUEUE_DIR_DONE,
	QUEUE_DIRS,
};

struct queue {
	char *name;
	char *path;
	int fd[QUEUE_DIRS];
	int put_lock;
	bool cannot_sync; /* the file system refuses to sync directories */
	bool recovered;   /* what a dead writer left was cleared away */
	uint64_t arrival; /* the last that was given */
	bool shared;      /* in Redis; fd and the locks are not used */
	char *prefix;     /* of its keys */
	const char *node; /* who takes; NULL: nobody here */
};

/* "A.N#K" taken apart; the strings point into `name`. */
struct queue_file {
	const char *name;   /* N, of length name_length */
	size_t name_length; /* ends before #K */
	size_t base_length; /* of A.N */
	unsigned attempt;   /* K, or 0 without one */
};
/* False when it is no name of ours. */
bool queue_file_parse(struct queue_file *file, const char *name);

/* Waits for the lock of those who put; released by queue_unlock. */
void queue_lock(struct queue *queue);
void queue_unlock(struct queue *queue);

/*
 * The lock of the one who takes, as a descriptor that holds it until it is
 * closed, or -1 when another has it.
 */
int queue_lock_take(struct queue *queue);

/* Whether a node somewhere takes from a queue in Redis. */
bool queue_is_taken(struct queue *queue);

/*
 * The line of a turn by its file's name.  False with errno set, ENOENT when
 * it is not there any more.
 */
bool queue_read(struct queue *queue, enum queue_directory directory,
    const char *file, struct buf *into);
/* When it was put or tried again by hand, in seconds since the epoch. */
int64_t queue_time(
    struct queue *queue, enum queue_directory directory, const char *file);

/*
 * Syncs a directory; true where the file system cannot.  A move is complete
 * with it.
 */
bool queue_sync(struct queue *queue, enum queue_directory directory);

bool queue_move(struct queue *queue, enum queue_directory from,
    const char *old_name, enum queue_directory to, const char *new_name);

/*
 * Finds by N the file of a turn: its place, and in *file its name (the caller
 * frees it; NULL when nowhere).  With `thorough`, directories are read when
 * id/ does not know it.  Looks in the order in which turns move.
 */
enum queue_place queue_locate(
    struct queue *queue, const char *name, bool thorough, char **file);
enum queue_directory queue_directory_of(enum queue_place place);

/* Empties done/N and removes id/N: the end of a finish that is synced. */
void queue_forget(struct queue *queue, const char *name);

/*
 * Calls `each` with the names of a directory that are of our form, in no
 * order; ends early when it returns false.
 */
void queue_each(struct queue *queue, enum queue_directory directory,
    bool (*each)(void *arg, const char *name), void *arg);

/* Removes from done/ what is older than QUEUE_REMEMBER_S, now and then. */
void queue_sweep(struct queue *queue);

#endif
