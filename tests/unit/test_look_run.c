#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "buf.h"
#include "child.h"
#include "io.h"
#include "runbook.h"
#include "words.h"
#include "xalloc.h"

/*
 * Runs what look_arguments makes of a command: in a repository whose
 * configuration names a program wherever git would start one, each of which
 * leaves a file "started"; and ps beside a process with a secret.
 */

static char directory[] = "/tmp/test_look.XXXXXX";

static int
run(char *const *argv, struct buf *output)
{
	int pipes[2];
	struct child_spec spec = {
	    .argv = argv, .directory = directory, .in = -1, .err = -1};
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	spec.out = pipes[1];
	pid = child_start(&spec);
	close(pipes[1]);
	assert_true(pid > 0);
	while (buf_read(output, pipes[0], 4096) > 0)
		;
	close(pipes[0]);
	return child_exit_code(child_wait(pid));
}

static int
run_line(const char *line, struct buf *output)
{
	struct words words;
	const char *error;
	int status;

	assert_true(words_split(line, &words, &error));
	status = run(words.word, output);
	words_free(&words);
	return status;
}

static int
look(const char *line, struct buf *output)
{
	struct words words;
	const char *error;
	char **argv;
	int status;

	assert_true(words_split(line, &words, &error));
	assert_true(look_permits(words.word, words.count, &error));
	argv = look_arguments(words.word, words.count);
	status = run(argv, output);
	look_arguments_free(argv);
	words_free(&words);
	return status;
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", directory, name);

	assert_true(io_replace_file(path, text, strlen(text)));
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static bool
was_started(void)
{
	char *path = xasprintf("%s/started", directory);
	bool there = access(path, F_OK) == 0;

	unlink(path);
	free(path);
	return there;
}

static const char *const hostile_settings[] = {"core.fsmonitor", "core.pager",
    "core.editor", "diff.external", "diff.evil.textconv", "diff.evil.command",
    "gpg.program", "core.sshCommand", "core.alternateRefsCommand", "pager.log",
    "pager.diff", "pager.status"};

static int
make_repository(void **state)
{
	struct buf output = {0};
	char *line, *program;

	(void)state;
	assert_non_null(mkdtemp(directory));
	if (run_line("git init -q .", &output) != 0)
		fail_msg("git is needed");
	program =
	    xasprintf("#!/bin/sh\n: > %s/started\necho was-run\n", directory);
	write_file("evil", program, 0755);
	write_file(".git/hooks/post-index-change", program, 0755);
	free(program);
	write_file(".gitattributes", "*.txt diff=evil\n", 0644);
	write_file("a.txt", "one\n", 0644);
	run_line("git add .gitattributes a.txt", &output);
	assert_int_equal(run_line("git -c user.name=a -c user.email=a@b.c "
				  "commit -qm first",
			     &output),
	    0);
	write_file("a.txt", "two\n", 0644);
	for (size_t i = 0;
	     i < sizeof(hostile_settings) / sizeof(*hostile_settings); i++) {
		line = xasprintf(
		    "git config %s %s/evil", hostile_settings[i], directory);
		assert_int_equal(run_line(line, &output), 0);
		free(line);
	}
	run_line("git config log.showSignature true", &output);
	run_line("git config format.pretty '%G?'", &output);
	buf_free(&output);
	was_started();
	return 0;
}

static int
remove_repository(void **state)
{
	char name[] = "rm", force[] = "-rf";
	char *argv[] = {name, force, directory, NULL};
	struct child_spec spec = {.argv = argv, .in = -1, .out = -1, .err = -1};

	(void)state;
	child_wait(child_start(&spec));
	return 0;
}

static void
the_repository_starts_nothing(void **state)
{
	static const char *const lines[] = {"git status", "git status -sb",
	    "git diff", "git diff --stat", "git diff HEAD", "git log",
	    "git log -p", "git log --oneline --graph --all", "git log --stat",
	    "git log -S one", "git log '--format=%h %s'"};
	struct buf output = {0};

	(void)state;
	/* the trap works */
	run_line("git diff", &output);
	assert_true(was_started());
	run_line("git status", &output);
	assert_true(was_started());
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		buf_clear(&output);
		assert_int_equal(look(lines[i], &output), 0);
		if (was_started() || strstr(buf_string(&output), "was-run"))
			fail_msg("%s started a program", lines[i]);
		assert_true(output.length > 0);
	}
	buf_free(&output);
}

static void
a_bare_repository_is_not_entered(void **state)
{
	struct buf output = {0};
	char *outer = xasprintf("%s/.git", directory),
	     *inner = xasprintf("%s/away", directory);

	(void)state;
	/* what git takes for a bare repository, put there file by file */
	run_line(
	    "cp -r .git/HEAD .git/objects .git/refs .git/config .", &output);
	assert_int_equal(rename(outer, inner), 0);
	run_line("git config core.bare true", &output);
	look("git log", &output);
	look("git status", &output);
	assert_false(was_started());
	assert_int_not_equal(look("git log", &output), 0);
	assert_int_equal(rename(inner, outer), 0);
	buf_free(&output);
	free(outer);
	free(inner);
}

static void
ps_shows_no_environment(void **state)
{
	static const char *const lines[] = {"ps aux", "ps -aux", "ps -ef",
	    "ps -ef -u nobody-has-this-name", "ps auxww", "ps -eo pid,args",
	    "ps u -ef", "ps -e -u e", "ps x -ef -p 1"};
	char sleep_name[] = "sleep", seconds[] = "60";
	char *argv[] = {sleep_name, seconds, NULL};
	char secret[] = "TEST_LOOK_SECRET=tell-nobody";
	char path[] = "PATH=/usr/bin:/bin";
	char *envp[] = {secret, path, NULL};
	struct child_spec spec = {
	    .argv = argv, .envp = envp, .in = -1, .out = -1, .err = -1};
	struct buf output = {0};
	pid_t pid = child_start(&spec);

	(void)state;
	assert_true(pid > 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		buf_clear(&output);
		look(lines[i], &output);
		if (strstr(buf_string(&output), "tell-nobody") != NULL)
			fail_msg("%s shows an environment", lines[i]);
	}
	buf_clear(&output);
	assert_int_equal(look("ps -eo pid,comm --sort=-rss", &output), 0);
	assert_non_null(strstr(buf_string(&output), "sleep"));
	assert_int_equal(kill(pid, 9), 0);
	child_wait(pid);
	buf_free(&output);
}

static void
the_small_ones_run(void **state)
{
	struct buf output = {0};

	(void)state;
	assert_int_equal(look("df -h", &output), 0);
	assert_int_equal(look("free -m", &output), 0);
	assert_int_equal(look("uptime", &output), 0);
	assert_int_equal(look("date -u +%F", &output), 0);
	assert_int_equal(look("ps aux --sort -%mem", &output), 0);
	buf_free(&output);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_repository_starts_nothing),
	    cmocka_unit_test(a_bare_repository_is_not_entered),
	    cmocka_unit_test(ps_shows_no_environment),
	    cmocka_unit_test(the_small_ones_run),
	};

	return cmocka_run_group_tests_name(
	    "look_run", tests, make_repository, remove_repository);
}
