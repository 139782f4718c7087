#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include "ask.h"
#include "buf.h"
#include "json.h"
#include "server.h"
#include "turn.h"
#include "upstream.h"
#include "xalloc.h"

enum {
	FIRST_TICK_S = 1, /* an error that comes earlier has its own status */
	TICK_S = 15,      /* proxies cut what is silent for half a minute */
};

struct ask {
	const struct asker *asker;
	struct request *request;
	char *id, *session;
	struct waiting *waiting;
	struct event *timer;
	struct buf said; /* of the step that goes on */
	bool any;        /* there was text before this step */
	const struct ask_calls *calls;
	void *arg;
};

static void
ask_free(struct ask *ask)
{
	void (*release)(void *arg) = ask->calls->release;
	void *arg = ask->arg;

	wait_cancel(ask->waiting);
	submit_forget(ask->asker->submit, ask);
	if (ask->timer != NULL)
		event_free(ask->timer);
	buf_free(&ask->said);
	free(ask->id);
	free(ask->session);
	free(ask);
	release(arg);
}

/* ---- text that grows */

static void
say(struct ask *ask, const char *text, size_t length)
{
	if (length == 0)
		return;
	if (ask->any && ask->said.length == 0)
		ask->calls->text("\n\n", 2, ask->arg);
	buf_add(&ask->said, text, length);
	ask->calls->text(text, length, ask->arg);
}

/* Another model, or another step, begins to speak. */
static void
next_speaker(struct ask *ask)
{
	ask->any = ask->any || ask->said.length != 0;
	buf_clear(&ask->said);
}

/* What of the reply was not said yet. */
static void
say_rest(struct ask *ask, jv ref_turn)
{
	jv reply;
	const char *text = upstream_reply(ref_turn, &reply);
	size_t length = strlen(text), said = ask->said.length;

	if (length >= said && memcmp(text, buf_string(&ask->said), said) == 0) {
		say(ask, text + said, length - said);
	} else {
		next_speaker(ask);
		say(ask, text, length);
	}
	jv_free(reply);
}

static void
on_event(jv ref_event, void *arg)
{
	struct ask *ask = arg;
	const char *event = json_get_string(ref_event, "event", "");

	if (strcmp(event, "text") == 0) {
		jv delta = json_get(ref_event, "delta");

		say(ask, json_as_string(delta, ""), json_string_length(delta));
		jv_free(delta);
	} else if (strcmp(event, "attempt") == 0) {
		next_speaker(ask);
	} else if (strncmp(event, "tool_", 5) == 0 &&
		   ask->calls->tool != NULL) {
		ask->calls->tool(ref_event, ask->arg);
	}
}

/* ---- its end */

static void
on_reply(jv ref_turn, void *arg)
{
	struct ask *ask = arg;
	struct upstream_error error;
	bool failed = upstream_error(ref_turn, &error);

	ask->waiting = NULL;
	request_on_gone(ask->request, NULL, NULL);
	if (ask->calls->text != NULL && !failed)
		say_rest(ask, ref_turn);
	ask->calls->done(ref_turn, ask->arg);
	ask_free(ask);
}

static void
on_safe(bool safe, void *arg)
{
	struct ask *ask = arg;

	if (safe)
		return;
	request_on_gone(ask->request, NULL, NULL);
	ask->calls->refused(ask->arg);
	ask_free(ask);
}

static void
on_gone(void *arg)
{
	struct ask *ask = arg;

	submit_stop(ask->asker->submit, ask->session, ask->id);
	ask_free(ask);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval interval = {.tv_sec = TICK_S};
	struct ask *ask = arg;

	(void)fd;
	(void)what;
	evtimer_add(ask->timer, &interval);
	ask->calls->tick(ask->arg);
}

void
ask_start(const struct asker *asker, struct request *request, jv own_turn,
    const struct ask_calls *calls, void *arg)
{
	static const struct timeval first = {.tv_sec = FIRST_TICK_S};
	struct ask *ask = xcalloc(1, sizeof *ask);
	jv to;

	ask->asker = asker;
	ask->request = request;
	ask->calls = calls;
	ask->arg = arg;
	ask->id = xstrdup(turn_id(own_turn));
	ask->session = xstrdup(turn_session(own_turn));
	/* no two requests are joined: each has an address of its own */
	to = json_set_string(json_object(), "request", ask->id);
	own_turn = json_set_string(own_turn, "channel", "http");
	own_turn = turn_complete(json_set(own_turn, "to", to), NULL);
	if (calls->tick != NULL) {
		ask->timer =
		    evtimer_new(server_base(asker->server), on_tick, ask);
		evtimer_add(ask->timer, &first);
	}
	ask->waiting = wait_reply(asker->wait, ask->id,
	    calls->text != NULL ? on_event : NULL, on_reply, ask);
	request_on_gone(request, on_gone, ask);
	submit_turn(asker->submit, own_turn, on_safe, ask);
}
