#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "event.h"
#include "json.h"
#include "log.h"
#include "plan.h"
#include "runbook_model.h"
#include "secret.h"
#include "turn.h"
#include "xalloc.h"

enum {
	ANSWER_BODY_MAX = 8 * 1024 * 1024, /* of one model's answer */
	RETRY_MS = 300,            /* the one short wait on the same model */
	RETRY_AFTER_MAX_MS = 3000, /* a longer Retry-After: the next model */
};

/* A turn on its way through the models of its route. */
struct work {
	TAILQ_ENTRY(work) entry;
	struct planner *planner;
	jv turn;
	jv models; /* names, in the order in which they are tried */
	int index; /* of the model that is being asked */
	jv failed; /* records of the attempts so far */
	bool retried;
	int shorten;
	/* the attempt that is under way */
	char *name; /* "provider/model" */
	const struct backend *backend;
	struct prompt prompt;
	char *url;
	struct buf body;
	struct http_transfer *transfer;
	struct sse sse;
	struct buf raw; /* an answer that is not a stream */
	struct answer answer;
	size_t told;               /* bytes of answer.text that became events */
	int64_t started, retry_at; /* retry_at 0: not waiting */
};

static void ask_next(struct work *work);

/* Ends the attempt's resources; the work goes on. */
static void
attempt_end(struct work *work)
{
	answer_free(&work->answer);
	sse_free(&work->sse);
	buf_free(&work->raw);
	buf_free(&work->body);
	free(work->url);
	work->url = NULL;
	jv_free(work->prompt.conversation);
	work->prompt = (struct prompt){.conversation = json_null()};
	work->transfer = NULL;
	work->told = 0;
}

/* Writes the turn on and forgets it. */
static void
work_finish(struct work *work)
{
	struct planner *planner = work->planner;

	turn_write(work->turn);
	attempt_end(work);
	jv_free(work->models);
	jv_free(work->failed);
	free(work->name);
	TAILQ_REMOVE(&planner->works, work, entry);
	planner->count--;
	free(work);
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
	char *text = xasprintf("No model could answer this. %s%s",
	    *summary != '\0' ? "Tried: " : "The route names none.", summary);
	jv step = json_set_string(json_object(), "role", "assistant");

	step = json_set_string(step, "text", "");
	step = json_set(step, "attempts", work->failed);
	work->failed = json_array();
	work->turn = turn_add_step(work->turn, step);
	if (!stopped) {
		work->turn = turn_fail(work->turn, "no_model", summary, text);
		log_warn("turn %s: no model answered: %s", turn_id(work->turn),
		    summary);
	}
	free(summary);
	free(text);
	work_finish(work);
}

/*
 * Answers the calls whose arguments were no JSON object, so that the model
 * can mend them and no tool stage has to guess.
 */
