#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "json.h"
#include "log.h"
#include "plan.h"
#include "usage.h"
#include "xalloc.h"

/*
 * What may be spent in a day (UTC), by the files of usage/, which every stage
 * and a restart see alike.  A step's usage is written there before the turn
 * goes on, so that the next step, and other turns, are checked against it.
 */
struct budget {
	int64_t tokens; /* -1: no limit */
	double cost;    /* below 0: no limit */
	char day[USAGE_DAY_SIZE];
	struct usage_reader *reader; /* of that day */
};

struct budget *
budget_open(const struct config *config)
{
	struct budget *budget = xcalloc(1, sizeof *budget);
	jv tokens = config_get(config, "limits.tokens_per_day");
	jv cost = config_get(config, "limits.cost_per_day");

	budget->tokens = json_as_int(tokens, -1);
	budget->cost = json_as_number(cost, -1);
	jv_free(tokens);
	jv_free(cost);
	return budget;
}

void
budget_free(struct budget *budget)
{
	usage_free(budget->reader);
	free(budget);
}

static bool
is_limited(const struct budget *budget)
{
	return budget->tokens >= 0 || budget->cost >= 0;
}

char *
budget_obstacle(struct budget *budget)
{
	const struct usage_total *total;
	char today[USAGE_DAY_SIZE];

	if (!is_limited(budget))
		return NULL;
	usage_day(clock_now_ms(), today);
	if (strcmp(today, budget->day) != 0) {
		usage_free(budget->reader);
		memcpy(budget->day, today, sizeof today);
		budget->reader = usage_open(today);
	}
	total = usage_read(budget->reader, NULL, NULL);
	if (budget->tokens >= 0 &&
	    total->input + total->output >= budget->tokens)
		return xasprintf("today's %" PRId64 " tokens are used up "
				 "(limits.tokens_per_day); there are new ones "
				 "at midnight UTC",
		    budget->tokens);
	if (budget->cost >= 0 && total->cost >= budget->cost)
		return xasprintf("today's budget of %g is used up "
				 "(limits.cost_per_day); there is a new one at "
				 "midnight UTC",
		    budget->cost);
	return NULL;
}

void
budget_count(struct budget *budget, jv ref_turn, jv ref_step, int index)
{
	if (!is_limited(budget))
		return; /* it is counted when the turn is finished */
	if (!usage_add_step(ref_turn, ref_step, index))
		log_warn("turn %s: its usage cannot be written down: %s; the "
			 "day's budget may be overdrawn",
		    json_get_string(ref_turn, "id", ""), strerror(errno));
}
