#ifndef OC_STATE_H
#define OC_STATE_H

#include <stdbool.h>

/*
 * The directory of state, $OC_STATE or ~/.openclaw/state: where things are is
 * said in oc(7).
 */

/*
 * The directory's path, or NULL when neither OC_STATE nor HOME is set.  It
 * need not exist.  Static; the environment is read at the first call.
 */
const char *state_directory(void);

/*
 * A path below the directory of state, which the caller frees: NULL without
 * one.  state_path("turns/%s/events.ndjson", name).
 */
char *state_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * An identifier as a file name: what is outside of [A-Za-z0-9_:@+=,.-], and a
 * dot at the beginning, becomes %XX; a name that would be longer than 200
 * bytes is cut and ends in "~" and 16 hexadecimal digits of its SHA-256; an
 * empty one becomes "%".  Two identifiers never share a name.  The caller
 * frees it.
 */
char *state_name(const char *identifier);

#endif
