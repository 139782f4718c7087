#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "process.h"
#include "xalloc.h"

void
pids_add(struct pids *pids, pid_t pid)
{
	if (pids->count == pids->capacity) {
		pids->capacity = pids->capacity * 2 + 16;
		pids->pid =
		    xreallocarray(pids->pid, pids->capacity, sizeof *pids->pid);
	}
	pids->pid[pids->count++] = pid;
}

void
pids_free(struct pids *pids)
{
	free(pids->pid);
	*pids = (struct pids){0};
}

static pid_t
to_pid(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	return end != text && value > 0 && value <= 0x7fffffff ? (pid_t)value
							       : -1;
}

/* The parent of a process by /proc/PID/stat, or -1 when it is gone. */
static pid_t
parent_of(int proc, const char *pid)
{
	char path[64], stat[512], *name_end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/stat", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, stat, sizeof stat - 1);
	close(fd);
	if (n <= 0)
		return -1;
	stat[n] = '\0';
	/* "17 (na) me) S 1 …": a name may hold anything */
	name_end = strrchr(stat, ')');
	if (name_end == NULL || strlen(name_end) < sizeof ") S 1" - 1)
		return -1;
	return to_pid(name_end + 4);
}

/*
 * /proc/PID/stat and not /proc/PID/task/TID/children, which is quicker but is
 * not there in every kernel; this runs only where something was left behind.
 */
void
process_descendants(pid_t root, struct pids *found)
{
	struct pids all = {0}, parents = {0};
	DIR *proc = opendir("/proc");
	size_t first = found->count;
	struct dirent *entry;

	while (proc != NULL && (entry = readdir(proc)) != NULL) {
		pid_t parent;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		parent = parent_of(dirfd(proc), entry->d_name);
		if (parent < 0)
			continue;
		pids_add(&all, to_pid(entry->d_name));
		pids_add(&parents, parent);
	}
	for (size_t at = first; at <= found->count; at++) {
		pid_t parent = at == first ? root : found->pid[at - 1];

		for (size_t i = 0; i < all.count; i++)
			if (parents.pid[i] == parent)
				pids_add(found, all.pid[i]);
	}
	if (proc != NULL)
		closedir(proc);
	pids_free(&all);
	pids_free(&parents);
}
