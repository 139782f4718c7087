/* The tool exec: a command of the runbook, run as an argument vector. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "approval.h"
#include "args.h"
#include "json.h"
#include "log.h"
#include "runbook.h"
#include "tools.h"
#include "turn.h"
#include "words.h"
#include "xalloc.h"

enum {
	ASKS_MAX = 5, /* of one turn: more would not be read with care */
	TIMEOUT_MAX_S = 3600, /* longer work belongs into a job of its own */
};

static const struct arg exec_args[] = {
    {"command", ARG_ANY, true, 0, 0},
    {"timeout_s", ARG_INT, false, 1, TIMEOUT_MAX_S},
};

/* An array of strings as it is. */
static bool
take_vector(jv ref_array, struct words *words, struct buf *problem)
{
	int count = json_length(ref_array);
	bool right = count > 0 && count <= WORDS_MAX;

	words->word = xcalloc((size_t)count + 1, sizeof *words->word);
	for (int i = 0; i < count && right; i++) {
		jv word = json_at(ref_array, i);
		const char *text = json_as_string(word, NULL);

		right =
		    text != NULL && strlen(text) == json_string_length(word);
		if (right)
			words->word[words->count++] = xstrdup(text);
		jv_free(word);
	}
	if (right && *words->word[0] == '\0')
		right = false;
	if (!right)
		buf_printf(problem,
		    "command must be a command line, or an array of 1 to %d "
		    "strings without NUL",
		    WORDS_MAX);
	return right;
}

/*
 * The vector that the call asks for, or the reason why there is none; *line: it
 * is a line that only a shell could run.
 */
static bool
take_command(struct tools *tools, jv ref_command, struct words *words,
    struct run *run, bool *line)
{
	struct buf *why = &run->text;
	const char *error;

	if (json_is_array(ref_command))
		return take_vector(ref_command, words, why);
	if (!json_is_string(ref_command)) {
		buf_add_string(why, "command must be a command line");
		return false;
	}
	if (strlen(json_as_string(ref_command, "")) !=
	    json_string_length(ref_command)) {
		policy_refuse(tools->policy, "the command holds a NUL", why);
		run_deny(run);
		return false;
	}
	if (!words_split(json_as_string(ref_command, ""), words, &error)) {
		policy_refuse(tools->policy, error, why);
		run_deny(run);
		*line = true;
		return false;
	}
	if (words->count != 0)
		return true;
	buf_add_string(why, "command must not be empty");
	return false;
}

/* ---- what a person must approve */

static int
count_asked(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps");
	int count = 0;

	for (int i = 0, n = json_length(steps); i < n; i++) {
		jv step = json_at(steps, i);

		count += json_has(step, "approval") ? 1 : 0;
		jv_free(step);
	}
	jv_free(steps);
	return count;
}

/*
 * Asks for a command that was refused.  Only a turn with a journal that is no
 * program's has someone behind it who asks a person and takes the answer.
 */
static void
ask(struct tools *tools, jv ref_turn, jv ref_call, const char *command,
    struct run *run)
{
	if (run->dry || json_get_bool(ref_turn, "invoke", false) ||
	    json_get_int(ref_turn, "journal", 0) == 0 ||
	    !policy_may_ask(tools->policy, ref_turn, ref_call) ||
	    count_asked(ref_turn) >= ASKS_MAX || !approval_can_show(command))
		return;
	if (!approval_ask(ref_turn, ref_call, command, run->approval)) {
		log_error("turn %s: nobody can be asked for approval: %s",
		    turn_id(ref_turn), strerror(errno));
		run->approval[0] = '\0';
		return;
	}
	run_refuse(run,
	    "not run: it is not among the documented commands, so the person "
	    "is asked for approval (%s) below your answer. Do not call it "
	    "again and do not look for a way around: if they approve, it is "
	    "run and you are given its result then. Say in a sentence what it "
	    "is for, and end.",
	    run->approval);
}

