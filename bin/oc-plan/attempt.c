#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "event.h"
#include "journal.h"
#include "json.h"
#include "log.h"
#include "runbook_model.h"
#include "turn.h"
#include "work.h"
#include "xalloc.h"

enum {
	RETRY_MS = 300,            /* the one short wait on the same model */
	RETRY_AFTER_MAX_MS = 3000, /* a longer Retry-After: the next model */
};

static void ask_next(struct work *work);

/* Writes the turn on and forgets it. */
static void
work_finish(struct work *work)
{
	struct planner *planner = work->planner;

	if (work->stale)
		jv_free(work->turn);
	else
		turn_write(work->turn);
	request_end(work);
	jv_free(work->models);
	jv_free(work->failed);
	free(work->name);
	TAILQ_REMOVE(&planner->works, work, entry);
	planner->count--;
	planner->active -= !work->waiting;
	free(work);
}

/* Adds a step, after the journal has it. */
static void
add_step(struct work *work, jv own_step)
{
	jv steps = json_get(work->turn, "steps");

	if (journal_step(work->turn, own_step) == JOURNAL_STALE)
		work->stale = true;
	budget_count(
	    work->planner->budget, work->turn, own_step, json_length(steps));
	jv_free(steps);
	work->turn = turn_add_step(work->turn, own_step);
}

static void
note_failure(struct work *work, long status)
{
	int64_t ms = clock_mono_ms() - work->started;
	jv details = json_set_string(json_object(), "model", work->name);

	details = json_set_string(
	    details, "class", answer_error_name(work->answer.error));
	details = json_set_string(details, "message",
	    work->answer.message != NULL ? work->answer.message : "");
	event_write(work->turn, "failed", details);
	work->failed = json_append(
	    work->failed, attempt_record(work->planner->config, work->name,
			      &work->answer, status, ms));
}

/* A model that was not asked at all. */
static void
note_skipped(struct work *work, const char *class, const char *message)
{
	jv error = json_set_string(json_object(), "class", class), record;

	error = json_set_string(error, "message", message);
	record = json_set_string(json_object(), "model", work->name);
	work->failed =
	    json_append(work->failed, json_set(record, "error", error));
}

/* No model is left, or the person stopped it. */
static void
give_up(struct work *work)
{
	bool stopped = turn_has_reply(work->turn);
	char *summary = attempt_summary(work->failed);
	jv cause = attempt_cause(work->failed);
	char *text = xasprintf("No model could answer this. %s%s",
	    *summary != '\0' ? "Tried: " : "The route names none.", summary);
	jv step = json_set_string(json_object(), "role", "assistant");

	step = json_set_string(step, "text", "");
	step = json_set(step, "attempts", work->failed);
	work->failed = json_array();
	add_step(work, step);
	if (!stopped) {
		jv error;

		work->turn = turn_fail(work->turn, "no_model", summary, text);
		error = json_take(&work->turn, "error");
		work->turn = json_set(work->turn, "error",
		    json_set(error, "cause", json_copy(cause)));
		log_warn("turn %s: no model answered: %s", turn_id(work->turn),
		    summary);
	}
	jv_free(cause);
	free(summary);
	free(text);
	work_finish(work);
}

/*
 * Answers the calls whose arguments were no JSON object, so that the model
 * can mend them and no tool stage has to guess.
 */
static void
answer_bad_calls(struct work *work)
{
	static const char problem[] =
	    "the arguments were not a JSON object; nothing was done; make the "
	    "call again with a JSON object";
	jv calls = work->answer.calls;

	for (int i = 0, n = json_length(calls); i < n; i++) {
		jv call = json_at(calls, i);

		if (json_has(call, "bad_args"))
			add_step(work,
			    turn_tool_step(json_get_string(call, "id", ""),
				false, problem));
		jv_free(call);
	}
}

