/* Getting to pages: browser_open, browser_back, browser_tabs, browser_close. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "json.h"
#include "log.h"
#include "tools.h"
#include "url.h"

/* ---- browser_open */

/* What Chromium's words mean, where they do not say it by themselves. */
static const char *
explain(const char *error)
{
	static const struct {
		const char *part, *words;
	} known[] = {
	    {"ERR_CERT", "the certificate of the site is not valid"},
	    {"ERR_SSL", "no secure connection to the site can be made"},
	    {"ERR_TOO_MANY_REDIRECTS", "it redirects without end"},
	    {"ERR_TUNNEL_CONNECTION_FAILED",
		"the site cannot be reached: its name has no address, or "
		"nothing answers there"},
	    {"ERR_PROXY_CONNECTION_FAILED",
		"the browser does not reach the proxy of oc-cdp, which lets "
		"it out; both must share a network (see oc-cdp(1))"},
	    {"ERR_EMPTY_RESPONSE", "the site answers nothing"},
	    {"ERR_UNSAFE_PORT", "the browser does not use this port"},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strstr(error, known[i].part) != NULL)
			return known[i].words;
	return "it cannot be opened";
}

/* Whether our proxy refused what the page's own address leads to. */
static bool
was_refused(struct job *job, const char *url)
{
	struct context *context = job->context;
	const char *reason;
	char host[256];
	uint16_t port;

	if (context->proxy == NULL || !url_host(url, host, &port))
		return false;
	reason = proxy_reason(context->proxy, job->refused_before, host, port);
	if (reason == NULL)
		return false;
	job->denied = true;
	job->refused_before = proxy_refused(context->proxy);
	job_fail(job, "%s", reason);
	return true;
}

static void
on_opened(struct job *job, jv ref_value)
{
	int64_t status = json_get_int(ref_value, "status", 0);
	const char *url = json_get_string(ref_value, "url", "");

	buf_printf(&job->text, "opened \"%s\" at %s",
	    json_get_string(ref_value, "title", ""), url);
	if (status >= 400)
		buf_printf(&job->text, ", HTTP status %lld", (long long)status);
	if (job->page != NULL && job->page->loading)
		buf_add_string(&job->text, ", still loading");
	if (status >= 400) {
		char *text = buf_take(&job->text);

		job_fail(job, "%s", text);
		free(text);
		return;
	}
	job_done(job);
}

static void
after_load(struct job *job)
{
	static const char function[] =
	    "function () {"
	    "  const n = performance.getEntriesByType('navigation')[0];"
	    "  return {title: String(document.title).slice(0, 300),"
	    "    url: String(location.href).slice(0, 2000),"
	    "    status: n && n.responseStatus || 0}; }";

	if (!job_page_is_web(job))
		return;
	if (job->context->page != NULL &&
	    was_refused(job, job->context->page->url))
		return;
	job_script(job, function, json_array(), on_opened);
}

static void
after_download(struct job *job)
{
	buf_add_string(&job->text, "this address is a file for download");
	if (json_length(job->context->files) > 0)
		job_done(job);
	else
		job_fail(job, "this address is a file for download");
}

static void
on_navigated(struct job *job, jv ref_result)
{
	const char *error = json_get_string(ref_result, "errorText", "");
	struct page *page = job->page;

	if (json_get_bool(ref_result, "isDownload", false)) {
		if (page != NULL)
			page->loading = false;
		job_settle(job, 100, after_download);
	} else if (*error != '\0') {
		if (page != NULL)
			page->loading = false;
		if (was_refused(job, buf_string(&job->text)) ||
		    (page != NULL && was_refused(job, page->url)))
			return;
		job_fail(job, "%s (%s)", explain(error), error);
	} else {
		/* its address was kept here for messages */
		buf_clear(&job->text);
		job_settle(job, 0, after_load);
	}
}

/* Tells when the cookies that were to open this are of no use any more. */
static void
check_cookies(struct job *job, const char *url)
{
	struct context *context = job->context;
	struct jar *jar = &context->browser->jar;
	char host[256];
	uint16_t port;

	if (!context->with_cookies || !url_host(url, host, &port) ||
	    cookies_for_host(&jar->cookies, host, (int64_t)time(NULL)) !=
		COOKIES_EXPIRED)
		return;
	log_warn("%s: the cookies for %s have expired; export them anew",
	    jar->path, host);
	context_note(context,
	    "the cookies for %s have expired; the owner must export them "
	    "anew",
	    host);
}

