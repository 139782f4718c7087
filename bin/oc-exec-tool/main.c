/*
 * oc-exec-tool: runs what a turn's pending calls ask for.
 *
 * Reads turns and acts on their calls of exec, read_file, write_file,
 * edit_file, list_files and fetch_url; writes each turn with their results.
 * Everything else is passed on as it came.  Holds no key of ours.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>
#include "config.h"
#include "log.h"
#include "record.h"
#include "redis.h"
#include "secret.h"
#include "stage.h"
#include "tools.h"

static void
print_help(void)
{
	puts("usage: oc-exec-tool [-c FILE] < turns > turns\n"
	     "       oc-exec-tool -l [-c FILE]\n"
	     "\n"
	     "Runs the pending calls of turns: exec, read_file, write_file,\n"
	     "edit_file, list_files and fetch_url.\n"
	     "\n"
	     "  -c FILE  the configuration (openclaw.yaml(5))\n"
	     "  -l       print the declarations of the tools, one a line\n"
	     "  -h       print this\n"
	     "\n"
	     "See oc-exec-tool(1).");
}

int
main(int argc, char **argv)
{
	struct record_reader input;
	const char *path = NULL;
	struct config config;
	struct stage *stage;
	struct tools tools;
	bool list = false;
	int option, status = EX_OK;

	log_init("oc-exec-tool");
	while ((option = getopt(argc, argv, "c:hl")) != -1) {
		switch (option) {
		case 'c': path = optarg; break;
		case 'h': print_help(); return EX_OK;
		case 'l': list = true; break;
		default: usage_error("unknown option");
		}
	}
	if (optind != argc)
		usage_error("%s: no argument is taken", argv[optind]);
	signal(SIGPIPE, SIG_IGN);
	config_load(&config, path);
	redis_setup(&config, REDIS_WAITS, REDIS_TAKE);
	secret_scrub_environment();
	tools_init(&tools, &config, path);
	if (list) {
		tools_declare(&tools);
	} else {
		record_reader_init(&input, STDIN_FILENO, "standard input");
		stage = stage_new(&tools,
		    (size_t)config_int(&config, "tools.parallel"),
		    (size_t)config_int(&config, "limits.in_flight"));
		stage_run(stage, &input);
		status = record_status(&input);
		stage_free(stage);
		record_reader_free(&input);
	}
	tools_free(&tools);
	redis_close();
	config_free(&config);
	return status;
}
