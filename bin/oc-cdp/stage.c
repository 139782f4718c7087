#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include "io.h"
#include "job.h"
#include "json.h"
#include "log.h"
#include "rule.h"
#include "stage.h"
#include "tools.h"
#include "toolstage.h"
#include "turn.h"
#include "xalloc.h"

struct stage {
	struct browser *browser;
	struct toolstage *turns;
	struct record_reader *input;
	struct watch in, out;
	bool more;
};

/* A call of ours, in line or under way. */
struct work {
	struct stage *stage;
	struct toolstage_call *call;
	struct job *job; /* NULL: not in line yet */
};

bool
stage_gives_cookies(struct browser *browser, jv ref_turn)
{
	struct settings *settings = browser->settings;
	char *error = NULL;
	bool gives;

	if (settings->cookies == NULL)
		return false;
	if (settings->cookies_when == NULL)
		return true;
	gives = rule_holds(settings->cookies_when, json_copy(ref_turn), &error);
	if (error != NULL)
		log_warn("browser.cookies_when: %s; no cookies for turn %s",
		    error, turn_id(ref_turn));
	free(error);
	return gives;
}

/* ---- calls */

static void
end(struct work *work, bool ok, const char *text, jv own_details,
    const char *taint)
{
	struct toolstage_call *call = work->call;

	free(work);
	toolstage_end(call, ok, text, own_details, taint);
}

static void
on_result(void *arg, const struct job_result *result)
{
	jv details = json_object();

	if (json_length(result->media) > 0)
		details = json_set(details, "media", json_copy(result->media));
	if (result->timeout)
		details = json_set_bool(details, "timeout", true);
	if (result->denied)
		details = json_set_bool(details, "denied", true);
	/* even a refusal may quote what the other side said */
	end(arg, result->ok, result->text, details, "web");
}

/* A dry run, and what is wrong by itself, has its result at once. */
static void
answer_at_once(struct work *work, bool ok, bool denied, const char *text)
{
	end(work, ok, text,
	    denied ? json_set_bool(json_object(), "denied", true) : json_null(),
	    NULL);
}

static void
add(void *arg, struct toolstage_call *call)
{
	struct stage *stage = arg;
	struct work *work = xcalloc(1, sizeof *work);
	const struct tool *tool = call->tool;
	jv turn = toolstage_turn(call), args = json_null();
	struct buf why = {0};
	bool dry, denied = false, with_cookies;

	work->stage = stage;
	work->call = call;
	call->work = work;
	tool_find(json_get_string(call->value, "name", ""), &dry);
	if (!toolstage_begin(call)) {
		free(work);
		return;
	}
	if (!args_get(call->value, tool->arg, tool->arg_count, &args, &why) ||
	    !tool_permits(tool, args, &why, &denied)) {
		jv_free(args);
		answer_at_once(work, false, denied, buf_string(&why));
	} else if (dry) {
		jv_free(args);
		answer_at_once(
		    work, true, false, "permitted; nothing was done");
	} else {
		struct context *context =
		    context_of(stage->browser, turn_session(turn));

		/* a session keeps what it began with */
		with_cookies = stage_gives_cookies(stage->browser, turn);
		if (context->state == CONTEXT_NEW)
			context->with_cookies = with_cookies;
		work->job = job_add(stage->browser, turn_session(turn), tool,
		    args, -1, on_result, work);
	}
	buf_free(&why);
}

static void
stop(void *arg, struct toolstage_call *call)
{
	struct work *work = call->work;

	(void)arg;
	job_stop(work->job, "stopped by the person");
}

static const void *
find(void *arg, const char *name)
{
	struct stage *stage = arg;
	bool dry;

	/* without a browser nothing is ours */
	return settings_has_browser(stage->browser->settings)
		   ? tool_find(name, &dry)
		   : NULL;
}

/* A turn that has its reply, or that was stopped: its pages are closed. */
static void
passed(void *arg, jv ref_record)
{
	struct stage *stage = arg;
	struct context *context =
	    context_find(stage->browser, turn_session(ref_record));

	if (context == NULL || stage->browser->settings->keep)
		return;
	if (context->running != NULL || !TAILQ_EMPTY(&context->waiting))
		context->closing = true;
	else
		context_free(context);
}

/* ---- the loop */

static void on_input(void *arg, short revents);

static void
take_all(struct stage *stage)
{
	enum record_status status = RECORD_AGAIN;

	while (
	    toolstage_has_room(stage->turns) &&
	    (status = toolstage_take(stage->turns, stage->input)) == RECORD_OK)
		continue;
	if (status == RECORD_END)
		stage->more = false;
	if (stage->more && toolstage_has_room(stage->turns))
		loop_watch(stage->browser->loop, &stage->in, stage->input->fd,
		    POLLIN, on_input, stage);
	else
		loop_unwatch(&stage->in);
}

static void
on_input(void *arg, short revents)
{
	struct stage *stage = arg;

	(void)revents;
	record_fill(stage->input);
}

static void
on_output(void *arg, short revents)
{
	(void)arg;
	io_check_stdout(revents);
}

void
stage_run(
    struct browser *browser, struct record_reader *input, size_t in_flight)
{
	struct stage stage = {.browser = browser, .input = input, .more = true};
	struct toolstage_hooks hooks = {.find = find,
	    .add = add,
	    .stop = stop,
	    .passed = passed,
	    .arg = &stage};

	stage.turns = toolstage_new(&hooks, in_flight);
	loop_watch(
	    browser->loop, &stage.out, STDOUT_FILENO, 0, on_output, &stage);
	for (;;) {
		take_all(&stage);
		if (!stage.more && toolstage_is_empty(stage.turns))
			break;
		loop_run(browser->loop);
	}
	loop_unwatch(&stage.in);
	loop_unwatch(&stage.out);
	toolstage_free(stage.turns);
}
