/*
 * oc-spool: queues of turns that outlive crashes, a file for each turn.
 * `put` reads turns from standard input and answers each with its id once it
 * is safe on disk; `take` writes the turns of a queue to standard output, in
 * order within a session, sessions side by side.  A turn's states, and the
 * renames that take it from one to the next, are in lib/queue.h and in
 * oc-spool(1).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "config.h"
#include "label.h"
#include "list.h"
#include "log.h"
#include "put.h"
#include "queue.h"
#include "redis.h"
#include "secret.h"
#include "take.h"

enum {
	IN_FLIGHT_MOST = 100000, /* more than any machine serves */
	LOOK_MOST_S = 3600,
	DRAIN_S = 60, /* a pod that is told to end has less */
	DRAIN_MOST_S = 24 * 3600,
};

static const char usage[] =
    "usage: oc-spool put QUEUE\n"
    "       oc-spool take [-e] [-d SECONDS] [-n TURNS] [-p SECONDS] QUEUE\n"
    "       oc-spool ls [-j] [QUEUE]\n"
    "       oc-spool show [-j] QUEUE ID\n"
    "       oc-spool retry QUEUE [ID ...]\n"
    "       oc-spool drop QUEUE ID ...\n"
    "\n"
    "Queues of turns that outlive crashes.  QUEUE is 'in' or 'out/CHANNEL'.\n"
    "\n"
    "put    writes the id of each turn of standard input once it is on disk\n"
    "take   writes turns to standard output, one of each session at a time\n"
    "ls     how many turns wait; with QUEUE, which\n"
    "show   one of them\n"
    "retry  puts what was given up into the queue again; without ID all\n"
    "drop   removes turns that are not running\n"
    "\n"
    "  -d   after SIGTERM, how long to wait for turns that run (60)\n"
    "  -e   end when the queue is empty\n"
    "  -j   JSON, one object a line\n"
    "  -n   sessions at work at the same time (limits.in_flight)\n"
    "  -p   look at the queue every so many seconds, where nobody tells\n"
    "       (as the file system needs it)\n"
    "\n"
    "oc-spool(1) has the rest.\n";

struct options {
	bool json;
	struct take_options take;
	const struct config *config;
};

static long long
number(const char *text, char option, long long most)
{
	const char *problem;
	long long value = strtonum(text, 1, most, &problem);

	if (problem != NULL)
		usage_error(
		    "-%c %s: %s (1 to %lld)", option, text, problem, most);
	return value;
}

/* Reads the options that `allowed` names. */
static void
parse_options(int argc, char **argv, const char *allowed, struct options *into)
{
	int c;

	*into = (struct options){.take = {.drain_ms = DRAIN_S * 1000}};
	while ((c = getopt(argc, argv, allowed)) != -1) {
		switch (c) {
		case 'd':
			into->take.drain_ms =
			    (int)number(optarg, 'd', DRAIN_MOST_S) * 1000;
			break;
		case 'e': into->take.until_empty = true; break;
		case 'j': into->json = true; break;
		case 'n':
			into->take.in_flight =
			    (unsigned)number(optarg, 'n', IN_FLIGHT_MOST);
			break;
		case 'p':
			into->take.poll_ms =
			    (int)number(optarg, 'p', LOOK_MOST_S) * 1000;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(fflush(stdout) == 0 ? EX_OK : EX_IOERR);
		default: usage_error("wrong option");
		}
	}
}

static int
run_put(
    struct queue *queue, const struct options *options, int argc, char **argv)
{
	(void)options;
	(void)argc;
	(void)argv;
	return put_run(queue);
}

static int
run_take(
    struct queue *queue, const struct options *options, int argc, char **argv)
{
	struct take_options take = options->take;
	int status;

	(void)argc;
	(void)argv;
	if (take.in_flight == 0)
		take.in_flight =
		    (unsigned)config_int(options->config, "limits.in_flight");
	if (!redis_is_used())
		return take_run(queue, &take);
	take.labels = config_get(options->config, "node.labels");
	take.only = config_bool(options->config, "node.only");
	take.lease_ms = 1000 * (int)config_int(options->config, "node.lease_s");
	status = take_run_shared(queue, &take);
	jv_free(take.labels);
	return status;
}

static int
run_ls(
    struct queue *queue, const struct options *options, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return queue != NULL ? list_turns(queue, options->json)
			     : list_queues(options->json);
}

static int
run_show(
    struct queue *queue, const struct options *options, int argc, char **argv)
{
	(void)argc;
	return list_show(queue, argv[0], options->json);
}

static int
run_retry(
    struct queue *queue, const struct options *options, int argc, char **argv)
{
	(void)options;
	return list_retry(queue, argv, argc);
}

static int
run_drop(
    struct queue *queue, const struct options *options, int argc, char **argv)
{
	(void)options;
	return list_drop(queue, argv, argc);
}

static const struct action {
	const char *name, *options;
	enum redis_patience patience;
	int least, most; /* arguments, the queue among them; -1: any number */
	int (*run)(struct queue *queue, const struct options *options, int argc,
	    char **argv);
} actions[] = {
    {"put", "+h", REDIS_WAITS, 1, 1, run_put},
    {"take", "+hd:en:p:", REDIS_WAITS, 1, 1, run_take},
    {"ls", "+hj", REDIS_FAILS, 0, 1, run_ls},
    {"show", "+hj", REDIS_FAILS, 2, 2, run_show},
    {"retry", "+h", REDIS_FAILS, 1, -1, run_retry},
    {"drop", "+h", REDIS_FAILS, 2, -1, run_drop},
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
	struct queue *queue = NULL;
	struct options options;
	struct config config;
	int status;

	log_init("oc-spool");
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
	if (action->run == run_put)
		label_setup(&config);
	options.config = &config;
	if (argc != 0)
		queue = queue_open(argv[0]);
	status = action->run(queue, &options, argc - 1, argv + 1);
	queue_free(queue);
	label_close();
	redis_close();
	config_free(&config);
	return status;
}