/* The reply of a step without calls. */
static void
set_reply(struct work *work, jv ref_failed)
{
	struct buf text = {0};

	if (work->backend->provider == NULL &&
	    attempt_any_failure(ref_failed)) {
		char *summary = attempt_summary(ref_failed);

		buf_printf(&text, "(No model answered: %s)\n\n", summary);
		free(summary);
	}
	buf_add(
	    &text, buf_string(&work->answer.text), work->answer.text.length);
	if (work->answer.truncated)
		buf_add_string(&text,
		    "\n\n[The answer is cut off here: the model reached the "
		    "longest answer that it may give.]");
	work->turn = turn_reply(work->turn, buf_string(&text));
	buf_free(&text);
}

void
attempt_succeeded(struct work *work)
{
	int64_t ms = clock_mono_ms() - work->started;
	jv failed = work->failed, step;

	work->failed = json_array();
	if (json_length(work->answer.calls) == 0)
		set_reply(work, failed);
	step = attempt_step(
	    work->planner->config, work->name, &work->answer, ms, failed);
	add_step(work, step);
	answer_bad_calls(work);
	work_finish(work);
}

/* Whether this failure deserves the one short retry on the same model. */
static bool
may_retry(const struct work *work, int64_t *wait)
{
	int64_t asked = work->answer.retry_after_ms;

	*wait = asked >= 0 ? asked : RETRY_MS;
	if (work->retried || work->answer.text.length != 0 ||
	    *wait > RETRY_AFTER_MAX_MS)
		return false;
	switch (work->answer.error) {
	case ANSWER_SERVER:
	case ANSWER_OVERLOADED:
	case ANSWER_RESET: return true;
	case ANSWER_RATE_LIMIT: return asked >= 0;
	default: return false;
	}
}

/* An attempt failed: the same model once more, or the next one. */
void
attempt_failed(struct work *work, long status)
{
	struct breaker *breaker = work->planner->breaker;
	int64_t wait;
	bool retry = may_retry(work, &wait);
	bool shorten = work->answer.error == ANSWER_TOO_LONG &&
		       work->shorten < SHORTEN_MAX;

	/* what the server wrote may quote the person */
	if (status != 0)
		log_info("turn %s: %s: %s, HTTP status %ld",
		    turn_id(work->turn), work->name,
		    answer_error_name(work->answer.error), status);
	else
		log_info("turn %s: %s: %s", turn_id(work->turn), work->name,
		    answer_error_name(work->answer.error));
	log_debug("turn %s: %s: %s", turn_id(work->turn), work->name,
	    work->answer.message != NULL ? work->answer.message : "");
	note_failure(work, status);
	if (shorten) {
		breaker_undecided(breaker, work->name);
		work->shorten++;
		wait = 0;
	} else if (breaker_failed(breaker, work->name, work->backend->key_mark,
		       &work->answer,
		       clock_now_ms() - (clock_mono_ms() - work->started))) {
		retry = false;
	}
	request_end(work);
	if (retry || shorten) {
		work->retried = work->retried || retry;
		work->retry_at = clock_mono_ms() + wait + 1;
		return;
	}
	work->index++;
	work->retried = work->no_images = false;
	work->shorten = 0;
	work->sent = 0;
	ask_next(work);
}

/* The built-in model: it answers at once. */
static void
ask_runbook(struct work *work)
{
	runbook_answer(&work->answer,
	    workspace_runbook(work->planner->workspace), work->turn);
	request_tell(work);
	attempt_succeeded(work);
}

/* Why a configured model cannot be asked now; NULL: it can. */
static char *
obstacle(struct work *work, const char **class)
{
	const struct backend *backend = work->backend;
	int64_t until;
	char when[CLOCK_RFC3339_SIZE], *why;

	*class = "not_configured";
	if (backend == NULL)
		return xstrdup("its provider is not configured");
	if (backend->provider == NULL)
		return NULL;
	if (backend->base_url[0] == '\0')
		return xasprintf("provider %s has no base_url", backend->name);
	if (backend->key == NULL &&
	    strcmp(backend->provider->kind, "google") == 0)
		return xasprintf("%s is not set", backend->key_name);
	*class = "budget";
	why = budget_obstacle(work->planner->budget);
	if (why != NULL)
		return why;
	*class = "cooldown";
	if (!breaker_allows(
		work->planner->breaker, work->name, backend->key_mark, &until))
		return xasprintf("it failed lately and is not asked before %s",
		    clock_rfc3339(until, when));
	return NULL;
}

