#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "commands.h"
#include "json.h"
#include "log.h"

static void
print_help(void)
{
	puts("usage: openclaw config check [-c FILE]\n"
	     "       openclaw config show [-c FILE]\n"
	     "\n"
	     "check: reads the configuration and compiles its rules; every "
	     "problem is a line\n"
	     "       FILE:LINE:COLUMN: what is wrong, and the status is 78.\n"
	     "show:  prints the whole configuration with its defaults, as "
	     "JSON.  It holds no\n"
	     "       secrets: those come from the environment.\n"
	     "\n"
	     "See openclaw.yaml(5).");
}

static int
check(const struct config *config)
{
	struct buf problems = {0};
	jv models = config_models(config);
	bool good = config_check_rules(config, &problems);

	if (!good) {
		fputs(buf_string(&problems), stderr);
		buf_free(&problems);
		jv_free(models);
		return EX_CONFIG;
	}
	printf("%s: good\nmodels:",
	    config->path != NULL ? config->path : "built-in defaults");
	for (int i = 0, n = json_length(models); i < n; i++) {
		jv one = json_at(models, i);

		printf("%s %s", i == 0 ? "" : ",", json_as_string(one, ""));
		jv_free(one);
	}
	printf("\nworkspace: %s\n", config_string(config, "workspace"));
	jv_free(models);
	buf_free(&problems);
	return EX_OK;
}

static int
show(const struct config *config)
{
	char *text = json_text(config->value);

	puts(text);
	free(text);
	return EX_OK;
}

int
command_config(int argc, char **argv)
{
	const char *config_file = NULL, *verb;
	struct config config;
	int option, status;

	/* the verb stands before the options or after them */
	while ((option = getopt(argc, argv, "c:h")) != -1) {
		switch (option) {
		case 'c': config_file = optarg; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	if (argc - optind != 1)
		usage_error("config check, or config show?");
	verb = argv[optind];
	if (strcmp(verb, "check") != 0 && strcmp(verb, "show") != 0)
		usage_error("config %s: there is check and show", verb);
	config_load(&config, config_file);
	status = strcmp(verb, "check") == 0 ? check(&config) : show(&config);
	config_free(&config);
	if (fflush(stdout) != 0)
		fatal(EX_IOERR, "standard output cannot be written");
	return status;
}
