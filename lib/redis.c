#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "clock.h"
#include "json.h"
#include "log.h"
#include "redis.h"
#include "redis_info.h"
#include "redis_socket.h"
#include "secret.h"
#include "xalloc.h"

enum {
	CONNECT_MS = 5000,
	ANSWER_MS = 20000, /* a sync of a slow disk; longer is a broken line */
	/* a loop stands still meanwhile: REDIS_TRIES */
	TRY_CONNECT_MS = 50,
	TRY_GREETING_MS = 50, /* a server that hangs is asked no more */
	TRY_ANSWER_MS = 500,
	TRY_AGAIN_MS = 1000,
	PAUSE_FIRST_MS = 20,
	PAUSE_MOST_MS = 1000, /* how late it may notice that it is back */
};
#define SYNC_MS "10000" /* then the disk's slowness is worth a line */

static const char password_name[] = "REDIS_PASSWORD";

static struct {
	bool used;
	enum redis_patience patience;
	struct redis_url url;
	char *password, *name;
	redisContext *context;
	bool said_down, said_durability;
	bool can_wait;        /* WAITAOF is there, and is needed */
	int64_t server_since; /* on our monotonic clock */
	/* REDIS_TRIES: not before this time again */
	bool down;
	int64_t try_at;
} it;

/* ---- setting up */

void
redis_setup(const struct config *config, enum redis_patience patience,
    enum redis_password password)
{
	jv queue = config_get(config, "queue");
	const char *url = json_as_string(queue, NULL);

	redis_close();
	if (url != NULL && redis_url_parse(url, &it.url) == NULL) {
		it.used = true;
		it.patience = patience;
		it.password = password == REDIS_TAKE
				  ? secret_take(password_name)
				  : secret_copy(password_name);
		it.name = xasprintf("redis %s:%d", it.url.host, it.url.port);
	}
	jv_free(queue);
}

bool
redis_is_used(void)
{
	return it.used;
}

static void
disconnect(void)
{
	if (it.context != NULL)
		redisFree(it.context);
	it.context = NULL;
}

void
redis_close(void)
{
	disconnect();
	redis_url_free(&it.url);
	secret_free(it.password);
	free(it.name);
	memset(&it, 0, sizeof it);
}

bool
redis_is_down(void)
{
	return it.down;
}

void
redis_lend_password(bool on)
{
	if (it.password == NULL)
		return;
	if (!on)
		secret_forget(password_name);
	else if (setenv(password_name, it.password, 1) != 0)
		fatal(EX_OSERR, "out of memory (environment)");
}

const char *
redis_name(void)
{
	return it.name != NULL ? it.name : "redis";
}

int64_t
redis_server_age_ms(void)
{
	return it.context != NULL ? clock_mono_ms() - it.server_since : 0;
}

/* ---- connecting */

/* What no waiting cures. */
static void
check_refusal(const redisReply *reply)
{
	if (reply_is_error(reply, "NOAUTH") ||
	    reply_is_error(reply, "WRONGPASS") ||
	    reply_is_error(reply, "ERR AUTH") ||
	    reply_is_error(reply, "ERR invalid pass"))
		fatal(EX_NOPERM,
		    "%s: the password is wrong or missing; set REDIS_PASSWORD "
		    "or REDIS_PASSWORD_FILE",
		    redis_name());
	if (reply_is_error(reply, "NOPERM"))
		fatal(EX_NOPERM, "%s: %.200s", redis_name(), reply->str);
}

static void
check_version(const char *info)
{
	long major, minor;

	if (!redis_info_version(info, &major, &minor))
		return; /* something compatible */
	if (major < 6 || (major == 6 && minor < 2))
		fatal(EX_CONFIG,
		    "%s: version %ld.%ld is too old; 6.2 or later is needed",
		    redis_name(), major, minor);
}

/* Says once what a crash of the server can take. */
static void
check_durability(redisContext *context, const char *info)
{
	const char *loss = redis_info_loss(context, info, &it.can_wait);

	it.can_wait = it.can_wait && it.patience != REDIS_TRIES;
	if (loss != NULL && !it.said_durability && it.patience == REDIS_WAITS)
		log_warn("%s: %s", redis_name(), loss);
	it.said_durability = true;
}

/* A reply of the greeting: false when the connection is to be tried anew. */
static bool
greet(redisContext *context, int argc, const char **argv, redisReply **keep)
{
	redisReply *reply = redisCommandArgv(context, argc, argv, NULL);
	bool ok = reply != NULL;

	if (ok) {
		check_refusal(reply);
		if (reply_is_passing(reply))
			ok = false;
		else if (reply->type == REDIS_REPLY_ERROR)
			fatal(EX_CONFIG, "%s: %s: %.200s", redis_name(),
			    argv[0], reply->str);
	}
	if (ok && keep != NULL)
		*keep = reply;
	else if (reply != NULL)
		freeReplyObject(reply);
	return ok;
}

