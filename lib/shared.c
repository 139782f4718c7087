#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "io.h"
#include "json.h"
#include "shared.h"
#include "ulid.h"
#include "xalloc.h"

enum {
	DAY_S = 24 * 60 * 60,
	LOCK_LOOK_MS = 20, /* between two looks at a lock */
};
#define LOCK_MS "10000"

/*
 * The first arguments are always the path, and of the guard: the key of the
 * leases, of, number, field, value.
 */
static const char common[] =
    "local call, path = redis.call, ARGV[1]\n"
    "local F, M = 'oc:f:' .. path, 'oc:m:' .. path\n"
    "local function entry(p)\n"
    "  local dir, name = p:match('^(.*)/([^/]*)$')\n"
    "  if dir == 'usage' or dir == 'sent' then return nil end\n"
    "  return dir and 'oc:dir:' .. dir, name\n"
    "end\n"
    "local function touch(p)\n"
    "  local t = call('TIME')\n"
    "  local ms = string.format('%.0f', t[1] * 1000 + "
    "math.floor(t[2] / 1000))\n"
    "  local dir, name = entry(p)\n"
    "  call('HSET', 'oc:m:' .. p, 'at', ms)\n"
    "  call('HSET', 'oc:m:' .. p, 'gen', call('INCR', 'oc:gen'))\n"
    "  if dir then\n"
    "    call('ZADD', dir, ms, name)\n"
    "    local up, last = entry(dir:sub(8))\n"
    "    if up then call('ZADD', up, ms, last) end\n"
    "  end\n"
    "end\n"
    "local function forget(p)\n"
    "  local dir, name = entry(p)\n"
    "  call('DEL', 'oc:f:' .. p, 'oc:m:' .. p)\n"
    "  if dir then\n"
    "    call('ZREM', dir, name)\n"
    "    local up, last = entry(dir:sub(8))\n"
    "    if up and call('EXISTS', dir) == 0 then call('ZREM', up, last) end\n"
    "  end\n"
    "end\n"
    "local function refused()\n"
    "  return ARGV[3] ~= '' and call('HGET', ARGV[2], ARGV[3]) ~= ARGV[4] or\n"
    "    ARGV[5] ~= '' and call('HGET', M, ARGV[5]) ~= ARGV[6]\n"
    "end\n";

/* a word that tells a command from one that is sent again; ttl; data */
static struct redis_script append_script = {.common = common,
    .body = "if call('HGET', M, 'last') == ARGV[7] then return 1 end\n"
	    "if refused() then return -1 end\n"
	    "call('APPEND', F, ARGV[9])\n"
	    "call('HSET', M, 'last', ARGV[7])\n"
	    "touch(path)\n"
	    "if ARGV[8] ~= '0' then\n"
	    "  call('EXPIRE', F, ARGV[8])\n"
	    "  call('EXPIRE', M, ARGV[8])\n"
	    "end\n"
	    "return 1\n"};

/* name, data */
static struct redis_script once_script = {.common = common,
    .body = "if refused() then return -1 end\n"
	    "local size = call('STRLEN', F)\n"
	    "local name = call('HGET', M, 'name')\n"
	    "local from = tonumber(call('HGET', M, 'from') or size)\n"
	    "if name == ARGV[7] and from <= size then\n"
	    "  call('SET', F, from > 0 and\n"
	    "    call('GETRANGE', F, 0, from - 1) or '')\n"
	    "else\n"
	    "  from = size\n"
	    "end\n"
	    "call('HSET', M, 'name', ARGV[7])\n"
	    "call('HSET', M, 'from', from)\n"
	    "touch(path)\n"
	    "return call('APPEND', F, ARGV[8])\n"};

/* gen, data */
static struct redis_script replace_script = {.common = common,
    .body = "if refused() then return -1 end\n"
	    "local gen = call('HGET', M, 'gen') or '-1'\n"
	    "if ARGV[7] ~= '0' and gen ~= ARGV[7] then return 0 end\n"
	    "call('SET', F, ARGV[8])\n"
	    "call('HDEL', M, 'name')\n"
	    "touch(path)\n"
	    "return 1\n"};

