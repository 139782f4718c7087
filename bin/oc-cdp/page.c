#include <stdlib.h>
#include <string.h>
#include "browser.h"
#include "job.h"
#include "json.h"
#include "xalloc.h"

enum {
	ASK_MS = 15 * 1000, /* for what the browser does by itself */
	PAGES_MAX = 8,      /* of one context; a page opens more in a loop */
	REFERENCES_MAX = 20000,
};

struct page *
page_of_session(struct browser *browser, const char *session)
{
	struct context *context;
	struct page *page;

	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = TAILQ_NEXT(context, link))
		for (page = TAILQ_FIRST(&context->pages); page != NULL;
		     page = TAILQ_NEXT(page, link))
			if (page->session != NULL &&
			    strcmp(page->session, session) == 0)
				return page;
	return NULL;
}

struct page *
page_of_target(struct browser *browser, const char *target)
{
	struct context *context;
	struct page *page;

	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = TAILQ_NEXT(context, link))
		for (page = TAILQ_FIRST(&context->pages); page != NULL;
		     page = TAILQ_NEXT(page, link))
			if (strcmp(page->target, target) == 0)
				return page;
	return NULL;
}

size_t
page_number(const struct page *page)
{
	struct page *one;
	size_t number = 1;

	for (one = TAILQ_FIRST(&page->context->pages); one != page;
	     one = TAILQ_NEXT(one, link))
		number++;
	return number;
}

/* ---- references */

void
page_drop_references(struct page *page)
{
	for (size_t i = 0; i < page->reference_count; i++)
		free(page->reference[i].session);
	free(page->reference);
	page->reference = NULL;
	page->reference_count = 0;
}

int64_t
page_reference(struct page *page, const char *session, int64_t backend)
{
	size_t i;

	for (i = 0; i < page->reference_count; i++)
		if (page->reference[i].backend == backend &&
		    strcmp(page->reference[i].session, session) == 0)
			return page->reference[i].number;
	if (i == REFERENCES_MAX)
		return 0;
	page->reference =
	    xreallocarray(page->reference, i + 1, sizeof *page->reference);
	page->reference[i] =
	    (struct reference){.number = ++page->context->last_reference,
		.backend = backend,
		.session = xstrdup(session)};
	return page->reference[page->reference_count++].number;
}

const struct reference *
page_find_reference(const struct page *page, int64_t number)
{
	for (size_t i = 0; i < page->reference_count; i++)
		if (page->reference[i].number == number)
			return &page->reference[i];
	return NULL;
}

/* ---- a page's life */

void
page_free(struct page *page)
{
	struct context *context = page->context;
	struct frame_target *frame;

	cdp_forget(context->browser->cdp, page);
	TAILQ_REMOVE(&context->pages, page, link);
	context->page_count--;
	if (context->page == page)
		context->page = TAILQ_LAST(&context->pages, page_list);
	if (context->running != NULL && context->running->page == page)
		context->running->page = NULL;
	while ((frame = TAILQ_FIRST(&page->frames)) != NULL) {
		TAILQ_REMOVE(&page->frames, frame, link);
		free(frame->target);
		free(frame->session);
		free(frame);
	}
	page_drop_references(page);
	free(page->target);
	free(page->session);
	free(page->url);
	free(page->title);
	free(page);
}

void
page_close(struct page *page)
{
	cdp_tell(page->context->browser->cdp, NULL, "Target.closeTarget",
	    json_set_string(json_object(), "targetId", page->target));
	page_free(page);
}

/* Set up: it is the current one from now on. */
static void
on_set_up(void *arg, const struct answer *answer)
{
	struct page *page = arg;
	struct context *context = page->context;
	struct job *job = context->running;

	if (answer->kind != ANSWER_OK) {
		page_free(page);
		if (job != NULL && job->waits)
			job_go_on(job, answer->message);
		return;
	}
	page->ready = true;
	context->page = page;
	if (job == NULL)
		return;
	if (job->waits)
		job_go_on(job, NULL);
	else
		job_look(job);
}

static void
set_up(struct page *page)
{
	/*
	 * WebRTC would go past the proxy in a browser that was not started
	 * with the flag against it.
	 */
	static const char no_webrtc[] =
	    "for (const n of ['RTCPeerConnection', "
	    "'webkitRTCPeerConnection', 'WebTransport']) "
	    "delete globalThis[n];";
	struct cdp *cdp = page->context->browser->cdp;
	jv attach = json_set_bool(json_object(), "autoAttach", true);

	attach = json_set_bool(attach, "waitForDebuggerOnStart", false);
	attach = json_set_bool(attach, "flatten", true);
	cdp_tell(cdp, page->session, "Target.setAutoAttach", attach);
	cdp_tell(cdp, page->session, "Page.addScriptToEvaluateOnNewDocument",
	    json_set_bool(json_set_string(json_object(), "source", no_webrtc),
		"runImmediately", true));
	cdp_tell(cdp, page->session, "Page.setLifecycleEventsEnabled",
	    json_set_bool(json_object(), "enabled", true));
	cdp_call(cdp, page->session, "Page.enable", json_object(), ASK_MS,
	    on_set_up, page);
}

static void
on_attached(void *arg, const struct answer *answer)
{
	struct page *page = arg;
	struct job *job = page->context->running;
	const char *session = json_get_string(answer->result, "sessionId", "");

	if (answer->kind == ANSWER_OK && *session != '\0') {
		page->session = xstrdup(session);
		set_up(page);
		return;
	}
	page_free(page);
	if (job != NULL && job->waits)
		job_go_on(job, answer->kind == ANSWER_OK
				   ? "the new tab cannot be used"
				   : answer->message);
}

static struct page *
page_new(struct context *context, const char *target)
{
	struct page *page = xcalloc(1, sizeof *page);
	jv params = json_set_string(json_object(), "targetId", target);

	page->context = context;
	page->target = xstrdup(target);
	page->url = xstrdup("about:blank");
	page->title = xstrdup("");
	TAILQ_INIT(&page->frames);
	TAILQ_INSERT_TAIL(&context->pages, page, link);
	context->page_count++;
	cdp_call(context->browser->cdp, NULL, "Target.attachToTarget",
	    json_set_bool(params, "flatten", true), ASK_MS, on_attached, page);
	return page;
}

void
page_adopt(struct context *context, const char *target)
{
	if (page_of_target(context->browser, target) != NULL)
		return;
	if (context->page_count < PAGES_MAX) {
		page_new(context, target);
		return;
	}
	context_note(context,
	    "the page wanted to open another tab; at most "
	    "%d are kept open",
	    PAGES_MAX);
	cdp_tell(context->browser->cdp, NULL, "Target.closeTarget",
	    json_set_string(json_object(), "targetId", target));
}

static void
on_target(void *arg, const struct answer *answer)
{
	struct context *context = arg;
	const char *target = json_get_string(answer->result, "targetId", "");
	struct job *job = context->running;

	if (answer->kind == ANSWER_OK && *target != '\0')
		page_adopt(context, target);
	else if (job != NULL && job->waits)
		job_go_on(job, answer->kind == ANSWER_OK
				   ? "no tab can be opened"
				   : answer->message);
}

void
page_make(struct context *context)
{
	struct page *first = TAILQ_FIRST(&context->pages);
	jv params = json_set_string(json_object(), "url", "about:blank");

	if (context->page_count >= PAGES_MAX && first != NULL)
		page_close(first);
	cdp_call(context->browser->cdp, NULL, "Target.createTarget",
	    json_set_string(params, "browserContextId", context->id), ASK_MS,
	    on_target, context);
}
