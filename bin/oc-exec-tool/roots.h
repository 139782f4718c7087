#ifndef OC_EXEC_ROOTS_H
#define OC_EXEC_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"
#include "config.h"

/*
 * The directories that the file tools may work in: the workspace, then
 * tools.files.write and tools.files.read of the configuration.  A path is
 * always opened below one of them by the kernel (openat2, RESOLVE_BENEATH),
 * so that neither `..` nor a symbolic link nor a race leads out.
 */
struct roots;

struct roots *roots_new(const struct config *config, const char *workspace);
void roots_free(struct roots *roots); /* NULL is fine */

/*
 * Opens what is there for reading: with O_PATH semantics nothing, only a
 * regular file or a directory.  A descriptor, or -1 with *problem for the
 * model.
 */
int roots_open_file(struct roots *roots, const char *path, struct buf *problem);
int roots_open_directory(
    struct roots *roots, const char *path, struct buf *problem);

/*
 * Whether a path lies where may be read, or written; nothing is opened, and
 * where links lead to is not looked at.  False with *problem.
 */
bool roots_permit(
    struct roots *roots, const char *path, bool write, struct buf *problem);

/*
 * The directory that a file is to be written in, made if it is not there, and
 * in *name (for the caller to free) the file's name in it.  A descriptor, or
 * -1 with *problem: outside of what may be written, or a name that is no
 * file's.
 */
int roots_open_parent(
    struct roots *roots, const char *path, char **name, struct buf *problem);

#endif
