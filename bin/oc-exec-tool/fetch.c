/* The tool fetch_url: the text of a page, by the program oc-fetch-url. */
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
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

void
fetch_begin(struct tools *tools, jv ref_turn, jv ref_call, struct run *run)
{
	char *argv[8] = {NULL};
	size_t count = 0;
	int64_t timeout_s;
	jv args;

	if (!args_get(ref_call, fetch_args,
		sizeof fetch_args / sizeof *fetch_args, &args, &run->text))
		goto out;
	argv[count++] = find_program();
	if (tools->config_path != NULL) {
		argv[count++] = xstrdup("-c");
		argv[count++] = xstrdup(tools->config_path);
	}
	if (json_has(args, "max_chars")) {
		argv[count++] = xstrdup("-n");
		argv[count++] = xasprintf(
		    "%" PRId64, json_get_int(args, "max_chars", CHARS_MAX));
	}
	argv[count++] = xstrdup("--");
	argv[count++] = xstrdup(json_get_string(args, "url", ""));
	timeout_s = config_int(tools->config, "tools.fetch.timeout_s");
	tools_start(tools, ref_turn, ref_call, argv, tools->fetch_environment,
	    (timeout_s + SLACK_S) * 1000, run);
	/* even a refusal may quote what the other side said */
	run->taint = "web";
out:
	for (size_t i = 0; i < count; i++)
		free(argv[i]);
	jv_free(args);
}
