/*
 * openclaw: the front of the programs.
 *
 * `openclaw ask` sends one question through the pipeline; `openclaw NAME`
 * runs oc-NAME, as git does with its programs.  What stands here by itself is
 * for people; what moves turns is in the programs.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include "commands.h"
#include "log.h"

static const struct {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"ask", "ask one question, or a line at a time with -i", command_ask},
    {"channels", "add, remove or see channels", command_channels},
    {"chat", "talk to the gateway that runs here", command_chat},
    {"config", "check or show the configuration", command_config},
    {"doctor", "check everything, and say what to do", command_doctor},
    {"gateway", "run the gateway, see how it is, stop it", command_gateway},
    {"logs", "what turns did, and do (-f)", command_logs},
    {"node", "run a node, which answers and holds no channel", command_node},
    {"pairing", "who asks to be let in; let them in", command_pairing},
    {"runbook", "what AGENTS.md permits the agent to run", command_runbook},
    {"send", "send a message by hand", command_send},
    {"sessions", "what was said in which session", command_sessions},
    {"usage", "tokens and cost of a day", command_usage},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void
print_help(void)
{
	puts("usage: openclaw COMMAND [ARGUMENT...]\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-9s %s\n", commands[i].name, commands[i].summary);
	puts(
	    "\nAny other NAME is the program oc-NAME: route-model, loop, plan, "
	    "exec-tool,\n"
	    "cdp, fetch-url, recv-http, recv-telegram, session, spool, "
	    "provision\n"
	    "(openclaw plan is oc-plan).\n"
	    "\n"
	    "`openclaw COMMAND -h` tells more; so do openclaw(1) and oc(7).");
}

int
main(int argc, char **argv)
{
	log_init("openclaw");
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		print_help();
		return EX_USAGE;
	}
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help();
		return EX_OK;
	}
	if (strcmp(argv[1], "--version") == 0 ||
	    strcmp(argv[1], "version") == 0) {
		puts("openclaw " OC_VERSION);
		return EX_OK;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	command_program(argv + 1);
	usage_error("there is no command %s", argv[1]);
}
