#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "child.h"
#include "doctor.h"
#include "io.h"
#include "json.h"
#include "redis.h"
#include "runbook.h"
#include "xalloc.h"

enum {
	SECRET_MAX = 64 * 1024, /* as lib/secret.c */
	AGENTS_MAX = 4 * 1024 * 1024,
	BOT_TOKEN_LEAST = 30, /* behind the colon */
	COMPLAINTS_MAX = 64 * 1024,
};

/* ---- the configuration */

/* What the rest is looked at in; without it the directories are. */
static void
check_redis(struct doctor *doctor, const struct config *config)
{
	redisContext *context;

	redis_setup(config, REDIS_FAILS, REDIS_LEND);
	if (!redis_is_used())
		return;
	context = redis_connect_again();
	if (context != NULL) {
		redisFree(context);
		doctor_note(
		    doctor, DOCTOR_OK, "queue", "%s answers", redis_name());
		return;
	}
	doctor_note(doctor, DOCTOR_ERROR, "queue",
	    "%s cannot be reached; nothing is taken in or answered until it is",
	    redis_name());
	redis_close();
}

/* A wrong configuration ends whoever loads it, so a child does first. */
bool
doctor_check_config(
    struct doctor *doctor, struct config *config, const char *file)
{
	char name[] = "openclaw", verb[] = "config", check[] = "check",
	     flag[] = "-c";
	char *path = file != NULL ? xstrdup(file) : NULL;
	char *argv[] = {
	    name, verb, check, path != NULL ? flag : NULL, path, NULL};
	struct child_spec spec = {.argv = argv, .in = -1, .out = -1};
	struct buf said = {0};
	int to[2], status = -1;
	pid_t pid = -1;

	if (pipe2(to, O_CLOEXEC) == 0) {
		spec.err = to[1];
		pid = child_start(&spec);
		close(to[1]);
		while (pid > 0 && said.length < COMPLAINTS_MAX &&
		       buf_read(&said, to[0], COMPLAINTS_MAX) > 0)
			;
		close(to[0]);
		status = pid > 0 ? child_exit_code(child_wait(pid)) : -1;
	}
	if (status == 0) {
		config_load(config, file);
		doctor_note(doctor, DOCTOR_OK, "configuration", "%s",
		    config->path != NULL ? config->path : "built-in defaults");
		check_redis(doctor, config);
	} else {
		doctor_note(doctor, DOCTOR_ERROR, "configuration", "%s",
		    said.length != 0 ? buf_string(&said) : "cannot be checked");
	}
	buf_free(&said);
	free(path);
	return status == 0;
}

/* ---- secrets */

/* What is wrong with a secret's text, or NULL. */
static const char *
text_problem(const char *text, size_t length, bool is_bot_token)
{
	const char *colon = memchr(text, ':', length);

	while (length != 0 && text[length - 1] == '\n')
		length--;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= 0x20 || text[i] == 0x7f)
			return "holds a blank or a control byte; write it anew";
	if (!is_bot_token)
		return NULL;
	if (colon == NULL || colon == text ||
	    strspn(text, "0123456789") != (size_t)(colon - text) ||
	    length - (size_t)(colon - text) <= BOT_TOKEN_LEAST)
		return "does not look like a bot's token (123456:ABC...); ask "
		       "@BotFather";
	return NULL;
}

static void
check_file(struct doctor *doctor, const char *name, const char *path)
{
	struct buf text = {0};
	const char *problem;
	struct stat st;

	if (!io_read_file(AT_FDCWD, path, SECRET_MAX, &text) ||
	    stat(path, &st) != 0) {
		doctor_note(doctor, DOCTOR_ERROR, "secrets",
		    "%s_FILE: %s: %s; look at its path and mode", name, path,
		    strerror(errno));
	} else if ((problem = text_problem(buf_string(&text), text.length,
			strcmp(name, "TELEGRAM_BOT_TOKEN") == 0)) != NULL) {
		doctor_note(doctor, DOCTOR_ERROR, "secrets", "%s (%s) %s", name,
		    path, problem);
	} else if ((st.st_mode & 077) != 0) {
		doctor_note(doctor, DOCTOR_WARNING, "secrets",
		    "%s: others may read %s; chmod 600 it, or give the "
		    "secret's volume a defaultMode of 0400",
		    name, path);
	} else {
		doctor_note(
		    doctor, DOCTOR_OK, "secrets", "%s is in %s", name, path);
	}
	buf_wipe(&text);
}

