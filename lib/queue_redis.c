#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "command.h"
#include "json.h"
#include "label.h"
#include "log.h"
#include "outbox.h"
#include "queue_lua.h"
#include "queue_redis.h"
#include "state.h"
#include "state_format.h"
#include "turn.h"
#include "xalloc.h"

enum { PAGE = 1000 }; /* names of one round trip */

static const char *const place_name[QUEUE_DIRS] = {
    [QUEUE_DIR_TMP] = "tmp",
    [QUEUE_DIR_NEW] = "new",
    [QUEUE_DIR_CUR] = "cur",
    [QUEUE_DIR_DEAD] = "dead",
    [QUEUE_DIR_ID] = "id",
    [QUEUE_DIR_DONE] = "done",
};

static struct redis_script put_script = {.common = queue_lua_common,
    .body = "local fresh = {}\n"
	    "for i = 2, #ARGV, 5 do fresh[#fresh + 1] = put(i) and 1 or 0 end\n"
	    "return fresh\n"};

static struct redis_script locate_script = {.common = queue_lua_common,
    .body = "local m = get(ARGV[2])\n"
	    "if m then return {m.dir, file(m), m.born} end\n"
	    "if call('EXISTS', k('done:' .. ARGV[2])) == 1 then\n"
	    "  return {'done', ARGV[2], '0'}\n"
	    "end\n"
	    "return {}\n"};

/* P, N, from, its name there, to, K there, the node that takes or "" */
static struct redis_script move_script = {.common = queue_lua_common,
    .body =
	"local m, to, node = get(ARGV[2]), ARGV[5], ARGV[7]\n"
	"if not m or m.dir ~= ARGV[3] or file(m) ~= ARGV[4] then return 0 end\n"
	"if to == 'cur' and node ~= '' then\n"
	"  local owner = m.urgent and\n"
	"    (call('HGET', k'flights', m.n) or ''):match(' (.*)$')\n"
	"    or call('HGET', k'owner', m.s)\n"
	"  if owner ~= node then return 0 end\n"
	"end\n"
	"if to == 'done' then done(m) return 1 end\n"
	"leave(m)\n"
	"if to == 'new' and m.dir == 'dead' then m.born = arrival() end\n"
	"if to == 'dead' and m.urgent then land(m.n) end\n"
	"enter(m, to, ARGV[6])\n"
	"if to == 'new' then\n"
	"  if m.urgent then call('PUBLISH', k'wake', '') else ticket(m.s) end\n"
	"end\n"
	"return 1\n"};

/* P, then pairs of N and the lease of who finishes it ("": anybody) */
static struct redis_script finish_script = {.common = queue_lua_common,
    .body = "for i = 2, #ARGV, 2 do\n"
	    "  local m = get(ARGV[i])\n"
	    "  local mine = m and (m.dir == 'new' or m.dir == 'cur')\n"
	    "  if mine and ARGV[i + 1] ~= '' then\n"
	    "    mine = ARGV[i + 1] == call('HGET', k'lease',\n"
	    "      m.urgent and 'n' .. m.n or 's' .. m.s)\n"
	    "  end\n"
	    "  if mine then done(m) end\n"
	    "end\n"
	    "return 1\n"};

/* P, P of the replies, a reply as put has it, N of what it answers */
static struct redis_script cancel_script = {.common = queue_lua_common,
    .body = "local any = 0\n"
	    "for i = 8, #ARGV do\n"
	    "  local m = get(ARGV[i])\n"
	    "  if m and m.dir == 'new' then done(m) any = 1 end\n"
	    "end\n"
	    "P = ARGV[2]\n"
	    "if any == 1 then put(3) end\n"
	    "return any\n"};

static struct redis_script format_script = {.common = "",
    .body = "redis.call('SETNX', 'oc:format', ARGV[1])\n"
	    "return redis.call('GET', 'oc:format')\n"};

static void
check_format(void)
{
	struct redis_args args = {.end = NULL};
	redisReply *reply;

	redis_args_int(&args, STATE_FORMAT);
	reply = redis_eval(&format_script, &args);
	if (!redis_is_down() && reply_int(reply, 0) != STATE_FORMAT)
		fatal(EX_CONFIG,
		    "%s: its state is of format %s and this version knows "
		    "format %d; nothing was changed; use another database",
		    redis_name(), reply_text(reply, "?"), STATE_FORMAT);
	freeReplyObject(reply);
	redis_args_free(&args);
}

void
queue_redis_open(struct queue *queue)
{
	static bool checked;

	queue->shared = true;
	queue->prefix = xasprintf("oc:%s", queue->name);
	if (!checked)
		check_format();
	checked = !redis_is_down();
}

