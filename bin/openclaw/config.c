#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "commands.h"
#include "config_schema.h"
#include "json.h"
#include "log.h"

static void
print_help(void)
{
	puts("usage: openclaw config check [-c FILE]\n"
	     "       openclaw config show [-c FILE]\n"
	     "       openclaw config get [-r] [-c FILE] KEY...\n"
	     "\n"
	     "check: reads the configuration and compiles its rules; every "
	     "problem is a line\n"
	     "       FILE:LINE:COLUMN: what is wrong, and the status is 78.\n"
	     "show:  prints the whole configuration with its defaults, as "
	     "JSON.  It holds no\n"
	     "       secrets: those come from the environment.\n"
	     "get:   prints the values of keys (tools.exec.policy), each on a "
	     "line of its own, and\n"
	     "       each element of a list.  With -r the rules are checked "
	     "first.\n"
	     "\n"
	     "See openclaw.yaml(5).");
}

static int
check_rules(const struct config *config)
{
	struct buf problems = {0};
	bool good = config_check_rules(config, &problems);

	if (!good)
		fputs(buf_string(&problems), stderr);
	buf_free(&problems);
	return good ? EX_OK : EX_CONFIG;
}

static int
check(const struct config *config)
{
	jv models;
	int status = check_rules(config);

	if (status != EX_OK)
		return status;
	models = config_models(config);
	printf("%s: good\nmodels:",
	    config->path != NULL ? config->path : "built-in defaults");
	for (int i = 0, n = json_length(models); i < n; i++) {
		jv one = json_at(models, i);

		printf("%s %s", i == 0 ? "" : ",", json_as_string(one, ""));
		jv_free(one);
	}
	printf("\nworkspace: %s\n", config_string(config, "workspace"));
	jv_free(models);
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

/* A word as it is, anything else as JSON. */
static void
print_value(jv ref)
{
	char *text = json_is_string(ref) ? NULL : json_text(ref);

	puts(text != NULL ? text : json_as_string(ref, ""));
	free(text);
}

static void
get(const struct config *config, const char *key)
{
	jv value;

	if (!schema_knows(key))
		usage_error("%s: openclaw.yaml(5) knows no such key", key);
	value = config_get(config, key);
	if (!json_is_array(value))
		print_value(value);
	for (int i = 0, n = json_length(value); json_is_array(value) && i < n;
	     i++) {
		jv one = json_at(value, i);

		print_value(one);
		jv_free(one);
	}
	jv_free(value);
}

int
command_config(int argc, char **argv)
{
	const char *config_file = NULL, *verb;
	struct config config;
	bool rules = false;
	int option, status;

	/* the verb stands before the options or after them */
	while ((option = getopt(argc, argv, "c:hr")) != -1) {
		switch (option) {
		case 'c': config_file = optarg; break;
		case 'r': rules = true; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	verb = optind < argc ? argv[optind++] : "";
	if (strcmp(verb, "get") == 0 ? optind == argc : optind != argc)
		usage_error("config takes check, show, or get KEY");
	if (strcmp(verb, "check") != 0 && strcmp(verb, "show") != 0 &&
	    strcmp(verb, "get") != 0)
		usage_error("config %s: there is check, show and get", verb);
	config_load(&config, config_file);
	status = EX_OK;
	if (strcmp(verb, "check") == 0)
		status = check(&config);
	else if (strcmp(verb, "show") == 0)
		status = show(&config);
	else if (rules)
		status = check_rules(&config);
	while (status == EX_OK && optind < argc)
		get(&config, argv[optind++]);
	config_free(&config);
	if (fflush(stdout) != 0)
		fatal(EX_IOERR, "standard output cannot be written");
	return status;
}
