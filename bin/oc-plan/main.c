/*
 * oc-plan: asks a model what to do next.
 *
 * Reads turns.  One that has neither a reply nor pending calls goes to the
 * first model of its route that answers, and is written on with a new step
 * (tool calls, for the stages behind) or with its reply.  All else passes
 * through unchanged.  Many turns are under way at once, in one thread.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "config.h"
#include "child.h"
#include "http.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "plan.h"
#include "record.h"
#include "redis.h"
#include "secret.h"
#include "turn.h"

static void
print_help(void)
{
	puts("usage: oc-plan [-c FILE] [-t FILE]\n"
	     "\n"
	     "Reads turns (NDJSON) on standard input, asks a model about each "
	     "that needs it,\n"
	     "and writes it on with a new step or with its reply.\n"
	     "\n"
	     "  -c FILE  configuration (default: $OC_CONFIG, "
	     "~/.openclaw/openclaw.yaml)\n"
	     "  -t FILE  tool declarations, one a line, instead of asking the "
	     "tool stages\n"
	     "  -h       this help\n"
	     "\n"
	     "Keys: GEMINI_API_KEY, LITELLM_API_KEY, or GEMINI_API_KEY_FILE "
	     "and so on.\n"
	     "\n"
	     "    echo '{\"text\":\"how full are the disks?\"}' | oc-plan\n"
	     "\n"
	     "See oc-plan(1), oc-turn(7), openclaw.yaml(5).");
}

/*
 * Whether the turn is for us: no reply yet, nothing that a tool owes, and not
 * one of which no model is to be asked.
 */
static bool
wants_plan(jv ref_turn)
{
	return !turn_has_reply(ref_turn) && !turn_has_pending(ref_turn) &&
	       !turn_is_invoked(ref_turn);
}

/*
 * A last step that says something and calls nothing is an answer, and only the
 * reply is missing: a crash came in between.  No model is asked again.
 */
static jv
reply_of_last_step(jv own_turn)
{
	jv steps = json_get(own_turn, "steps");
	jv last = json_at(steps, json_length(steps) - 1);
	jv calls = json_get(last, "calls");
	const char *text = json_get_string(last, "text", "");

	if (strcmp(json_get_string(last, "role", ""), "assistant") == 0 &&
	    json_length(calls) == 0 && text[0] != '\0')
		own_turn = turn_reply(own_turn, text);
	jv_free(calls);
	jv_free(last);
	jv_free(steps);
	return own_turn;
}

static void
handle(struct planner *planner, struct record *record)
{
	const char *problem;
	jv turn;

	if (turn_is_stop(record->value))
		work_stop(planner, record->value);
	if (!turn_is_turn(record->value)) {
		record_forward(record);
		return;
	}
	problem = turn_check(record->value);
	if (problem == NULL && !wants_plan(record->value)) {
		record_forward(record);
		return;
	}
	turn = record->value;
	record->value = json_null();
	turn = turn_complete(turn, NULL);
	if (problem != NULL) {
		turn_write(turn_fail(turn, "bad_turn", problem, problem));
		return;
	}
	turn = reply_of_last_step(turn);
	if (turn_has_reply(turn))
		turn_write(turn);
	else
		work_start(planner, turn);
}

/*
 * Until the input has ended and the last turn is written.  Reading goes on a
 * little beyond the limit, since a stop must not wait behind turns that do.
 */
static void
serve(struct planner *planner, struct record_reader *reader)
{
	size_t most = 2 * planner->in_flight;
	struct record record;
	int64_t wait;

	for (;;) {
		struct pollfd p[] = {{.fd = STDOUT_FILENO},
		    {.fd = reader->fd, .events = POLLIN}};
		bool reads;

		while (planner->count < most &&
		       record_next(reader, &record) == RECORD_OK) {
			handle(planner, &record);
			record_free(&record);
		}
		work_admit(planner);
		wait = work_timers(planner);
		if (reader->ended && planner->count == 0)
			return;
		reads = planner->count < most && !reader->ended;
		http_run(planner->http, p, reads ? 2 : 1, wait);
		io_check_stdout(p[0].revents);
		if (reads && p[1].revents != 0)
			record_fill(reader);
	}
}

int
main(int argc, char **argv)
{
	struct config config;
	struct planner planner = {
	    .config = &config, .works = TAILQ_HEAD_INITIALIZER(planner.works)};
	struct record_reader reader;
	const char *config_file = NULL, *tools_file = NULL;
	int option, status;

	log_init("oc-plan");
	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt(argc, argv, "c:ht:")) != -1) {
		switch (option) {
		case 'c': config_file = optarg; break;
		case 't': tools_file = optarg; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	if (optind != argc)
		usage_error("%s: no arguments are taken", argv[optind]);
	config_load(&config, config_file);
	planner.backends = backends_open(&config);
	redis_setup(&config, REDIS_WAITS, REDIS_TAKE);
	secret_scrub_environment();
	child_find_siblings();
	planner.tools = tools_file != NULL ? tools_read(tools_file)
					   : tools_collect(&config);
	planner.breaker = breaker_open();
	planner.budget = budget_open(&config);
	planner.workspace = workspace_open(&config);
	planner.http = http_new();
	planner.in_flight = (size_t)config_int(&config, "limits.in_flight");
	record_reader_init(&reader, STDIN_FILENO, "standard input");
	serve(&planner, &reader);
	status = record_status(&reader);
	record_reader_free(&reader);
	http_free(planner.http);
	workspace_free(planner.workspace);
	breaker_free(planner.breaker);
	budget_free(planner.budget);
	jv_free(planner.tools);
	backends_close(planner.backends);
	provider_forget();
	history_forget();
	redis_close();
	config_free(&config);
	return status;
}
