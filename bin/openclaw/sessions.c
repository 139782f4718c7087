#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "commands.h"
#include "log.h"
#include "xalloc.h"

/* Becomes `oc-session VERB ARGUMENT...`; --json is its -j. */
static int
become(char *verb, int argc, char **argv)
{
	char name[] = "session", json[] = "-j";
	char **args = xcalloc((size_t)argc + 3, sizeof *args);
	int count = 0;

	args[count++] = name;
	args[count++] = verb;
	for (int i = 0; i < argc; i++)
		args[count++] = strcmp(argv[i], "--json") == 0 ? json : argv[i];
	command_program(args);
	fatal(EX_UNAVAILABLE, "oc-session is not installed");
}

int
command_sessions(int argc, char **argv)
{
	char ls[] = "ls";

	if (argc < 2 || argv[1][0] == '-')
		return become(ls, argc - 1, argv + 1);
	return become(argv[1], argc - 2, argv + 2);
}

int
command_usage(int argc, char **argv)
{
	char usage[] = "usage";

	return become(usage, argc - 1, argv + 1);
}
