#ifndef OC_CONFINE_H
#define OC_CONFINE_H

#include <stdbool.h>

/*
 * Gives up, for this process and for good, everything but reading and writing
 * what is open already, memory, the clock and ending: no new file, no socket,
 * no program, no signal to others.  For code that turns hostile bytes into
 * harmless ones.  Whatever it needs (a table, a converter, a locale) must be
 * loaded before.  What is forbidden fails with EPERM.
 *
 * True when that holds from now on.  False, with a warning in the log, where
 * the kernel has no seccomp; the caller goes on.  A build with a sanitizer,
 * which needs more than this, never confines itself and does not warn.
 */
bool confine_pure_filter(void);

#endif