static bool
authenticate(redisContext *context)
{
	const char *auth[3] = {"AUTH", it.url.user, it.password};
	const char *select[2] = {"SELECT", NULL};
	char number[16];

	if (it.password != NULL && it.url.user == NULL)
		auth[1] = it.password;
	if (it.password != NULL &&
	    !greet(context, it.url.user != NULL ? 3 : 2, auth, NULL))
		return false;
	if (it.url.database == 0)
		return true;
	(void)snprintf(number, sizeof number, "%d", it.url.database);
	select[1] = number;
	return greet(context, 2, select, NULL);
}

redisContext *
redis_connect_again(void)
{
	bool tries = it.patience == REDIS_TRIES;
	redisContext *context = redis_socket(it.url.host, it.url.port,
	    tries ? TRY_CONNECT_MS : CONNECT_MS,
	    tries ? TRY_GREETING_MS : ANSWER_MS, tries);

	if (context != NULL && authenticate(context))
		return context;
	if (context != NULL)
		redisFree(context);
	return NULL;
}

static bool
connect_now(void)
{
	redisContext *context = redis_connect_again();
	const char *info[] = {"INFO"};
	redisReply *reply = NULL;
	const char *text;

	if (context != NULL && !greet(context, 1, info, &reply)) {
		redisFree(context);
		context = NULL;
	}
	if (context == NULL)
		return false;
	text = reply_text(reply, "");
	if (redis_info_number(text, "\nloading:") == 1) {
		freeReplyObject(reply);
		redisFree(context);
		return false;
	}
	check_version(text);
	check_durability(context, text);
	it.server_since = clock_mono_ms() -
			  1000 * redis_info_number(text, "uptime_in_seconds:");
	freeReplyObject(reply);
	it.context = context;
	return it.patience != REDIS_TRIES ||
	       redis_socket_answer(context, TRY_ANSWER_MS);
}

/* ---- waiting for it */

/* A program that blocks SIGTERM is to end all the same. */
static void
check_signals(void)
{
	sigset_t pending;

	if (sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1)
		fatal(EX_TEMPFAIL,
		    "told to end while %s cannot be reached; what it holds "
		    "goes on when it is back",
		    redis_name());
}

static void
pause_for(int *pause_ms, const char *why)
{
	if (it.patience == REDIS_FAILS)
		fatal(EX_UNAVAILABLE, "%s: %.200s", redis_name(), why);
	if (!it.said_down)
		log_error("%s: %.200s; trying again until it can be used",
		    redis_name(), why);
	it.said_down = true;
	check_signals();
	(void)poll(NULL, 0, *pause_ms);
	*pause_ms *= 2;
	if (*pause_ms > PAUSE_MOST_MS)
		*pause_ms = PAUSE_MOST_MS;
}

/* For REDIS_TRIES: what a command has for a reply that cannot be run now. */
static redisReply *
nothing(const char *why)
{
	if (!it.down)
		it.try_at = clock_mono_ms() + TRY_AGAIN_MS;
	it.down = true;
	if (!it.said_down && why != NULL)
		log_error(
		    "%s: %.200s; trying again every second", redis_name(), why);
	it.said_down = it.said_down || why != NULL;
	return reply_nothing();
}

static void
recovered(void)
{
	it.down = false;
	if (it.said_down)
		log_warn("%s: is back", redis_name());
	it.said_down = false;
}

static bool
was_cut(const redisContext *context)
{
	return context->err == REDIS_ERR_EOF ||
	       (context->err == REDIS_ERR_IO &&
		   (errno == EPIPE || errno == ECONNRESET));
}

/* At most two tries, and none so soon after one that failed. */
static redisReply *
run_or_fail(int argc, const char **argv, const size_t *length)
{
	redisReply *reply = NULL;
	bool cut = true; /* the line, which says nothing of the server */

	if (it.down && clock_mono_ms() < it.try_at)
		return nothing(NULL);
	it.down = false;
	for (int i = 0; i < 2 && reply == NULL && cut; i++) {
		if (it.context == NULL && !connect_now())
			return nothing("cannot be reached");
		reply = redisCommandArgv(it.context, argc, argv, length);
		cut = reply == NULL && was_cut(it.context);
		if (reply == NULL)
			disconnect();
	}
	if (reply == NULL)
		return nothing("does not answer");
	if (!reply_is_passing(reply))
		return reply;
	freeReplyObject(reply);
	return nothing("cannot work now");
}

