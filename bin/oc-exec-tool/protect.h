#ifndef OC_EXEC_PROTECT_H
#define OC_EXEC_PROTECT_H

#include <stdbool.h>
#include "buf.h"
#include "tools.h"

/*
 * What the agent must not write though it lies in a directory that it may
 * write to, because that would widen what it may run: AGENTS.md, which is the
 * permission, the configuration, programs and scripts that a command of the
 * runbook names, directories of PATH, and the inside of a .git.
 */

/* Before anything is made: by the path alone. */
bool protect_allows_path(const char *path, struct buf *problem);

/* By where a directory really is, whatever links led to it. */
bool protect_allows_inside(int directory, struct buf *problem);

/* By the directory that was opened and the name in it. */
bool protect_allows(
    struct tools *tools, int parent, const char *name, struct buf *problem);

#endif
