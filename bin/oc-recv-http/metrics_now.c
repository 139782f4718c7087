#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "json.h"
#include "metrics_now.h"
#include "processes.h"
#include "series.h"
#include "server.h"
#include "state.h"
#include "survey.h"
#include "xalloc.h"

struct metrics_now {
	struct server *server;
	int64_t started;
	struct family *build, *up_since, *breaker, *breaker_until;
	struct family *length, *oldest, *chain, *restarts, *polled, *disk;
	struct family *processes, *resident, *cpu;
	struct family *connections, *running, *requests, *answers, *cut;
};

static struct family *
gauge(struct series *series, const char *name, const char *help,
    const char *labels)
{
	return series_family(series, SERIES_GAUGE, name, help, labels);
}

static struct family *
counter(struct series *series, const char *name, const char *help,
    const char *labels)
{
	return series_family(series, SERIES_COUNTER, name, help, labels);
}

static void
add_families(struct metrics_now *now, struct series *all)
{
	now->build = gauge(all, "openclaw_build_info",
	    "Always 1; the version is a label.", "version");
	now->up_since = gauge(all, "openclaw_start_time_seconds",
	    "When oc-recv-http began, since the epoch: counters begin there.",
	    "");
	now->breaker = gauge(all, "openclaw_breaker_open",
	    "1 while a model that failed is not asked.", "model");
	now->length = gauge(all, "openclaw_queue_length",
	    "Messages of a queue that wait, run or were given up.",
	    "queue state");
	now->oldest = gauge(all, "openclaw_queue_oldest_seconds",
	    "How long the oldest message of a queue has waited.", "queue");
	now->chain = gauge(all, "openclaw_chain_up",
	    "1 while a chain of programs runs.", "chain");
	now->restarts = counter(all, "openclaw_chain_restarts_total",
	    "How often a chain was started again since the gateway began.",
	    "chain");
	now->polled = gauge(all, "openclaw_telegram_poll_age_seconds",
	    "Time since Telegram last answered a poll.", "");
	now->disk = gauge(all, "openclaw_state_disk_bytes",
	    "The file system of the state: free and total.", "kind");
	now->processes = gauge(all, "openclaw_processes",
	    "Processes of this gateway by program.", "program");
	now->resident = gauge(all, "openclaw_process_resident_memory_bytes",
	    "Resident memory, the sum over a program's processes.", "program");
	now->cpu = gauge(all, "openclaw_process_cpu_seconds",
	    "Processor time of the processes that run now, by program.",
	    "program");
	now->connections = gauge(
	    all, "openclaw_http_connections", "Connections that are open.", "");
	now->running = gauge(all, "openclaw_http_requests_running",
	    "Requests that are being answered.", "");
	now->requests = counter(
	    all, "openclaw_http_requests_total", "Requests that came in.", "");
	now->answers = counter(all, "openclaw_http_responses_total",
	    "Answers by the first digit of their status.", "code");
	now->cut = counter(all, "openclaw_http_connections_cut_total",
	    "Connections that were ended because the client was too slow.", "");
}

struct metrics_now *
metrics_now_new(struct series *series, struct server *server)
{
	struct metrics_now *now = xcalloc(1, sizeof *now);

	now->server = server;
	now->started = clock_now_ms();
	add_families(now, series);
	return now;
}

void
metrics_now_free(struct metrics_now *now)
{
	free(now);
}

/* ---- each part */

/* Every model that ever failed, so that a breaker is seen to close. */
static void
look_at_breakers(struct metrics_now *now)
{
	char *path = state_path("models.json");
	jv models = survey_read(path), value;
	struct json_iter iter = {0};
	int64_t time = clock_now_ms();
	const char *model;

	family_clear(now->breaker);
	while (json_next(&iter, models, &model, &value)) {
		family_set(now->breaker, json_get_int(value, "until", 0) > time,
		    model);
		jv_free(value);
	}
	jv_free(models);
	free(path);
}

static void
look_at_queues(struct metrics_now *now)
{
	static const char *const states[] = {"waiting", "running", "given_up"};
	jv queues = survey_queues(), one;
	struct json_iter iter = {0};
	const char *queue;

	family_clear(now->length);
	family_clear(now->oldest);
	while (json_next(&iter, queues, &queue, &one)) {
		for (size_t i = 0; i < sizeof states / sizeof *states; i++)
			family_set(now->length,
			    (double)json_get_int(one, states[i], 0), queue,
			    states[i]);
		family_set(now->oldest,
		    (double)json_get_int(one, "oldest_s", 0), queue);
		jv_free(one);
	}
	jv_free(queues);
}

static void
look_at_chains(struct metrics_now *now)
{
	jv chains = survey_chains(), one, telegram = survey_telegram();
	struct json_iter iter = {0};
	const char *chain;

	family_clear(now->chain);
	family_clear(now->restarts);
	while (json_next(&iter, chains, &chain, &one)) {
		family_set(now->chain,
		    strcmp(json_get_string(one, "state", ""), "running") == 0,
		    chain);
		family_set(now->restarts,
		    (double)json_get_int(one, "restarts", 0), chain);
		jv_free(one);
	}
	jv_free(chains);
	family_clear(now->polled);
	if (json_has(telegram, "polled_s"))
		family_set(
		    now->polled, (double)json_get_int(telegram, "polled_s", 0));
	jv_free(telegram);
}

static void
look_at_disk(struct metrics_now *now)
{
	jv disk = survey_disk();

	family_clear(now->disk);
	if (json_is_object(disk)) {
		family_set(now->disk,
		    (double)json_get_int(disk, "free_bytes", 0), "free");
		family_set(now->disk,
		    (double)json_get_int(disk, "total_bytes", 0), "total");
	}
	jv_free(disk);
}

static void
add_process(void *arg, const struct process *process)
{
	struct metrics_now *now = arg;

	family_add(now->processes, 1, process->program);
	family_add(now->resident, (double)process->resident, process->program);
	family_add(now->cpu, process->cpu_s, process->program);
}

static void
look_at_server(struct metrics_now *now)
{
	static const char *const codes[] = {
	    NULL, "1xx", "2xx", "3xx", "4xx", "5xx"};
	struct server_counts counts = server_counts(now->server);

	family_set(now->connections, (double)counts.connections);
	family_set(now->running, (double)counts.running);
	family_set(now->requests, (double)counts.requests);
	family_set(now->cut, (double)counts.cut);
	for (size_t i = 2; i < sizeof codes / sizeof *codes; i++)
		family_set(now->answers, (double)counts.status[i], codes[i]);
}

void
metrics_now_look(struct metrics_now *now)
{
	family_set(now->build, 1, OC_VERSION);
	family_set(now->up_since, (double)now->started / 1000);
	look_at_breakers(now);
	look_at_queues(now);
	look_at_chains(now);
	look_at_disk(now);
	family_clear(now->processes);
	family_clear(now->resident);
	family_clear(now->cpu);
	processes_each(add_process, now);
	look_at_server(now);
}
