#ifndef OC_PLAN_PLAN_H
#define OC_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <jv.h>
#include "buf.h"
#include "config.h"
#include "http.h"
#include "provider.h"
#include "record.h"
#include "runbook.h"
#include "sse.h"

/* A configured provider with its key. */
struct backend {
	char *name, *base_url, *key_name;
	char *key;      /* NULL: not set */
	char *key_mark; /* tells one key from another, without telling it */
	const struct provider *provider; /* NULL: local */
	bool stream;
	struct backend *next;
};

struct backend *backends_open(const struct config *config);
void backends_close(struct backend *backends);
/* The backend of "provider/model", or NULL; *model: what follows the slash. */
struct backend *backend_of(
    struct backend *backends, const char *name, const char **model);

/* ---- tools.c: what the stages behind offer */

/*
 * Asks each stage of tools.stages for its declarations (STAGE -l), or reads
 * them from a file, one a line.  What a stage does not tell is not offered,
 * with a line in the log.  An array.
 */
jv tools_collect(const struct config *config);
jv tools_read(const char *path);

/* ---- workspace.c: the files that make the system prompt */

struct workspace;
struct workspace *workspace_open(const struct config *config);
void workspace_free(struct workspace *workspace);
/* The system prompt, made anew when a file changed; until the next call. */
const char *workspace_system(struct workspace *workspace);
/* AGENTS.md as the runbook, likewise. */
const struct runbook *workspace_runbook(struct workspace *workspace);

/* ---- history.c */

/*
 * What was said before in the session: the entries of its transcript, oldest
 * first, at most `most` bytes of them (whole exchanges, the newest are kept).
 */
jv history_read(const char *session, size_t most);
/*
 * The conversation of a turn: the history (at most `most` bytes of it), the
 * person's message, the steps.  `shorten` is how often it was found to be too long: each time half of the
 * history and more of the tools' output is left out.
 */
jv history_conversation(jv ref_turn, size_t most, int shorten);
enum { SHORTEN_MAX = 3 };
/* Forgets what it keeps of transcripts that were read. */
void history_forget(void);

/* ---- breaker.c: which models are not worth asking now */

struct breaker;
struct breaker *breaker_open(void); /* reads models.json */
void breaker_free(struct breaker *breaker);
/*
 * Whether a model may be asked now.  When its cooldown has run down one caller
 * gets true and is the probe; the others are told false until it is known.
 * *until is the end of the cooldown in ms since the epoch.
 */
bool breaker_allows(struct breaker *breaker, const char *model,
    const char *key_mark, int64_t *until);
void breaker_succeeded(struct breaker *breaker, const char *model);
/*
 * Returns whether the model is left alone from now on.  `asked_at` is when it
 * was asked, in ms since the epoch.
 */
bool breaker_failed(struct breaker *breaker, const char *model,
    const char *key_mark, const struct answer *answer, int64_t asked_at);
/* A probe that told nothing (the person's stop, say): the next one may. */
void breaker_undecided(struct breaker *breaker, const char *model);

/* ---- budget.c: what may be spent in a day */

struct budget;
struct budget *budget_open(const struct config *config);
void budget_free(struct budget *budget);
/* Why nothing may be asked today any more, for the caller to free; or NULL. */
char *budget_obstacle(struct budget *budget);
/* Counts the attempts of a step, which is the turn's step number `index`. */
void budget_count(struct budget *budget, jv ref_turn, jv ref_step, int index);

/* ---- attempt.c: a turn on its way through the models of its route */

struct work;
TAILQ_HEAD(work_list, work);

struct planner {
	struct config *config;
	struct backend *backends;
	struct breaker *breaker;
	struct budget *budget;
	struct workspace *workspace;
	struct http *http;
	jv tools;
	struct work_list works;
	size_t count;     /* of works */
	size_t active;    /* of those that are not waiting for their place */
	size_t in_flight; /* the limit of active */
};

/*
 * Takes a turn; it is written to standard output when it is done.  Beyond
 * the limit of those under way it waits.
 */
void work_start(struct planner *planner, jv own_turn);
/* Starts turns that were waiting, as far as there are places. */
void work_admit(struct planner *planner);
/* Ends what a stop record is for; those turns are written. */
void work_stop(struct planner *planner, jv ref_stop);
/* Starts the retries that are due; ms until the next one, or -1. */
int64_t work_timers(struct planner *planner);

/* ---- attempt_record.c: what is written down of an attempt */

/* {"model","error":{class,message,status},"usage","cost","ms"} */
jv attempt_record(const struct config *config, const char *model,
    const struct answer *answer, long status, int64_t ms);
/* The step of an answer, with the failed attempts before it. */
jv attempt_step(const struct config *config, const char *model,
    struct answer *answer, int64_t ms, jv own_failed);
/*
 * Why no model answered, for programs: class and status of the first attempt
 * that was really made, else of the first.
 */
jv attempt_cause(jv ref_failed);
/* "model: what went wrong; …" of the failed attempts, for people. */
char *attempt_summary(jv ref_failed);
/* Whether any of them is a failure, and not only a model without its key. */
bool attempt_any_failure(jv ref_failed);
/* Whether the model takes images. */
bool attempt_takes_images(const struct config *config, const char *model);

#endif