/* `level`: how bad it is when there is none; `use`: what it is for. */
static void
check_secret(struct doctor *doctor, const char *name, enum doctor_level level,
    const char *use)
{
	char *file_name = xasprintf("%s_FILE", name);
	const char *value = getenv(name), *path = getenv(file_name), *problem;

	if (value != NULL && *value != '\0') {
		problem = text_problem(value, strlen(value),
		    strcmp(name, "TELEGRAM_BOT_TOKEN") == 0);
		doctor_note(doctor, problem != NULL ? DOCTOR_ERROR : DOCTOR_OK,
		    "secrets", "%s %s", name,
		    problem != NULL ? problem : "is set");
	} else if (path != NULL && *path != '\0') {
		check_file(doctor, name, path);
	} else {
		doctor_note(doctor, level, "secrets",
		    "neither %s nor %s is set; %s", name, file_name, use);
	}
	free(file_name);
}

void
doctor_check_secrets(struct doctor *doctor, const struct config *config)
{
	jv models = config_models(config), seen = json_object();

	for (int i = 0, n = json_length(models); i < n; i++) {
		jv model = json_at(models, i);
		const char *text = json_as_string(model, "");
		char *name = xstrndup(text, strcspn(text, "/"));
		struct config_provider provider;

		if (config_provider(config, name, &provider)) {
			if (*provider.key_name != '\0' &&
			    !json_has(seen, provider.key_name)) {
				seen = json_set_bool(
				    seen, provider.key_name, true);
				check_secret(doctor, provider.key_name,
				    DOCTOR_WARNING,
				    "its models cannot be asked");
			}
			config_provider_free(&provider);
		}
		free(name);
		jv_free(model);
	}
	if (config_bool(config, "channels.telegram.enabled"))
		check_secret(doctor, "TELEGRAM_BOT_TOKEN", DOCTOR_ERROR,
		    "Telegram is enabled and cannot work");
	jv_free(seen);
	jv_free(models);
}

/* ---- workspace and programs */

void
doctor_check_workspace(struct doctor *doctor, const struct config *config)
{
	char *workspace = config_workspace(config);
	char *path = xasprintf("%s/AGENTS.md", workspace);
	struct runbook runbook = {0};
	struct buf text = {0};
	size_t granted = 0;

	if (access(workspace, R_OK | W_OK | X_OK) != 0) {
		doctor_note(doctor, DOCTOR_WARNING, "workspace",
		    "%s: %s; make it, and write an AGENTS.md", workspace,
		    strerror(errno));
	} else if (!io_read_file(AT_FDCWD, path, AGENTS_MAX, &text)) {
		doctor_note(doctor, DOCTOR_WARNING, "workspace",
		    "%s: %s; it tells the agent what it may do", path,
		    strerror(errno));
	} else {
		runbook_parse(&runbook, buf_string(&text), text.length, NULL);
		for (size_t i = 0; i < runbook.count; i++)
			for (size_t j = 0; j < runbook.operation[i].count; j++)
				granted +=
				    runbook.operation[i].command[j].refused ==
				    NULL;
		doctor_note(doctor, granted != 0 ? DOCTOR_OK : DOCTOR_WARNING,
		    "workspace",
		    "%s permits %zu commands (see: openclaw runbook)", path,
		    granted);
		runbook_free(&runbook);
	}
	buf_free(&text);
	free(path);
	free(workspace);
}

static bool
is_in_path(const char *program)
{
	char *paths = xstrdup(getenv("PATH") != NULL ? getenv("PATH") : ""),
	     *rest = paths, *one;
	bool found = strchr(program, '/') != NULL && access(program, X_OK) == 0;

	while (!found && (one = strsep(&rest, ":")) != NULL) {
		char *path = xasprintf("%s/%s", one, program);

		found = access(path, X_OK) == 0;
		free(path);
	}
	free(paths);
	return found;
}

void
doctor_check_programs(struct doctor *doctor, const struct config *config)
{
	static const char *const ours[] = {"oc-gateway", "oc-spool",
	    "oc-session", "oc-route-model", "oc-loop", "oc-plan", "oc-send",
	    "oc-recv-telegram", "flock", "setpriv", "setsid"};
	jv stages = config_get(config, "tools.stages");
	unsigned missing = 0;

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		if (is_in_path(ours[i]))
			continue;
		missing++;
		doctor_note(doctor, DOCTOR_ERROR, "programs",
		    "%s is not in PATH; the gateway needs it", ours[i]);
	}
	for (int i = 0, n = json_length(stages); i < n; i++) {
		jv stage = json_at(stages, i);
		const char *name = json_as_string(stage, "");

		if (!is_in_path(name)) {
			missing++;
			doctor_note(doctor, DOCTOR_ERROR, "programs",
			    "%s of tools.stages is not in PATH; install it, "
			    "or take it out",
			    name);
		}
		jv_free(stage);
	}
	if (missing == 0)
		doctor_note(doctor, DOCTOR_OK, "programs", "all are there");
	jv_free(stages);
}