/* Asks the model at the index, or the next one that can be asked. */
static void
ask_next(struct work *work)
{
	for (; work->index < json_length(work->models); work->index++) {
		jv one = json_at(work->models, work->index);
		const char *model = "", *class;
		char *why;

		free(work->name);
		work->name = xstrdup(json_as_string(one, ""));
		jv_free(one);
		work->backend =
		    backend_of(work->planner->backends, work->name, &model);
		why = obstacle(work, &class);
		if (why != NULL) {
			note_skipped(work, class, why);
			free(why);
			continue;
		}
		answer_init(&work->answer);
		work->started = clock_mono_ms();
		if (work->backend->provider == NULL)
			ask_runbook(work);
		else
			request_start(work, work->name + (model - work->name));
		return;
	}
	give_up(work);
}

static bool
has_images(jv ref_turn)
{
	jv media = json_get(ref_turn, "media");
	bool any = false;

	for (int i = 0, n = json_length(media); i < n; i++) {
		jv one = json_at(media, i);

		any = any || strncmp(json_get_string(one, "mime", ""), "image/",
				 6) == 0;
		jv_free(one);
	}
	jv_free(media);
	return any;
}

/*
 * The models to try: those of the route, or where there is none the usual
 * order.  With images in the turn, those that take them come first.
 */
static jv
models_of(const struct planner *planner, jv ref_turn)
{
	jv models = json_path(ref_turn, "route.models"), sorted;

	if (json_length(models) == 0) {
		jv_free(models);
		models = config_models(planner->config);
	}
	if (!has_images(ref_turn))
		return models;
	sorted = json_array();
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0, n = json_length(models); i < n; i++) {
			jv one = json_at(models, i);
			bool takes = attempt_takes_images(
			    planner->config, json_as_string(one, ""));

			if (takes == (pass == 0))
				sorted = json_append(sorted, one);
			else
				jv_free(one);
		}
	}
	jv_free(models);
	return sorted;
}

void
work_start(struct planner *planner, jv own_turn)
{
	struct work *work = xcalloc(1, sizeof *work);

	work->planner = planner;
	work->models = models_of(planner, own_turn);
	work->turn = own_turn;
	work->failed = json_array();
	work->prompt.conversation = json_null();
	TAILQ_INSERT_TAIL(&planner->works, work, entry);
	planner->count++;
	work->waiting = planner->active >= planner->in_flight;
	if (work->waiting)
		return;
	planner->active++;
	ask_next(work);
}

void
work_admit(struct planner *planner)
{
	struct work *work, *next;

	if (planner->active == planner->count)
		return;
	TAILQ_FOREACH_SAFE (work, &planner->works, entry, next) {
		if (planner->active >= planner->in_flight)
			return;
		if (!work->waiting)
			continue;
		work->waiting = false;
		planner->active++;
		ask_next(work);
	}
}

/* The person's stop: what was spent on the attempt is counted all the same. */
static void
stop_work(struct work *work)
{
	/* on_done finds the answer failed and would go on: it must not */
	work->index = json_length(work->models);
	work->retried = true;
	work->shorten = SHORTEN_MAX;
	work->turn = turn_fail(work->turn, "stopped", "stopped by the person",
	    "Stopped, as you asked.");
	if (work->transfer != NULL)
		http_abort(work->transfer);
	else
		ask_next(work);
}

void
work_stop(struct planner *planner, jv ref_stop)
{
	struct work *work, *next;

	TAILQ_FOREACH_SAFE (work, &planner->works, entry, next)
		if (turn_stop_is_for(ref_stop, turn_id(work->turn),
			turn_session(work->turn)))
			stop_work(work);
}

int64_t
work_timers(struct planner *planner)
{
	int64_t now = clock_mono_ms(), next = -1;
	struct work *work, *following;

	TAILQ_FOREACH_SAFE (work, &planner->works, entry, following) {
		if (work->retry_at == 0)
			continue;
		if (work->retry_at <= now) {
			work->retry_at = 0;
			ask_next(work);
			next = 0; /* it may wait for a time again */
		} else if (next < 0 || work->retry_at - now < next) {
			next = work->retry_at - now;
		}
	}
	return next;
}
