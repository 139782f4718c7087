#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "ending.h"
#include "journal.h"
#include "json.h"
#include "turn.h"

enum {
	REPEATS_MAX = 3,      /* twice may be a retry, three times is a rut */
	LAST_TEXT_MAX = 3000, /* of the model's own words, in such a reply */
};

/* The last text of an assistant step, or "". */
static jv
last_text(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps"), text = json_string("");

	for (int i = json_length(steps) - 1; i >= 0; i--) {
		jv step = json_at(steps, i);
		const char *said = json_get_string(step, "text", "");

		if (*said != '\0') {
			jv_free(text);
			text = json_get(step, "text");
			i = 0;
		}
		jv_free(step);
	}
	jv_free(steps);
	return text;
}

static jv
end(jv own_turn, const char *class, const char *why)
{
	struct buf reply = {0};
	jv last = last_text(own_turn);

	buf_add_string(&reply, why);
	if (json_string_length(last) != 0)
		buf_printf(&reply, "\n\nThe last that I had written: %.*s",
		    LAST_TEXT_MAX, json_as_string(last, ""));
	jv_free(last);
	own_turn = turn_fail(own_turn, class, why, buf_string(&reply));
	buf_free(&reply);
	return own_turn;
}

static jv
end_printf(jv own_turn, const char *class, const char *format, int64_t number)
{
	struct buf why = {0};
	const char *at = strstr(format, "%d");

	buf_add(&why, format, (size_t)(at - format));
	buf_printf(&why, "%" PRId64, number);
	buf_add_string(&why, at + 2);
	own_turn = end(own_turn, class, buf_string(&why));
	buf_free(&why);
	return own_turn;
}

jv
ending_steps(jv own_turn, int64_t limit)
{
	return end_printf(own_turn, "step_limit",
	    "I stopped here: this task took %d steps and was not done. "
	    "Ask me to go on, or in smaller parts.",
	    limit);
}

jv
ending_repeated(jv own_turn)
{
	return end(own_turn, "repeated_call",
	    "I stopped here: I was making the same call again and again, and "
	    "it gave the same result each time.");
}

jv
ending_deadline(jv own_turn, int64_t limit_s)
{
	return end_printf(own_turn, "deadline",
	    "I stopped here: this task was not done within %d seconds. A "
	    "command that was running was ended; its outcome may be "
	    "incomplete.",
	    limit_s);
}

jv
ending_stopped(jv own_turn)
{
	return end(own_turn, "stopped", "Stopped, as you asked.");
}

jv
ending_broken(jv own_turn, const char *how)
{
	struct buf why = {0};

	buf_printf(&why,
	    "Something in the gateway broke while I worked on this: %s. A "
	    "command that was running may have been cut off. Please look at "
	    "the log, and ask again.",
	    how);
	own_turn = end(own_turn, "broken", buf_string(&why));
	buf_free(&why);
	return own_turn;
}

jv
ending_unchanged(jv own_turn)
{
	return end(own_turn, "unchanged",
	    "Nothing here worked on this: it went through the whole pipeline "
	    "and came back as it was. A stage that answers, oc-plan, is "
	    "missing from the pipeline of oc-loop.");
}

jv
ending_invoked(jv own_turn)
{
	jv steps = json_get(own_turn, "steps"), results = json_array(), reply;
	struct buf text = {0};

	for (int i = 0, n = json_length(steps); i < n; i++) {
		jv step = json_at(steps, i);

		if (strcmp(json_get_string(step, "role", ""), "tool") != 0) {
			jv_free(step);
			continue;
		}
		if (json_length(results) != 0)
			buf_add_byte(&text, '\n');
		buf_add_string(&text, json_get_string(step, "output", ""));
		results = json_append(results, step);
	}
	jv_free(steps);
	own_turn = turn_reply(own_turn, buf_string(&text));
	buf_free(&text);
	reply = json_set(json_take(&own_turn, "reply"), "results", results);
	return json_set(own_turn, "reply", reply);
}

