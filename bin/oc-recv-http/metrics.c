#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "deliveries.h"
#include "json.h"
#include "metrics.h"
#include "metrics_now.h"
#include "series.h"
#include "server.h"
#include "xalloc.h"

struct metrics {
	struct series *series;
	struct deliveries *deliveries;
	struct metrics_now *now;
	struct family *turns, *turn_seconds, *steps, *calls, *call_seconds;
	struct family *attempts, *attempt_seconds, *tokens, *cost, *fallbacks;
	struct family *delivered, *delivery_seconds;
};

static double
seconds(int64_t ms)
{
	return ms > 0 ? (double)ms / 1000 : 0;
}

static void
make_families(struct metrics *metrics)
{
	struct series *all = metrics->series;

	metrics->turns =
	    series_family(all, SERIES_COUNTER, "openclaw_turns_total",
		"Turns that finished; outcome is ok or the class of the error.",
		"channel outcome");
	metrics->turn_seconds = series_family(all, SERIES_HISTOGRAM,
	    "openclaw_turn_duration_seconds",
	    "From the begin of a turn to its reply.", "channel");
	metrics->steps = series_family(all, SERIES_COUNTER,
	    "openclaw_steps_total", "Steps of models.", "");
	metrics->attempts =
	    series_family(all, SERIES_COUNTER, "openclaw_model_attempts_total",
		"Requests to models; outcome is ok or the class of the error.",
		"model outcome");
	metrics->attempt_seconds = series_family(all, SERIES_HISTOGRAM,
	    "openclaw_model_duration_seconds",
	    "How long a model took for an answer, or to fail.", "model");
	metrics->tokens = series_family(all, SERIES_COUNTER,
	    "openclaw_tokens_total",
	    "Tokens as the providers count them; cached ones are among input, "
	    "thoughts among output.",
	    "model type");
	metrics->cost =
	    series_family(all, SERIES_COUNTER, "openclaw_cost_total",
		"Cost in the currency of the configuration's prices.", "model");
	metrics->fallbacks =
	    series_family(all, SERIES_COUNTER, "openclaw_fallbacks_total",
		"Failures of a model after which another was asked.", "model");
	metrics->calls =
	    series_family(all, SERIES_COUNTER, "openclaw_tool_calls_total",
		"Calls of tools; outcome is ok, failed or timeout.",
		"tool outcome");
	metrics->call_seconds = series_family(all, SERIES_HISTOGRAM,
	    "openclaw_tool_duration_seconds", "How long a tool took.", "tool");
	metrics->delivered = series_family(all, SERIES_COUNTER,
	    "openclaw_deliveries_total",
	    "Replies that were delivered, or given up, by oc-send.", "status");
	metrics->delivery_seconds = series_family(all, SERIES_HISTOGRAM,
	    "openclaw_delivery_duration_seconds",
	    "From the begin of a delivery to its end.", "");
}

/* ---- what finished */

static void
count_tokens(struct metrics *metrics, const char *model, jv ref_usage)
{
	static const char *const types[] = {
	    "input", "output", "cached", "thoughts"};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		int64_t count = json_get_int(ref_usage, types[i], 0);

		if (count > 0)
			family_add(
			    metrics->tokens, (double)count, model, types[i]);
	}
}

static void
count_model(struct metrics *metrics, jv ref_item, bool last)
{
	const char *model = json_get_string(ref_item, "model", "?");
	jv error = json_get(ref_item, "error");
	jv usage = json_get(ref_item, "usage");
	double cost = json_get_number(ref_item, "cost", 0);

	family_add(metrics->attempts, 1, model,
	    json_is_null(error) ? "ok"
				: json_get_string(error, "class", "error"));
	family_observe(metrics->attempt_seconds,
	    seconds(json_get_int(ref_item, "ms", 0)), model);
	count_tokens(metrics, model, usage);
	if (cost > 0)
		family_add(metrics->cost, cost, model);
	if (!json_is_null(error) && !last)
		family_add(metrics->fallbacks, 1, model);
	jv_free(usage);
	jv_free(error);
}

static void
count_tool(struct metrics *metrics, jv ref_item)
{
	const char *tool = json_get_string(ref_item, "name", "?");
	const char *outcome = json_get_bool(ref_item, "timeout", false)
				  ? "timeout"
			      : json_get_bool(ref_item, "ok", false) ? "ok"
								     : "failed";

	family_add(metrics->calls, 1, tool, outcome);
	family_observe(metrics->call_seconds,
	    seconds(json_get_int(ref_item, "ms", 0)), tool);
}

/* Whether the model is asked again after this item, or another is. */
static bool
is_followed(jv ref_items, int index)
{
	jv next = json_at(ref_items, index + 1);
	bool followed = strcmp(json_get_string(next, "kind", ""), "model") == 0;

	jv_free(next);
	return followed;
}

void
metrics_turn(struct metrics *metrics, jv ref_timeline)
{
	const char *channel = json_get_string(ref_timeline, "channel", "?");
	jv items = json_get(ref_timeline, "items");
	jv error = json_get(ref_timeline, "error");

	family_add(metrics->turns, 1, channel,
	    json_is_null(error) ? "ok"
				: json_get_string(error, "class", "error"));
	family_observe(metrics->turn_seconds,
	    seconds(json_get_int(ref_timeline, "ms", 0)), channel);
	family_add(
	    metrics->steps, (double)json_get_int(ref_timeline, "steps", 0));
	for (int i = 0, n = json_length(items); i < n; i++) {
		jv item = json_at(items, i);
		const char *kind = json_get_string(item, "kind", "");

		if (strcmp(kind, "model") == 0)
			count_model(metrics, item, !is_followed(items, i));
		else if (strcmp(kind, "tool") == 0)
			count_tool(metrics, item);
		jv_free(item);
	}
	jv_free(error);
	jv_free(items);
}

static void
delivery_ended(void *arg, jv ref_delivery)
{
	struct metrics *metrics = arg;
	int64_t begun = json_get_int(ref_delivery, "begun", 0);

	family_add(metrics->delivered, 1,
	    json_get_string(ref_delivery, "status", "?"));
	family_observe(metrics->delivery_seconds,
	    seconds(json_get_int(ref_delivery, "at", begun) - begun));
}

/* ---- the route */

static void
handle(struct request *request, void *arg)
{
	struct metrics *metrics = arg;
	struct buf text = {0};

	metrics_now_look(metrics->now);
	series_write(metrics->series, &text);
	request_answer_bytes(request, 200,
	    "text/plain; version=0.0.4; charset=utf-8", text.data, text.length);
	buf_free(&text);
}

struct metrics *
metrics_new(struct server *server)
{
	struct metrics *metrics = xcalloc(1, sizeof *metrics);

	metrics->series = series_new();
	make_families(metrics);
	metrics->now = metrics_now_new(metrics->series, server);
	metrics->deliveries =
	    deliveries_new(server_base(server), delivery_ended, metrics);
	server_add(server, &(struct route){.method = "GET",
			       .path = "/metrics",
			       .need = NEED_TOKEN,
			       .handle = handle,
			       .arg = metrics});
	return metrics;
}

void
metrics_free(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	deliveries_free(metrics->deliveries);
	metrics_now_free(metrics->now);
	series_free(metrics->series);
	free(metrics);
}
