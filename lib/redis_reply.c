#include <stdlib.h>
#include <string.h>
#include "redis.h"
#include "xalloc.h"

/* ---- arguments */

void
redis_args_add(struct redis_args *args, const void *data, size_t length)
{
	if (args->count == args->capacity) {
		args->capacity = args->capacity * 2 + 8;
		args->end =
		    xreallocarray(args->end, args->capacity, sizeof *args->end);
	}
	buf_add(&args->bytes, data, length);
	args->end[args->count++] = args->bytes.length;
}

void
redis_args_text(struct redis_args *args, const char *text)
{
	redis_args_add(args, text, strlen(text));
}

void
redis_args_int(struct redis_args *args, int64_t number)
{
	buf_printf(&args->bytes, "%lld", (long long)number);
	redis_args_add(args, "", 0);
}

void
redis_args_free(struct redis_args *args)
{
	buf_free(&args->bytes);
	free(args->end);
	*args = (struct redis_args){.end = NULL};
}

/* ---- replies */

redisReply *
reply_nothing(void)
{
	redisReply *reply = xcalloc(1, sizeof *reply); /* hiredis frees it */

	reply->type = REDIS_REPLY_NIL;
	return reply;
}

size_t
reply_count(const redisReply *ref)
{
	return ref != NULL && ref->type == REDIS_REPLY_ARRAY ? ref->elements
							     : 0;
}

const redisReply *
reply_at(const redisReply *ref, size_t index)
{
	return index < reply_count(ref) ? ref->element[index] : NULL;
}

static bool
is_text(const redisReply *ref)
{
	return ref != NULL && (ref->type == REDIS_REPLY_STRING ||
				  ref->type == REDIS_REPLY_STATUS);
}

const char *
reply_text(const redisReply *ref, const char *otherwise)
{
	return is_text(ref) ? ref->str : otherwise;
}

size_t
reply_length(const redisReply *ref)
{
	return is_text(ref) ? ref->len : 0;
}

int64_t
reply_int(const redisReply *ref, int64_t otherwise)
{
	const char *problem;
	int64_t value;

	if (ref != NULL && ref->type == REDIS_REPLY_INTEGER)
		return ref->integer;
	if (!is_text(ref))
		return otherwise;
	value = strtonum(ref->str, INT64_MIN, INT64_MAX, &problem);
	return problem == NULL ? value : otherwise;
}

bool
reply_is_error(const redisReply *ref, const char *code)
{
	return ref->type == REDIS_REPLY_ERROR &&
	       strncmp(ref->str, code, strlen(code)) == 0;
}

bool
reply_is_passing(const redisReply *ref)
{
	static const char *const codes[] = {"LOADING", "BUSY ", "OOM",
	    "MISCONF", "READONLY", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN",
	    "CLUSTERDOWN", "ERR max number of clients"};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (reply_is_error(ref, codes[i]))
			return true;
	return false;
}
