#ifndef OC_IO_H
#define OC_IO_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/*
 * Writes all of it, waiting with poll(2) where the descriptor is
 * non-blocking.  False with errno set on failure.
 */
bool io_write_all(int fd, const void *data, size_t length);

/*
 * The program's data output, descriptor 1.  On EPIPE the program ends with
 * EX_UNAVAILABLE (the reader is gone), on anything else (a full disk) with
 * EX_IOERR: a record that cannot be passed on is never lost in silence.
 */
void io_write_stdout(const void *data, size_t length);
/*
 * For a stage that waits: `revents` of a pollfd on descriptor 1 that asked for
 * no event.  When the reader is gone the program ends as above, and so does
 * not wait for ever in front of a program that ended.
 */
void io_check_stdout(short revents);

/*
 * Reads a whole file of at most `most` bytes into `into`.  `at` is a
 * directory's descriptor or AT_FDCWD.  False with errno set on failure, EFBIG
 * when it is longer.  Reads descriptors without a size (pipes, /proc) too.
 */
bool io_read_file(int at, const char *path, size_t most, struct buf *into);

/*
 * Replaces a file in one step: the new content beside it in PATH.new~, fsync,
 * rename, fsync of the directory.  Mode 0600.  Processes that replace the same
 * file take turns.  False with errno set on failure, and then the old content
 * stands and nothing is left beside it; what a crash leaves there is used by
 * the next one.
 */
bool io_replace_file(const char *path, const void *data, size_t length);

/* mkdir -p with mode 0700.  False with errno set on failure. */
bool io_make_directories(const char *path);

bool io_set_nonblocking(int fd, bool on);

/*
 * Whether it is on a file system that another machine can write to: then
 * inotify(7) does not tell all that happens.
 */
bool io_is_remote(int fd);

#endif
