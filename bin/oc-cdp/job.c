#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "clock.h"
#include "file.h"
#include "job.h"
#include "json.h"
#include "log.h"
#include "turn.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	LOAD_MS = 15 * 1000,  /* until a page that loads is taken as it is */
	QUIET_MS = 1500,      /* for what a loaded page fetches by itself */
	LEFT_LEAST_MS = 1000, /* of the deadline, for what comes after */
	PROBE_MS = 2000,      /* for a page to say that it lives */
	ALIVE_MS = 5000,      /* and the browser */
};

struct job *
job_add(struct browser *browser, const char *session, const struct tool *tool,
    jv own_args, int out,
    void (*told)(void *arg, const struct job_result *result), void *arg)
{
	struct job *job = xcalloc(1, sizeof *job);

	job->context = context_of(browser, session);
	job->tool = tool;
	job->args = own_args;
	job->out = out;
	job->told = told;
	job->arg = arg;
	job->media = json_array();
	job->list = json_null();
	job->function_args = json_null();
	TAILQ_INSERT_TAIL(&job->context->waiting, job, link);
	browser_schedule(browser);
	return job;
}

int64_t
job_int(const struct job *job, const char *name, int64_t otherwise)
{
	return json_get_int(job->args, name, otherwise);
}

const char *
job_string(const struct job *job, const char *name)
{
	return json_get_string(job->args, name, "");
}

bool
job_bool(const struct job *job, const char *name)
{
	return json_get_bool(job->args, name, false);
}

int64_t
job_left(const struct job *job)
{
	int64_t left = job->deadline - clock_mono_ms();

	return left > 0 ? left : 0;
}

/* ---- the end */

static void
job_free(struct job *job)
{
	loop_stop_timer(&job->timer);
	loop_stop_timer(&job->wake);
	cdp_forget(job->context->browser->cdp, job);
	file_discard(job->file);
	buf_free(&job->text);
	jv_free(job->media);
	jv_free(job->list);
	jv_free(job->function_args);
	jv_free(job->args);
	free(job->object);
	free(job->frame_session);
	free(job);
}

/* What is said of the whole session, behind what is said of the call. */
static void
add_notes(struct job *job, struct buf *text)
{
	struct context *context = job->context;

	if (context->notes.length == 0)
		return;
	if (text->length > 0 && text->data[text->length - 1] != '\n')
		buf_add_byte(text, '\n');
	buf_add(text, context->notes.data, context->notes.length - 1);
	buf_clear(&context->notes);
}

static void
add_refusals(struct job *job)
{
	struct proxy *proxy = job->context->proxy;
	const char *reason =
	    proxy != NULL ? proxy_reason(proxy, job->refused_before, NULL, 0)
			  : NULL;

	if (reason != NULL)
		context_note(job->context, "refused to the page: %s", reason);
}

/* The text that is told: without cookies, and not too long. */
static void
make_text(struct job *job, struct buf *text)
{
	static const char cut[] = "\n[cut: the text is longer than this]";
	struct jar *jar = &job->context->browser->jar;
	struct buf repaired = {0};
	size_t most = TURN_OUTPUT_MAX - sizeof cut;

	if (job->context->with_cookies)
		cookies_scrub(&jar->cookies, text, buf_string(&job->text));
	else
		buf_add(text, buf_string(&job->text), job->text.length);
	utf8_repair(&repaired, buf_string(text), text->length);
	buf_free(text);
	*text = repaired;
	if (job->whole || text->length <= most)
		return;
	buf_truncate(text, utf8_floor(text->data, text->length, most));
	buf_add_string(text, cut);
}

static void
finish(struct job *job, bool ok)
{
	struct context *context = job->context;
	struct browser *browser = context->browser;
	struct buf text = {0};
	struct job_result result = {.ok = ok,
	    .denied = job->denied,
	    .timeout = job->timeout,
	    .media = job->media};

	if (job->started)
		context->running = NULL;
	else
		TAILQ_REMOVE(&context->waiting, job, link);
	add_refusals(job);
	for (int i = 0, n = json_length(context->files); i < n; i++)
		result.media =
		    json_append(result.media, json_at(context->files, i));
	job->media = result.media;
	jv_free(context->files);
	context->files = json_array();
	add_notes(job, &job->text);
	make_text(job, &text);
	result.text = buf_string(&text);
	result.written = job->file != NULL ? job->file->written : 0;
	if (ok) {
		file_free(job->file);
		job->file = NULL;
	}
	job->told(job->arg, &result);
	job_free(job);
	buf_free(&text);
	if (TAILQ_EMPTY(&context->waiting) &&
	    (context->closing || context->state != CONTEXT_READY)) {
		context_free(context);
	} else if (context->closing || context->state != CONTEXT_READY) {
		context->closing = false;
		context_close(context);
	} else {
		context_touch(context);
	}
	browser_schedule(browser);
}

