/*
 * A disk that is full while a file exists: preloaded (LD_PRELOAD) into the
 * programs under test, fails what needs room on a disk with ENOSPC while
 * $OC_ENOSPC names a file that exists.  Pipes and sockets go on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *switch_file;

__attribute__((constructor)) static void
remember(void)
{
	switch_file = getenv("OC_ENOSPC");
}

static bool
is_full(void)
{
	int saved = errno;
	bool full =
	    switch_file != NULL && syscall(SYS_access, switch_file, F_OK) == 0;

	errno = full ? ENOSPC : saved;
	return full;
}

static bool
is_full_for(int fd)
{
	struct stat status;

	return is_full() && fstat(fd, &status) == 0 &&
	       (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) &&
	       (errno = ENOSPC) != 0;
}

ssize_t
write(int fd, const void *data, size_t length)
{
	return is_full_for(fd) ? -1 : syscall(SYS_write, fd, data, length);
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
	return is_full_for(fd) ? -1 : syscall(SYS_writev, fd, parts, count);
}

ssize_t
pwrite(int fd, const void *data, size_t length, off_t at)
{
	return is_full_for(fd) ? -1
			       : syscall(SYS_pwrite64, fd, data, length, at);
}

int
fsync(int fd)
{
	return is_full_for(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return is_full_for(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
rename(const char *from, const char *to)
{
	return is_full() ? -1 : (int)syscall(SYS_rename, from, to);
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return is_full() ? -1
			 : (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
}

int
link(const char *from, const char *to)
{
	return is_full() ? -1 : (int)syscall(SYS_link, from, to);
}

int
linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	return is_full()
		   ? -1
		   : (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

int
symlink(const char *target, const char *path)
{
	return is_full() ? -1 : (int)syscall(SYS_symlink, target, path);
}

int
symlinkat(const char *target, int fd, const char *path)
{
	return is_full() ? -1 : (int)syscall(SYS_symlinkat, target, fd, path);
}

int
mkdir(const char *path, mode_t mode)
{
	return is_full() ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int
mkdirat(int fd, const char *path, mode_t mode)
{
	return is_full() ? -1 : (int)syscall(SYS_mkdirat, fd, path, mode);
}

/* What exists already can be opened on a full disk. */
static int
open_unless_full(int fd, const char *path, int flags, mode_t mode)
{
	if ((flags & O_CREAT) != 0 &&
	    syscall(SYS_faccessat, fd, path, F_OK) != 0 && is_full())
		return -1;
	return (int)syscall(SYS_openat, fd, path, flags, mode);
}

static mode_t
mode_of(int flags, va_list rest)
{
	return (flags & (O_CREAT | __O_TMPFILE)) != 0
		   ? (mode_t)va_arg(rest, unsigned)
		   : 0;
}

#define OPENS(name, ...)                                              \
	int name(__VA_ARGS__, int flags, ...)                         \
	{                                                             \
		va_list rest;                                         \
		mode_t mode;                                          \
                                                                      \
		va_start(rest, flags);                                \
		mode = mode_of(flags, rest);                          \
		va_end(rest);                                         \
		return open_unless_full(OPENS_AT, path, flags, mode); \
	}

#define OPENS_AT AT_FDCWD
OPENS(open, const char *path)
OPENS(open64, const char *path)
#undef OPENS_AT
#define OPENS_AT fd
OPENS(openat, int fd, const char *path)
OPENS(openat64, int fd, const char *path)
