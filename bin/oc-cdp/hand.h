#ifndef OC_CDP_HAND_H
#define OC_CDP_HAND_H

#include <stddef.h>
#include "job.h"

enum {
	HAND_PARALLEL = 4,
	HAND_PARALLEL_MAX = 64, /* a tab takes some 100 MB */
};

/* What a person asks for on the command line. */
struct hand {
	const struct tool *tool; /* NULL: nothing */
	const char *what;        /* "pdf" */
	const char *url;         /* NULL: many, as lines of input */
	const char *expression;
	size_t parallel;
	const char *directory;
};

/* Reads command, address and so on; ends the program when they are wrong. */
void hand_arguments(struct hand *hand, int argc, char **argv);
/* Does it: the exit status. */
int hand_run(const struct hand *hand, struct settings *settings);

#endif