static void
open_begin(struct job *job)
{
	struct buf url = {0};
	bool refused;
	const char *problem = url_check(job_string(job, "url"), &url, &refused);

	if (problem != NULL) {
		job->denied = refused;
		job_fail(job, "not an address that can be opened: %s", problem);
		buf_free(&url);
		return;
	}
	check_cookies(job, buf_string(&url));
	buf_add(&job->text, url.data, url.length);
	job->page->loading = true;
	job->page->quiet = false;
	job_call(job, "Page.navigate",
	    json_set_string(json_object(), "url", buf_string(&url)),
	    on_navigated);
	buf_free(&url);
}

static const struct arg open_args[] = {
    {"url", ARG_STRING, true, 0, 0},
    {"new_tab", ARG_BOOL, false, 0, 0},
};
const struct tool tool_open = {"browser_open",
    "Open a page in a real browser, which runs its JavaScript. fetch_url is "
    "quicker where plain text will do.",
    JSON_OBJECT("\"url\":" JSON_STRING ",\"new_tab\":" JSON_BOOLEAN, "\"url\""),
    open_args, sizeof open_args / sizeof *open_args, MAKES_PAGE, open_begin};

/* ---- browser_back */

static void
after_back(struct job *job)
{
	if (!job_page_is_web(job))
		return;
	buf_add_string(&job->text, "back to ");
	job_done_with_page(job);
}

static void
on_gone_back(struct job *job, jv ref_result)
{
	(void)ref_result;
	job_settle(job, 300, after_back);
}

static void
on_history(struct job *job, jv ref_result)
{
	jv entries = json_get(ref_result, "entries");
	int64_t at = json_get_int(ref_result, "currentIndex", 0);
	jv entry = json_at(entries, at > 0 && at < 1000 ? (int)at - 1 : -1);

	if (json_is_object(entry) &&
	    strncmp(json_get_string(entry, "url", ""), "http", 4) == 0)
		job_call(job, "Page.navigateToHistoryEntry",
		    json_set_int(
			json_object(), "entryId", json_get_int(entry, "id", 0)),
		    on_gone_back);
	else
		job_fail(job, "there is no page before this one");
	jv_free(entry);
	jv_free(entries);
}

static void
back_begin(struct job *job)
{
	job_call(job, "Page.getNavigationHistory", json_object(), on_history);
}

const struct tool tool_back = {"browser_back", "Go back one page.",
    JSON_OBJECT("", ""), NULL, 0, NEEDS_PAGE, back_begin};

/* ---- browser_tabs */

static struct page *
find_page(struct context *context, int64_t number)
{
	struct page *page;

	for (page = TAILQ_FIRST(&context->pages); page != NULL;
	     page = TAILQ_NEXT(page, link))
		if (--number == 0)
			return page;
	return NULL;
}

static void
tabs_begin(struct job *job)
{
	struct context *context = job->context;
	int64_t select = job_int(job, "select", 0),
		close = job_int(job, "close", 0);
	struct page *page = find_page(context, select != 0 ? select : close);

	if ((select != 0 || close != 0) && page == NULL) {
		job_fail(job, "there is no tab of this number");
		return;
	}
	if (select != 0) {
		context->page = page;
		cdp_tell(context->browser->cdp, page->session,
		    "Page.bringToFront", json_object());
	} else if (close != 0) {
		page_close(page);
	}
	for (page = TAILQ_FIRST(&context->pages); page != NULL;
	     page = TAILQ_NEXT(page, link))
		buf_printf(&job->text, "%zu. \"%s\" at %s%s\n",
		    page_number(page), page->title, page->url,
		    page == context->page ? " (current)" : "");
	if (job->text.length == 0)
		buf_add_string(&job->text, "no page is open");
	job_done(job);
}

static const struct arg tabs_args[] = {
    {"select", ARG_INT, false, 1, 1000},
    {"close", ARG_INT, false, 1, 1000},
};
const struct tool tool_tabs = {"browser_tabs",
    "List the open tabs, after selecting or closing one by its number.",
    JSON_OBJECT("\"select\":" JSON_INTEGER ",\"close\":" JSON_INTEGER, ""),
    tabs_args, sizeof tabs_args / sizeof *tabs_args, NEEDS_NOTHING, tabs_begin};

/* ---- browser_close */

static void
close_begin(struct job *job)
{
	job->context->closing = true;
	buf_add_string(&job->text, "closed");
	job_done(job);
}

const struct tool tool_close = {"browser_close",
    "Close every tab and forget what the pages stored.", JSON_OBJECT("", ""),
    NULL, 0, NEEDS_NOTHING, close_begin};
