#ifndef OC_CDP_KEYS_H
#define OC_CDP_KEYS_H

#include <stdbool.h>
#include <jv.h>

/*
 * The parameters of Input.dispatchKeyEvent for a key's name: "Enter", "Tab",
 * "ArrowDown", "a", "é", "Control+a", "Shift+Tab".  *down and *up become
 * objects that the caller frees.  False, and neither is set, when there is no
 * such key.
 */
bool keys_event(const char *name, jv *down, jv *up);

#endif
