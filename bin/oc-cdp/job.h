#ifndef OC_CDP_JOB_H
#define OC_CDP_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <jv.h>
#include "args.h"
#include "browser.h"

/*
 * One call of a tool in the browser of a session, as a chain of questions to
 * the page: each function asks one, names the next function, and returns.
 * After job_done and job_fail the job is gone.
 */
enum tool_need {
	NEEDS_NOTHING, /* not even a browser */
	NEEDS_PAGE,    /* one that is open */
	MAKES_PAGE,    /* one, a new one if none is open */
};

struct tool {
	const char *name, *description;
	const char *parameters; /* JSON Schema, as text */
	const struct arg *arg;
	size_t arg_count;
	enum tool_need need;
	void (*begin)(struct job *job);
};

struct job_result {
	bool ok, denied;
	const char *text;
	jv media; /* an array of files, perhaps empty; the job's */
	bool timeout;
	uint64_t written; /* bytes that went to `out` */
};

struct job {
	TAILQ_ENTRY(job) link;
	struct context *context;
	struct page *page; /* that it is about; NULL: none, or gone */
	const struct tool *tool;
	jv args;
	int out;    /* files are written here and not to the workspace; or -1 */
	bool whole; /* a person reads it: nothing is cut */
	bool started, waits; /* waits: for browser, context or page */
	int64_t deadline;
	struct timer timer, wake;
	void (*next)(struct job *job, jv ref_result);
	void (*next_try)(struct job *job, const struct answer *answer);
	void (*woken)(struct job *job);
	/* settling: until the page has loaded */
	void (*settled)(struct job *job);
	bool settling, asked_scripts;
	int64_t settle_least, settle_until, loaded_at;
	uint64_t refused_before;
	bool failing; /* the page is being looked at, after a time-out */
	bool looked_at_cookies, new_tab, made_tab;
	/* the function of ours that runs in the page */
	const char *function;
	jv function_args;
	void (*function_next)(struct job *job, jv ref_value);
	bool world_again;
	/* of the tools */
	struct buf text;
	jv media;
	struct file_out *file;
	char *object, *frame_session;
	int64_t number, backend;
	size_t at;
	jv list;
	bool denied, timeout;
	/* who is told */
	void (*told)(void *arg, const struct job_result *result);
	void *arg;
};

/*
 * Puts a call in line behind those of its session.  `told` is called once,
 * never from here.  The arguments must fit the tool's (args_get).
 */
struct job *job_add(struct browser *browser, const char *session,
    const struct tool *tool, jv own_args, int out,
    void (*told)(void *arg, const struct job_result *result), void *arg);
/* Ends it: the person has stopped it.  `told` is called. */
void job_stop(struct job *job, const char *why);

/* ---- for browser.c and its kin */

void job_start(struct job *job);
/* What it waits for has come, or has failed for this reason. */
void job_go_on(struct job *job, const char *problem);
/* Its page has changed: perhaps it has loaded. */
void job_look(struct job *job);
/* Its page is no more. */
void job_page_gone(struct job *job, const char *why);

/* ---- for the tools */

void job_done(struct job *job);
void job_fail(struct job *job, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Asks the page; an error ends the job. */
void job_call(struct job *job, const char *method, jv own_params,
    void (*next)(struct job *job, jv ref_result));
/* The same, of the target of a frame (NULL: the page's). */
void job_call_in(struct job *job, const char *session, const char *method,
    jv own_params, void (*next)(struct job *job, jv ref_result));
/* Asks; the answer comes whatever it is, but for the end of the browser. */
void job_try(struct job *job, const char *session, const char *method,
    jv own_params, void (*next)(struct job *job, const struct answer *answer));
/* Goes on after a pause. */
void job_sleep(struct job *job, int64_t ms, void (*woken)(struct job *job));
/*
 * Goes on when the page has loaded and is quiet, or does not in time.  At
 * least `least_ms` are waited for a navigation to begin.
 */
void job_settle(
    struct job *job, int64_t least_ms, void (*settled)(struct job *job));
/*
 * Runs a function of ours in the page, apart from the page's own scripts:
 * the text of a JavaScript function, and its arguments as an array.  The
 * result comes as JSON.
 */
void job_script(struct job *job, const char *function, jv own_args,
    void (*next)(struct job *job, jv ref_value));
/* Milliseconds until the deadline. */
int64_t job_left(const struct job *job);
/* False, and the job has ended, when the page led to the machine's own files. */
bool job_page_is_web(struct job *job);
/* Ends the job after "Title" at URL, of the page that is current now. */
void job_done_with_page(struct job *job);

/* A number in the arguments, or the default. */
int64_t job_int(const struct job *job, const char *name, int64_t otherwise);
const char *job_string(const struct job *job, const char *name);
bool job_bool(const struct job *job, const char *name);

#endif
