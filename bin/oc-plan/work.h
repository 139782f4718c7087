#ifndef OC_PLAN_WORK_H
#define OC_PLAN_WORK_H

#include "plan.h"

/* A turn on its way through the models of its route. */
struct work {
	TAILQ_ENTRY(work) entry;
	struct planner *planner;
	jv turn;
	jv models;      /* names, in the order in which they are tried */
	int index;      /* of the model that is being asked */
	jv failed;      /* records of the attempts so far */
	bool stale;     /* another run of the turn has taken it over */
	bool retried;   /* the one short retry on this model was taken */
	int shorten;    /* how often less was sent, see history_conversation */
	bool no_images; /* they made the request too large */
	size_t sent;    /* bytes of the last request, to see that it shrank */
	bool waiting;   /* for its place: too many are under way */
	/* the attempt that is under way */
	char *name; /* "provider/model" */
	const struct backend *backend;
	struct prompt prompt;
	struct buf system; /* the prompt's, with what the turn adds */
	char *url;
	struct buf body;
	struct http_transfer *transfer;
	struct sse sse;
	struct buf raw; /* an answer that is not a stream */
	struct answer answer;
	size_t told;               /* bytes of answer.text that became events */
	int64_t started, retry_at; /* retry_at 0: not waiting */
};

/*
 * request.c: one attempt at a model over HTTP.  request_start asks;
 * attempt_succeeded or attempt_failed is called once, from http_run or
 * http_abort, or at once when the request cannot be made.
 */
void request_start(struct work *work, const char *model);
/* Shows the text that is new since the last call to who follows the turn. */
void request_tell(struct work *work);
/* Releases what belongs to the attempt; the work goes on. */
void request_end(struct work *work);

/* attempt.c: what follows from it. */
void attempt_succeeded(struct work *work);
void attempt_failed(struct work *work, long status);

#endif
