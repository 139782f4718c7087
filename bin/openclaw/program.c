#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "child.h"
#include "commands.h"
#include "log.h"
#include "redis.h"
#include "xalloc.h"

void
command_find_state(void)
{
	struct config config;

	config_load(&config, NULL);
	redis_setup(&config, REDIS_FAILS, REDIS_LEND);
	config_free(&config);
}

void
command_program(char **argv)
{
	char *name = argv[0], *program;

	for (const char *c = name; *c != '\0'; c++)
		if (!((*c >= 'a' && *c <= 'z') || *c == '-'))
			return;
	program = xasprintf("oc-%s", name);
	argv[0] = program;
	child_find_siblings();
	signal(SIGPIPE, SIG_DFL);
	execvp(program, argv);
	if (errno != ENOENT)
		fatal(EX_OSERR, "cannot run %s: %s", program, strerror(errno));
	argv[0] = name;
	free(program);
}

/* `node run OPTION...` is oc-gateway --role node OPTION... */
int
command_node(int argc, char **argv)
{
	char name[] = "gateway", option[] = "--role", role[] = "node";
	char **args = xcalloc((size_t)argc + 3, sizeof *args);
	int count = 0;

	if (argc < 2 || strcmp(argv[1], "run") != 0)
		usage_error("node run [OPTION...]? The options are those of "
			    "oc-gateway(1)");
	args[count++] = name;
	args[count++] = option;
	args[count++] = role;
	for (int i = 2; i < argc; i++)
		args[count++] = argv[i];
	command_program(args);
	fatal(EX_UNAVAILABLE, "oc-gateway is not installed");
}
