#ifndef OPENCLAW_EDIT_H
#define OPENCLAW_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/*
 * Changes one value in the text of a configuration file, YAML or JSON, and
 * keeps the rest as it is, comments too.  `key` is a path of names parted by
 * dots, `value` a scalar that is the same in YAML and JSON.  Appends the new
 * text to *out.  False when the text is laid out in a way that this does not
 * understand; whoever calls checks the result with config_parse all the same.
 */
bool edit_set(const char *text, size_t length, const char *key,
    const char *value, struct buf *out);

#endif
