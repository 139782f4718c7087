#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "environment.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "roots.h"
#include "tools.h"
#include "turn.h"
#include "xalloc.h"

#define STRING  "{\"type\":\"string\"}"
#define INTEGER "{\"type\":\"integer\"}"
#define OBJECT(properties, required)                       \
	"{\"type\":\"object\",\"properties\":{" properties \
	"},\"required\":[" required "]}"

/*
 * Every word of these goes with every question to a model, so there are few:
 * what a call of each does wrong is told when it is done.
 */
static const struct tool tools_known[] = {
    {"exec",
	"Run one command that AGENTS.md documents, or one that only looks "
	"(kubectl get, df, ps, git log, ...). No shell: no pipes, no ;, no "
	"$(). Output that is too long is cut and saved to a file.",
	OBJECT("\"command\":" STRING ",\"timeout_s\":" INTEGER, "\"command\""),
	exec_begin},
    {"read_file",
	"Read a text file. offset and limit are in bytes; a negative offset "
	"counts from the end.",
	OBJECT("\"path\":" STRING ",\"offset\":" INTEGER ",\"limit\":" INTEGER,
	    "\"path\""),
	file_read_begin},
    {"write_file", "Write a whole file.",
	OBJECT(
	    "\"path\":" STRING ",\"content\":" STRING, "\"path\",\"content\""),
	file_write_begin},
    {"edit_file", "Replace old, which must occur once in the file, by new.",
	OBJECT("\"path\":" STRING ",\"old\":" STRING ",\"new\":" STRING,
	    "\"path\",\"old\",\"new\""),
	file_edit_begin},
    {"list_files", "List a directory: names and sizes.",
	OBJECT("\"path\":" STRING ",\"depth\":" INTEGER, ""), file_list_begin},
    {"fetch_url", "The text of a web page.",
	OBJECT("\"url\":" STRING ",\"max_chars\":" INTEGER, "\"url\""),
	fetch_begin},
};

const struct tool *
tool_find(const char *name, bool *dry)
{
	*dry = strncmp(name, DRY_RUN, strlen(DRY_RUN)) == 0;
	if (*dry)
		name += strlen(DRY_RUN);
	for (size_t i = 0; i < sizeof tools_known / sizeof *tools_known; i++)
		if (strcmp(tools_known[i].name, name) == 0)
			return &tools_known[i];
	return NULL;
}

void
tools_declare(const struct tools *tools)
{
	for (size_t i = 0; i < sizeof tools_known / sizeof *tools_known; i++) {
		const struct tool *tool = &tools_known[i];
		jv declaration = json_object();

		if (tool->begin == exec_begin &&
		    policy_kind(tools->policy) == POLICY_DENY)
			continue;
		declaration = json_set_string(declaration, "name", tool->name);
		declaration = json_set_string(
		    declaration, "description", tool->description);
		declaration = json_set(declaration, "parameters",
		    json_parse(
			tool->parameters, strlen(tool->parameters), NULL));
		record_write(declaration);
		jv_free(declaration);
	}
}

/*
 * Relative directories of PATH would be looked up in the workspace, which the
 * agent writes to.
 */
static void
drop_relative_path(void)
{
	const char *path = getenv("PATH"), *at = path;
	struct buf kept = {0};

	while (at != NULL) {
		size_t length = strcspn(at, ":");

		if (*at == '/') {
			if (kept.length != 0)
				buf_add_byte(&kept, ':');
			buf_add(&kept, at, length);
		}
		at = at[length] == ':' ? at + length + 1 : NULL;
	}
	if (path != NULL)
		setenv("PATH", buf_string(&kept), 1);
	buf_free(&kept);
}

void
tools_init(
    struct tools *tools, const struct config *config, const char *config_path)
{
	jv names = config_get(config, "tools.exec.env");

	drop_relative_path();
	*tools = (struct tools){.config = config,
	    .config_path = config_path,
	    .workspace = config_workspace(config),
	    .root = -1,
	    .output_bytes =
		(size_t)config_int(config, "tools.exec.output_bytes"),
	    .timeout_ms = config_int(config, "tools.exec.timeout_s") * 1000};
	tools->command_environment = environment_for_commands(names);
	tools->fetch_environment = environment_for_fetch();
	tools->policy = policy_new(config, tools->workspace);
	tools->roots = roots_new(config, tools->workspace);
	jv_free(names);
}

void
tools_free(struct tools *tools)
{
	if (tools->root >= 0)
		close(tools->root);
	roots_free(tools->roots);
	policy_free(tools->policy);
	environment_free(tools->command_environment);
	environment_free(tools->fetch_environment);
	free(tools->workspace);
	*tools = (struct tools){.root = -1};
}

int
tools_root(struct tools *tools)
{
	if (tools->root < 0 && io_make_directories(tools->workspace))
		tools->root =
		    open(tools->workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return tools->root;
}

void
tools_start(struct tools *tools, jv ref_turn, jv ref_call,
    const struct command *command, struct run *run)
{
	struct warden_spec spec = {.argv = command->argv,
	    .envp = command->envp,
	    .directory = tools->workspace,
	    .timeout_ms = command->timeout_ms};
	struct output output;

	if (run->dry) {
		run_permit(run);
		return;
	}
	if (tools_root(tools) < 0) {
		run_refuse(run, "the workspace %s cannot be used: %s",
		    tools->workspace, strerror(errno));
		return;
	}
	output_init(&output, command->output_bytes, tools->root,
	    turn_id(ref_turn), json_get_string(ref_call, "id", ""));
	run->running = task_start(&run->task, &spec, &output);
	if (!run->running)
		run_refuse(
		    run, "no process can be started now: %s", strerror(errno));
}

void
run_refuse(struct run *run, const char *format, ...)
{
	char *text;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		fatal(EX_OSERR, "out of memory (formatting)");
	va_end(ap);
	run->ok = false;
	buf_clear(&run->text);
	buf_add_string(&run->text, text);
	free(text);
}

void
run_permit(struct run *run)
{
	run->ok = true;
	buf_clear(&run->text);
	buf_add_string(&run->text, "permitted; nothing was done");
}

void
run_deny(struct run *run)
{
	run->ok = false;
	run->denied = true;
}

void
run_free(struct run *run)
{
	if (run->running)
		task_free(&run->task);
	buf_free(&run->text);
	*run = (struct run){0};
}
