#ifndef OC_CDP_LAUNCH_H
#define OC_CDP_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>
#include <jv.h>
#include "buf.h"

/*
 * A browser of our own, with a new profile in a directory of its own, that
 * speaks over two pipes.  It is the head of a process group and is killed
 * with us, however we end.
 */
struct launch {
	pid_t pid;   /* 0: none */
	int in, out; /* from it and to it; whoever takes them sets -1 */
	int said;    /* its standard error, non-blocking */
	char *directory;
	int lock;
};

/*
 * `ref_command`: the program and its arguments, to which we add our own.
 * False with the reason in *problem.
 */
bool launch_start(struct launch *launch, jv ref_command, struct buf *problem);
/*
 * Ends it, and whatever it started, and removes its directory.  `gently`: it
 * is given a second to end by itself.
 */
void launch_end(struct launch *launch, bool gently);

/*
 * Removes what browsers of runs that were killed left behind.  For the start.
 */
void launch_clean(void);

/* A browser that is installed here: its path for the caller to free, or NULL. */
char *launch_find(void);

#endif