void
job_done(struct job *job)
{
	finish(job, true);
}

void
job_fail(struct job *job, const char *format, ...)
{
	char *text;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		fatal(EX_OSERR, "out of memory (formatting)");
	va_end(ap);
	buf_clear(&job->text);
	buf_add_string(&job->text, text);
	free(text);
	finish(job, false);
}

void
job_stop(struct job *job, const char *why)
{
	if (job->started && job->page != NULL)
		cdp_tell(job->context->browser->cdp, job->page->session,
		    "Page.stopLoading", json_object());
	job_fail(job, "%s", why);
}

void
job_page_gone(struct job *job, const char *why)
{
	job_fail(job,
	    "%s; what this call did in it is unknown, and browser_open opens "
	    "it anew",
	    why);
}

/* ---- the deadline */

static void
on_alive(void *arg, const struct answer *answer)
{
	struct job *job = arg;
	struct browser *browser = job->context->browser;

	if (answer->kind == ANSWER_OK || answer->kind == ANSWER_ERROR)
		job_page_gone(
		    job, "the page did not answer in time and was closed");
	else
		browser_lost(browser, "the browser does not answer");
}

static void
on_probe(void *arg, const struct answer *answer)
{
	struct job *job = arg;

	if (answer->kind == ANSWER_OK || answer->kind == ANSWER_ERROR) {
		job_fail(job,
		    "not done within %lld s (browser.timeout_s), and given "
		    "up; the page is still open",
		    (long long)(job->context->browser->settings->timeout_ms /
				1000));
		return;
	}
	if (answer->kind == ANSWER_GONE)
		return; /* all jobs are told */
	/* it hangs; does the whole browser? */
	if (job->page != NULL)
		page_close(job->page);
	cdp_call(job->context->browser->cdp, NULL, "Browser.getVersion",
	    json_object(), ALIVE_MS, on_alive, job);
}

static void
on_deadline(void *arg)
{
	struct job *job = arg;
	struct cdp *cdp = job->context->browser->cdp;

	job->timeout = true;
	job->failing = true;
	job->settling = false;
	loop_stop_timer(&job->wake);
	cdp_forget(cdp, job);
	if (job->waits || job->page == NULL) {
		job_fail(job, "the browser was not ready within %lld s",
		    (long long)(job->context->browser->settings->timeout_ms /
				1000));
		return;
	}
	cdp_tell(cdp, job->page->session, "Runtime.terminateExecution",
	    json_object());
	cdp_tell(cdp, job->page->session, "Page.stopLoading", json_object());
	cdp_call(cdp, job->page->session, "Runtime.evaluate",
	    json_set_string(json_object(), "expression", "1"), PROBE_MS,
	    on_probe, job);
}

/* ---- the beginning */

void
job_start(struct job *job)
{
	struct browser *browser = job->context->browser;

	job->started = true;
	job->context->dialogs = 0;
	job->context->accept_dialogs = false;
	job->deadline = clock_mono_ms() + browser->settings->timeout_ms;
	loop_stop_timer(&job->context->idle);
	if (job->tool->need == NEEDS_NOTHING) {
		job->tool->begin(job);
		return;
	}
	loop_timer(browser->loop, &job->timer, browser->settings->timeout_ms,
	    on_deadline, job);
	job->waits = true;
	job_go_on(job, NULL);
}

