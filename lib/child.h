#ifndef OC_CHILD_H
#define OC_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Starting other programs, without a shell unless one is named.
 */
struct child_spec {
	char *const *argv;
	char *const *envp;     /* NULL: our own environment */
	const char *directory; /* NULL: ours */
	int in, out, err; /* descriptors to become 0, 1, 2; -1: /dev/null */
	bool own_group;   /* a process group of its own */
};

/*
 * Starts argv[0] (searched in PATH) with all signals at their defaults and no
 * descriptor of ours but the three.  The pid, or -1 with errno set when the
 * program could not be run: a failure of execve is reported, not exit 127.
 */
pid_t child_start(const struct child_spec *spec);

/*
 * Puts the directory of our own program before PATH, so that the programs
 * that were built or installed with it are found first.
 */
void child_find_siblings(void);

/* waitpid that goes on after EINTR: the wait status. */
int child_wait(pid_t pid);

/* Exit status as a shell would say it: 0 to 255, or 128 plus the signal. */
int child_exit_code(int wait_status);

#endif
