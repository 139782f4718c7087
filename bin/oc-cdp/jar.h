#ifndef OC_CDP_JAR_H
#define OC_CDP_JAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "cookies.h"

/* The cookies of the configured file, kept in step with it. */
struct jar {
	const char *path; /* NULL: there are none */
	struct cookies cookies;
	struct stat seen;
	bool loaded, told_missing;
	uint64_t version; /* 0: nothing could be read yet */
};

void jar_init(struct jar *jar, const char *path);
void jar_free(struct jar *jar);
/*
 * Reads the file anew when it has changed.  What is wrong with it is logged
 * once, and then the old cookies stay.
 */
void jar_refresh(struct jar *jar);

#endif
