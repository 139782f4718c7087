#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "child.h"
#include "confine.h"

/* Runs `act` in a confined child: its result as the exit status. */
static int
confined(int (*act)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(confine_pure_filter() ? act() : 99);
	return child_exit_code(child_wait(pid));
}

static int
forbidden(long result)
{
	return result < 0 && errno == EPERM ? 0 : 1;
}

static int
act_open(void)
{
	return forbidden(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int
act_create(void)
{
	return forbidden(
	    open("/tmp/confined", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
act_socket(void)
{
	return forbidden(socket(AF_INET, SOCK_STREAM, 0)) |
	       forbidden(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
act_exec(void)
{
	char *argv[] = {NULL};

	return forbidden(execve("/bin/true", argv, argv)) |
	       forbidden((long)fork());
}

static int
act_signal(void)
{
	return forbidden(kill(getppid(), 0)) | forbidden(kill(1, SIGTERM));
}

static int
act_runnable_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED && errno == EPERM ? 0 : 1;
}

/* What is left: memory small and large, reading, writing, the clock. */
static int
act_work(void)
{
	char *large = malloc(16 << 20), byte;

	if (large == NULL)
		return 1;
	memset(large, 1, 16 << 20);
	large = realloc(large, 64 << 20);
	if (large == NULL || write(STDOUT_FILENO, "", 0) != 0 ||
	    read(STDIN_FILENO, &byte, 0) != 0)
		return 2;
	free(large);
	return 0;
}

static void
test_nothing_but_memory_and_open_descriptors(void **state)
{
	(void)state;
#ifdef OC_SANITIZED
	skip();
#endif
	if (getenv("OC_WRAP") != NULL)
		skip(); /* valgrind does not pass seccomp on */
	/* 99: not confined at all, and then every promise is void */
	assert_int_equal(confined(act_open), 0);
	assert_int_equal(confined(act_create), 0);
	assert_int_equal(confined(act_socket), 0);
	assert_int_equal(confined(act_exec), 0);
	assert_int_equal(confined(act_signal), 0);
	assert_int_equal(confined(act_runnable_memory), 0);
	assert_int_equal(confined(act_work), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_but_memory_and_open_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
