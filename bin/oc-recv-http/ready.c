#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "json.h"
#include "ready.h"
#include "redis.h"
#include "state.h"
#include "survey.h"
#include "xalloc.h"

enum {
	POLL_OLD_S = 120,   /* a poll lasts at most 50 s */
	PUT_SLOW_MS = 3000, /* a sync takes milliseconds */
	RESTARTS_MANY = 3,
	STEADY_S = 10, /* a chain that ran so long does not keep failing */
};

static jv
add(jv own_failing, const char *check, char *own_message)
{
	jv one = json_set_string(json_object(), "check", check);

	one = json_set_string(one, "message", own_message);
	free(own_message);
	return json_append(own_failing, one);
}

static jv
check_poll(
    jv own_failing, const struct config *config, jv ref_chains, int64_t started)
{
	jv hook = config_get(config, "channels.telegram.webhook.url");
	jv state = json_path(ref_chains, "receive.state");
	jv telegram = survey_telegram();
	int64_t up_s = (clock_mono_ms() - started) / 1000;
	int64_t polled_s = json_get_int(telegram, "polled_s", up_s);
	const char *doing = json_as_string(state, "");
	bool polls =
	    config_bool(config, "channels.telegram.enabled") &&
	    json_is_null(hook) &&
	    (strcmp(doing, "running") == 0 || strcmp(doing, "waiting") == 0);

	/* what an earlier gateway left says nothing yet */
	if (polls && polled_s > POLL_OLD_S && up_s > POLL_OLD_S)
		own_failing = add(own_failing, "telegram",
		    xasprintf("no poll was answered for %" PRId64 " s: %s",
			polled_s,
			json_get_string(
			    telegram, "failure", "no reason told")));
	jv_free(telegram);
	jv_free(state);
	jv_free(hook);
	return own_failing;
}

static bool
keeps_failing(jv ref_chain)
{
	const char *state = json_get_string(ref_chain, "state", "");
	int64_t ran_s =
	    clock_now_ms() / 1000 - json_get_int(ref_chain, "since", 0);

	if (strcmp(state, "failed") == 0 || strcmp(state, "waiting") == 0)
		return true;
	return strcmp(state, "running") == 0 &&
	       json_get_int(ref_chain, "restarts", 0) >= RESTARTS_MANY &&
	       ran_s < STEADY_S;
}

static jv
check_chains(jv own_failing, jv ref_chains)
{
	struct json_iter iter = {0};
	const char *chain;
	jv one;

	while (json_next(&iter, ref_chains, &chain, &one)) {
		const char *role =
		    strcmp(chain, "agent") == 0 ? "node" : "gateway";

		/* what was left by one that is gone does not count */
		if (strcmp(chain, "api") != 0 && keeps_failing(one) &&
		    survey_role_runs(role))
			own_failing = add(own_failing, chain,
			    xasprintf("the chain %s keeps failing: %s (%s)",
				chain, json_get_string(one, "why", ""),
				json_get_string(one, "last", "")));
		jv_free(one);
	}
	return own_failing;
}

static jv
check_disk(jv own_failing)
{
	char text[SURVEY_AGE_SIZE];
	jv disk = survey_disk();
	int64_t left = json_get_int(disk, "free_bytes", INT64_MAX);

	jv_free(disk);
	if (left >= SURVEY_DISK_LOW)
		return own_failing;
	return add(own_failing, "disk",
	    xasprintf("%s are left for the state", survey_bytes(left, text)));
}

/* Whether a message could be kept: a file can be made where they are. */
static jv
check_spool(jv own_failing, const struct submit *submit)
{
	int64_t since, now = clock_mono_ms();
	size_t waiting = submit_waiting(submit, &since);
	char *path = state_path("in/tmp/.ready-%d", (int)getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	/* the directory is made by the first message */
	if (fd < 0 && errno != ENOENT)
		own_failing = add(own_failing, "spool",
		    xasprintf("no message can be kept: %s", strerror(errno)));
	else if (waiting != 0 && now - since > PUT_SLOW_MS)
		own_failing = add(own_failing, "spool",
		    xasprintf("%zu messages wait to be safe on disk, since "
			      "%" PRId64 " ms",
			waiting, now - since));
	if (fd >= 0) {
		close(fd);
		(void)unlink(path);
	}
	free(path);
	return own_failing;
}

/* The server that all share.  What needs it is refused meanwhile. */
static jv
check_redis(jv own_failing)
{
	if (redis_answers())
		return own_failing;
	return add(own_failing, "redis", xstrdup("redis: not reachable"));
}

jv
ready_failing(
    const struct config *config, const struct submit *submit, int64_t started)
{
	jv failing = json_array(), chains = survey_chains();

	failing = check_redis(failing);
	failing = check_poll(failing, config, chains, started);
	failing = check_chains(failing, chains);
	failing = check_disk(failing);
	failing = check_spool(failing, submit);
	jv_free(chains);
	return failing;
}
