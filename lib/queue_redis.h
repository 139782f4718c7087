#ifndef OC_QUEUE_REDIS_H
#define OC_QUEUE_REDIS_H

#include <jv.h>
#include "queue_files.h"
#include "redis.h"

/*
 * What queue.h and queue_files.h promise, for a queue in Redis.  How it is
 * kept there is in queue_lua.h.
 */
void queue_redis_open(struct queue *queue);
size_t queue_redis_put(
    struct queue *queue, struct queue_item *items, size_t count);
enum queue_place queue_redis_locate(
    struct queue *queue, const char *name, char **file);
bool queue_redis_move(struct queue *queue, enum queue_directory from,
    const char *old_name, enum queue_directory to, const char *new_name);
void queue_redis_each(struct queue *queue, enum queue_directory directory,
    bool (*each)(void *arg, const char *name), void *arg);
bool queue_redis_read(struct queue *queue, const char *file, struct buf *into);
int64_t queue_redis_time(struct queue *queue, const char *file);
bool queue_redis_finish(struct queue *queue, const jv *ref_records,
    const char *const *ids, size_t count);
bool queue_redis_is_taken(struct queue *queue);

/*
 * Ends a message that waits (or those that were joined into it), with a reply
 * for its person: all at once.  False when none waits any more; then nothing
 * is done.
 */
bool queue_redis_cancel(struct queue *queue, jv ref_answered);
/* What of a session waits and came before the file `before`, in order. */
redisReply *queue_redis_waiting(
    struct queue *queue, const char *session, const char *before);

/* The names of all queues, each "oc:" and the name, as texts of an array. */
redisReply *queue_redis_names(void);

#endif