/* field, value */
static struct redis_script set_script = {.common = common,
    .body = "if refused() then return -1 end\n"
	    "return call('HSET', M, ARGV[7], ARGV[8]) and 1\n"};

/* to */
static struct redis_script rename_script = {.common = common,
    .body = "if refused() then return -1 end\n"
	    "if call('EXISTS', F) == 0 then return 0 end\n"
	    "call('RENAME', F, 'oc:f:' .. ARGV[7])\n"
	    "forget(path)\n"
	    "touch(ARGV[7])\n"
	    "return 1\n"};

static struct redis_script remove_script = {
    .common = common, .body = "forget(path)\nreturn 1\n"};

static struct redis_script stat_script = {.common = common,
    .body = "if call('EXISTS', F) == 0 then return {} end\n"
	    "return {call('STRLEN', F), call('HGET', M, 'at'),\n"
	    "  call('HGET', M, 'gen')}\n"};

static struct redis_script unlock_script = {.common = "",
    .body = "if redis.call('GET', ARGV[1]) == ARGV[2] then\n"
	    "  redis.call('DEL', ARGV[1])\n"
	    "end\n"
	    "return 1\n"};

/* ---- guards */

struct shared_guard
shared_guard(jv ref_turn)
{
	struct shared_guard guard = {.key = NULL};
	jv lease = json_get(ref_turn, "lease");
	const char *queue = json_get_string(lease, "queue", NULL);
	const char *of = json_get_string(lease, "of", NULL);
	const char *number = json_get_string(lease, "number", NULL);

	if (queue != NULL && of != NULL && number != NULL) {
		guard.key = xasprintf("oc:%s:lease", queue);
		guard.of = xstrdup(of);
		guard.number = xstrdup(number);
	}
	jv_free(lease);
	return guard;
}

void
shared_guard_free(struct shared_guard *guard)
{
	free(guard->key);
	free(guard->of);
	free(guard->number);
	*guard = (struct shared_guard){.key = NULL};
}

static void
add_text(struct redis_args *args, const char *text)
{
	redis_args_text(args, text != NULL ? text : "");
}

static struct redis_args
guarded(const char *path, const struct shared_guard *guard)
{
	static const struct shared_guard anybody;
	struct redis_args args = {.end = NULL};

	if (guard == NULL)
		guard = &anybody;
	redis_args_text(&args, path);
	add_text(&args, guard->key);
	add_text(&args, guard->of);
	add_text(&args, guard->number);
	add_text(&args, guard->field);
	add_text(&args, guard->value);
	return args;
}

/* The script's number; consumes the arguments. */
static int64_t
write_out(struct redis_script *script, struct redis_args *args)
{
	redisReply *reply = redis_eval_synced(script, args);
	int64_t result = reply_int(reply, -1);

	freeReplyObject(reply);
	redis_args_free(args);
	errno = redis_is_down() ? EHOSTDOWN : result < 0 ? ESTALE : EAGAIN;
	return result;
}

/* ---- writing */

/* No two are alike, over all processes. */
static void
add_word(struct redis_args *args)
{
	static char process[ULID_SIZE];
	static uint64_t count;
	char word[ULID_SIZE + 24];

	if (process[0] == '\0')
		ulid_make(process);
	(void)snprintf(word, sizeof word, "%s-%" PRIu64, process, ++count);
	redis_args_text(args, word);
}

bool
shared_append(const char *path, const struct shared_guard *guard, int days,
    const void *data, size_t length)
{
	struct redis_args args = guarded(path, guard);

	add_word(&args);
	redis_args_int(&args, (int64_t)days * DAY_S);
	redis_args_add(&args, data, length);
	return write_out(&append_script, &args) > 0;
}

int64_t
shared_append_once(const char *path, const struct shared_guard *guard,
    const char *name, const void *data, size_t length)
{
	struct redis_args args = guarded(path, guard);

	redis_args_text(&args, name);
	redis_args_add(&args, data, length);
	return write_out(&once_script, &args);
}

bool
shared_replace(const char *path, const struct shared_guard *guard, int64_t ino,
    const void *data, size_t length)
{
	struct redis_args args = guarded(path, guard);

	redis_args_int(&args, ino);
	redis_args_add(&args, data, length);
	return write_out(&replace_script, &args) > 0;
}

