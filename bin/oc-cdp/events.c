#include <stdlib.h>
#include <string.h>
#include "browser.h"
#include "job.h"
#include "json.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	DIALOGS_MAX = 20,   /* in one job; then the page is in a loop */
	DIALOG_SHOWN = 300, /* bytes of its text */
};

static struct context *
context_of_id(struct browser *browser, const char *id)
{
	struct context *context;

	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = TAILQ_NEXT(context, link))
		if (context->id != NULL && strcmp(context->id, id) == 0)
			return context;
	return NULL;
}

/* ---- targets */

static void
set_text(char **text, const char *to, size_t most)
{
	free(*text);
	*text = xstrndup(to, utf8_floor(to, strlen(to), most));
}

static void
target_changed(struct browser *browser, jv ref_params, bool created)
{
	jv info = json_get(ref_params, "targetInfo");
	const char *target = json_get_string(info, "targetId", "");
	struct context *context = context_of_id(
	    browser, json_get_string(info, "browserContextId", ""));
	struct page *page = page_of_target(browser, target);

	if (page != NULL) {
		set_text(&page->url, json_get_string(info, "url", ""), 2000);
		set_text(&page->title, json_get_string(info, "title", ""), 300);
	} else if (created && context != NULL && *target != '\0' &&
		   context->state == CONTEXT_READY &&
		   strcmp(json_get_string(info, "type", ""), "page") == 0) {
		page_adopt(context, target);
	}
	jv_free(info);
}

/* A page that is gone, by itself or because its process is. */
static void
target_gone(struct browser *browser, jv ref_params, const char *why)
{
	struct page *page = page_of_target(
	    browser, json_get_string(ref_params, "targetId", ""));
	struct context *context;
	bool concerned;

	if (page == NULL)
		return;
	context = page->context;
	concerned = context->running != NULL && context->running->page == page;
	page_close(page);
	if (concerned)
		job_page_gone(context->running, why);
}

static void
frame_attached(struct page *page, jv ref_params)
{
	jv info = json_get(ref_params, "targetInfo");
	const char *session = json_get_string(ref_params, "sessionId", "");
	struct frame_target *frame;

	if (strcmp(json_get_string(info, "type", ""), "iframe") == 0 &&
	    *session != '\0') {
		frame = xcalloc(1, sizeof *frame);
		frame->session = xstrdup(session);
		frame->target = xstrdup(json_get_string(info, "targetId", ""));
		TAILQ_INSERT_TAIL(&page->frames, frame, link);
	}
	jv_free(info);
}

static void
frame_detached(struct page *page, jv ref_params)
{
	const char *session = json_get_string(ref_params, "sessionId", "");
	struct frame_target *frame;

	for (frame = TAILQ_FIRST(&page->frames); frame != NULL;
	     frame = TAILQ_NEXT(frame, link))
		if (strcmp(frame->session, session) == 0)
			break;
	if (frame == NULL)
		return;
	TAILQ_REMOVE(&page->frames, frame, link);
	free(frame->session);
	free(frame->target);
	free(frame);
}

/* ---- pages */

static void
on_dialog(struct page *page, jv ref_params)
{
	struct context *context = page->context;
	const char *type = json_get_string(ref_params, "type", "");
	const char *text = json_get_string(ref_params, "message", "");
	bool accept = context->accept_dialogs || strcmp(type, "alert") == 0 ||
		      strcmp(type, "beforeunload") == 0;
	struct buf shown = {0};
	jv params = json_set_bool(json_object(), "accept", accept);

	cdp_tell(context->browser->cdp, page->session,
	    "Page.handleJavaScriptDialog", params);
	context->dialogs++;
	if (context->dialogs > DIALOGS_MAX) {
		if (context->running != NULL &&
		    context->running->page == page) {
			page_close(page);
			job_page_gone(context->running,
			    "the page opens dialogs without end and was "
			    "closed");
		} else {
			page_close(page);
		}
		return;
	}
	utf8_plain(&shown, text, utf8_floor(text, strlen(text), DIALOG_SHOWN));
	context_note(context, "dialog %s, %s: %s", type,
	    accept ? "accepted" : "dismissed", buf_string(&shown));
	buf_free(&shown);
}

static void
lifecycle(struct page *page, const char *name)
{
	if (strcmp(name, "init") == 0)
		page->quiet = false;
	else if (strcmp(name, "networkAlmostIdle") == 0)
		page->quiet = true;
}

static void
page_event(struct page *page, const char *method, jv ref_params)
{
	const char *frame = json_get_string(ref_params, "frameId", "");
	bool main = strcmp(frame, page->target) == 0;
	jv navigated;

	if (strcmp(method, "Page.javascriptDialogOpening") == 0) {
		on_dialog(page, ref_params);
		return;
	}
	if (strcmp(method, "Page.frameStartedLoading") == 0 && main) {
		page->loading = true;
		page->quiet = false;
	} else if (strcmp(method, "Page.frameStoppedLoading") == 0 && main) {
		page->loading = false;
	} else if (strcmp(method, "Page.lifecycleEvent") == 0 && main) {
		lifecycle(page, json_get_string(ref_params, "name", ""));
	} else if (strcmp(method, "Page.frameNavigated") == 0) {
		navigated = json_get(ref_params, "frame");
		if (!json_has(navigated, "parentId")) {
			page_drop_references(page);
			page->world = 0;
		}
		jv_free(navigated);
	} else if (strcmp(method, "Target.attachedToTarget") == 0) {
		frame_attached(page, ref_params);
	} else if (strcmp(method, "Target.detachedFromTarget") == 0) {
		frame_detached(page, ref_params);
	}
	if (page->context->running != NULL)
		job_look(page->context->running);
}

static void
download_will_begin(struct browser *browser, jv ref_params)
{
	const char *frame = json_get_string(ref_params, "frameId", "");
	struct page *page = page_of_target(browser, frame);
	struct context *context, *only = NULL;

	if (page != NULL) {
		download_begin(page->context, ref_params);
		return;
	}
	/* of a frame inside: whoever works now has asked for it */
	for (context = TAILQ_FIRST(&browser->contexts); context != NULL;
	     context = TAILQ_NEXT(context, link)) {
		if (context->running == NULL)
			continue;
		if (only != NULL)
			return; /* two do: nobody gets what may be another's */
		only = context;
	}
	if (only != NULL)
		download_begin(only, ref_params);
}

void
browser_event(void *arg, const char *session, const char *method, jv ref_params)
{
	struct browser *browser = arg;
	struct page *page;

	if (*session != '\0') {
		page = page_of_session(browser, session);
		if (page != NULL)
			page_event(page, method, ref_params);
	} else if (strcmp(method, "Target.targetCreated") == 0) {
		target_changed(browser, ref_params, true);
	} else if (strcmp(method, "Target.targetInfoChanged") == 0) {
		target_changed(browser, ref_params, false);
	} else if (strcmp(method, "Target.targetDestroyed") == 0) {
		target_gone(browser, ref_params, "the page closed itself");
	} else if (strcmp(method, "Target.targetCrashed") == 0) {
		target_gone(browser, ref_params,
		    "the page crashed, most likely because it needed too much "
		    "memory, and was closed");
	} else if (strcmp(method, "Browser.downloadWillBegin") == 0) {
		download_will_begin(browser, ref_params);
	} else if (strcmp(method, "Browser.downloadProgress") == 0) {
		download_progress(browser, ref_params);
	}
}
