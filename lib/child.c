#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include "child.h"
#include "log.h"
#include "xalloc.h"

enum {
	STANDARD_FDS = 3, /* standard input, output and error */
};

/*
 * Adds what makes `fd` the child's descriptor `target`.  One that is itself
 * below 3 would be overwritten by the step of another target, so it is copied
 * out of the way first; the copy comes back in *copy for closing.
 */
static int
add_descriptor(
    posix_spawn_file_actions_t *actions, int fd, int target, int *copy)
{
	if (fd < 0)
		return posix_spawn_file_actions_addopen(actions, target,
		    "/dev/null", target == STDIN_FILENO ? O_RDONLY : O_WRONLY,
		    0);
	if (fd < STANDARD_FDS && fd != target) {
		fd = *copy = fcntl(fd, F_DUPFD_CLOEXEC, STANDARD_FDS);
		if (fd < 0)
			return errno;
	}
	return posix_spawn_file_actions_adddup2(actions, fd, target);
}

static int
add_actions(const struct child_spec *spec, posix_spawn_file_actions_t *actions,
    int copies[STANDARD_FDS])
{
	const int from[STANDARD_FDS] = {spec->in, spec->out, spec->err};
	int error = 0;

	for (int target = 0; error == 0 && target < STANDARD_FDS; target++)
		error = add_descriptor(
		    actions, from[target], target, &copies[target]);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(
		    actions, STANDARD_FDS);
	if (error == 0 && spec->directory != NULL)
		error = posix_spawn_file_actions_addchdir_np(
		    actions, spec->directory);
	return error;
}

/* Signals as a program expects them: nothing ignored, nothing blocked. */
static int
set_attributes(const struct child_spec *spec, posix_spawnattr_t *attributes)
{
	short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setsigmask(attributes, &none);
	if (spec->own_group) {
		flags |= POSIX_SPAWN_SETPGROUP;
		posix_spawnattr_setpgroup(attributes, 0);
	}
	return posix_spawnattr_setflags(attributes, flags);
}

/*
 * posix_spawnp and not fork: it copies no page tables, tells why execve
 * failed, and, unlike execvp, never hands a file without a #! line to a shell.
 */
pid_t
child_start(const struct child_spec *spec)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int copies[STANDARD_FDS] = {-1, -1, -1}, error;
	pid_t pid = -1;

	if (posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawnattr_init(&attributes) != 0)
		fatal(EX_OSERR, "out of memory (starting a program)");
	error = add_actions(spec, &actions, copies);
	if (error == 0)
		error = set_attributes(spec, &attributes);
	if (error == 0)
		error = posix_spawnp(&pid, spec->argv[0], &actions, &attributes,
		    spec->argv, spec->envp != NULL ? spec->envp : environ);
	for (int i = 0; i < STANDARD_FDS; i++)
		if (copies[i] >= 0)
			close(copies[i]);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	errno = error;
	return error == 0 ? pid : -1;
}

int
child_wait(pid_t pid)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		fatal(
		    EX_SOFTWARE, "waitpid %ld: %s", (long)pid, strerror(errno));
	return status;
}

int
child_exit_code(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}

void
child_find_siblings(void)
{
	char self[PATH_MAX];
	const char *path = getenv("PATH"), *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *longer;

	if (n <= 0)
		return; /* no /proc: PATH has to do */
	self[n] = '\0';
	slash = strrchr(self, '/');
	n = slash - self;
	if (path != NULL && strncmp(path, self, (size_t)n) == 0 &&
	    (path[n] == ':' || path[n] == '\0'))
		return;
	longer = xasprintf("%.*s%s%s", (int)n, self, path != NULL ? ":" : "",
	    path != NULL ? path : "");
	setenv("PATH", longer, 1);
	free(longer);
}
