#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "buf.h"
#include "child.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "plan.h"
#include "xalloc.h"

enum {
	DECLARATIONS_MAX = 1024 * 1024, /* of one stage */
	TELL_MS = 10 * 1000, /* a stage that is silent so long hangs */
};

/* Whether a declaration is {"name","description","parameters"}. */
static const char *
wrong_declaration(jv ref)
{
	jv parameters = json_get(ref, "parameters");
	bool fits = json_is_null(parameters) || json_is_object(parameters);

	jv_free(parameters);
	if (!json_is_object(ref))
		return "not an object";
	if (json_get_string(ref, "name", "")[0] == '\0')
		return "without a name";
	return fits ? NULL : "parameters is not an object";
}

/* Appends what stands in `text`, one declaration a line. */
static jv
add_declarations(jv own_tools, const char *from, const struct buf *text)
{
	const char *at = buf_string(text), *end = at + text->length;

	for (int line = 1; at < end; line++) {
		size_t length = strcspn(at, "\n");
		const char *problem = NULL;
		jv one;

		if (length == 0) {
			at++;
			continue;
		}
		one = json_parse(at, length, &problem);
		if (problem == NULL)
			problem = wrong_declaration(one);
		if (problem == NULL) {
			own_tools = json_append(own_tools, one);
		} else {
			jv_free(one);
			log_warn("%s: line %d: %s; this tool is not offered",
			    from, line, problem);
		}
		at += length + (at[length] == '\n');
	}
	return own_tools;
}

/* Reads until the end of input or the deadline; false at the latter. */
static bool
read_until_end(int fd, struct buf *into)
{
	int64_t deadline = clock_mono_ms() + TELL_MS;

	while (into->length < DECLARATIONS_MAX) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = deadline - clock_mono_ms();
		ssize_t n;

		if (left <= 0)
			return false;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = buf_read(into, fd, 16 * 1024);
		if (n <= 0)
			return n == 0;
	}
	return false;
}

static jv
ask_stage(jv own_tools, const char *stage)
{
	char *name = xstrdup(stage), flag[] = "-l";
	char *argv[] = {name, flag, NULL};
	struct child_spec spec = {.argv = argv, .in = -1, .err = STDERR_FILENO};
	struct buf text = {0};
	int fd[2], status;
	pid_t pid;
	bool told;

	if (pipe2(fd, O_CLOEXEC) != 0)
		fatal(EX_OSERR, "pipe: %s", strerror(errno));
	spec.out = fd[1];
	pid = child_start(&spec);
	close(fd[1]);
	if (pid < 0) {
		log_warn("tool stage %s: cannot be run: %s; its tools are not "
			 "offered",
		    stage, strerror(errno));
	} else {
		told = read_until_end(fd[0], &text);
		if (!told)
			kill(pid, SIGKILL);
		status = child_exit_code(child_wait(pid));
		if (told && status == 0)
			own_tools = add_declarations(own_tools, stage, &text);
		else
			log_warn("tool stage %s: -l %s; its tools are not "
				 "offered",
			    stage, told ? "failed" : "did not end within 10 s");
	}
	close(fd[0]);
	buf_free(&text);
	free(name);
	return own_tools;
}

jv
tools_collect(const struct config *config)
{
	jv stages = config_get(config, "tools.stages"), tools = json_array();

	for (int i = 0, n = json_length(stages); i < n; i++) {
		jv stage = json_at(stages, i);

		tools = ask_stage(tools, json_as_string(stage, ""));
		jv_free(stage);
	}
	jv_free(stages);
	return tools;
}

jv
tools_read(const char *path)
{
	struct buf text = {0};
	jv tools;

	if (!io_read_file(AT_FDCWD, path, DECLARATIONS_MAX, &text))
		fatal(EX_NOINPUT, "%s: %s", path, strerror(errno));
	tools = add_declarations(json_array(), path, &text);
	buf_free(&text);
	return tools;
}
