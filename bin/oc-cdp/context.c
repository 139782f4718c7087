#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include "browser.h"
#include "job.h"
#include "json.h"
#include "log.h"
#include "xalloc.h"

enum {
	ASK_MS = 15 * 1000, /* for what the browser does by itself */
	NOTES_MAX = 8 * 1024,
};

struct context *
context_find(struct browser *browser, const char *session)
{
	struct context *context;

	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = TAILQ_NEXT(context, link))
		if (strcmp(context->session, session) == 0)
			return context;
	return NULL;
}

struct context *
context_of(struct browser *browser, const char *session)
{
	struct context *context = context_find(browser, session);

	if (context != NULL)
		return context;
	context = xcalloc(1, sizeof *context);
	context->browser = browser;
	context->session = xstrdup(session);
	context->files = json_array();
	TAILQ_INIT(&context->pages);
	TAILQ_INIT(&context->waiting);
	TAILQ_INIT(&context->downloads);
	TAILQ_INSERT_TAIL(&browser->contexts, context, link);
	return context;
}

void
context_note(struct context *context, const char *format, ...)
{
	char *text;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		fatal(EX_OSERR, "out of memory (formatting)");
	va_end(ap);
	if (context->notes.length < NOTES_MAX)
		buf_printf(&context->notes, "[%s]\n", text);
	free(text);
}

/* ---- into the browser */

static void
go_on(struct context *context, const char *problem)
{
	if (context->running != NULL && context->running->waits)
		job_go_on(context->running, problem);
}

static void
on_cookies(void *arg, const struct answer *answer)
{
	struct context *context = arg;

	if (answer->kind == ANSWER_ERROR)
		log_warn("the browser does not take the cookies of %s: %s",
		    context->browser->settings->cookies, answer->message);
	context->state = CONTEXT_READY;
	go_on(context, NULL);
}

/* Puts the cookies in that are for it; then it is ready. */
static void
add_cookies(struct context *context)
{
	struct browser *browser = context->browser;
	jv params = json_object(), cookies;

	context->cookies_version = browser->jar.version;
	cookies = cookies_usable(&browser->jar.cookies,
	    browser->settings->cookies_domains, (int64_t)time(NULL));
	params = json_set(params, "cookies", cookies);
	params = json_set_string(params, "browserContextId", context->id);
	cdp_call(browser->cdp, NULL, "Storage.setCookies", params, ASK_MS,
	    on_cookies, context);
}

static void
set_downloads(struct context *context)
{
	struct browser *browser = context->browser;
	char *directory = download_directory(browser);
	jv params =
	    json_set_string(json_object(), "browserContextId", context->id);

	params = json_set_string(
	    params, "behavior", directory != NULL ? "allowAndName" : "deny");
	if (directory != NULL)
		params = json_set_string(params, "downloadPath", directory);
	params = json_set_bool(params, "eventsEnabled", true);
	cdp_tell(browser->cdp, NULL, "Browser.setDownloadBehavior", params);
	free(directory);
}

static void
on_made(void *arg, const struct answer *answer)
{
	struct context *context = arg;
	const char *id =
	    json_get_string(answer->result, "browserContextId", "");

	if (answer->kind != ANSWER_OK || *id == '\0') {
		context->state = CONTEXT_WANTED;
		go_on(context, answer->kind == ANSWER_OK
				   ? "the browser makes no context"
				   : answer->message);
		return;
	}
	context->id = xstrdup(id);
	set_downloads(context);
	if (context->with_cookies) {
		add_cookies(context);
		return;
	}
	context->state = CONTEXT_READY;
	go_on(context, NULL);
}

void
context_make(struct context *context)
{
	struct browser *browser = context->browser;
	struct proxy_setup setup = {.loop = browser->loop,
	    .resolver = browser->resolver,
	    .allow = &browser->settings->allow,
	    .listen = browser->own,
	    .peer = browser->peer};
	jv params;

	jar_refresh(&browser->jar);
	if (context->state == CONTEXT_READY) {
		if (context->with_cookies &&
		    context->cookies_version != browser->jar.version)
			add_cookies(context);
		else
			go_on(context, NULL);
		return;
	}
	proxy_clear_port(&setup.listen);
	context->proxy = proxy_new(&setup);
	if (context->proxy == NULL) {
		log_error("no proxy for the browser can be listened on: %s",
		    strerror(errno));
		go_on(context, "no proxy can be opened for its pages");
		return;
	}
	context->state = CONTEXT_MAKING;
	params = json_set_bool(json_object(), "disposeOnDetach", true);
	params =
	    json_set_string(params, "proxyServer", proxy_url(context->proxy));
	params = json_set_string(params, "proxyBypassList", "<-loopback>");
	cdp_call(browser->cdp, NULL, "Target.createBrowserContext", params,
	    ASK_MS, on_made, context);
}

/* ---- out of it */

void
context_forget(struct context *context)
{
	struct page *page;

	cdp_forget(context->browser->cdp, context);
	while ((page = TAILQ_FIRST(&context->pages)) != NULL)
		page_free(page);
	download_forget_all(context);
	proxy_free(context->proxy);
	context->proxy = NULL;
	free(context->id);
	context->id = NULL;
	loop_stop_timer(&context->idle);
	if (context->state == CONTEXT_NEW)
		return;
	context->state =
	    context->running != NULL ? CONTEXT_WANTED : CONTEXT_NEW;
	if (context->state == CONTEXT_NEW)
		context->browser->context_count--;
}

void
context_close(struct context *context)
{
	struct browser *browser = context->browser;

	if (context->id != NULL)
		cdp_tell(browser->cdp, NULL, "Target.disposeBrowserContext",
		    json_set_string(
			json_object(), "browserContextId", context->id));
	context_forget(context);
	browser_rest(browser);
	browser_schedule(browser);
}

void
context_free(struct context *context)
{
	context_close(context);
	TAILQ_REMOVE(&context->browser->contexts, context, link);
	buf_free(&context->notes);
	jv_free(context->files);
	free(context->session);
	free(context);
}

static void
on_idle(void *arg)
{
	struct context *context = arg;

	if (context->running != NULL)
		return;
	log_debug("session %s: its pages were not used and are closed",
	    context->session);
	if (TAILQ_EMPTY(&context->waiting))
		context_free(context);
}

void
context_touch(struct context *context)
{
	loop_timer(context->browser->loop, &context->idle,
	    context->browser->settings->idle_ms, on_idle, context);
}
