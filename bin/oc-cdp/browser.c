#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "browser.h"
#include "clock.h"
#include "job.h"
#include "json.h"
#include "log.h"
#include "utf8.h"

enum {
	PAUSE_FIRST_MS = 500,
	PAUSE_MOST_MS = 30 * 1000,
	/* a browser on a slow disk that starts for the first time */
	START_MS = 25 * 1000,
	SAID_MAX = 2048,
};

void
browser_init(
    struct browser *browser, struct loop *loop, struct settings *settings)
{
	struct cdp_hooks hooks = {.event = browser_event, .arg = browser};

	*browser = (struct browser){.loop = loop, .settings = settings};
	browser->launch =
	    (struct launch){.in = -1, .out = -1, .said = -1, .lock = -1};
	browser->resolver = resolver_new(loop);
	browser->cdp = cdp_new(loop, &hooks);
	jar_init(&browser->jar, settings->cookies);
	TAILQ_INIT(&browser->contexts);
	if (json_is_array(settings->command))
		launch_clean();
}

/* Takes everything down that makes the connection. */
static void
take_down(struct browser *browser, const char *why, bool gently)
{
	struct context *context;

	browser->state = BROWSER_DOWN;
	loop_stop_timer(&browser->idle);
	connect_cancel(browser->connect);
	browser->connect = NULL;
	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = TAILQ_NEXT(context, link))
		context_forget(context);
	cdp_close(browser->cdp, why);
	loop_unwatch(&browser->saying);
	if (browser->launch.directory != NULL)
		launch_end(&browser->launch, gently);
}

void
browser_free(struct browser *browser)
{
	struct context *context;

	take_down(browser, "", true);
	while ((context = TAILQ_FIRST(&browser->contexts)) != NULL)
		context_free(context);
	loop_stop_timer(&browser->pause);
	loop_stop_timer(&browser->next);
	cdp_free(browser->cdp);
	resolver_free(browser->resolver);
	jar_free(&browser->jar);
	buf_free(&browser->said);
}

/* ---- which jobs run */

/* The context that was not used for the longest time, with no job. */
static bool
make_room(struct browser *browser)
{
	struct context *context, *oldest = NULL;

	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = TAILQ_NEXT(context, link))
		if (context->state == CONTEXT_READY &&
		    context->running == NULL &&
		    TAILQ_EMPTY(&context->waiting) &&
		    (oldest == NULL || context->idle.at < oldest->idle.at))
			oldest = context;
	if (oldest == NULL)
		return false;
	context_free(oldest);
	return true;
}

static void
start_jobs(void *arg)
{
	struct browser *browser = arg;
	struct context *context;
	struct job *job;

again:
	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = TAILQ_NEXT(context, link)) {
		job = TAILQ_FIRST(&context->waiting);
		if (job == NULL || context->running != NULL)
			continue;
		if (context->state == CONTEXT_NEW &&
		    browser->context_count >= browser->settings->sessions &&
		    !make_room(browser))
			continue;
		if (context->state == CONTEXT_NEW) {
			context->state = CONTEXT_WANTED;
			browser->context_count++;
		}
		TAILQ_REMOVE(&context->waiting, job, link);
		context->running = job;
		job_start(job);
		goto again; /* anything may have changed */
	}
}

void
browser_schedule(struct browser *browser)
{
	if (browser->next.loop == NULL)
		loop_timer(
		    browser->loop, &browser->next, 0, start_jobs, browser);
}

/* Tells every job that waits for the browser. */
static void
tell_jobs(struct browser *browser, const char *problem)
{
	struct context *context, *next;

	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = next) {
		next = TAILQ_NEXT(context, link);
		if (context->running != NULL && context->running->waits)
			job_go_on(context->running, problem);
	}
}

/* ---- up and down */

/* Only for its time: who needs the browser sets it anew. */
static void
on_pause(void *arg)
{
	(void)arg;
}

static void
failed(struct browser *browser, const char *why)
{
	struct buf problem = {0}, said = {0};

	utf8_plain(&said, buf_string(&browser->said), browser->said.length);
	buf_printf(&problem, "the browser cannot be reached: %s%s%s", why,
	    said.length > 0 ? "; it said: " : "", buf_string(&said));
	take_down(browser, why, false);
	log_error("%s", buf_string(&problem));
	browser->pause_ms =
	    browser->pause_ms == 0 ? PAUSE_FIRST_MS : browser->pause_ms * 2;
	if (browser->pause_ms > PAUSE_MOST_MS)
		browser->pause_ms = PAUSE_MOST_MS;
	loop_timer(browser->loop, &browser->pause, browser->pause_ms, on_pause,
	    browser);
	tell_jobs(browser, buf_string(&problem));
	buf_free(&problem);
	buf_free(&said);
}

