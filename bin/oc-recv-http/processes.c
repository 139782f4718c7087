#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "buf.h"
#include "io.h"
#include "processes.h"

enum {
	FILE_MAX = 64 * 1024,
	ABOVE_MAX = 16, /* generations */
	NAME_SIZE = 16, /* as the kernel keeps it */
};

struct stat_line {
	char name[NAME_SIZE];
	int parent;
	unsigned long user, system; /* ticks */
	long resident;              /* pages */
};

/* Reads /proc/PID/stat; the name in it may hold anything. */
static bool
read_stat(int pid, struct stat_line *line)
{
	char path[64];
	struct buf text = {0};
	const char *begin, *end = NULL;
	bool ok = false;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (io_read_file(AT_FDCWD, path, FILE_MAX, &text)) {
		begin = strchr(buf_string(&text), '(');
		end = strrchr(buf_string(&text), ')');
		ok = begin != NULL && end != NULL && end > begin;
	}
	if (ok) {
		snprintf(line->name, sizeof line->name, "%.*s",
		    (int)(end - begin - 1), begin + 1);
		ok = sscanf(end + 1,
			 " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu "
			 "%*d %*d %*d %*d %*d %*d %*u %*u %ld",
			 &line->parent, &line->user, &line->system,
			 &line->resident) == 4;
	}
	buf_free(&text);
	return ok;
}

/* The kernel cuts names at 15 bytes: oc-recv-telegram. */
static const char *
program_of(const char *name)
{
	static const char *const ours[] = {"oc-recv-telegram", "oc-recv-http",
	    "oc-spool", "oc-session", "oc-route-model", "oc-loop", "oc-plan",
	    "oc-exec-tool", "oc-cdp", "oc-fetch-url", "oc-send", "oc-gateway",
	    "openclaw"};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strncmp(name, ours[i], NAME_SIZE - 1) == 0)
			return ours[i];
	return "tool";
}

static int
find_root(void)
{
	struct stat_line line;
	int root = getpid(), pid = root;

	for (int i = 0; i < ABOVE_MAX && read_stat(pid, &line); i++) {
		if (strcmp(line.name, "oc-gateway") == 0)
			root = pid;
		pid = line.parent;
	}
	return root;
}

/* Appends the children of a process. */
static size_t
add_children(int pid, int *list, size_t count)
{
	char path[64];
	struct buf text = {0};
	char *at, *end;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	if (io_read_file(AT_FDCWD, path, FILE_MAX, &text)) {
		at = text.data;
		while (at != NULL && count < PROCESSES_MAX) {
			long child = strtol(at, &end, 10);

			if (end == at)
				break;
			list[count++] = (int)child;
			at = end;
		}
	}
	buf_free(&text);
	return count;
}

void
processes_each(
    void (*each)(void *arg, const struct process *process), void *arg)
{
	static int list[PROCESSES_MAX];
	double tick = (double)sysconf(_SC_CLK_TCK);
	int64_t page = sysconf(_SC_PAGESIZE);
	struct stat_line line;
	size_t count = 1;

	list[0] = find_root();
	for (size_t i = 0; i < count; i++) {
		if (!read_stat(list[i], &line))
			continue;
		each(arg,
		    &(struct process){.program = program_of(line.name),
			.pid = list[i],
			.resident = line.resident * page,
			.cpu_s = (double)(line.user + line.system) / tick});
		count = add_children(list[i], list, count);
	}
}
