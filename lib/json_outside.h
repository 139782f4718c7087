#ifndef OC_JSON_OUTSIDE_H
#define OC_JSON_OUTSIDE_H

#include <stddef.h>
#include <jv.h>
#include "buf.h"

/*
 * json_parse for what a server sent: ill-formed UTF-8, lone surrogates and
 * \u0000, which people and models do write, are replaced by U+FFFD first.
 */
jv json_parse_outside(const char *data, size_t size);
/* The repair by itself: appends the text to `out`. */
void json_repair(struct buf *out, const char *data, size_t size);

#endif