void
browser_lost(struct browser *browser, const char *why)
{
	struct context *context, *next;

	if (browser->state != BROWSER_UP) {
		failed(browser, why);
		return;
	}
	log_warn("%s; it is connected to anew when it is needed", why);
	take_down(browser, why, false);
	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = next) {
		next = TAILQ_NEXT(context, link);
		if (context->running != NULL)
			job_page_gone(context->running, why);
		else if (TAILQ_EMPTY(&context->waiting))
			context_free(context);
	}
	browser_schedule(browser);
}

static void
on_gone(void *arg, const char *why)
{
	browser_lost(arg, why);
}

static void
on_message(void *arg, const char *text, size_t length)
{
	struct browser *browser = arg;

	cdp_message(browser->cdp, text, length);
}

static void
on_version(void *arg, const struct answer *answer)
{
	struct browser *browser = arg;

	if (browser->state != BROWSER_STARTING)
		return;
	if (answer->kind != ANSWER_OK) {
		failed(browser, answer->message);
		return;
	}
	log_info("%s is there",
	    json_get_string(answer->result, "product", "the browser"));
	browser->state = BROWSER_UP;
	browser->pause_ms = 0;
	buf_clear(&browser->said);
	cdp_tell(browser->cdp, NULL, "Target.setDiscoverTargets",
	    json_set_bool(json_object(), "discover", true));
	tell_jobs(browser, NULL);
}

static void
opened(struct browser *browser, struct wire *wire)
{
	cdp_open(browser->cdp, wire);
	cdp_call(browser->cdp, NULL, "Browser.getVersion", json_object(),
	    START_MS, on_version, browser);
}

static void
on_connected(void *arg, const struct connected *result)
{
	struct browser *browser = arg;
	struct wire_hooks hooks = {
	    .message = on_message, .gone = on_gone, .arg = browser};

	browser->connect = NULL;
	if (result->fd < 0) {
		failed(browser, result->problem);
		return;
	}
	browser->own = result->own;
	browser->peer = result->peer;
	opened(browser, wire_of_websocket(browser->loop, result->fd,
			    result->first, result->length, &hooks));
}

/* What a browser says on standard error: its last words, for a failure. */
static void
on_saying(void *arg, short revents)
{
	struct browser *browser = arg;
	ssize_t n = buf_read(&browser->said, browser->launch.said, SAID_MAX);

	(void)revents;
	if (n == 0)
		loop_unwatch(&browser->saying);
	if (browser->state == BROWSER_UP)
		buf_clear(&browser->said);
	if (browser->said.length > SAID_MAX)
		buf_drop(&browser->said, browser->said.length - SAID_MAX);
}

static void
start(struct browser *browser)
{
	struct wire_hooks hooks = {
	    .message = on_message, .gone = on_gone, .arg = browser};
	struct launch *launch = &browser->launch;
	struct sockaddr_in loopback = {.sin_family = AF_INET};
	struct buf problem = {0};

	browser->state = BROWSER_STARTING;
	buf_clear(&browser->said);
	if (browser->settings->url != NULL) {
		browser->connect =
		    connect_start(browser->loop, browser->resolver,
			browser->settings->url, on_connected, browser);
		return;
	}
	if (!launch_start(launch, browser->settings->command, &problem)) {
		failed(browser, buf_string(&problem));
		buf_free(&problem);
		return;
	}
	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&browser->own, &loopback, sizeof loopback);
	memcpy(&browser->peer, &loopback, sizeof loopback);
	loop_watch(browser->loop, &browser->saying, launch->said, POLLIN,
	    on_saying, browser);
	opened(browser,
	    wire_of_pipes(browser->loop, launch->in, launch->out, &hooks));
	launch->in = launch->out = -1;
}

static void
on_pause_over(void *arg)
{
	struct browser *browser = arg;

	if (browser->state == BROWSER_DOWN)
		start(browser);
}

void
browser_want(struct browser *browser)
{
	int64_t wait = 0;

	loop_stop_timer(&browser->idle);
	if (browser->state != BROWSER_DOWN)
		return;
	if (browser->pause.loop != NULL && browser->pause_ms > 0) {
		wait = browser->pause.at - clock_mono_ms();
		loop_timer(browser->loop, &browser->pause, wait > 0 ? wait : 0,
		    on_pause_over, browser);
		return;
	}
	loop_timer(browser->loop, &browser->pause, 0, on_pause_over, browser);
}

static void
on_idle(void *arg)
{
	struct browser *browser = arg;

	if (browser->context_count > 0)
		return;
	log_info("the browser is not used and is closed");
	take_down(browser, "closed", true);
}

void
browser_rest(struct browser *browser)
{
	enum { REST_MS = 60 * 1000 };
	int64_t idle = browser->settings->idle_ms;

	if (browser->context_count == 0 && browser->state == BROWSER_UP)
		loop_timer(browser->loop, &browser->idle,
		    idle < REST_MS ? idle : REST_MS, on_idle, browser);
}
