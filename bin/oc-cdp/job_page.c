/* What jobs do with their page: wait for it, ask it, tell what it is. */
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "job.h"
#include "json.h"

enum {
	LOAD_MS = 15 * 1000,  /* until a page that loads is taken as it is */
	QUIET_MS = 1500,      /* for what a loaded page fetches by itself */
	LEFT_LEAST_MS = 1000, /* of the deadline, for what comes after */
};

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

static void look(struct job *job);

/* A page without scripts and frames fetches nothing more by itself. */
static void
on_scripts(struct job *job, const struct answer *answer)
{
	jv result = json_get(answer->result, "result"),
	   value = json_get(result, "value");

	if (json_is_number(value) && json_as_int(value, 1) == 0 &&
	    job->page != NULL && !job->page->loading)
		job->page->quiet = true;
	jv_free(value);
	jv_free(result);
	job->settling = true;
	look(job);
}

/* Asks the page; until the answer nothing else wakes the job. */
static void
ask_scripts(struct job *job)
{
	job->asked_scripts = true;
	job->settling = false;
	loop_stop_timer(&job->wake);
	job_try(job, NULL, "Runtime.evaluate",
	    json_set_string(json_object(), "expression",
		"document.scripts.length + frames.length"),
	    on_scripts);
}

static void
look(struct job *job)
{
	int64_t now = clock_mono_ms(), again = job->settle_until;
	struct page *page = job->context->page;
	bool loaded = page == NULL || !page->loading;
	bool asks;

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
	asks = loaded && page != NULL && page == job->page && !page->quiet &&
	       !job->asked_scripts && again > now;
	if (asks && now >= job->settle_least) {
		ask_scripts(job);
		return;
	}
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
	job->asked_scripts = false;
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
