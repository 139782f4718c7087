#ifndef OC_RECV_HTTP_PROCESSES_H
#define OC_RECV_HTTP_PROCESSES_H

#include <stdint.h>

/*
 * The processes of this gateway: the one from which all others come (the
 * nearest oc-gateway above us that has none above it, else ourselves) and all
 * that it started.  `each` is called with a program's name ("oc-plan"; "tool"
 * for what is none of ours, because tools run as children of ours), its
 * resident memory and how long it has used the processors.
 */
enum { PROCESSES_MAX = 2000 };

struct process {
	const char *program;
	int pid;
	int64_t resident;
	double cpu_s;
};

void processes_each(
    void (*each)(void *arg, const struct process *process), void *arg);

#endif
