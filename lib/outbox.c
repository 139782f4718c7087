#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "json.h"
#include "outbox.h"
#include "queue.h"
#include "turn.h"

static void
add_count(jv *sum, jv ref_usage, const char *key)
{
	int64_t count = json_get_int(ref_usage, key, 0);

	if (count != 0)
		*sum =
		    json_set_int(*sum, key, json_get_int(*sum, key, 0) + count);
}

/* One attempt at a model, the one that answered or one that failed. */
static void
add_attempt(jv *sum, jv ref_attempt)
{
	jv usage = json_get(ref_attempt, "usage");
	double cost = json_get_number(ref_attempt, "cost", 0);

	add_count(sum, usage, "input");
	add_count(sum, usage, "output");
	add_count(sum, usage, "cached");
	if (cost > 0)
		*sum = json_set(*sum, "cost",
		    json_number(json_get_number(*sum, "cost", 0) + cost));
	jv_free(usage);
}

/* What the turn used, over all of its steps; null without one. */
static jv
sum_up(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps"), sum = json_null();

	for (int i = 0, n = json_length(steps); i < n; i++) {
		jv step = json_at(steps, i);
		jv attempts = json_get(step, "attempts");
		jv model = json_get(step, "model");

		for (int j = 0, m = json_length(attempts); j < m; j++) {
			jv one = json_at(attempts, j);

			add_attempt(&sum, one);
			jv_free(one);
		}
		add_attempt(&sum, step);
		if (json_is_string(model))
			sum = json_set(sum, "model", json_copy(model));
		sum = json_get_bool(step, "truncated", false)
			  ? json_set_bool(sum, "truncated", true)
			  : json_delete(sum, "truncated");
		jv_free(model);
		jv_free(attempts);
		jv_free(step);
	}
	jv_free(steps);
	return sum;
}

char *
outbox_line(jv ref_turn, size_t *length)
{
	static const char *const left_out[] = {"text", "media", "steps",
	    "route", "attempt", "lease", "before", "instructions"};
	struct buf line = {0};
	jv reply = json_copy(ref_turn), usage = sum_up(ref_turn);

	if (json_length(usage) != 0)
		reply = json_set(reply, "usage", json_copy(usage));
	jv_free(usage);

	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
		reply = json_delete(reply, left_out[i]);
	json_write(&line, reply);
	buf_add_byte(&line, '\n');
	jv_free(reply);
	*length = line.length;
	return buf_take(&line);
}

void
outbox_put(jv ref_turn)
{
	char *name =
	    queue_of_channel(json_get_string(ref_turn, "channel", "stdout"));
	struct queue *queue = queue_open(name);
	struct queue_item item = {.id = turn_id(ref_turn)};
	char *line = outbox_line(ref_turn, &item.length);

	item.line = line;
	queue_put_surely(queue, &item);
	free(line);
	queue_free(queue);
	free(name);
}
