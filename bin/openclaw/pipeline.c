#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "child.h"
#include "commands.h"
#include "io.h"
#include "json.h"
#include "log.h"

/*
 * oc-plan and the tool stages, as the configuration names them.  The shell
 * waits for all of them, and the first does not end when the last one does:
 * so each that fails ends the shell, and oc-loop sees that it is broken.
 */
static void
set_inner_pipeline(const struct config *config)
{
	jv stages = config_get(config, "tools.stages");
	struct buf inner = {0};

	buf_add_string(&inner, "{ oc-plan || kill $$; }");
	for (int i = 0, n = json_length(stages); i < n; i++) {
		jv stage = json_at(stages, i);

		buf_printf(
		    &inner, " | { %s || kill $$; }", json_as_string(stage, ""));
		jv_free(stage);
	}
	setenv("OC_INNER", buf_string(&inner), 1);
	if (config->path != NULL)
		setenv("OC_CONFIG", config->path, 1);
	buf_free(&inner);
	jv_free(stages);
}

void
pipeline_start(struct pipeline *pipeline, const struct config *config)
{
	char shell[] = "/bin/sh", flag[] = "-c";
	char chain[] = "oc-route-model | exec oc-loop -- \"$OC_INNER\"";
	char *argv[] = {shell, flag, chain, NULL};
	struct child_spec spec = {.argv = argv, .err = STDERR_FILENO};
	int to[2], from[2];

	child_find_siblings();
	set_inner_pipeline(config);
	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
		fatal(EX_OSERR, "pipe: %s", strerror(errno));
	spec.in = to[0];
	spec.out = from[1];
	pipeline->pid = child_start(&spec);
	if (pipeline->pid < 0)
		fatal(EX_OSERR, "cannot start /bin/sh: %s", strerror(errno));
	close(to[0]);
	close(from[1]);
	pipeline->to = to[1];
	record_reader_init(&pipeline->from, from[0], "the pipeline");
}

bool
pipeline_send(struct pipeline *pipeline, jv ref_turn)
{
	struct buf line = {0};
	bool sent;

	json_write(&line, ref_turn);
	buf_add_byte(&line, '\n');
	sent = io_write_all(pipeline->to, line.data, line.length);
	buf_free(&line);
	return sent;
}

int
pipeline_end(struct pipeline *pipeline, bool at_once)
{
	int status;

	if (pipeline->to >= 0)
		close(pipeline->to);
	pipeline->to = -1;
	while (!at_once && !pipeline->from.ended)
		record_fill(&pipeline->from);
	close(pipeline->from.fd);
	status = child_exit_code(child_wait(pipeline->pid));
	record_reader_free(&pipeline->from);
	return status;
}
