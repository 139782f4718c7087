#include <stdlib.h>
#include <string.h>
#include "claim.h"
#include "json.h"
#include "queue_lua.h"
#include "xalloc.h"

/* P, node, mode, room, lease in ms, labels */
static struct redis_script claim_script = {.common = queue_lua_common,
    .body =
	"local me, mode, room = ARGV[2], ARGV[3], tonumber(ARGV[4])\n"
	"local got = {}\n"
	"local function read(st, count, from)\n"
	"  local r = redis.pcall('XREADGROUP', 'GROUP', 'nodes', me,\n"
	"    'COUNT', count, 'STREAMS', st, from)\n"
	"  if r and r.err then\n"
	"    call('XGROUP', 'CREATE', st, 'nodes', '0', 'MKSTREAM')\n"
	"    r = call('XREADGROUP', 'GROUP', 'nodes', me,\n"
	"      'COUNT', count, 'STREAMS', st, from)\n"
	"  end\n"
	"  return r and r[1] and r[1][2] or {}\n"
	"end\n"
	"local function idle(st, count)\n"
	"  local found, from = {}, '0-0'\n"
	"  repeat\n"
	"    local r = redis.pcall('XAUTOCLAIM', st, 'nodes', me, ARGV[5],\n"
	"      from, 'COUNT', count - #found)\n"
	"    if r.err then return found end\n"
	"    from = r[1]\n"
	"    for _, e in ipairs(r[2]) do\n"
	"      if e then found[#found + 1] = e end\n"
	"    end\n"
	"  until from == '0-0' or #found >= count\n"
	"  return found\n"
	"end\n"
	"local function entries(st, count)\n"
	"  if mode == 'own' then return read(st, 100000, '0') end\n"
	"  if count < 1 then return {} end\n"
	"  if mode == 'idle' then return idle(st, count) end\n"
	"  return read(st, count, '>')\n"
	"end\n"
	"local function accept(label, e)\n"
	"  local st, id, s = stream(label), e[1], e[2] and e[2][2]\n"
	"  if not s or call('HGET', k'ticket', s) ~= label .. ' ' .. id then\n"
	"    call('XACK', st, 'nodes', id)\n"
	"    call('XDEL', st, id)\n"
	"    return\n"
	"  end\n"
	"  local out = call('ZRANGE', k('out:' .. s), 0, -1)\n"
	"  local wait = call('ZRANGE', k('wait:' .. s), 0, 299)\n"
	"  if #out + #wait == 0 then return release(s) end\n"
	"  call('HSET', k'owner', s, me)\n"
	"  got[#got + 1] = {'s', s, label, id, lease('s' .. s), out, wait}\n"
	"  room = room - 1\n"
	"end\n"
	"local function fly(e)\n"
	"  local id, n = e[1], e[2] and e[2][2]\n"
	"  local m = n and get(n)\n"
	"  local f = n and call('HGET', k'flights', n)\n"
	"  if not m or not f or f:match('^%S+') ~= id then\n"
	"    call('XACK', k'flight', 'nodes', id)\n"
	"    call('XDEL', k'flight', id)\n"
	"    return\n"
	"  end\n"
	"  call('HSET', k'flights', n, id .. ' ' .. me)\n"
	"  got[#got + 1] = {'n', n, '', id, lease('n' .. n),\n"
	"    m.dir == 'cur' and {file(m)} or {},\n"
	"    m.dir == 'new' and {file(m)} or {}}\n"
	"end\n"
	"if mode == 'new' then\n"
	"  for _, f in ipairs(call('ZRANGE', k'urgent', 0, 99)) do\n"
	"    local m = get(f:sub(22))\n"
	"    local owner = m and call('HGET', k'owner', m.s)\n"
	"    if m and (not owner or owner == me) then\n"
	"      call('ZREM', k'urgent', f)\n"
	"      local id = call('XADD', k'flight', '*', 'n', m.n)\n"
	"      read(k'flight', 1, '>')\n"
	"      call('HSET', k'flights', m.n, id .. ' ' .. me)\n"
	"      fly({id, {'n', m.n}})\n"
	"    end\n"
	"  end\n"
	"else\n"
	"  for _, e in ipairs(entries(k'flight', 100)) do fly(e) end\n"
	"end\n"
	"for i = 6, #ARGV do\n"
	"  local st = stream(ARGV[i])\n"
	"  for _, e in ipairs(entries(st, room)) do accept(ARGV[i], e) end\n"
	"end\n"
	"return got\n"};