static struct redis_args
args_of(const struct queue *queue)
{
	struct redis_args args = {.end = NULL};

	redis_args_text(&args, queue->prefix);
	return args;
}

/* N of "A.N" or "A.N#K"; the caller frees it.  NULL when it is none. */
static char *
name_of(const char *file)
{
	struct queue_file parsed;

	return queue_file_parse(&parsed, file)
		   ? xstrndup(parsed.name, parsed.name_length)
		   : NULL;
}

/* ---- putting */

/* Whether it is handed out while a turn of its session runs. */
static bool
overtakes(jv ref_record)
{
	enum command command;
	const char *argument;

	if (turn_is_stop(ref_record))
		return true;
	if (turn_has_reply(ref_record))
		return false;
	command =
	    command_parse(json_get_string(ref_record, "text", ""), &argument);
	return command == COMMAND_STOP || command_overtakes(command);
}

static void
add_item(struct redis_args *args, const struct queue_item *item, bool labels)
{
	jv record = json_parse(item->line, item->length, NULL);
	char *name = state_name(item->id);

	redis_args_text(args, name);
	redis_args_text(args, overtakes(record) ? "u" : "s");
	redis_args_text(args, labels ? label_of(record) : "");
	redis_args_text(args, turn_session(record));
	redis_args_add(args, item->line, item->length);
	free(name);
	jv_free(record);
}

size_t
queue_redis_put(struct queue *queue, struct queue_item *items, size_t count)
{
	struct redis_args args = args_of(queue);
	redisReply *reply;

	for (size_t i = 0; i < count; i++)
		add_item(&args, &items[i], strcmp(queue->name, "in") == 0);
	reply = redis_eval_synced(&put_script, &args);
	for (size_t i = 0; i < count; i++)
		items[i].known = reply_int(reply_at(reply, i), 0) == 0;
	freeReplyObject(reply);
	redis_args_free(&args);
	errno = EHOSTDOWN;
	return redis_is_down() ? 0 : count;
}

bool
queue_redis_cancel(struct queue *queue, jv ref_answered)
{
	const char *channel =
	    json_get_string(ref_answered, "channel", "stdout");
	struct queue_item item = {.id = turn_id(ref_answered)};
	jv ids = json_get(ref_answered, "ids");
	struct redis_args args = args_of(queue);
	char *out = queue_of_channel(channel);
	char *line = outbox_line(ref_answered, &item.length);
	char *prefix = xasprintf("oc:%s", out);
	redisReply *reply;
	bool done;

	item.line = line;
	redis_args_text(&args, prefix);
	add_item(&args, &item, false);
	if (json_length(ids) == 0)
		ids = json_append_string(ids, item.id);
	for (int i = 0, n = json_length(ids); i < n; i++) {
		jv id = json_at(ids, i);
		char *name = state_name(json_as_string(id, ""));

		redis_args_text(&args, name);
		free(name);
		jv_free(id);
	}
	reply = redis_eval_synced(&cancel_script, &args);
	done = reply_int(reply, 0) == 1;
	freeReplyObject(reply);
	redis_args_free(&args);
	free(prefix);
	free(line);
	free(out);
	jv_free(ids);
	return done;
}

/* ---- where they are */

static enum queue_place
place_of(const char *name)
{
	static const struct {
		const char *name;
		enum queue_place place;
	} places[] = {{"new", QUEUE_NEW}, {"cur", QUEUE_CUR},
	    {"dead", QUEUE_DEAD}, {"done", QUEUE_DONE}};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (strcmp(places[i].name, name) == 0)
			return places[i].place;
	return QUEUE_NOWHERE;
}

static redisReply *
locate(struct queue *queue, const char *name)
{
	struct redis_args args = args_of(queue);
	redisReply *reply;

	redis_args_text(&args, name);
	reply = redis_eval(&locate_script, &args);
	redis_args_free(&args);
	return reply;
}

enum queue_place
queue_redis_locate(struct queue *queue, const char *name, char **file)
{
	redisReply *reply = locate(queue, name);
	enum queue_place place =
	    place_of(reply_text(reply_at(reply, 0), "nowhere"));

	*file = place != QUEUE_NOWHERE
		    ? xstrdup(reply_text(reply_at(reply, 1), ""))
		    : NULL;
	freeReplyObject(reply);
	return place;
}

int64_t
queue_redis_time(struct queue *queue, const char *file)
{
	char *name = name_of(file);
	redisReply *reply;
	int64_t time;

	if (name == NULL)
		return 0;
	reply = locate(queue, name);
	/* A counts in nanoseconds */
	time = reply_int(reply_at(reply, 2), 0) / 1000000000;
	freeReplyObject(reply);
	free(name);
	return time;
}

