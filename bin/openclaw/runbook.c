#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "commands.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "runbook.h"
#include "xalloc.h"

enum { AGENTS_MAX = 4 * 1024 * 1024 };

static void
print_help(void)
{
	puts("usage: openclaw runbook [-c FILE] [--json] [AGENTS.md]\n"
	     "\n"
	     "Prints every operation that AGENTS.md documents, with the exact "
	     "commands that it\n"
	     "permits the agent to run, and what is permitted beside it.  "
	     "Without an argument\n"
	     "it reads the workspace's.\n"
	     "\n"
	     "See openclaw.yaml(5), \"The runbook\".");
}

static void
print_command(const struct runbook_command *command)
{
	if (command->refused == NULL)
		printf("    %s\n", command->text);
	else
		printf("  ! %s\n      not permitted (line %u): %s\n",
		    command->text, command->line, command->refused);
}

static void
print_text(const struct runbook *runbook, const char *path)
{
	size_t granted = 0;

	for (size_t i = 0; i < runbook->count; i++) {
		const struct runbook_operation *one = &runbook->operation[i];

		if (one->count == 0)
			continue;
		printf("%s (line %u)\n",
		    *one->title != '\0' ? one->title : "(before any heading)",
		    one->line);
		for (size_t j = 0; j < one->count; j++) {
			print_command(&one->command[j]);
			granted += one->command[j].refused == NULL;
		}
	}
	printf("%s%s permits %zu command%s.\n", granted != 0 ? "\n" : "", path,
	    granted, granted == 1 ? "" : "s");
}

static jv
json_of(const struct runbook *runbook)
{
	jv all = json_array();

	for (size_t i = 0; i < runbook->count; i++) {
		const struct runbook_operation *one = &runbook->operation[i];
		jv operation =
		       json_set_string(json_object(), "title", one->title),
		   commands = json_array();

		for (size_t j = 0; j < one->count; j++) {
			const struct runbook_command *c = &one->command[j];
			jv command =
			    json_set_string(json_object(), "command", c->text);

			command = json_set_int(command, "line", c->line);
			if (c->refused != NULL)
				command = json_set_string(
				    command, "refused", c->refused);
			commands = json_append(commands, command);
		}
		operation = json_set(operation, "commands", commands);
		all = json_append(all, operation);
	}
	return all;
}

/* What is permitted whatever AGENTS.md says. */
static void
print_policy(const struct config *config)
{
	const char *policy = config_string(config, "tools.exec.policy");

	if (strcmp(policy, "full") == 0)
		puts("\nBut tools.exec.policy is full: every command is "
		     "permitted, through a shell.");
	else if (strcmp(policy, "deny") == 0)
		puts("\nBut tools.exec.policy is deny: no command is "
		     "permitted.");
	if (strcmp(policy, "runbook") != 0 && strcmp(policy, "ask") != 0)
		return;
	if (!config_bool(config, "tools.exec.look")) {
		puts("Nothing else (tools.exec.look is false).");
		return;
	}
	puts("\nBeside it, commands that only look (tools.exec.look):");
	for (const char *const *line = look_summary; *line != NULL; line++)
		printf("    %s\n", *line);
}

int
command_runbook(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	const char *config_file = NULL;
	struct config config;
	struct runbook runbook = {0};
	struct buf text = {0};
	bool json = false;
	char *path, *workspace;
	int option;

	while ((option = getopt_long(argc, argv, "c:hj", longs, NULL)) != -1) {
		switch (option) {
		case 'c': config_file = optarg; break;
		case 'j': json = true; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	if (argc - optind > 1)
		usage_error("one AGENTS.md at most");
	config_load(&config, config_file);
	workspace = config_workspace(&config);
	path = optind < argc ? xstrdup(argv[optind])
			     : xasprintf("%s/AGENTS.md", workspace);
	if (!io_read_file(AT_FDCWD, path, AGENTS_MAX, &text))
		fatal(EX_NOINPUT,
		    "%s: %s; it is the file that tells the agent "
		    "what it may do",
		    path, strerror(errno));
	runbook_parse(&runbook, buf_string(&text), text.length, NULL);
	if (json) {
		jv all = json_of(&runbook);
		char *line = json_text(all);

		puts(line);
		free(line);
		jv_free(all);
	} else {
		print_text(&runbook, path);
		print_policy(&config);
	}
	runbook_free(&runbook);
	buf_free(&text);
	free(path);
	free(workspace);
	config_free(&config);
	if (fflush(stdout) != 0)
		fatal(EX_IOERR, "standard output cannot be written");
	return EX_OK;
}