/* P, node, how long that holds in ms; kind, of, label, ticket of each */
static struct redis_script beat_script = {.common = queue_lua_common,
    .body = "local me, lost = ARGV[2], {}\n"
	    "call('SET', k'alive', '', 'PX', ARGV[3])\n"
	    "for i = 4, #ARGV, 4 do\n"
	    "  local of, label, id = ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]\n"
	    "  local st, there, owner = k'flight', false, nil\n"
	    "  if ARGV[i] == 's' then\n"
	    "    st = stream(label)\n"
	    "    there = call('HGET', k'ticket', of) == label .. ' ' .. id\n"
	    "    owner = call('HGET', k'owner', of)\n"
	    "  else\n"
	    "    local f = call('HGET', k'flights', of) or ''\n"
	    "    there = f:match('^%S+') == id\n"
	    "    owner = f:match(' (.*)$')\n"
	    "  end\n"
	    "  if there and owner == me then\n"
	    "    call('XCLAIM', st, 'nodes', me, 0, id, 'JUSTID')\n"
	    "    lost[#lost + 1] = 0\n"
	    "  else\n"
	    "    lost[#lost + 1] = there and owner and 2 or 1\n"
	    "  end\n"
	    "end\n"
	    "return lost\n"};

/* P, node, session, label, ticket */
static struct redis_script release_script = {.common = queue_lua_common,
    .body = "local s = ARGV[3]\n"
	    "if call('HGET', k'owner', s) == ARGV[2] and\n"
	    "  call('HGET', k'ticket', s) == ARGV[4] .. ' ' .. ARGV[5] then\n"
	    "  release(s)\n"
	    "end\n"
	    "return 1\n"};

static int
compare(const struct claim *a, const struct claim *b)
{
	if (a->urgent != b->urgent)
		return a->urgent ? -1 : 1;
	return strcmp(a->of, b->of);
}

#define UNUSED static __attribute__((unused))
/* cppcheck-suppress unknownMacro */
RB_GENERATE_INTERNAL(claim_tree, claim, node, compare, UNUSED)

void
claims_open(struct claims *claims, struct queue *queue, jv ref_labels,
    bool only, int lease_ms)
{
	int n = json_length(ref_labels), count = 0;

	*claims = (struct claims){.queue = queue, .lease_ms = lease_ms};
	RB_INIT(&claims->tree);
	claims->labels = xcalloc((size_t)n + 2, sizeof *claims->labels);
	for (int i = 0; i < n; i++) {
		jv label = json_at(ref_labels, i);

		claims->labels[count++] = xstrdup(json_as_string(label, ""));
		jv_free(label);
	}
	if (!only || n == 0)
		claims->labels[count] = xstrdup("");
	queue->node = redis_node();
}

void
claims_free(struct claims *claims)
{
	struct claim *claim;

	while ((claim = RB_MIN(claim_tree, &claims->tree)) != NULL)
		claims_drop(claims, claim);
	for (char **label = claims->labels; *label != NULL; label++)
		free(*label);
	free(claims->labels);
}

/* ---- claiming */

bool
claim_parse(struct claim *claim, const redisReply *ref_one)
{
	const char *text[5];

	for (size_t i = 0; i < 5; i++) {
		text[i] = reply_text(reply_at(ref_one, i), NULL);
		if (text[i] == NULL)
			return false;
	}
	if (strcmp(text[0], "s") != 0 && strcmp(text[0], "n") != 0)
		return false;
	claim->urgent = *text[0] == 'n';
	claim->of = xstrdup(text[1]);
	claim->label = xstrdup(text[2]);
	claim->ticket = xstrdup(text[3]);
	claim->lease = xstrdup(text[4]);
	return true;
}

void
claim_clear(struct claim *claim)
{
	free(claim->of);
	free(claim->label);
	free(claim->ticket);
	free(claim->lease);
	*claim = (struct claim){.of = NULL};
}

