#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "event.h"
#include "journal.h"
#include "json.h"
#include "toolstage.h"
#include "turn.h"
#include "xalloc.h"

/* A turn that is held because calls of it are ours. */
struct toolstage_turn {
	TAILQ_ENTRY(toolstage_turn) link;
	struct toolstage *stage;
	jv turn;
	struct toolstage_call *call; /* in the order of the turn */
	size_t count, open;          /* open: not done yet */
	bool stopped;                /* by the person */
	bool journalled;             /* that its calls start; with what: */
	enum journal_result journal;
};

/* A stop that waits until the turns that it ends are written. */
struct stop {
	TAILQ_ENTRY(stop) link;
	struct record record;
};

struct toolstage {
	struct toolstage_hooks hooks;
	size_t in_flight, count;
	TAILQ_HEAD(toolstage_turns, toolstage_turn) held;
	TAILQ_HEAD(stops, stop) stops;
};

struct toolstage *
toolstage_new(const struct toolstage_hooks *hooks, size_t in_flight)
{
	struct toolstage *stage = xcalloc(1, sizeof *stage);

	stage->hooks = *hooks;
	stage->in_flight = in_flight;
	TAILQ_INIT(&stage->held);
	TAILQ_INIT(&stage->stops);
	return stage;
}

void
toolstage_free(struct toolstage *stage)
{
	free(stage);
}

bool
toolstage_has_room(const struct toolstage *stage)
{
	return stage->count <= stage->in_flight;
}

bool
toolstage_is_empty(const struct toolstage *stage)
{
	return TAILQ_EMPTY(&stage->held);
}

jv
toolstage_turn(const struct toolstage_call *call)
{
	return call->turn->turn;
}

/* ---- held turns */

static void
held_free(struct toolstage_turn *held)
{
	for (size_t i = 0; i < held->count; i++) {
		jv_free(held->call[i].value);
		jv_free(held->call[i].step);
	}
	jv_free(held->turn);
	free(held->call);
	free(held);
}

/* The turn with those of its pending calls that are ours, or NULL if none. */
static struct toolstage_turn *
held_new(struct toolstage *stage, jv ref_turn)
{
	jv pending = turn_pending(ref_turn);
	int count = json_length(pending);
	struct toolstage_turn *held = xcalloc(1, sizeof *held);

	held->stage = stage;
	held->call = xcalloc((size_t)count + 1, sizeof *held->call);
	for (int i = 0; i < count; i++) {
		jv value = json_at(pending, i);
		const void *tool = stage->hooks.find(
		    stage->hooks.arg, json_get_string(value, "name", ""));

		if (tool == NULL) {
			jv_free(value);
			continue;
		}
		held->call[held->count++] =
		    (struct toolstage_call){.turn = held,
			.tool = tool,
			.value = value,
			.step = json_null()};
	}
	jv_free(pending);
	held->turn = turn_complete(json_copy(ref_turn), NULL);
	held->open = held->count;
	if (held->count != 0)
		return held;
	held_free(held);
	return NULL;
}

/* Adds the results in the order of the calls, and writes the turn. */
static void
held_write(struct toolstage_turn *held)
{
	jv turn = held->turn;

	if (held->journal == JOURNAL_STALE)
		return; /* another run of the turn has it */
	held->turn = json_null();
	for (size_t i = 0; i < held->count; i++)
		turn = turn_add_step(turn, json_copy(held->call[i].step));
	turn_write(turn);
}

/* Whether a stop is for a turn that is held. */
static bool
is_for(const struct stop *stop, const struct toolstage_turn *held)
{
	return turn_stop_is_for(
	    stop->record.value, turn_id(held->turn), turn_session(held->turn));
}

/* Passes on the stops that no held turn keeps back any more. */
static void
release_stops(struct toolstage *stage)
{
	struct stop *stop, *next;

	for (stop = TAILQ_FIRST(&stage->stops); stop != NULL; stop = next) {
		struct toolstage_turn *held;
		bool waits = false;

		next = TAILQ_NEXT(stop, link);
		for (held = TAILQ_FIRST(&stage->held); held != NULL;
		     held = TAILQ_NEXT(held, link))
			waits = waits || (held->stopped && is_for(stop, held));
		if (waits)
			continue;
		TAILQ_REMOVE(&stage->stops, stop, link);
		record_forward(&stop->record);
		record_free(&stop->record);
		free(stop);
	}
}

/* A call is done: so is its turn, if it was the last one. */
static void
settle(struct toolstage_turn *held)
{
	struct toolstage *stage = held->stage;

	if (--held->open != 0)
		return;
	TAILQ_REMOVE(&stage->held, held, link);
	stage->count--;
	held_write(held);
	held_free(held);
	release_stops(stage);
}

/* ---- records */

/*
 * Ends the calls of the turns that a stop record is for.  The record goes on
 * once these turns have.
 */
