#ifndef OC_PROCESS_H
#define OC_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* A list of processes.  All zero is empty; pids_free releases. */
struct pids {
	pid_t *pid;
	size_t count, capacity;
};
void pids_add(struct pids *pids, pid_t pid);
void pids_free(struct pids *pids);

/*
 * Appends every process below `root`: its children, theirs, and so on, as
 * /proc shows them now.  A process that forks in the meantime may be missing,
 * so whoever wants an end of all of them asks again until none is left.
 */
void process_descendants(pid_t root, struct pids *found);

#endif
