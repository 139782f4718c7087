#include <stdlib.h>
#include <string.h>
#include "redis.h"
#include "redis_info.h"

long
redis_info_number(const char *info, const char *key)
{
	const char *at = strstr(info, key);

	return at != NULL ? strtol(at + strlen(key), NULL, 10) : -1;
}

bool
redis_info_version(const char *info, long *major, long *minor)
{
	const char *at = strstr(info, "redis_version:");
	const char *dot = at != NULL ? strchr(at, '.') : NULL;

	*major = redis_info_number(info, "redis_version:");
	*minor = dot != NULL ? strtol(dot + 1, NULL, 10) : 0;
	return *major >= 0;
}

const char *
redis_info_loss(redisContext *context, const char *info, bool *can_wait)
{
	redisReply *reply = redisCommand(context, "CONFIG GET appendfsync");
	const char *policy = reply_text(reply_at(reply, 1), "unknown");
	bool always = strcmp(policy, "always") == 0;
	bool aof = redis_info_number(info, "aof_enabled:") == 1;
	long major, minor;

	if (reply != NULL)
		freeReplyObject(reply);
	*can_wait = redis_info_version(info, &major, &minor) &&
		    (major > 7 || (major == 7 && minor >= 2));
	if (!aof || always) {
		*can_wait = false;
		return aof ? NULL
			   : "keeps no append-only file: what was accepted is "
			     "lost when it crashes; set 'appendonly yes' and "
			     "'appendfsync always'";
	}
	return *can_wait ? NULL
			 : "does not sync each write (appendfsync) and is "
			   "older than 7.2: a crash can lose the last two "
			   "seconds of what was accepted; set 'appendfsync "
			   "always'";
}
