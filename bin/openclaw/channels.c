#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include "commands.h"
#include "edit.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "secret.h"
#include "survey.h"
#include "xalloc.h"
#include "yamldoc.h"

static const char enabled[] = "channels.telegram.enabled";
static const char token_name[] = "TELEGRAM_BOT_TOKEN";

static void
print_help(void)
{
	puts("usage: openclaw channels add --channel telegram --use-env "
	     "[-c FILE]\n"
	     "       openclaw channels remove --channel telegram [-c FILE]\n"
	     "       openclaw channels status [-c FILE] [--json]\n"
	     "\n"
	     "add:     sets channels.telegram.enabled in the configuration "
	     "file; the rest of it\n"
	     "         stays as it is.  The token is taken from "
	     "TELEGRAM_BOT_TOKEN, or the file\n"
	     "         that TELEGRAM_BOT_TOKEN_FILE names, whenever it is "
	     "needed, and is never\n"
	     "         copied.  Without one nothing is written, and the "
	     "status is 1.\n"
	     "remove:  sets it to false\n"
	     "status:  which channels there are, and how they are\n"
	     "\n"
	     "See openclaw(1), openclaw.yaml(5).");
}

static bool
has_token(void)
{
	char *token = secret_take(token_name);
	bool there = token != NULL;

	secret_free(token);
	return there;
}

/* ---- writing the configuration */

/* Whether the text is a good configuration that says so. */
static bool
says(const struct buf *text, const char *name, bool value)
{
	struct config config;
	struct buf problems = {0};
	bool ok = config_parse(
	    &config, name, buf_string(text), text->length, &problems);

	if (ok) {
		ok = config_bool(&config, enabled) == value;
		config_free(&config);
	}
	buf_free(&problems);
	return ok;
}

/* Replaces the file, or what its link leads to, and keeps its mode. */
static void
write_file(const char *path, const struct buf *text)
{
	struct stat st;
	bool there = stat(path, &st) == 0;

	if (!io_replace_file(path, text->data, text->length))
		fatal(EX_CANTCREAT, "%s: %s; nothing was changed", path,
		    strerror(errno));
	if (there && chmod(path, st.st_mode & 0777) != 0)
		log_warn("%s: its mode could not be kept: %s", path,
		    strerror(errno));
}

/* The file to write, which the caller frees. */
static char *
file_of(const struct config *config)
{
	char *path, *directory;

	if (config->path != NULL) {
		path = realpath(config->path, NULL);
		if (path == NULL)
			fatal(EX_NOINPUT, "%s: %s", config->path,
			    strerror(errno));
		return path;
	}
	directory = config_expand_home("~/.openclaw");
	if (*directory == '~')
		fatal(EX_CONFIG, "HOME is not set; name the file with -c");
	if (!io_make_directories(directory))
		fatal(EX_CANTCREAT, "%s: %s", directory, strerror(errno));
	path = xasprintf("%s/openclaw.yaml", directory);
	free(directory);
	return path;
}

static void
set_enabled(const struct config *config, bool value)
{
	const char *word = value ? "true" : "false";
	struct buf old = {0}, new = {0};
	char *path;

	if (config_bool(config, enabled) == value) {
		printf("telegram is %s already\n",
		    value ? "enabled" : "not enabled");
		return;
	}
	path = file_of(config);
	if (config->path != NULL &&
	    !io_read_file(AT_FDCWD, path, YAMLDOC_SIZE_MAX, &old))
		fatal(EX_NOINPUT, "%s: %s", path, strerror(errno));
	if (!edit_set(buf_string(&old), old.length, enabled, word, &new) ||
	    !says(&new, path, value))
		fatal(EX_CONFIG,
		    "%s: cannot be changed safely, nothing was written; set "
		    "%s: %s by hand",
		    path, enabled, word);
	write_file(path, &new);
	printf(
	    "telegram is %s in %s\n", value ? "enabled" : "not enabled", path);
	if (survey_role_runs("gateway"))
		puts("The gateway that runs knows it after a SIGHUP, or when "
		     "it starts again.");
	buf_free(&old);
	buf_free(&new);
	free(path);
}

static int
add(const struct config *config)
{
	if (!has_token()) {
		log_error("%s is not set, nor %s_FILE; nothing was written",
		    token_name, token_name);
		return 1;
	}
	set_enabled(config, true);
	return EX_OK;
}

/* ---- status */

static int
status(const struct config *config, bool json)
{
	bool on = config_bool(config, enabled), token = has_token();
	jv poll = survey_telegram(), one;
	char age[SURVEY_AGE_SIZE], *text;
	const char *policy =
		       config_string(config, "channels.telegram.dm_policy"),
		   *failure = json_get_string(poll, "failure", NULL);
	int64_t polled = json_get_int(poll, "polled_s", -1);

	if (json) {
		one = json_set_bool(json_object(), "enabled", on);
		one = json_set_bool(one, "token", token);
		one = json_set_string(one, "dm_policy", policy);
		one = json_set(one, "poll", json_copy(poll));
		one = json_set(json_object(), "telegram", one);
		text = json_text(one);
		puts(text);
		free(text);
		jv_free(one);
	} else {
		printf("telegram  %s, %s, direct messages: %s\n",
		    on ? "enabled" : "not enabled",
		    token ? "has a token here" : "has no token here", policy);
		if (polled >= 0)
			printf("          last poll answered %s ago\n",
			    survey_age(polled, age));
		if (failure != NULL)
			printf("          %s\n", failure);
	}
	jv_free(poll);
	return EX_OK;
}

struct options {
	const char *config_file, *channel;
	bool json, use_env;
};

static void
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
	    {"channel", required_argument, NULL, 'C'},
	    {"use-env", no_argument, NULL, 'e'},
	    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (option) {
		case 'c': options->config_file = optarg; break;
		case 'C': options->channel = optarg; break;
		case 'e': options->use_env = true; break;
		case 'j': options->json = true; break;
		case 'h': print_help(); exit(EX_OK);
		default: usage_error("unknown option");
		}
	}
}

int
command_channels(int argc, char **argv)
{
	struct options options = {0};
	struct config config;
	const char *verb;
	int result = EX_OK;

	parse_options(argc, argv, &options);
	verb = argc - optind == 1 ? argv[optind] : "";
	if (strcmp(verb, "add") != 0 && strcmp(verb, "remove") != 0 &&
	    strcmp(verb, "status") != 0)
		usage_error("channels add, channels remove, or channels "
			    "status?");
	if (*verb != 's' && (options.channel == NULL ||
				strcmp(options.channel, "telegram") != 0))
		usage_error("which channel? --channel telegram");
	if (*verb == 'a' && !options.use_env)
		usage_error("the token comes from the environment: --use-env");
	config_load(&config, options.config_file);
	if (*verb == 'a')
		result = add(&config);
	else if (*verb == 'r')
		set_enabled(&config, false);
	else
		result = status(&config, options.json);
	config_free(&config);
	if (fflush(stdout) != 0)
		fatal(EX_IOERR, "standard output cannot be written");
	return result;
}