static void
take_stop(struct toolstage *stage, struct record *record)
{
	struct stop *stop = xcalloc(1, sizeof *stop);
	struct toolstage_turn *held, *next;

	stop->record = *record;
	for (held = TAILQ_FIRST(&stage->held); held != NULL; held = next) {
		size_t count = held->count;
		struct toolstage_call *call = held->call;

		next = TAILQ_NEXT(held, link);
		if (!is_for(stop, held))
			continue;
		held->stopped = true;
		/* the turn must outlive the loop over its calls */
		held->open++;
		for (size_t i = 0; i < count; i++)
			if (json_is_null(call[i].step))
				stage->hooks.stop(stage->hooks.arg, &call[i]);
		settle(held);
	}
	if (stage->hooks.passed != NULL)
		stage->hooks.passed(stage->hooks.arg, stop->record.value);
	TAILQ_INSERT_TAIL(&stage->stops, stop, link);
	release_stops(stage);
}

/* A turn whose calls are not ours, or that has none: it goes on at once. */
static void
pass_on(struct toolstage *stage, struct record *record, const char *problem)
{
	bool changed;
	jv turn;

	if (stage->hooks.passed != NULL && turn_has_reply(record->value))
		stage->hooks.passed(stage->hooks.arg, record->value);
	turn = turn_complete(json_copy(record->value), &changed);
	if (problem != NULL)
		turn = turn_fail(turn, "bad_turn", problem, problem);
	if (changed || problem != NULL) {
		turn_write(turn);
		return;
	}
	jv_free(turn);
	record_forward(record);
}

static void
take_turn(struct toolstage *stage, struct record *record)
{
	const char *problem = turn_check(record->value);
	struct toolstage_turn *held = NULL;

	if (problem == NULL && !turn_has_reply(record->value))
		held = held_new(stage, record->value);
	if (held == NULL) {
		pass_on(stage, record, problem);
		return;
	}
	TAILQ_INSERT_TAIL(&stage->held, held, link);
	stage->count++;
	/* the turn must outlive the loop over its calls */
	held->open++;
	for (size_t i = 0; i < held->count; i++)
		stage->hooks.add(stage->hooks.arg, &held->call[i]);
	settle(held);
}

enum record_status
toolstage_take(struct toolstage *stage, struct record_reader *input)
{
	struct record record;
	enum record_status status = record_next(input, &record);

	if (status != RECORD_OK)
		return status;
	if (turn_is_stop(record.value)) {
		take_stop(stage, &record);
		return status;
	}
	if (turn_is_turn(record.value))
		take_turn(stage, &record);
	else
		record_forward(&record);
	record_free(&record);
	return status;
}

/* ---- calls */

/*
 * Nothing of the turn's calls has had an effect yet: all are journalled
 * together, before the first of them starts, so that they share one sync.
 */
static void
journal_all(struct toolstage_turn *held)
{
	jv calls = json_array();

	held->journalled = true;
	for (size_t i = 0; i < held->count; i++)
		calls = json_append(calls, json_copy(held->call[i].value));
	held->journal = journal_calls_started(held->turn, calls);
	jv_free(calls);
}

bool
toolstage_begin(struct toolstage_call *call)
{
	struct toolstage_turn *held = call->turn;
	jv details = json_object();

	call->started = clock_mono_ms();
	if (!held->journalled)
		journal_all(held);
	if (held->journal == JOURNAL_STALE || held->journal == JOURNAL_FAILED) {
		jv_free(details);
		toolstage_end(call, false,
		    "not started: the journal cannot be written, and what is "
		    "not written down first is not run (is the disk full?)",
		    json_null(), NULL);
		return false;
	}
	details = json_set(details, "call", json_get(call->value, "id"));
	details = json_set(details, "name", json_get(call->value, "name"));
	details = json_set(details, "args", json_get(call->value, "args"));
	event_write(held->turn, "tool_start", details);
	return true;
}

static void
tell_end(struct toolstage_call *call)
{
	struct toolstage_turn *held = call->turn;
	jv details = json_object();

	if (journal_step(held->turn, call->step) == JOURNAL_STALE)
		held->journal = JOURNAL_STALE;
	details = json_set(details, "call", json_get(call->value, "id"));
	details = json_set(details, "name", json_get(call->value, "name"));
	details = json_set(details, "ok", json_get(call->step, "ok"));
	details = json_set(details, "ms", json_get(call->step, "ms"));
	event_write(held->turn, "tool_end", details);
}

void
toolstage_end(struct toolstage_call *call, bool ok, const char *output,
    jv own_details, const char *taint)
{
	struct toolstage_turn *held = call->turn;
	jv step =
	    turn_tool_step(json_get_string(call->value, "id", ""), ok, output);
	struct json_iter iter = {0};
	const char *key;
	jv value;

	while (json_next(&iter, own_details, &key, &value))
		step = json_set(step, key, value);
	jv_free(own_details);
	if (call->started == 0)
		call->started = clock_mono_ms();
	call->step = json_set_int(step, "ms", clock_mono_ms() - call->started);
	if (taint != NULL)
		held->turn = turn_add_taint(held->turn, taint);
	tell_end(call);
	settle(held);
}