void
job_go_on(struct job *job, const char *problem)
{
	struct context *context = job->context;
	struct browser *browser = context->browser;
	bool fresh = context->state == CONTEXT_READY &&
		     (!context->with_cookies ||
			 context->cookies_version == browser->jar.version);

	if (problem != NULL) {
		job->waits = false;
		job_fail(job, "%s", problem);
	} else if (browser->state != BROWSER_UP &&
		   job->tool->need == NEEDS_PAGE) {
		job_fail(job, "no page is open; browser_open opens one");
	} else if (browser->state != BROWSER_UP) {
		browser_want(browser);
	} else if (!job->looked_at_cookies || !fresh) {
		job->looked_at_cookies = true;
		context_make(context);
	} else if (context->page == NULL && job->tool->need == NEEDS_PAGE) {
		job_fail(job, "no page is open; browser_open opens one");
	} else if (context->page == NULL || (job->new_tab && !job->made_tab)) {
		job->made_tab = true;
		page_make(context);
	} else {
		job->waits = false;
		job->page = context->page;
		job->refused_before = proxy_refused(context->proxy);
		job->tool->begin(job);
	}
}

/* ---- questions */

static void
on_answer(void *arg, const struct answer *answer)
{
	struct job *job = arg;

	if (answer->kind == ANSWER_GONE)
		return; /* browser_lost tells it */
	if (job->next_try != NULL)
		job->next_try(job, answer);
	else if (answer->kind == ANSWER_OK)
		job->next(job, answer->result);
	else
		job_fail(job, "%s", answer->message);
}

static void
ask(struct job *job, const char *session, const char *method, jv own_params)
{
	enum { AFTER_MS = 60 * 1000 }; /* the job's own deadline comes first */

	if (job->page == NULL) {
		jv_free(own_params);
		job_fail(job, "the page is gone; browser_open opens one");
		return;
	}
	cdp_call(job->context->browser->cdp,
	    session != NULL ? session : job->page->session, method, own_params,
	    job_left(job) + AFTER_MS, on_answer, job);
}

void
job_call_in(struct job *job, const char *session, const char *method,
    jv own_params, void (*next)(struct job *job, jv ref_result))
{
	job->next = next;
	job->next_try = NULL;
	ask(job, session, method, own_params);
}

void
job_call(struct job *job, const char *method, jv own_params,
    void (*next)(struct job *job, jv ref_result))
{
	job_call_in(job, NULL, method, own_params, next);
}

void
job_try(struct job *job, const char *session, const char *method, jv own_params,
    void (*next)(struct job *job, const struct answer *answer))
{
	job->next_try = next;
	ask(job, session, method, own_params);
}

static void
on_wake(void *arg)
{
	struct job *job = arg;

	job->woken(job);
}

void
job_sleep(struct job *job, int64_t ms, void (*woken)(struct job *job))
{
	job->woken = woken;
	loop_timer(job->context->browser->loop, &job->wake, ms, on_wake, job);
}

/* ---- until the page has loaded */

/* A new tab is not there before it is set up. */
static bool
all_ready(const struct context *context)
{
	const struct page *page;

	for (page = TAILQ_FIRST(&context->pages); page != NULL;
	     page = TAILQ_NEXT(page, link))
		if (!page->ready)
			return false;
	return true;
}

static void
look(struct job *job)
{
	int64_t now = clock_mono_ms(), again = job->settle_until;
	struct page *page = job->context->page;
	bool loaded = page == NULL || !page->loading;

	if (job->context->downloading > 0 || !all_ready(job->context))
		loaded = false;
	if (!loaded)
		job->loaded_at = 0;
	else if (job->loaded_at == 0)
		job->loaded_at = now;
	if (now < job->settle_least)
		again = job->settle_least;
	else if (loaded && (page == NULL || page->quiet ||
			       now >= job->loaded_at + QUIET_MS))
		again = now;
	else if (loaded && job->loaded_at + QUIET_MS < again)
		again = job->loaded_at + QUIET_MS;
	if (again > now) {
		job_sleep(job, again - now, look);
		return;
	}
	loop_stop_timer(&job->wake);
	job->settling = false;
	job->settled(job);
}

void
job_settle(struct job *job, int64_t least_ms, void (*settled)(struct job *job))
{
	int64_t now = clock_mono_ms();

	job->settled = settled;
	job->settling = true;
	job->loaded_at = 0;
	job->settle_least = now + least_ms;
	job->settle_until = now + LOAD_MS;
	if (job->settle_until > job->deadline - LEFT_LEAST_MS)
		job->settle_until = job->deadline - LEFT_LEAST_MS;
	look(job);
}

