#include <stdlib.h>
#include "calls.h"
#include "json.h"
#include "xalloc.h"

struct call *
call_new(struct toolstage_call *of)
{
	struct call *call = xcalloc(1, sizeof *call);

	call->call = of;
	of->work = call;
	/* it was found by its name, so it is known */
	tool_find(json_get_string(of->value, "name", ""), &call->run.dry);
	return call;
}

static void
call_free(struct call *call)
{
	run_free(&call->run);
	free(call);
}

static void
end(struct call *call, bool ok, jv own_details)
{
	if (call->run.denied)
		own_details = json_set_bool(own_details, "denied", true);
	toolstage_end(call->call, ok, buf_string(&call->run.text), own_details,
	    call->run.taint);
	call_free(call);
}

bool
call_start(struct call *call, struct tools *tools)
{
	const struct tool *tool = call->call->tool;
	jv asked;

	if (!toolstage_begin(call->call)) {
		call_free(call);
		return false;
	}
	/* rules see the call as it would be, not that it is a dry run */
	asked =
	    json_set_string(json_copy(call->call->value), "name", tool->name);
	tool->begin(tools, toolstage_turn(call->call), asked, &call->run);
	jv_free(asked);
	if (!call->run.running) {
		end(call, call->run.ok,
		    call->run.approval[0] != '\0'
			? json_set_string(
			      json_object(), "approval", call->run.approval)
			: json_object());
		return false;
	}
	call->running = true;
	return true;
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
	run_refuse(&call->run, "%s", reason);
	end(call, false, json_object());
}
