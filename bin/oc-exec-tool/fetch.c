/* The tool fetch_url: the text of a page, by the program oc-fetch-url. */
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "args.h"
#include "json.h"
#include "tools.h"
#include "xalloc.h"

#define FETCH_PROGRAM "oc-fetch-url"

enum {
	SLACK_S = 10, /* more than it takes itself to notice its deadline */
	CHARS_MAX = 1000000,
};

static const struct arg fetch_args[] = {
    {"url", ARG_STRING, true, 0, 0},
    {"max_chars", ARG_INT, false, 1, CHARS_MAX},
};

/* Beside this program, as in a build directory; else wherever PATH says. */
static char *
find_program(void)
{
	char self[PATH_MAX], *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n > 0) {
		self[n] = '\0';
		path = xasprintf("%s/" FETCH_PROGRAM, dirname(self));
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return xstrdup(FETCH_PROGRAM);
}

/*
 * The reason for a failure is a line of oc-fetch-url's log, behind what the
 * page says.  The model needs neither time nor pid, and a result that is the
 * same again must look so.
 */
static void
drop_log_prefix(struct buf *text)
{
	const char *at = buf_string(text), *next, *name = NULL;
	struct buf rest = {0};
	size_t start;

	while ((next = strstr(at, " " FETCH_PROGRAM "[")) != NULL) {
		name = next;
		at = next + 1;
	}
	if (name == NULL || (at = strstr(name, "]: ")) == NULL)
		return;
	for (start = (size_t)(name - text->data); start > 0; start--)
		if (text->data[start - 1] == '\n')
			break;
	buf_add_string(&rest, at + strlen("]: "));
	buf_truncate(text, start);
	buf_add(text, buf_string(&rest), rest.length);
	buf_free(&rest);
}

void
fetch_begin(struct tools *tools, jv ref_turn, jv ref_call, struct run *run)
{
	struct command command;
	char *argv[6] = {NULL};
	size_t count = 0;
	int64_t most;
	jv args;

	if (!args_get(ref_call, fetch_args,
		sizeof fetch_args / sizeof *fetch_args, &args, &run->text))
		goto out;
	argv[count++] = find_program();
	if (tools->config_path != NULL) {
		argv[count++] = xstrdup("-c");
		argv[count++] = xstrdup(tools->config_path);
	}
	argv[count++] = xstrdup("--");
	argv[count++] = xstrdup(json_get_string(args, "url", ""));
	most = json_get_int(args, "max_chars", CHARS_MAX);
	if (most > (int64_t)tools->output_bytes)
		most = (int64_t)tools->output_bytes;
	command = (struct command){.argv = argv,
	    .envp = tools->fetch_environment,
	    .timeout_ms =
		(config_int(tools->config, "tools.fetch.timeout_s") + SLACK_S) *
		1000,
	    .output_bytes = (size_t)most};
	tools_start(tools, ref_turn, ref_call, &command, run);
	run->tidy = drop_log_prefix;
	if (run->dry)
		goto out;
	/* even a refusal may quote what the other side said */
	run->taint = "web";
	run->denied_exit = EX_NOPERM;
out:
	for (size_t i = 0; i < count; i++)
		free(argv[i]);
	jv_free(args);
}