/* What the person approved: a vector as it is, what is none by a shell. */
static void
run_approved(struct tools *tools, jv ref_turn, jv ref_call, jv ref_command,
    struct command *command, struct run *run)
{
	struct words words = {0};
	bool line = false;
	bool vector = take_command(tools, ref_command, &words, run, &line);
	char *shell[] = {xstrdup("sh"), xstrdup("-c"),
	    xstrdup(json_as_string(ref_command, "")), NULL};

	command->argv = vector ? words.word : shell;
	if (!vector && !line)
		goto out;
	run->denied = false;
	if (!policy_may_ask(tools->policy, ref_turn, ref_call)) {
		buf_clear(&run->text);
		policy_refuse(tools->policy,
		    "a rule of the configuration denies this command",
		    &run->text);
		run_deny(run);
	} else if (!run->dry && !approval_use(ref_turn)) {
		run_refuse(run,
		    "not run: that it is run now cannot be recorded: %s",
		    strerror(errno));
	} else {
		buf_clear(&run->text);
		tools_start(tools, ref_turn, ref_call, command, run);
	}
out:
	for (size_t i = 0; shell[i] != NULL; i++)
		free(shell[i]);
	command->argv = NULL;
	words_free(&words);
}

/* ---- running */

static void
run_vector(struct tools *tools, jv ref_turn, jv ref_call, jv ref_command,
    struct command *command, struct run *run)
{
	struct words words = {0};
	char **looking = NULL, *shown;
	bool line = false;

	if (!take_command(tools, ref_command, &words, run, &line)) {
		if (line)
			ask(tools, ref_turn, ref_call,
			    json_as_string(ref_command, ""), run);
		goto out;
	}
	command->argv = words.word;
	switch (policy_vector(tools->policy, words.word, words.count, ref_turn,
	    ref_call, &run->text)) {
	case POLICY_REFUSED: run_deny(run); goto out;
	case POLICY_UNKNOWN:
		run_deny(run);
		shown = words_join(words.word, words.count);
		ask(tools, ref_turn, ref_call, shown, run);
		free(shown);
		goto out;
	case POLICY_PERMITTED: break;
	case POLICY_LOOK:
		looking = look_arguments(words.word, words.count);
		command->argv = looking;
		break;
	}
	tools_start(tools, ref_turn, ref_call, command, run);
out:
	look_arguments_free(looking);
	words_free(&words);
}

/* Policy full: the whole line is the shell's. */
static void
run_shell(struct tools *tools, jv ref_turn, jv ref_call, const char *line,
    struct command *command, struct run *run)
{
	char *argv[] = {xstrdup("sh"), xstrdup("-c"), xstrdup(line), NULL};

	command->argv = argv;
	if (policy_shell(tools->policy, ref_turn, ref_call, &run->text))
		tools_start(tools, ref_turn, ref_call, command, run);
	else
		run_deny(run);
	for (size_t i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	command->argv = NULL;
}

void
exec_begin(struct tools *tools, jv ref_turn, jv ref_call, struct run *run)
{
	jv args, command = json_null();
	struct command start = {.envp = tools->command_environment,
	    .output_bytes = tools->output_bytes};

	if (!args_get(ref_call, exec_args, sizeof exec_args / sizeof *exec_args,
		&args, &run->text))
		goto out;
	command = json_get(args, "command");
	start.timeout_ms =
	    json_get_int(args, "timeout_s", tools->timeout_ms / 1000) * 1000;
	if (policy_kind(tools->policy) == POLICY_ASK &&
	    approval_is_granted(ref_turn, ref_call))
		run_approved(tools, ref_turn, ref_call, command, &start, run);
	else if (policy_kind(tools->policy) == POLICY_FULL &&
		 json_string_length(command) != 0 &&
		 strlen(json_as_string(command, "")) ==
		     json_string_length(command))
		run_shell(tools, ref_turn, ref_call,
		    json_as_string(command, ""), &start, run);
	else
		run_vector(tools, ref_turn, ref_call, command, &start, run);
out:
	jv_free(command);
	jv_free(args);
}
