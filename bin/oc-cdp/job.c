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
	PROBE_MS = 2000, /* for a page to say that it lives */
	ALIVE_MS = 5000, /* and the browser */
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
