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
		const struct tool *tool =
		    tool_find(json_get_string(value, "name", ""));

		if (tool == NULL) {
			jv_free(value);
			continue;
		}
		held->call[held->count++] = (struct call){.held = held,
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

void
held_write(struct held *held)
{
	jv turn = held->turn;

	held->turn = json_null();
	for (size_t i = 0; i < held->count; i++) {
		struct call *call = &held->call[i];

		turn = turn_add_step(turn, json_copy(call->step));
		if (call->run.taint != NULL)
			turn = turn_add_taint(turn, call->run.taint);
	}
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
 * The two places for a journal: nothing of the call has had an effect yet,
 * and nothing of it can have one any more.
 */
static void
before_start(struct call *call)
{
	jv details = json_object();

	call->started = clock_mono_ms();
	details = json_set(details, "call", json_get(call->value, "id"));
	details = json_set(details, "name", json_get(call->value, "name"));
	details = json_set(details, "args", json_get(call->value, "args"));
	event_write(call->held->turn, "tool_start", details);
}

static void
after_end(struct call *call)
{
	jv details = json_object();

	details = json_set(details, "call", json_get(call->value, "id"));
	details = json_set(details, "name", json_get(call->value, "name"));
	details = json_set(details, "ok", json_get(call->step, "ok"));
	details = json_set(details, "ms", json_get(call->step, "ms"));
	event_write(call->held->turn, "tool_end", details);
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
	call->step = json_set_int(step, "ms", clock_mono_ms() - call->started);
	call->state = CALL_DONE;
	buf_free(&call->run.text);
	after_end(call);
}

void
call_start(struct call *call, struct tools *tools)
{
	before_start(call);
	call->tool->begin(tools, call->held->turn, call->value, &call->run);
	if (call->run.running)
		call->state = CALL_RUNNING;
	else
		end(call, call->run.ok, json_object());
}

void
call_finish(struct call *call)
{
	jv details;
	bool ok = task_result(&call->run.task, &call->run.text, &details);

	task_free(&call->run.task);
	call->run.running = false;
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
