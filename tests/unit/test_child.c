#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "buf.h"
#include "child.h"
#include "wrapped.h"

enum { WORDS_MAX = 8 };

/* child_start with a vector of constant words. */
static pid_t
start(struct child_spec spec, const char *const *words)
{
	char *argv[WORDS_MAX] = {NULL};
	size_t count = 0;
	pid_t pid;
	int error;

	for (; words[count] != NULL; count++) {
		assert_true(count < WORDS_MAX - 1);
		argv[count] = strdup(words[count]);
	}
	spec.argv = argv;
	pid = child_start(&spec);
	error = errno;
	for (size_t i = 0; i < count; i++)
		free(argv[i]);
	errno = error;
	return pid;
}

/* Runs it with its output in a buffer; the wait status. */
static int
run(struct child_spec spec, const char *const *words, struct buf *out)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	spec.out = ends[1];
	pid = start(spec, words);
	assert_true(pid > 0);
	close(ends[1]);
	while (buf_read(out, ends[0], 4096) > 0)
		continue;
	close(ends[0]);
	return child_wait(pid);
}

static void
starts_with_a_vector_and_no_shell(void **state)
{
	const char *argv[] = {"printf", "%s|", "a b", "$HOME", ";id", NULL};
	struct child_spec spec = {NULL, NULL, NULL, -1, -1, -1, false};
	struct buf out = {0};

	(void)state;
	assert_int_equal(child_exit_code(run(spec, argv, &out)), 0);
	assert_string_equal(buf_string(&out), "a b|$HOME|;id|");
	buf_free(&out);
}

static void
reports_what_cannot_be_run(void **state)
{
	const char *argv[] = {"/no/such/program", NULL};
	struct child_spec spec = {NULL, NULL, NULL, -1, -1, -1, false};

	(void)state;
	if (under_valgrind())
		skip();
	assert_int_equal(start(spec, argv), -1);
	assert_int_equal(errno, ENOENT);
	argv[0] = "/etc/passwd";
	assert_int_equal(start(spec, argv), -1);
	assert_int_equal(errno, EACCES);
	argv[0] = "true";
	spec.directory = "/no/such/directory";
	assert_int_equal(start(spec, argv), -1);
	assert_int_equal(errno, ENOENT);
}

static void
gives_a_file_without_interpreter_to_no_shell(void **state)
{
	char path[] = "/tmp/test_child.XXXXXX";
	const char *argv[] = {path, NULL};
	struct child_spec spec = {NULL, NULL, NULL, -1, -1, -1, false};
	int fd;

	(void)state;
	if (under_valgrind())
		skip();
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "exit 0\n", 7), 7);
	assert_int_equal(fchmod(fd, 0700), 0);
	close(fd);
	assert_int_equal(start(spec, argv), -1);
	assert_int_equal(errno, ENOEXEC);
	unlink(path);
}

static void
takes_environment_and_directory(void **state)
{
	const char *argv[] = {
	    "sh", "-c", "pwd; env | grep -v ^PWD=; cat", NULL};
	char only[] = "ONLY=this", *envp[] = {only, NULL};
	struct child_spec spec = {NULL, envp, "/", -1, -1, -1, false};
	struct buf out = {0};

	(void)state;
	assert_int_equal(child_exit_code(run(spec, argv, &out)), 0);
	assert_non_null(strstr(buf_string(&out), "/\n"));
	assert_non_null(strstr(buf_string(&out), "ONLY=this\n"));
	assert_null(strstr(buf_string(&out), "HOME="));
	buf_free(&out);
}

static void
passes_no_descriptor_but_three(void **state)
{
	const char *argv[] = {
	    "sh", "-c", "exec ls /proc/self/fd | wc -l", NULL};
	struct child_spec spec = {NULL, NULL, NULL, -1, -1, -1, false};
	struct buf out = {0};
	int leaked = open("/dev/null", O_RDONLY); /* not close-on-exec */

	(void)state;
	assert_int_equal(child_exit_code(run(spec, argv, &out)), 0);
	assert_string_equal(buf_string(&out), "4\n"); /* and ls's own */
	close(leaked);
	buf_free(&out);
}

static void
sets_signals_back(void **state)
{
	const char *argv[] = {"sh", "-c", "kill -PIPE $$; echo alive", NULL};
	struct child_spec spec = {NULL, NULL, NULL, -1, -1, -1, false};
	struct buf out = {0};
	sigset_t set, before;
	int status;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	status = run(spec, argv, &out);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(child_exit_code(status), 128 + SIGPIPE);
	buf_free(&out);
}

/* Our standard input as the child's output and the other way round. */
static void
crosses_low_descriptors(void **state)
{
	const char *argv[] = {"cat", NULL};
	struct child_spec spec = {NULL, NULL, NULL, 1, 0, -1, true};
	int in[2], out[2], saved[2] = {dup(0), dup(1)};
	struct buf got = {0};
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	dup2(in[0], 1);
	dup2(out[1], 0);
	pid = start(spec, argv);
	dup2(saved[0], 0);
	dup2(saved[1], 1);
	close(saved[0]);
	close(saved[1]);
	assert_true(pid > 0);
	assert_int_equal(getpgid(pid), pid);
	assert_int_equal(write(in[1], "hello", 5), 5);
	close(in[0]);
	close(in[1]);
	close(out[1]);
	while (buf_read(&got, out[0], 4096) > 0)
		continue;
	close(out[0]);
	assert_int_equal(child_wait(pid), 0);
	assert_string_equal(buf_string(&got), "hello");
	buf_free(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(starts_with_a_vector_and_no_shell),
	    cmocka_unit_test(reports_what_cannot_be_run),
	    cmocka_unit_test(gives_a_file_without_interpreter_to_no_shell),
	    cmocka_unit_test(takes_environment_and_directory),
	    cmocka_unit_test(passes_no_descriptor_but_three),
	    cmocka_unit_test(sets_signals_back),
	    cmocka_unit_test(crosses_low_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
