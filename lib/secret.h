#ifndef OC_SECRET_H
#define OC_SECRET_H

#include <stdbool.h>

/*
 * Secrets come from the environment variable NAME, or from the file that
 * NAME_FILE names (a final newline is not part of it), and from nowhere else.
 */

/*
 * Takes a secret: returns it as a string that secret_free releases, or NULL
 * if neither variable is set or the value is empty.  The variable's bytes are
 * zeroed in place, so that neither a child nor /proc/PID/environ has them,
 * and it is unset.  A NAME_FILE that cannot be read is fatal (EX_NOINPUT).
 * A value with a control byte in it is fatal (EX_CONFIG): it would break out
 * of the header that it goes into.  From then on the process leaves no core
 * file and its memory is closed to others of the same user.
 */
char *secret_take(const char *name);
/* The same, and the environment stays: a program we start takes it, too. */
char *secret_copy(const char *name);
/* Zeroes and unsets both variables of one secret. */
void secret_forget(const char *name);
void secret_free(char *secret);

/*
 * Zeroes and unsets every variable that holds a secret of ours, by name:
 * the built-in list (secret_is_name) and NAME_FILE of each.  Called at start
 * by each program, after it took what is its own.
 */
void secret_scrub_environment(void);

/*
 * Whether an environment variable of this name holds a secret of ours.
 * Providers of the configuration add their names with secret_add_name, which
 * keeps a copy.
 */
bool secret_is_name(const char *name);
void secret_add_name(const char *name);

#endif
