#ifndef OC_CDP_BROWSER_H
#define OC_CDP_BROWSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <jv.h>
#include "buf.h"
#include "cdp.h"
#include "connect.h"
#include "jar.h"
#include "launch.h"
#include "loop.h"
#include "proxy.h"
#include "resolve.h"
#include "settings.h"

/*
 * The browser, the contexts in it (one for each session of ours), their pages,
 * and the jobs that run in them.
 *
 *	browser   down, starting or up; started when a job needs it
 *	context   cookies and tabs of one session, with a proxy of its own
 *	page      a tab
 *	job       one call: it has a context to itself while it runs
 */
struct job;

/* What a reference of a snapshot points at. */
struct reference {
	int64_t number; /* e1, e2, ... */
	int64_t backend;
	char *session; /* of the frame's target */
};

/* A frame of another process: a target of its own below the page. */
struct frame_target {
	TAILQ_ENTRY(frame_target) link;
	char *target, *session;
};

struct page {
	TAILQ_ENTRY(page) link;
	struct context *context;
	char *target;  /* also the id of its main frame */
	char *session; /* NULL until it is attached to */
	bool ready;    /* set up */
	bool loading, quiet;
	char *url, *title;
	struct reference *reference;
	size_t reference_count;
	int64_t world; /* where our own scripts run; 0: none yet */
	TAILQ_HEAD(frame_list, frame_target) frames;
};

enum context_state {
	CONTEXT_NEW,    /* not in the browser */
	CONTEXT_WANTED, /* it has its place among the sessions */
	CONTEXT_MAKING, /* asked for */
	CONTEXT_READY,
};

struct context {
	TAILQ_ENTRY(context) link;
	struct browser *browser;
	char *session; /* ours, not the protocol's */
	enum context_state state;
	char *id;
	struct proxy *proxy;
	bool with_cookies;
	uint64_t cookies_version; /* that were put into it */
	TAILQ_HEAD(page_list, page) pages;
	int64_t last_reference; /* no number is used twice */
	struct page *page;      /* the current one, or NULL */
	size_t page_count;
	struct job *running;
	TAILQ_HEAD(job_list, job) waiting;
	struct timer idle;
	bool closing;     /* when the running job is done */
	struct buf notes; /* for the next result: a line each */
	unsigned dialogs; /* during this job */
	bool accept_dialogs;
	TAILQ_HEAD(download_list, download) downloads;
	size_t downloading;
	jv files; /* that came, for the next result */
};

enum browser_state { BROWSER_DOWN, BROWSER_STARTING, BROWSER_UP };

struct browser {
	struct loop *loop;
	struct settings *settings;
	struct resolver *resolver;
	struct cdp *cdp;
	struct jar jar;
	enum browser_state state;
	struct launch launch;
	struct connect *connect;
	struct timer pause, idle, next;
	int64_t pause_ms; /* before the next attempt; 0: none failed */
	struct buf said;  /* its last words on standard error */
	struct watch saying;
	struct sockaddr_storage own, peer;
	TAILQ_HEAD(context_list, context) contexts;
	size_t context_count; /* of those that are in the browser */
};

/* ---- browser.c */

void browser_init(
    struct browser *browser, struct loop *loop, struct settings *settings);
void browser_free(struct browser *browser); /* no job may be left */
/* Sees to it that it is there, or will be: who waits is told by job_go_on. */
void browser_want(struct browser *browser);
/* It is hung or gone: whatever runs in it fails with this reason. */
void browser_lost(struct browser *browser, const char *why);
/* It is closed after a while, unless a context comes. */
void browser_rest(struct browser *browser);
/* Looks in a moment which jobs can start. */
void browser_schedule(struct browser *browser);

/* ---- context.c */

/* That of a session, made if there is none. */
struct context *context_of(struct browser *browser, const char *session);
struct context *context_find(struct browser *browser, const char *session);
/* Makes it in the browser; the running job is told by job_go_on. */
void context_make(struct context *context);
/* Out of the browser with all its pages.  No job may run. */
void context_close(struct context *context);
/* The same, and frees it.  No job may be left. */
void context_free(struct context *context);
/* The connection is no more, and so is what was in it. */
void context_forget(struct context *context);
/* A line for the next result. */
void context_note(struct context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void context_touch(struct context *context); /* it is not idle */

/* ---- page.c */

/* Asks for a new tab; the running job is told by job_go_on. */
void page_make(struct context *context);
/* A tab that is there, because we or a page asked for it. */
void page_adopt(struct context *context, const char *target);
void page_close(struct page *page);
void page_free(struct page *page);
/* By the session or the target of the protocol; NULL when there is none. */
struct page *page_of_session(struct browser *browser, const char *session);
struct page *page_of_target(struct browser *browser, const char *target);
/* Its number among the tabs of its context, from 1. */
size_t page_number(const struct page *page);
/* Which reference stands for a node; numbers are never used again. */
int64_t page_reference(struct page *page, const char *session, int64_t backend);
const struct reference *page_find_reference(
    const struct page *page, int64_t number);
void page_drop_references(struct page *page);

/* ---- events.c */

void browser_event(
    void *browser, const char *session, const char *method, jv ref_params);

/* ---- download.c */

struct download;
void download_begin(struct context *context, jv ref_params);
void download_progress(struct browser *browser, jv ref_params);
void download_forget_all(struct context *context);
/* Where the browser puts them, for the caller to free; NULL: nowhere. */
char *download_directory(const struct browser *browser);

#endif
