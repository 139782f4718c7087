#ifndef OC_QUEUE_H
#define OC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>

/*
 * Queues of turns in the directory of state, a file for each turn, moved by
 * rename(2): `in`, and `out/<channel>` for each channel.  Below $OC_STATE/Q:
 *
 *	tmp/A.N    is being written
 *	new/A.N    waits
 *	cur/A.N#K  is handed out for the Kth time
 *	dead/A.N   was given up
 *	done/N     was finished; kept for seven days, emptied
 *	id/N       a symbolic link to A, for finding a turn by its id
 *
 * A is the time of arrival, 20 digits that sort: microseconds since the epoch
 * and three digits of sequence.  N is the turn's id as state_name makes it a
 * file name.  The file holds the turn as one line.
 *
 * What the files say, and what moves a turn on (each move is one rename;
 * "sync" is of the directories named):
 *
 *	                    id/N  tmp  new  cur  dead  done
 *	unknown              -     -    -    -    -     -
 *	claimed              x     ?    -    -    -     -    as good as unknown
 *	waiting              x     -    x    -    -     -
 *	handed out           x     -    -    x    -     -
 *	given up             x     -    -    -    x     -
 *	finished             ?     -    -    -    -     x
 *
 *	put     unknown to claimed    symlink id/N
 *	        claimed to waiting    write tmp/A.N, fsync it; rename to
 *	                              new/A.N; sync new; then the id is answered
 *	take    waiting to handed out rename new/A.N to cur/A.N#1; sync cur;
 *	                              then the line is written
 *	        handed out, again     rename cur/A.N#K to cur/A.N#K+1; sync cur
 *	        handed out to given up  rename cur/A.N#K to dead/A.N; sync dead
 *	finish  handed out to finished  rename cur/A.N#K to done/N; sync done;
 *	                              then done/N is emptied and id/N removed
 *	retry   given up to waiting   rename dead/A.N to new/A.N; sync new
 *	drop    any to finished       as finish
 *
 * Every row can be the last thing that happened before a crash.  A file in
 * tmp/ whose writer is gone is removed by the next one.  id/ only repeats
 * what the other names say: the first put of each process makes links that a
 * crash of the machine lost, so id/ is never synced.  Who puts, retries or
 * drops holds a lock on put.lock; who takes holds one on take.lock as long as
 * it runs.  A put looks for the id in the order in which turns move, so it
 * cannot miss one that moves meanwhile.
 */
enum {
	QUEUE_ATTEMPTS_MAX = 5, /* a turn that was handed out so often in vain
	                         * is given up */
	QUEUE_REPLY_ATTEMPTS_MAX = 20, /* a reply: giving it up loses it, and
	                                * one more try does no harm */
	QUEUE_REMEMBER_S = 7 * 24 * 60 * 60, /* how long done/ remembers */
	QUEUE_ARRIVAL_DIGITS = 20,
	QUEUE_BATCH_MAX = 256, /* turns of one put: as many open files */
};

struct queue;

/*
 * Where redis_setup was called and the configuration has `queue`, all of this
 * is in Redis (queue_lua.h): no directory is made, nothing fails, and what
 * cannot be done now is waited for; but see REDIS_TRIES in redis.h.
 */

/*
 * Opens a queue, "in" or "out/telegram", and makes its directories where they
 * are missing.  The format of the state is checked first.  Failure is fatal:
 * EX_USAGE for a name that is no queue's, EX_CANTCREAT else.  A directory that
 * cannot be synced (some network file systems) costs one warning.
 */
struct queue *queue_open(const char *name);
void queue_free(struct queue *queue); /* NULL is fine */
const char *queue_name(const struct queue *queue);
/* Whether this is the name of a queue: "in" or "out/" and a state_name. */
bool queue_is_name(const char *name);
/* The queue of a channel's replies, "out/telegram"; the caller frees it. */
char *queue_of_channel(const char *channel);

/*
 * The names of the queues that are there, in order; `in` is always one.  The
 * caller frees each and the list.
 */
char **queue_names(size_t *count);

/*
 * What a record is known by in a queue: a turn by its `id`, a stop by its
 * `stop_id` (its `id` is that of the turn which it is for).
 */
const char *queue_id_of(jv ref_record);

struct queue_item {
	const char *id;
	const char *line; /* with its newline */
	size_t length;
	bool known; /* set: it was there, or finished lately; not put again */
};

/*
 * Puts turns in order and syncs them together.  Returns how many from the
 * start are safe on disk (known ones included); when that is not all of them
 * errno says why, nothing of the rest was left behind, and it may be tried
 * again.  At most QUEUE_BATCH_MAX at once.
 */
size_t queue_put(struct queue *queue, struct queue_item *items, size_t count);
/* Puts one, trying again with pauses until it is safe (a disk that is full). */
void queue_put_surely(struct queue *queue, struct queue_item *item);

enum queue_place {
	QUEUE_NOWHERE,
	QUEUE_NEW,
	QUEUE_CUR,
	QUEUE_DEAD,
	QUEUE_DONE,
};

/* Where the turn with this id is. */
enum queue_place queue_find(struct queue *queue, const char *id);

/*
 * Finishes turns: those of `ids`, in order, with one sync.  One that is
 * finished already, or was never there, is no failure.  False with errno set
 * when the disk refuses; it may be tried again.
 */
bool queue_finish(struct queue *queue, const char *const *ids, size_t count);
/*
 * The same for records that were taken: for each all that was joined into it
 * ("ids"), and the one that gave it its name at the end, so that after a
 * crash in between the rest is not taken for turns of their own.
 */
bool queue_finish_records(
    struct queue *queue, const jv *ref_records, size_t count);
bool queue_finish_record(struct queue *queue, jv ref_record);

#endif