bool
queue_redis_move(struct queue *queue, enum queue_directory from,
    const char *old_name, enum queue_directory to, const char *new_name)
{
	struct redis_args args = args_of(queue);
	char *name = name_of(old_name);
	struct queue_file target = {.attempt = 0};
	redisReply *reply;
	bool moved = false;

	(void)queue_file_parse(&target, new_name);
	if (name != NULL) {
		redis_args_text(&args, name);
		redis_args_text(&args, place_name[from]);
		redis_args_text(&args, old_name);
		redis_args_text(&args, place_name[to]);
		redis_args_int(&args, target.attempt);
		redis_args_text(&args, queue->node != NULL ? queue->node : "");
		reply = redis_eval(&move_script, &args);
		moved = reply_int(reply, 0) == 1;
		freeReplyObject(reply);
	}
	redis_args_free(&args);
	free(name);
	errno = redis_is_down() ? EHOSTDOWN : ENOENT;
	return moved;
}

void
queue_redis_each(struct queue *queue, enum queue_directory directory,
    bool (*each)(void *arg, const char *name), void *arg)
{
	char *key = xasprintf("%s:%s", queue->prefix, place_name[directory]);
	char *from = xstrdup("-"), most[16];
	bool more = true;

	(void)snprintf(most, sizeof most, "%d", PAGE);
	while (more) {
		redisReply *reply = redis_command(
		    "ZRANGEBYLEX", key, from, "+", "LIMIT", "0", most);
		size_t n = reply_count(reply);

		more = n == PAGE;
		for (size_t i = 0; i < n; i++) {
			const char *name = reply_text(reply_at(reply, i), "");

			if (i == n - 1) {
				free(from);
				from = xasprintf("(%s", name);
			}
			if (!each(arg, name)) {
				more = false;
				break;
			}
		}
		freeReplyObject(reply);
	}
	free(from);
	free(key);
}

bool
queue_redis_read(struct queue *queue, const char *file, struct buf *into)
{
	char *key = xasprintf("%s:msg", queue->prefix), *name = name_of(file);
	redisReply *reply =
	    redis_command("HGET", key, name != NULL ? name : file);
	bool ok = reply->type == REDIS_REPLY_STRING;

	if (ok)
		buf_add(into, reply->str, reply->len);
	freeReplyObject(reply);
	free(name);
	free(key);
	errno = redis_is_down() ? EHOSTDOWN : ENOENT;
	return ok;
}

redisReply *
queue_redis_waiting(
    struct queue *queue, const char *session, const char *before)
{
	char *key = xasprintf("%s:wait:%s", queue->prefix, session);
	char *until = xasprintf("(%s", before);
	redisReply *reply = redis_command("ZRANGEBYLEX", key, "-", until);

	free(until);
	free(key);
	return reply;
}

redisReply *
queue_redis_names(void)
{
	return redis_command("SORT", "oc:queues", "ALPHA");
}

bool
queue_redis_is_taken(struct queue *queue)
{
	char *key = xasprintf("%s:alive", queue->prefix);
	redisReply *reply = redis_command("EXISTS", key);
	bool taken = reply_int(reply, 0) == 1;

	freeReplyObject(reply);
	free(key);
	return taken;
}

/* ---- finishing */

static void
add_finished(struct redis_args *args, const char *id, const char *lease)
{
	char *name = state_name(id);

	redis_args_text(args, name);
	redis_args_text(args, lease);
	free(name);
}

/* What was joined into it first, and at the end the one that named it. */
static void
add_record(struct redis_args *args, jv ref_record)
{
	jv lease = json_get(ref_record, "lease");
	jv ids = json_get(ref_record, "ids");
	const char *number = json_get_string(lease, "number", "");
	const char *own = queue_id_of(ref_record);

	for (int i = 0, n = json_length(ids); i < n; i++) {
		jv id = json_at(ids, i);

		if (strcmp(json_as_string(id, ""), own) != 0)
			add_finished(args, json_as_string(id, ""), number);
		jv_free(id);
	}
	add_finished(args, own, number);
	jv_free(ids);
	jv_free(lease);
}

bool
queue_redis_finish(struct queue *queue, const jv *ref_records,
    const char *const *ids, size_t count)
{
	struct redis_args args = args_of(queue);

	for (size_t i = 0; i < count; i++)
		if (ids != NULL)
			add_finished(&args, ids[i], "");
		else
			add_record(&args, ref_records[i]);
	freeReplyObject(redis_eval_synced(&finish_script, &args));
	redis_args_free(&args);
	errno = EHOSTDOWN;
	return !redis_is_down();
}
