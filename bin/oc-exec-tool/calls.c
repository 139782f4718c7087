#include <stdlib.h>
#include "calls.h"
#include "clock.h"
#include "event.h"
#include "json.h"
#include "turn.h"
#include "xalloc.h"

struct held *
held_new(jv ref_turn)
{
	jv pending = turn_pending(ref_turn);
	int count = json_length(pending);
	struct held *held = xcalloc(1, sizeof *held);

	held->call = xcalloc((size_t)count + 1, sizeof *held->call);
	for (int i = 0; i < count; i++) {
		jv value = json_at(pending, i);
		bool dry;
		const struct tool *tool =
		    tool_find(json_get_string(value, "name", ""), &dry);

		if (tool == NULL) {
			jv_free(value);
			continue;
		}
		held->call[held->count++] = (struct call){.held = held,
		    .tool = tool,
		    .run.dry = dry,
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

void
held_write(struct held *held)
{
	jv turn = held->turn;

	if (held->journal == JOURNAL_STALE)
		return; /* another run of the turn has it */
	held->turn = json_null();
	for (size_t i = 0; i < held->count; i++)
		turn = turn_add_step(turn, json_copy(held->call[i].step));
	turn_write(turn);
}

void
held_free(struct held *held)
{
	for (size_t i = 0; i < held->count; i++) {
		run_free(&held->call[i].run);
		jv_free(held->call[i].value);
		jv_free(held->call[i].step);
	}
	jv_free(held->turn);
	free(held->call);
	free(held);
}

/*
 * Nothing of the call has had an effect yet: all calls of the turn are
 * journalled together, before the first of them starts, so that they share
 * one sync.  False when it must not start.
 */
static bool
before_start(struct call *call)
{
	struct held *held = call->held;
	jv details = json_object(), calls = json_array();

	call->started = clock_mono_ms();
	if (!held->journalled) {
		held->journalled = true;
		for (size_t i = 0; i < held->count; i++)
			calls =
			    json_append(calls, json_copy(held->call[i].value));
		held->journal = journal_calls_started(held->turn, calls);
	}
	jv_free(calls);
	if (held->journal == JOURNAL_STALE || held->journal == JOURNAL_FAILED) {
		jv_free(details);
		return false;
	}
	details = json_set(details, "call", json_get(call->value, "id"));
	details = json_set(details, "name", json_get(call->value, "name"));
	details = json_set(details, "args", json_get(call->value, "args"));
	event_write(held->turn, "tool_start", details);
	return true;
}

/* Nothing of the call can have an effect any more. */
static void
after_end(struct call *call)
{
	struct held *held = call->held;
	jv details = json_object();

	if (call->run.taint != NULL)
		held->turn = turn_add_taint(held->turn, call->run.taint);
	if (journal_step(held->turn, call->step) == JOURNAL_STALE)
		held->journal = JOURNAL_STALE;
	details = json_set(details, "call", json_get(call->value, "id"));
	details = json_set(details, "name", json_get(call->value, "name"));
	details = json_set(details, "ok", json_get(call->step, "ok"));
	details = json_set(details, "ms", json_get(call->step, "ms"));
	event_write(held->turn, "tool_end", details);
}

/* Makes the step.  `own_details` are more keys for it. */
static void
end(struct call *call, bool ok, jv own_details)
{
	jv step = turn_tool_step(json_get_string(call->value, "id", ""), ok,
	    buf_string(&call->run.text));
	struct json_iter iter = {0};
	const char *key;
	jv value;

	while (json_next(&iter, own_details, &key, &value))
		step = json_set(step, key, value);
	jv_free(own_details);
	if (call->run.denied)
		step = json_set_bool(step, "denied", true);
	call->step = json_set_int(step, "ms", clock_mono_ms() - call->started);
	call->state = CALL_DONE;
	buf_free(&call->run.text);
	after_end(call);
}

void
call_start(struct call *call, struct tools *tools)
{
	jv asked;

	if (!before_start(call)) {
		call_refuse(call,
		    "not started: the journal cannot be written, and what is "
		    "not written down first is not run (is the disk full?)");
		return;
	}
	/* rules see the call as it would be, not that it is a dry run */
	asked =
	    json_set_string(json_copy(call->value), "name", call->tool->name);
	call->tool->begin(tools, call->held->turn, asked, &call->run);
	jv_free(asked);
	if (call->run.running)
		call->state = CALL_RUNNING;
	else
		end(call, call->run.ok,
		    call->run.approval[0] != '\0'
			? json_set_string(
			      json_object(), "approval", call->run.approval)
			: json_object());
}

void
call_finish(struct call *call)
{
	jv details;
	bool ok = task_result(&call->run.task, &call->run.text, &details);

	task_free(&call->run.task);
	call->run.running = false;
	if (call->run.denied_exit != 0 &&
	    json_get_int(details, "exit", 0) == call->run.denied_exit)
		call->run.denied = true;
	if (!ok && call->run.tidy != NULL)
		call->run.tidy(&call->run.text);
	end(call, ok, details);
}

void
call_refuse(struct call *call, const char *reason)
{
	call->started = clock_mono_ms();
	run_refuse(&call->run, "%s", reason);
	end(call, false, json_object());
}
