#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "survey.h"
#include "xalloc.h"

enum {
	WAITS_TOO_LONG_S = 60, /* a message that nobody takes */
	POLL_TOO_OLD_S = 180,  /* a poll lasts at most 50 s */
};

char *
survey_age(int64_t seconds, char out[SURVEY_AGE_SIZE])
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		snprintf(out, SURVEY_AGE_SIZE, "%" PRId64 " s", seconds);
	else if (seconds < 2 * 60 * 60)
		snprintf(out, SURVEY_AGE_SIZE, "%" PRId64 " min", seconds / 60);
	else if (seconds < 2 * 24 * 60 * 60)
		snprintf(out, SURVEY_AGE_SIZE, "%" PRId64 " h", seconds / 3600);
	else
		snprintf(
		    out, SURVEY_AGE_SIZE, "%" PRId64 " d", seconds / 86400);
	return out;
}

char *
survey_bytes(int64_t bytes, char out[SURVEY_AGE_SIZE])
{
	if (bytes < 1000 * 1000 * 1000)
		snprintf(out, SURVEY_AGE_SIZE, "%" PRId64 " MB",
		    bytes / (1000 * 1000));
	else
		snprintf(out, SURVEY_AGE_SIZE, "%.1f GB", (double)bytes / 1e9);
	return out;
}

static jv
add(jv own_problems, char *text)
{
	own_problems = json_append_string(own_problems, text);
	free(text);
	return own_problems;
}

static jv
check_roles(jv own_problems, jv ref_roles)
{
	struct json_iter iter = {0};
	const char *role;
	jv one;
	bool any = false;

	while (json_next(&iter, ref_roles, &role, &one)) {
		any = any || json_get_bool(one, "running", false);
		jv_free(one);
	}
	if (!any)
		return json_append_string(own_problems,
		    "no gateway runs; start it: openclaw gateway run");
	iter = (struct json_iter){0};
	while (json_next(&iter, ref_roles, &role, &one)) {
		if (!json_get_bool(one, "running", false))
			own_problems = add(own_problems,
			    xasprintf("nobody has the role %s; start it: "
				      "openclaw gateway run --role %s",
				role, role));
		jv_free(one);
	}
	return own_problems;
}

static jv
check_chains(jv own_problems, jv ref_chains)
{
	struct json_iter iter = {0};
	const char *chain, *state;
	jv one;

	while (json_next(&iter, ref_chains, &chain, &one)) {
		state = json_get_string(one, "state", "");
		if (strcmp(state, "failed") == 0 ||
		    strcmp(state, "waiting") == 0)
			own_problems = add(own_problems,
			    xasprintf("chain %s: %s (%s); see the log of the "
				      "gateway",
				chain, json_get_string(one, "why", ""),
				json_get_string(one, "last", "")));
		jv_free(one);
	}
	return own_problems;
}

static jv
check_queues(jv own_problems, jv ref_queues)
{
	char age[SURVEY_AGE_SIZE];
	struct json_iter iter = {0};
	const char *queue;
	jv one;

	while (json_next(&iter, ref_queues, &queue, &one)) {
		int64_t oldest = json_get_int(one, "oldest_s", 0),
			dead = json_get_int(one, "given_up", 0);

		/* whoever chats fetches these when they come back */
		if (oldest > WAITS_TOO_LONG_S &&
		    strcmp(queue, "out/terminal") != 0)
			own_problems = add(own_problems,
			    xasprintf("queue %s: the oldest of %" PRId64
				      " messages has waited for %s",
				queue, json_get_int(one, "waiting", 0),
				survey_age(oldest, age)));
		if (dead != 0)
			own_problems = add(own_problems,
			    xasprintf("queue %s: %" PRId64
				      " messages were given up; see "
				      "'oc-spool ls %s', and 'oc-spool retry' "
				      "or 'drop'",
				queue, dead, queue));
		jv_free(one);
	}
	return own_problems;
}

static jv
check_telegram(jv own_problems, jv ref_telegram)
{
	int64_t polled = json_get_int(ref_telegram, "polled_s", INT64_MAX);
	const char *failure = json_get_string(ref_telegram, "failure", NULL);
	char age[SURVEY_AGE_SIZE];

	if (failure != NULL)
		return add(own_problems, xasprintf("telegram: %s", failure));
	if (polled == INT64_MAX)
		return json_append_string(
		    own_problems, "telegram: no poll was answered yet");
	if (polled > POLL_TOO_OLD_S)
		return add(own_problems,
		    xasprintf("telegram: the last poll was answered %s ago",
			survey_age(polled, age)));
	return own_problems;
}

jv
survey_problems(jv ref_survey, bool wants_telegram)
{
	jv problems = json_array(), roles = json_get(ref_survey, "roles"), part;
	char text[SURVEY_AGE_SIZE];
	int64_t left;

	problems = check_roles(problems, roles);
	part = json_get(ref_survey, "chains");
	problems = check_chains(problems, part);
	jv_free(part);
	part = json_get(ref_survey, "queues");
	problems = check_queues(problems, part);
	jv_free(part);
	part = json_get(ref_survey, "telegram");
	if (wants_telegram)
		problems = check_telegram(problems, part);
	jv_free(part);
	part = json_get(ref_survey, "provision");
	for (int i = 0; i < json_length(part); i++)
		problems = json_append(problems, json_at(part, i));
	jv_free(part);
	part = json_get(ref_survey, "disk");
	left = json_get_int(part, "free_bytes", INT64_MAX);
	if (left < SURVEY_DISK_LOW)
		problems = add(problems,
		    xasprintf("disk: %s are left for the state; make room",
			survey_bytes(left, text)));
	jv_free(part);
	jv_free(roles);
	return problems;
}

/* What was left by a gateway that is gone does not count. */
static jv
chains_that_run(jv ref_roles)
{
	jv all = survey_chains(), some = json_object(), one;
	struct json_iter iter = {0};
	const char *chain;

	while (json_next(&iter, all, &chain, &one)) {
		jv role = json_get(ref_roles,
		    strcmp(chain, "agent") == 0 ? "node" : "gateway");

		if (json_get_bool(role, "running", false))
			some = json_set(some, chain, one);
		else
			jv_free(one);
		jv_free(role);
	}
	jv_free(all);
	return some;
}

jv
survey_all(bool wants_telegram)
{
	jv all = json_object(), roles = survey_roles(), problems;

	all = json_set(all, "chains", chains_that_run(roles));
	all = json_set(all, "roles", roles);
	all = json_set(all, "provision", survey_provision());
	all = json_set(all, "queues", survey_queues());
	all = json_set(all, "telegram", survey_telegram());
	all = json_set(all, "models", survey_models());
	all = json_set(all, "disk", survey_disk());
	problems = survey_problems(all, wants_telegram);
	return json_set(all, "problems", problems);
}
