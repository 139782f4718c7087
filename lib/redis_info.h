#ifndef OC_REDIS_INFO_H
#define OC_REDIS_INFO_H

#include <stdbool.h>
#include <hiredis/hiredis.h>

/* What a server says of itself: the text of INFO. */

/* The number after "uptime_in_seconds:"; -1 without it. */
long redis_info_number(const char *info, const char *key);
/* False when it does not say. */
bool redis_info_version(const char *info, long *major, long *minor);
/*
 * What a crash of the server can take, and how to change that, or NULL.
 * *can_wait: WAITAOF is there, and is needed.
 */
const char *redis_info_loss(
    redisContext *context, const char *info, bool *can_wait);

#endif
