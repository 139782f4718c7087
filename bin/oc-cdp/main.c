/*
 * oc-cdp: a real browser for turns, and by hand.
 *
 * Reads turns and acts on their calls of browser_open, browser_click and so
 * on, in a Chromium that runs beside it or that it starts; writes each turn
 * with their results.  Everything else is passed on as it came.  With a
 * command (pdf, text, ...) it does the same for addresses that a person names.
 * Holds the cookies of sites, and no key of ours.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>
#include "browser.h"
#include "config.h"
#include "hand.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "redis.h"
#include "secret.h"
#include "settings.h"
#include "stage.h"
#include "tools.h"

static void
print_help(void)
{
	puts("usage: oc-cdp [-c FILE] < turns > turns\n"
	     "       oc-cdp -l [-c FILE]\n"
	     "       oc-cdp [-c FILE] pdf|text|screenshot|snapshot URL\n"
	     "       oc-cdp [-c FILE] eval URL EXPRESSION\n"
	     "       oc-cdp [-c FILE] [-j N] [-o DIR] pdf|text|... < lines\n"
	     "\n"
	     "Runs the calls of browser_* tools of turns in a browser; or "
	     "opens pages by hand.\n"
	     "\n"
	     "  -c FILE  the configuration (openclaw.yaml(5))\n"
	     "  -l       print the declarations of the tools, one a line\n"
	     "  -j N     by hand: pages at once (4)\n"
	     "  -o DIR   by hand: where the files of many pages go (.)\n"
	     "  -h       print this\n"
	     "\n"
	     "Lines are JSON: {\"url\":\"https://example.com/\"}.\n"
	     "\n"
	     "    oc-cdp pdf https://example.com/ > page.pdf\n"
	     "    oc-cdp -o articles pdf < articles.ndjson\n"
	     "\n"
	     "See oc-cdp(1).");
}

static void
serve(struct settings *settings, size_t in_flight, int *status)
{
	struct record_reader input;
	struct browser browser;
	struct loop *loop = loop_new();

	record_reader_init(&input, STDIN_FILENO, "standard input");
	browser_init(&browser, loop, settings);
	stage_run(&browser, &input, in_flight);
	*status = record_status(&input);
	browser_free(&browser);
	loop_free(loop);
	record_reader_free(&input);
}

static int64_t
number_option(int option, const char *text, int64_t most)
{
	const char *error = NULL;
	int64_t value = strtonum(text, 1, most, &error);

	if (error != NULL)
		usage_error("-%c %s: %s; 1 to %lld is taken", option, text,
		    error, (long long)most);
	return value;
}

int
main(int argc, char **argv)
{
	struct hand hand = {.parallel = HAND_PARALLEL, .directory = "."};
	const char *path = NULL;
	struct config config;
	struct settings settings;
	bool list = false;
	int option, status = EX_OK;

	log_init("oc-cdp");
	while ((option = getopt(argc, argv, "+c:hj:lo:")) != -1) {
		switch (option) {
		case 'c': path = optarg; break;
		case 'h': print_help(); return EX_OK;
		case 'j':
			hand.parallel = (size_t)number_option(
			    option, optarg, HAND_PARALLEL_MAX);
			break;
		case 'l': list = true; break;
		case 'o': hand.directory = optarg; break;
		default: usage_error("unknown option");
		}
	}
	if (optind != argc)
		hand_arguments(&hand, argc - optind, argv + optind);
	signal(SIGPIPE, SIG_IGN);
	/* what a browser that was killed leaves behind becomes ours */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	config_load(&config, path);
	redis_setup(&config, REDIS_WAITS, REDIS_TAKE);
	secret_scrub_environment();
	settings_read(&settings, &config);
	if (hand.tool != NULL)
		status = hand_run(&hand, &settings);
	else if (list && settings_has_browser(&settings))
		tools_declare();
	else if (!list)
		serve(&settings,
		    (size_t)config_int(&config, "limits.in_flight"), &status);
	settings_free(&settings);
	redis_close();
	config_free(&config);
	return status;
}
