#ifndef OC_EXEC_ENVIRONMENT_H
#define OC_EXEC_ENVIRONMENT_H

#include <jv.h>

/*
 * The environment of a command: of ours only the variables on a list, and
 * those that the configuration names (an array of strings), never a secret of
 * ours.  environment_free releases.
 */
char **environment_for_commands(jv ref_names);
/* The environment of oc-fetch-url: less still. */
char **environment_for_fetch(void);
void environment_free(char **environment);

#endif
