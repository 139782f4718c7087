#ifndef OC_SHARED_H
#define OC_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <jv.h>
#include "buf.h"
#include "redis.h"

/*
 * Files of the state that every node must see, in Redis: journals,
 * transcripts, settings of sessions, usage, the archive, the ledger of
 * deliveries, who is paired.  A path is the same as below $OC_STATE.  For
 * those modules only, and only when redis_is_used; each says itself what its
 * file holds.
 *
 *	oc:f:PATH  the content;  oc:m:PATH  `at` (ms), `gen`, and what guards it
 *	oc:dir:DIR the names in it, by the time of their last change
 *
 * What cannot be done now is waited for, as in redis.h, or fails with
 * EHOSTDOWN (REDIS_TRIES).  Everything that is
 * written is on the server's disk when the function returns, as far as the
 * server can say.
 */

/*
 * Who may write: the holder of the turn's lease (queue_lua.h), and a `field`
 * of the file that must have this value (the run of a journal, the owner of a
 * ledger).  All zero: anybody.
 */
struct shared_guard {
	char *key, *of, *number; /* of the lease; NULL: without */
	const char *field, *value;
};
/* By the `lease` of a turn; without one there is nothing to hold. */
struct shared_guard shared_guard(jv ref_turn);
void shared_guard_free(struct shared_guard *guard);

/* Size, time, and as st_ino a number that changes with the content. */
bool shared_stat(const char *path, struct stat *st);
/* At most `most` bytes from `from` on; from < 0: so many before the end. */
void shared_read(const char *path, int64_t from, size_t most, struct buf *into);

/*
 * Appends.  `days` after the last change it is forgotten; 0: never.  False
 * with errno ESTALE when the guard refuses.
 */
bool shared_append(const char *path, const struct shared_guard *guard, int days,
    const void *data, size_t length);
/*
 * Appends what belongs together under a name; what the last of that name
 * appended is cut off first, so it may be done again.  The new size, or -1.
 */
int64_t shared_append_once(const char *path, const struct shared_guard *guard,
    const char *name, const void *data, size_t length);
/*
 * Replaces the content, when it is still the one with this st_ino (0: any, -1:
 * none).  False with errno EAGAIN when it is not, ESTALE by the guard.
 */
bool shared_replace(const char *path, const struct shared_guard *guard,
    int64_t ino, const void *data, size_t length);
/* Sets a field that later guards ask for. */
bool shared_set(const char *path, const struct shared_guard *guard,
    const char *field, const char *value);
char *shared_get(const char *path, const char *field); /* NULL without */
/* False with errno ESTALE by the guard; what is not there is no failure. */
bool shared_rename(
    const char *from, const char *to, const struct shared_guard *guard);
void shared_remove(const char *path);

/* All of it in a descriptor to read from, or -1 with errno set. */
int shared_open(const char *path);

/* Names and times in ms by turns, the oldest first, for freeReplyObject. */
redisReply *shared_list(const char *directory);

/*
 * A lock between processes, for at most ten seconds; the token unlocks.  NULL
 * with REDIS_TRIES when it is down.
 */
char *shared_lock(const char *name);
void shared_unlock(const char *name, char *own_token);

#endif