/* One round: what was called and what came of it. */
struct outcome {
	jv name, args, output; /* owned */
};

static void
outcome_free(struct outcome *outcome)
{
	jv_free(outcome->name);
	jv_free(outcome->args);
	jv_free(outcome->output);
}

/* The outcome of a call of the step at `index`; output null: no result. */
static struct outcome
find_outcome(jv ref_steps, int index, jv ref_call)
{
	struct outcome outcome = {json_get(ref_call, "name"),
	    json_get(ref_call, "args"), json_null()};
	const char *id = json_get_string(ref_call, "id", "");

	for (int i = index + 1, n = json_length(ref_steps); i < n; i++) {
		jv step = json_at(ref_steps, i);
		const char *role = json_get_string(step, "role", "");
		bool found = strcmp(role, "tool") == 0 &&
			     strcmp(json_get_string(step, "call", ""), id) == 0;

		if (found)
			outcome.output = json_get(step, "output");
		jv_free(step);
		if (found || strcmp(role, "assistant") == 0)
			break;
	}
	return outcome;
}

static bool
same_outcome(const struct outcome *a, const struct outcome *b)
{
	return json_is_string(a->output) && json_equal(a->name, b->name) &&
	       json_equal(a->output, b->output) && json_equal(a->args, b->args);
}

/* Whether a call of the step at `index` had this outcome. */
static bool
has_outcome(jv ref_steps, int index, const struct outcome *wanted)
{
	jv step = json_at(ref_steps, index);
	jv calls = json_get(step, "calls");
	bool has = false;

	for (int i = 0, n = json_length(calls); i < n && !has; i++) {
		jv call = json_at(calls, i);
		struct outcome one = find_outcome(ref_steps, index, call);

		has = same_outcome(wanted, &one);
		outcome_free(&one);
		jv_free(call);
	}
	jv_free(calls);
	jv_free(step);
	return has;
}

/*
 * In how many steps a call had this outcome.  Calls of one step are made side
 * by side, before their model saw any result: alike, they are no rut.
 */
static int
count_outcome(jv ref_steps, const struct outcome *wanted)
{
	int count = 0;

	for (int i = 0, n = json_length(ref_steps); i < n; i++)
		count += has_outcome(ref_steps, i, wanted);
	return count;
}

bool
ending_is_repeated(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps"), calls = json_null();
	int last = json_length(steps);
	bool repeated = false;

	while (--last >= 0 && json_length(calls) == 0) {
		jv step = json_at(steps, last);

		jv_free(calls);
		calls = json_get(step, "calls");
		jv_free(step);
	}
	for (int i = 0, n = json_length(calls); i < n && !repeated; i++) {
		jv call = json_at(calls, i);
		struct outcome one = find_outcome(steps, last + 1, call);

		repeated = count_outcome(steps, &one) >= REPEATS_MAX;
		outcome_free(&one);
		jv_free(call);
	}
	jv_free(calls);
	jv_free(steps);
	return repeated;
}

jv
ending_answer_unserved(jv own_turn)
{
	jv pending = turn_pending(own_turn);

	for (int i = 0, n = json_length(pending); i < n; i++) {
		jv call = json_at(pending, i), step;
		struct buf output = {0};

		buf_printf(&output,
		    "there is no tool %s here: no stage of this pipeline "
		    "offers it",
		    json_get_string(call, "name", "without a name"));
		step = turn_tool_step(json_get_string(call, "id", ""), false,
		    buf_string(&output));
		step = json_set_bool(step, "denied", true);
		/* who has the turn now is found out by the next stage */
		(void)journal_step(own_turn, step);
		own_turn = turn_add_step(own_turn, step);
		buf_free(&output);
		jv_free(call);
	}
	jv_free(pending);
	return own_turn;
}