static redisReply *
run_patiently(int argc, const char **argv, const size_t *length)
{
	int pause_ms = PAUSE_FIRST_MS;

	for (;;) {
		redisReply *reply;

		if (it.context == NULL && !connect_now()) {
			pause_for(&pause_ms, "cannot be reached");
			continue;
		}
		reply = redisCommandArgv(it.context, argc, argv, length);
		if (reply == NULL) {
			disconnect();
			/* the line was cut: at once, then with pauses */
			if (!connect_now())
				pause_for(&pause_ms, "is gone");
			continue;
		}
		if (!reply_is_passing(reply))
			return reply;
		pause_for(&pause_ms, reply->str);
		freeReplyObject(reply);
	}
}

/* One command until it is answered; NOSCRIPT comes back as an error. */
static redisReply *
run(int argc, const char **argv, const size_t *length)
{
	redisReply *reply = it.patience == REDIS_TRIES
				? run_or_fail(argc, argv, length)
				: run_patiently(argc, argv, length);

	if (it.down)
		return reply;
	recovered();
	check_refusal(reply);
	if (reply->type == REDIS_REPLY_ERROR &&
	    !reply_is_error(reply, "NOSCRIPT"))
		fatal(EX_PROTOCOL, "%s: %s: %.400s", redis_name(), argv[0],
		    reply->str);
	return reply;
}

/* ---- commands */

static redisReply *
run_with(const char *const *before, size_t count, const struct redis_args *args)
{
	size_t total = count + args->count, start = 0;
	const char **argv = xcalloc(total + 1, sizeof *argv);
	size_t *length = xcalloc(total + 1, sizeof *length);
	redisReply *reply;

	for (size_t i = 0; i < count; i++) {
		argv[i] = before[i];
		length[i] = strlen(before[i]);
	}
	for (size_t i = 0; i < args->count; i++) {
		argv[count + i] = buf_string(&args->bytes) + start;
		length[count + i] = args->end[i] - start;
		start = args->end[i];
	}
	reply = run((int)total, argv, length);
	free(argv);
	free(length);
	return reply;
}

redisReply *
redis_run(const struct redis_args *args)
{
	return run_with(NULL, 0, args);
}

redisReply *
redis_words(const char *const *words)
{
	struct redis_args args = {.end = NULL};
	redisReply *reply;

	while (*words != NULL)
		redis_args_text(&args, *words++);
	reply = redis_run(&args);
	redis_args_free(&args);
	return reply;
}

static void
load_script(struct redis_script *script)
{
	char *text = xasprintf("%s%s", script->common, script->body);
	redisReply *reply = redis_command("SCRIPT", "LOAD", text);

	(void)snprintf(
	    script->sha, sizeof script->sha, "%s", reply_text(reply, ""));
	freeReplyObject(reply);
	free(text);
}

redisReply *
redis_eval(struct redis_script *script, const struct redis_args *args)
{
	redisReply *reply = NULL;

	/* a server that was started anew does not know it any more */
	for (;;) {
		const char *before[] = {"EVALSHA", script->sha, "0"};

		if (script->sha[0] != '\0')
			reply = run_with(before, 3, args);
		if (reply != NULL && !reply_is_error(reply, "NOSCRIPT"))
			return reply;
		if (reply != NULL)
			freeReplyObject(reply);
		reply = NULL;
		load_script(script);
		if (it.down)
			return nothing(NULL);
	}
}

bool
redis_sync(void)
{
	const redisContext *wrote = it.context;
	int pause_ms = PAUSE_FIRST_MS;

	/* a new connection wrote nothing, and would be told that all is well */
	while (it.can_wait && it.context == wrote) {
		redisReply *reply = redis_command("WAITAOF", "1", "0", SYNC_MS);
		bool synced = reply_int(reply_at(reply, 0), 0) >= 1;

		freeReplyObject(reply);
		if (it.context == wrote && synced)
			break;
		if (it.context == wrote)
			pause_for(&pause_ms,
			    "its disk has not taken the last writes");
	}
	return it.context == wrote;
}

redisReply *
redis_eval_synced(struct redis_script *script, const struct redis_args *args)
{
	redisReply *reply = redis_eval(script, args);

	while (!redis_sync()) {
		freeReplyObject(reply);
		reply = redis_eval(script, args);
	}
	return reply;
}

bool
redis_answers(void)
{
	if (it.used)
		freeReplyObject(redis_command("PING"));
	return !it.down;
}