static jv
answer_bad_calls(jv own_turn, jv ref_calls)
{
	for (int i = 0, n = json_length(ref_calls); i < n; i++) {
		jv call = json_at(ref_calls, i);

		if (json_has(call, "bad_args"))
			own_turn = turn_add_step(own_turn,
			    turn_tool_step(json_get_string(call, "id", ""),
				false,
				"the arguments were not a JSON object; nothing "
				"was done; make the call again with a JSON "
				"object"));
		jv_free(call);
	}
	return own_turn;
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

static void
succeed(struct work *work)
{
	int64_t ms = clock_mono_ms() - work->started;
	jv failed = work->failed, step;

	work->failed = json_array();
	if (json_length(work->answer.calls) == 0)
		set_reply(work, failed);
	step = attempt_step(
	    work->planner->config, work->name, &work->answer, ms, failed);
	work->turn = turn_add_step(work->turn, step);
	work->turn = answer_bad_calls(work->turn, work->answer.calls);
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
static void
failed_attempt(struct work *work, long status)
{
	struct breaker *breaker = work->planner->breaker;
	int64_t wait;
	bool retry = may_retry(work, &wait);
	bool shorten = work->answer.error == ANSWER_TOO_LONG &&
		       work->shorten < SHORTEN_MAX;

	log_info("turn %s: %s: %s%s%s", turn_id(work->turn), work->name,
	    answer_error_name(work->answer.error),
	    work->answer.message != NULL ? ": " : "",
	    work->answer.message != NULL ? work->answer.message : "");
	note_failure(work, status);
	if (shorten) {
		breaker_undecided(breaker, work->name);
		work->shorten++;
		wait = 0;
	} else if (breaker_failed(breaker, work->name, work->backend->key_mark,
		       &work->answer)) {
		retry = false;
	}
	attempt_end(work);
	if (retry || shorten) {
		work->retried = work->retried || retry;
		work->retry_at = clock_mono_ms() + wait + 1;
		return;
	}
	work->index++;
	work->retried = false;
	ask_next(work);
}

static void
tell_progress(struct work *work)
{
	size_t length = work->answer.text.length;

	if (length <= work->told)
		return;
	event_write(work->turn, "text",
	    json_set(json_object(), "delta",
		json_string_sized(
		    work->answer.text.data + work->told, length - work->told)));
	work->told = length;
}

static bool
on_event(void *arg, const char *type, const char *data, size_t size)
{
	struct work *work = arg;

	(void)type;
	return work->backend->provider->event(&work->answer, data, size);
}

static bool
is_stream(const struct http_transfer *transfer)
{
	const char *type = http_header(transfer, "content-type");
	long status = http_status(transfer);

	return status >= 200 && status < 300 && type != NULL &&
	       strncasecmp(type, "text/event-stream", 17) == 0;
}

static bool
on_body(
    struct http_transfer *transfer, const char *bytes, size_t length, void *arg)
{
	struct work *work = arg;
	bool more = true;

	if (is_stream(transfer)) {
		more = sse_feed(&work->sse, bytes, length, on_event, work);
		if (!more && work->answer.error == ANSWER_OK)
			answer_fail(&work->answer, ANSWER_MALFORMED,
			    "an event of the stream is too large");
		tell_progress(work);
	} else {
		buf_add(&work->raw, bytes, length);
	}
	return more;
}

/* What a transfer that broke off means. */
static enum answer_error
error_of(enum http_failure failure)
{
	switch (failure) {
	case HTTP_OK: return ANSWER_OK;
	case HTTP_UNRESOLVED:
	case HTTP_UNREACHABLE:
	case HTTP_TIMEOUT_CONNECT: return ANSWER_CONNECT;
	case HTTP_TIMEOUT_FIRST_BYTE:
	case HTTP_TIMEOUT_IDLE:
	case HTTP_TIMEOUT_TOTAL: return ANSWER_TIMEOUT;
	case HTTP_RESET: return ANSWER_RESET;
	case HTTP_CUT: return ANSWER_CUT;
	case HTTP_TOO_LARGE: return ANSWER_MALFORMED;
	case HTTP_ABORTED: return ANSWER_STOPPED;
	}
	return ANSWER_MALFORMED;
}

static void
read_answer(struct work *work, enum http_failure failure)
{
	const struct provider *provider = work->backend->provider;
	struct answer *answer = &work->answer;
	long status = http_status(work->transfer);
	int64_t retry_after = http_retry_after(work->transfer);

	if (answer->error != ANSWER_OK)
		return; /* an event of the stream told it */
	if (http_repeated(work->transfer))
		work->retried = true; /* as good as a retry of ours */
	if (failure == HTTP_CUT && answer->finished)
		failure = HTTP_OK; /* all was said before it broke off */
	if (failure != HTTP_OK) {
		answer_fail(answer, error_of(failure), "%s",
		    http_message(work->transfer));
	} else if (status < 200 || status > 299) {
		provider->failed(
		    answer, status, buf_string(&work->raw), work->raw.length);
		if (answer->retry_after_ms < 0 && retry_after >= 0)
			answer->retry_after_ms = retry_after * 1000;
	} else if (is_stream(work->transfer)) {
		provider->end(answer);
		tell_progress(work);
	} else {
		provider->whole(
		    answer, buf_string(&work->raw), work->raw.length);
		tell_progress(work);
	}
}

static void
on_done(struct http_transfer *transfer, enum http_failure failure, void *arg)
{
	struct work *work = arg;
	long status = http_status(transfer);

	read_answer(work, failure);
	work->transfer = NULL;
	if (work->answer.error != ANSWER_OK) {
		answer_scrub(&work->answer, work->backend->key);
		failed_attempt(work, status);
		return;
	}
	breaker_succeeded(work->planner->breaker, work->name);
	succeed(work);
}

static void
send_request(struct work *work)
{
	struct planner *planner = work->planner;
	const struct config *config = planner->config;
	const struct backend *backend = work->backend;
	int64_t call_ms = config_int(config, "limits.call_s") * 1000;
	char *auth = backend->key != NULL
			 ? backend->provider->auth_header(backend->key)
			 : NULL;
	const char *headers[] = {"Content-Type: application/json", auth, NULL};
	struct http_request request;

	work->url = backend->provider->url(backend->base_url, &work->prompt);
	request = (struct http_request){
	    .method = "POST",
	    .url = work->url,
	    .headers = headers,
	    .body = work->body.data,
	    .body_length = work->body.length,
	    .connect_ms = config_int(config, "limits.connect_s") * 1000,
	    .first_byte_ms = config_int(config, "limits.first_byte_s") * 1000,
	    .idle_ms = config_int(config, "limits.idle_s") * 1000,
	    .total_ms = call_ms,
	    .answer_max = ANSWER_BODY_MAX,
	    .once = work->retried,
	    .on_body = on_body,
	    .done = on_done,
	    .arg = work,
	};

	/* without a stream the first byte comes when all is thought */
	if (!work->prompt.stream)
		request.first_byte_ms = call_ms;
	event_write(work->turn, "attempt",
	    json_set_string(json_object(), "model", work->name));
	work->transfer = http_start(planner->http, &request);
	secret_free(auth);
}

static void
start_request(struct work *work, const char *model)
{
	struct planner *planner = work->planner;
	jv models = config_get(planner->config, "models");
	jv entry = json_get(models, work->name);
	const char *problem = NULL;

	work->prompt = (struct prompt){
	    .model = model,
	    .system = workspace_system(planner->workspace),
	    .conversation = history_conversation(work->turn, work->shorten),
	    .tools = planner->tools,
	    .images = attempt_takes_images(planner->config, work->name),
	    .stream = work->backend->stream,
	    .max_output = json_get_int(entry, "max_output", 0),
	};
	jv_free(entry);
	jv_free(models);
	answer_expect(&work->answer, &work->prompt);
	if (work->backend->provider->body(
		&work->body, &work->prompt, &problem)) {
		send_request(work);
		return;
	}
	answer_fail(&work->answer, ANSWER_TOO_LONG, "%s", problem);
	failed_attempt(work, 0);
}

/* The built-in model: it answers at once. */
static void
ask_runbook(struct work *work)
{
	runbook_answer(&work->answer,
	    workspace_runbook(work->planner->workspace), work->turn);
	tell_progress(work);
	succeed(work);
}

/* Why a configured model cannot be asked now; NULL: it can. */
static char *
obstacle(struct work *work, const char **class)
{
	const struct backend *backend = work->backend;
	int64_t until;
	char when[CLOCK_RFC3339_SIZE];

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
			start_request(work, work->name + (model - work->name));
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
	ask_next(work);
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
		} else if (next < 0 || work->retry_at - now < next) {
			next = work->retry_at - now;
		}
	}
	return next;
}
