/*
 * oc-session: what a conversation remembers, and what a turn must not forget.
 * `open` reads turns that were taken from a queue, answers chat commands,
 * gives each other turn a journal, and goes on where a crash left one; it
 * writes turns.  `close` reads finished turns and brings each to its end:
 * transcript, reply, archive, and last its entry in the queue.  What is on
 * disk after each step is in oc-session(1).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "config.h"
#include "log.h"
#include "queue.h"
#include "redis.h"
#include "secret.h"
#include "session.h"
#include "state_format.h"
#include "usage.h"

static const char usage[] =
    "usage: oc-session open [-q QUEUE]\n"
    "       oc-session close [-q QUEUE]\n"
    "       oc-session ls [-j]\n"
    "       oc-session show [-j] SESSION\n"
    "       oc-session reset SESSION ...\n"
    "       oc-session usage [-j] [DAY]\n"
    "\n"
    "What a conversation remembers, and what a turn must not forget.\n"
    "\n"
    "open   reads turns that were taken from a queue; answers chat commands,\n"
    "       makes journals, goes on after a crash; writes turns\n"
    "close  reads finished turns; writes transcripts, replies and the\n"
    "       archive, and finishes the turns in their queue\n"
    "ls     the sessions\n"
    "show   what was said and done in one\n"
    "reset  puts a session's transcript aside, so that it begins anew\n"
    "usage  tokens and cost of a day (2026-11-22; today), by model and\n"
    "       session\n"
    "\n"
    "  -j   JSON, one object a line\n"
    "  -q   the queue that turns come from (in)\n"
    "\n"
    "oc-session(1) has the rest.\n";

struct options {
	bool json;
	const char *queue;
	const struct config *config;
};

static void
parse_options(int argc, char **argv, const char *allowed, struct options *into)
{
	int c;

	*into = (struct options){.queue = "in"};
	while ((c = getopt(argc, argv, allowed)) != -1) {
		switch (c) {
		case 'j': into->json = true; break;
		case 'q': into->queue = optarg; break;
		case 'h':
			fputs(usage, stdout);
			exit(fflush(stdout) == 0 ? EX_OK : EX_IOERR);
		default: usage_error("wrong option");
		}
	}
}

static int
run_filter(const struct options *options,
    int (*run)(const struct config *config, struct queue *queue))
{
	struct queue *queue = queue_open(options->queue);
	int status = run(options->config, queue);

	queue_free(queue);
	return status;
}

static int
run_open(const struct options *options, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run_filter(options, open_run);
}

static int
run_close(const struct options *options, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run_filter(options, close_run);
}

static int
run_ls(const struct options *options, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return list_sessions(options->json);
}

static int
run_show(const struct options *options, int argc, char **argv)
{
	(void)argc;
	return list_show(argv[0], options->json);
}

static int
run_reset(const struct options *options, int argc, char **argv)
{
	(void)options;
	return list_reset(argv, argc);
}

static int
run_usage(const struct options *options, int argc, char **argv)
{
	const char *day = argc != 0 ? argv[0] : NULL;

	if (day != NULL && (strlen(day) != USAGE_DAY_SIZE - 1 ||
			       strspn(day, "0123456789-") != strlen(day)))
		usage_error("'%s' is no day; it is written 2026-11-22", day);
	return list_usage(day, options->json);
}

static const struct action {
	const char *name, *options;
	enum redis_patience patience;
	int least, most; /* arguments; -1: any number */
	int (*run)(const struct options *options, int argc, char **argv);
} actions[] = {
    {"open", "+hq:", REDIS_WAITS, 0, 0, run_open},
    {"close", "+hq:", REDIS_WAITS, 0, 0, run_close},
    {"ls", "+hj", REDIS_FAILS, 0, 0, run_ls},
    {"show", "+hj", REDIS_FAILS, 1, 1, run_show},
    {"reset", "+h", REDIS_FAILS, 1, -1, run_reset},
    {"usage", "+hj", REDIS_FAILS, 0, 1, run_usage},
};

static const struct action *
find_action(const char *name)
{
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	usage_error("there is no '%s'", name);
}

int
main(int argc, char **argv)
{
	const struct action *action;
	struct options options;
	struct config config;
	int status;

	log_init("oc-session");
	parse_options(argc, argv, "+h", &options);
	if (optind == argc)
		usage_error("what is to be done is missing");
	action = find_action(argv[optind]);
	argc -= optind;
	argv += optind;
	optind = 1;
	parse_options(argc, argv, action->options, &options);
	argc -= optind;
	argv += optind;
	if (argc < action->least || (action->most >= 0 && argc > action->most))
		usage_error("%s: wrong number of arguments", action->name);
	signal(SIGPIPE, SIG_IGN);
	config_load(&config, NULL);
	redis_setup(&config, action->patience, REDIS_TAKE);
	secret_scrub_environment();
	state_check_format();
	options.config = &config;
	status = action->run(&options, argc, argv);
	redis_close();
	config_free(&config);
	return status;
}