void
job_look(struct job *job)
{
	/* from the loop: what is told here is in the middle of something */
	if (job->settling && !job->failing)
		job_sleep(job, 0, look);
}

/* ---- functions of ours in the page */

static void
on_value(struct job *job, const struct answer *answer)
{
	jv exception, result, value;

	if (answer->kind == ANSWER_ERROR && !job->world_again &&
	    job->page != NULL && strstr(answer->message, "context") != NULL) {
		/* the page went elsewhere a moment ago */
		job->world_again = true;
		job->page->world = 0;
		job_script(job, job->function, json_copy(job->function_args),
		    job->function_next);
		return;
	}
	job->world_again = false;
	if (answer->kind != ANSWER_OK) {
		job_fail(job, "%s", answer->message);
		return;
	}
	exception = json_get(answer->result, "exceptionDetails");
	result = json_get(answer->result, "result");
	value = json_get(result, "value");
	if (json_is_object(exception))
		job_fail(job, "the page cannot be asked: %s",
		    json_get_string(exception, "text", ""));
	else
		job->function_next(job, value);
	jv_free(value);
	jv_free(result);
	jv_free(exception);
}

static jv
as_arguments(jv ref_args)
{
	jv list = json_array();

	for (int i = 0, n = json_length(ref_args); i < n; i++)
		list = json_append(list,
		    json_set(json_object(), "value", json_at(ref_args, i)));
	return list;
}

static void
run_function(struct job *job)
{
	jv params =
	    json_set_int(json_object(), "executionContextId", job->page->world);

	params = json_set_string(params, "functionDeclaration", job->function);
	params =
	    json_set(params, "arguments", as_arguments(job->function_args));
	params = json_set_bool(params, "returnByValue", true);
	params = json_set_bool(params, "awaitPromise", true);
	job_try(job, NULL, "Runtime.callFunctionOn", params, on_value);
}

static void
on_world(struct job *job, jv ref_result)
{
	job->page->world = json_get_int(ref_result, "executionContextId", 0);
	run_function(job);
}

void
job_script(struct job *job, const char *function, jv own_args,
    void (*next)(struct job *job, jv ref_value))
{
	jv params;

	job->function = function;
	job->function_next = next;
	jv_free(job->function_args);
	job->function_args = own_args;
	if (job->page == NULL) {
		job_fail(job, "the page is gone; browser_open opens one");
		return;
	}
	if (job->page->world != 0) {
		run_function(job);
		return;
	}
	params = json_set_string(json_object(), "frameId", job->page->target);
	params = json_set_string(params, "worldName", "openclaw");
	job_call(job, "Page.createIsolatedWorld", params, on_world);
}

/* ---- what is told of the page */

/* Pages that nobody but we may show: the machine's own files, say. */
static bool
is_web(const char *url)
{
	static const char *const kinds[] = {
	    "http:", "https:", "about:", "data:", "blob:", "chrome-error:", ""};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strncmp(url, kinds[i], strlen(kinds[i])) == 0 &&
		    (*kinds[i] != '\0' || *url == '\0'))
			return true;
	return false;
}

bool
job_page_is_web(struct job *job)
{
	struct page *page = job->context->page;

	if (page == NULL || is_web(page->url))
		return true;
	page_close(page);
	job->denied = true;
	job_fail(job, "the page led to an address that is not of the web, and "
		      "was closed");
	return false;
}

static void
on_description(struct job *job, jv ref_value)
{
	struct page *page = job->context->page;

	buf_printf(&job->text, "\"%s\" at %s%s",
	    json_get_string(ref_value, "title", ""),
	    json_get_string(ref_value, "url", ""),
	    page != NULL && page->loading ? " (still loading)" : "");
	job_done(job);
}

void
job_done_with_page(struct job *job)
{
	static const char function[] =
	    "function () { return {title: String(document.title).slice(0, 300),"
	    " url: String(location.href).slice(0, 2000)}; }";
	struct page *page = job->context->page;

	if (page == NULL) {
		buf_add_string(&job->text, "closed; no page is open");
		job_done(job);
	} else if (page != job->page) {
		buf_printf(&job->text, "in tab %zu, which is current now: %s",
		    page_number(page), page->url);
		job_done(job);
	} else {
		job_script(job, function, json_array(), on_description);
	}
}