static void
add(struct claims *claims, const redisReply *ref_one,
    void (*each)(void *arg, const char *file),
    void (*lost)(void *arg, struct claim *claim, bool taken), void *arg)
{
	struct claim *claim = xcalloc(1, sizeof *claim), *old;

	if (!claim_parse(claim, ref_one)) {
		free(claim);
		return;
	}
	/* what we had of it ended without our hearing of it */
	old = RB_FIND(claim_tree, &claims->tree, claim);
	if (old != NULL)
		lost(arg, old, false);
	RB_INSERT(claim_tree, &claims->tree, claim);
	claims->sessions += !claim->urgent;
	for (size_t part = CLAIM_OUT; part <= CLAIM_WAITING; part++) {
		const redisReply *files = reply_at(ref_one, part);

		for (size_t i = 0; i < reply_count(files); i++)
			each(arg, reply_text(reply_at(files, i), ""));
	}
}

void
claims_get(struct claims *claims, enum claim_mode mode, size_t room,
    void (*each)(void *arg, const char *file),
    void (*lost)(void *arg, struct claim *claim, bool taken), void *arg)
{
	static const char *const name[] = {
	    [CLAIM_OWN] = "own", [CLAIM_NEW] = "new", [CLAIM_IDLE] = "idle"};
	struct redis_args args = {.end = NULL};
	redisReply *reply;

	redis_args_text(&args, claims->queue->prefix);
	redis_args_text(&args, claims->queue->node);
	redis_args_text(&args, name[mode]);
	redis_args_int(&args, (int64_t)room);
	redis_args_int(&args, claims->lease_ms);
	for (char **label = claims->labels; *label != NULL; label++)
		redis_args_text(&args, *label);
	reply = redis_eval(&claim_script, &args);
	for (size_t i = 0; i < reply_count(reply); i++)
		add(claims, reply_at(reply, i), each, lost, arg);
	freeReplyObject(reply);
	redis_args_free(&args);
}

struct claim *
claims_find(struct claims *claims, bool urgent, const char *of)
{
	/* only compared with */
	struct claim wanted = {.urgent = urgent, .of = xstrdup(of)}, *found;

	found = RB_FIND(claim_tree, &claims->tree, &wanted);
	free(wanted.of);
	return found;
}

struct claim *
claims_first(struct claims *claims)
{
	return RB_MIN(claim_tree, &claims->tree);
}

struct claim *
claims_next(struct claim *claim)
{
	return RB_NEXT(claim_tree, NULL, claim);
}

void
claims_drop(struct claims *claims, struct claim *claim)
{
	RB_REMOVE(claim_tree, &claims->tree, claim);
	claims->sessions -= !claim->urgent;
	claim_clear(claim);
	free(claim);
}

void
claims_release(struct claims *claims, struct claim *claim)
{
	struct redis_args args = {.end = NULL};

	redis_args_text(&args, claims->queue->prefix);
	redis_args_text(&args, claims->queue->node);
	redis_args_text(&args, claim->of);
	redis_args_text(&args, claim->label);
	redis_args_text(&args, claim->ticket);
	freeReplyObject(redis_eval(&release_script, &args));
	redis_args_free(&args);
	claims_drop(claims, claim);
}

void
claims_beat(struct claims *claims,
    void (*lost)(void *arg, struct claim *claim, bool taken), void *arg)
{
	struct redis_args args = {.end = NULL};
	struct claim *claim, *next;
	redisReply *reply;
	size_t i = 0;

	redis_args_text(&args, claims->queue->prefix);
	redis_args_text(&args, claims->queue->node);
	redis_args_int(&args, claims->lease_ms);
	RB_FOREACH (claim, claim_tree, &claims->tree) {
		redis_args_text(&args, claim->urgent ? "n" : "s");
		redis_args_text(&args, claim->of);
		redis_args_text(&args, claim->label);
		redis_args_text(&args, claim->ticket);
	}
	reply = redis_eval(&beat_script, &args);
	for (claim = RB_MIN(claim_tree, &claims->tree); claim != NULL;
	     claim = next) {
		int64_t how = reply_int(reply_at(reply, i++), 0);

		next = RB_NEXT(claim_tree, &claims->tree, claim);
		if (how != 0)
			lost(arg, claim, how == 2);
	}
	freeReplyObject(reply);
	redis_args_free(&args);
}

bool
claims_queue_is_empty(struct claims *claims)
{
	static const char *const places[] = {"new", "cur"};
	bool empty = true;

	for (size_t i = 0; i < 2 && empty; i++) {
		char *key =
		    xasprintf("%s:%s", claims->queue->prefix, places[i]);
		redisReply *reply = redis_command("EXISTS", key);

		empty = reply_int(reply, 1) == 0;
		freeReplyObject(reply);
		free(key);
	}
	return empty;
}