bool
shared_set(const char *path, const struct shared_guard *guard,
    const char *field, const char *value)
{
	struct redis_args args = guarded(path, guard);

	redis_args_text(&args, field);
	redis_args_text(&args, value);
	return write_out(&set_script, &args) > 0;
}

bool
shared_rename(
    const char *from, const char *to, const struct shared_guard *guard)
{
	struct redis_args args = guarded(from, guard);

	redis_args_text(&args, to);
	return write_out(&rename_script, &args) >= 0;
}

void
shared_remove(const char *path)
{
	struct redis_args args = guarded(path, NULL);

	(void)write_out(&remove_script, &args);
}

/* ---- reading */

char *
shared_get(const char *path, const char *field)
{
	char *key = xasprintf("oc:m:%s", path);
	redisReply *reply = redis_command("HGET", key, field);
	const char *text = reply_text(reply, NULL);
	char *copy = text != NULL ? xstrdup(text) : NULL;

	freeReplyObject(reply);
	free(key);
	return copy;
}

bool
shared_stat(const char *path, struct stat *st)
{
	struct redis_args args = guarded(path, NULL);
	redisReply *reply = redis_eval(&stat_script, &args);
	bool there = reply_count(reply) == 3;
	int64_t at = reply_int(reply_at(reply, 1), 0);

	*st = (struct stat){.st_mode = S_IFREG | 0600};
	st->st_size = (off_t)reply_int(reply_at(reply, 0), 0);
	st->st_ino = (ino_t)reply_int(reply_at(reply, 2), 0);
	st->st_mtim.tv_sec = (time_t)(at / 1000);
	st->st_mtim.tv_nsec = (long)(at % 1000 * 1000000);
	freeReplyObject(reply);
	redis_args_free(&args);
	errno = redis_is_down() ? EHOSTDOWN : ENOENT;
	return there;
}

void
shared_read(const char *path, int64_t from, size_t most, struct buf *into)
{
	char *key = xasprintf("oc:f:%s", path), start[24], end[24];
	redisReply *reply;

	(void)snprintf(start, sizeof start, "%" PRId64, from);
	(void)snprintf(end, sizeof end, "%" PRId64,
	    from < 0 ? -1 : from + (int64_t)most - 1);
	reply = redis_command("GETRANGE", key, start, end);
	if (reply_length(reply) != 0)
		buf_add(into, reply_text(reply, ""), reply_length(reply));
	freeReplyObject(reply);
	free(key);
}

int
shared_open(const char *path)
{
	struct buf text = {0};
	struct stat st;
	int fd = -1;

	if (shared_stat(path, &st)) {
		shared_read(path, 0, (size_t)st.st_size, &text);
		fd = memfd_create("shared", MFD_CLOEXEC);
	}
	if (fd >= 0 && (!io_write_all(fd, text.data, text.length) ||
			   lseek(fd, 0, SEEK_SET) != 0)) {
		close(fd);
		fd = -1;
	}
	buf_free(&text);
	return fd;
}

redisReply *
shared_list(const char *directory)
{
	char *key = xasprintf("oc:dir:%s", directory);
	redisReply *reply =
	    redis_command("ZRANGE", key, "0", "-1", "WITHSCORES");

	free(key);
	return reply;
}

/* ---- locks */

char *
shared_lock(const char *name)
{
	char *key = xasprintf("oc:lock:%s", name), token[ULID_SIZE];
	bool locked = false;

	ulid_make(token);
	while (!locked && !redis_is_down()) {
		redisReply *reply =
		    redis_command("SET", key, token, "NX", "PX", LOCK_MS);

		locked = strcmp(reply_text(reply, ""), "OK") == 0;
		freeReplyObject(reply);
		if (!locked && !redis_is_down())
			(void)poll(NULL, 0, LOCK_LOOK_MS);
	}
	free(key);
	return locked ? xstrdup(token) : NULL;
}

void
shared_unlock(const char *name, char *own_token)
{
	char *key = xasprintf("oc:lock:%s", name);
	struct redis_args args = {.end = NULL};

	redis_args_text(&args, key);
	redis_args_text(&args, own_token);
	freeReplyObject(redis_eval(&unlock_script, &args));
	redis_args_free(&args);
	free(own_token);
	free(key);
}
