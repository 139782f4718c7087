#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/event.h>
#include "clock.h"
#include "finished.h"
#include "hook_post.h"
#include "json.h"
#include "turn.h"
#include "xalloc.h"

enum {
	LOOK_MS = 250, /* between two looks into the archive */
	QUEUED_S = 30, /* of waiting in the queue, beside the turn's time */
};

/* One that is not answered yet. */
struct posting {
	TAILQ_ENTRY(posting) entry;
	struct hook_poster *poster;
	struct request *request;
	char *id;
	bool wait; /* to be answered when it is finished */
	struct waiting *waiting;
	struct event *timer; /* looks whether it is finished; NULL: not yet */
	int64_t until;
};

struct hook_poster {
	struct server *server;
	struct submit *submit;
	struct wait *wait;
	TAILQ_HEAD(posting_list, posting) postings;
};

static void
forget(struct posting *posting)
{
	struct hook_poster *poster = posting->poster;

	TAILQ_REMOVE(&poster->postings, posting, entry);
	submit_forget(poster->submit, posting);
	wait_cancel(posting->waiting);
	if (posting->timer != NULL)
		event_free(posting->timer);
	free(posting->id);
	free(posting);
}

/* The turn goes on: a hook is not a person who looks at a screen. */
static void
on_gone(void *arg)
{
	forget(arg);
}

static void
answer(struct posting *posting, int status, jv own_body)
{
	struct request *request = posting->request;

	own_body = json_set_string(own_body, "runId", posting->id);
	request_on_gone(request, NULL, NULL);
	forget(posting);
	request_answer(request, status, own_body);
}

static jv
make_error(const char *type, const char *message)
{
	jv error = json_set_string(json_object(), "message", message);
	jv body = json_set_bool(json_object(), "ok", false);

	error = json_set_string(error, "type", type);
	return json_set(body, "error", error);
}

/* It is finished: {"ok","status","result"}. */
static void
answer_finished(struct posting *posting, jv ref_turn)
{
	jv reply = json_get(ref_turn, "reply"), error, body, result;
	bool ok;

	if (json_is_string(reply))
		reply = json_set(json_object(), "text", reply);
	error = json_get(ref_turn, "error");
	ok = json_is_null(error);
	result = json_set(json_object(), "text", json_get(reply, "text"));
	if (json_has(reply, "media"))
		result = json_set(result, "media", json_get(reply, "media"));
	body = ok ? json_set_bool(json_object(), "ok", true)
		  : make_error("api_error",
			json_get_string(error, "message", "it failed"));
	body = json_set_string(body, "status", ok ? "ok" : "error");
	body = json_set(body, "result", result);
	jv_free(reply);
	jv_free(error);
	answer(posting, ok ? 200 : 500, body);
}

static void
on_reply(jv ref_turn, void *arg)
{
	struct posting *posting = arg;

	posting->waiting = NULL;
	answer_finished(posting, ref_turn);
}

/*
 * A reply that goes to Telegram does not come by here, nor does one that came
 * before we were started anew: the archive has them.
 */
static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct posting *posting = arg;
	jv turn, body;

	(void)fd;
	(void)what;
	if (finished_find(posting->id, &turn)) {
		answer_finished(posting, turn);
		jv_free(turn);
	} else if (clock_mono_ms() >= posting->until) {
		body = make_error("timeout",
		    "it is not finished yet, and goes on; ask again with the "
		    "same idempotencyKey");
		answer(
		    posting, 504, json_set_string(body, "status", "timeout"));
	}
}

static void
on_safe(bool safe, void *arg)
{
	static const struct timeval often = {.tv_usec = LOOK_MS * 1000};
	struct posting *posting = arg;
	jv body;

	if (!safe) {
		request_set_header(posting->request, "Retry-After", "5");
		body = make_error("api_error",
		    "it could not be put on disk in time (is it full?); "
		    "nothing was accepted, try again later");
		answer(posting, 503, body);
	} else if (!posting->wait) {
		answer(posting, 200, json_set_bool(json_object(), "ok", true));
	} else {
		posting->timer = event_new(server_base(posting->poster->server),
		    -1, EV_TIMEOUT | EV_PERSIST, on_look, posting);
		event_add(posting->timer, &often);
		event_active(posting->timer, EV_TIMEOUT, 0);
	}
}

void
hook_post(struct hook_poster *poster, struct request *request, jv own_turn,
    bool keyed, bool wait)
{
	struct posting *posting = xcalloc(1, sizeof *posting);
	int64_t seconds = json_get_int(own_turn, "timeout_s",
	    config_int(server_config(poster->server), "limits.turn_s"));
	bool here =
	    strcmp(json_get_string(own_turn, "channel", ""), "http") == 0;

	*posting = (struct posting){.poster = poster,
	    .request = request,
	    .id = xstrdup(turn_id(own_turn)),
	    .wait = wait,
	    .until = clock_mono_ms() + (seconds + QUEUED_S) * 1000};
	TAILQ_INSERT_TAIL(&poster->postings, posting, entry);
	request_on_gone(request, on_gone, posting);
	if (wait && here)
		posting->waiting = wait_reply(
		    poster->wait, posting->id, NULL, on_reply, posting);
	if (keyed)
		submit_keyed(poster->submit, own_turn, on_safe, posting);
	else
		submit_turn(poster->submit, own_turn, on_safe, posting);
}

struct hook_poster *
hook_poster_new(struct server *server, struct submit *submit, struct wait *wait)
{
	struct hook_poster *poster = xcalloc(1, sizeof *poster);

	poster->server = server;
	poster->submit = submit;
	poster->wait = wait;
	TAILQ_INIT(&poster->postings);
	return poster;
}

void
hook_poster_free(struct hook_poster *poster)
{
	if (poster == NULL)
		return;
	while (!TAILQ_EMPTY(&poster->postings))
		forget(TAILQ_FIRST(&poster->postings));
	free(poster);
}
