/* The tool browser_wait: looks at the page until it is as it should be. */
#include "clock.h"
#include "json.h"
#include "tools.h"

enum {
	LOOK_MS = 200,        /* between two looks */
	WAIT_SLACK_MS = 3000, /* of the deadline, for what comes after */
};

static void look_again(struct job *job);

static void
end_wait(struct job *job)
{
	if (!job_page_is_web(job))
		return;
	job_done_with_page(job);
}

static void
on_looked(struct job *job, jv ref_value)
{
	if (json_as_bool(ref_value, false)) {
		buf_add_string(&job->text, "it is there; the page is ");
		end_wait(job);
	} else if (json_is_string(ref_value)) {
		job_fail(job, "%s", json_as_string(ref_value, ""));
	} else if (clock_mono_ms() >= job->settle_until) {
		job->timeout = true;
		job_fail(job, "it did not come in time");
	} else {
		job_sleep(job, LOOK_MS, look_again);
	}
}

static void
look_again(struct job *job)
{
	static const char function[] =
	    "function (text, gone, selector) {"
	    "  const t = document.body ? document.body.innerText : '';"
	    "  try { return (!text || t.includes(text)) && "
	    "    (!gone || !t.includes(gone)) && "
	    "    (!selector || !!document.querySelector(selector)); }"
	    "  catch (e) { return 'not a CSS selector'; } }";
	jv args = json_array();

	args = json_append_string(args, job_string(job, "text"));
	args = json_append_string(args, job_string(job, "gone"));
	args = json_append_string(args, job_string(job, "selector"));
	job_script(job, function, args, on_looked);
}

static void
wait_begin(struct job *job)
{
	int64_t ms = job_int(job, "ms", 0);

	if (job_left(job) < WAIT_SLACK_MS)
		job->settle_until = 0;
	else
		job->settle_until =
		    clock_mono_ms() + job_left(job) - WAIT_SLACK_MS;
	if (ms > 0 && clock_mono_ms() + ms < job->settle_until)
		job->settle_until = clock_mono_ms() + ms;
	if (!job_page_is_web(job))
		return;
	if (*job_string(job, "text") != '\0' ||
	    *job_string(job, "gone") != '\0' ||
	    *job_string(job, "selector") != '\0') {
		look_again(job);
		return;
	}
	buf_add_string(&job->text, "waited; the page is ");
	job_sleep(job,
	    ms < job_left(job) - WAIT_SLACK_MS ? ms
					       : job_left(job) - WAIT_SLACK_MS,
	    end_wait);
}

static const struct arg wait_args[] = {
    {"text", ARG_STRING, false, 0, 0},
    {"gone", ARG_STRING, false, 0, 0},
    {"selector", ARG_STRING, false, 0, 0},
    {"ms", ARG_INT, false, 0, 600000},
};
const struct tool tool_wait = {"browser_wait",
    "Wait until a text is on the page, or gone from it, or a CSS selector "
    "finds something; at most ms milliseconds.",
    JSON_OBJECT("\"text\":" JSON_STRING ",\"gone\":" JSON_STRING
		",\"selector\":" JSON_STRING ",\"ms\":" JSON_INTEGER,
	""),
    wait_args, sizeof wait_args / sizeof *wait_args, NEEDS_PAGE, wait_begin};
