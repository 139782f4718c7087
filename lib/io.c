#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sysexits.h>
#include <unistd.h>
#include "io.h"
#include "log.h"
#include "xalloc.h"

bool
io_write_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length != 0) {
		ssize_t n = write(fd, at, length);

		if (n >= 0) {
			at += n;
			length -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			if (poll(&p, 1, -1) < 0 && errno != EINTR)
				return false;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static _Noreturn void
reader_is_gone(void)
{
	fatal(EX_UNAVAILABLE, "standard output: the reader is gone; the next "
			      "program of the pipe ended");
}

void
io_write_stdout(const void *data, size_t length)
{
	if (io_write_all(STDOUT_FILENO, data, length))
		return;
	if (errno == EPIPE)
		reader_is_gone();
	fatal(EX_IOERR, "standard output: %s", strerror(errno));
}

void
io_check_stdout(short revents)
{
	if (revents & POLLERR)
		reader_is_gone();
}

bool
io_read_file(int at, const char *path, size_t most, struct buf *into)
{
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = 0;
	int saved;

	if (fd < 0)
		return false;
	do {
		n = buf_read(into, fd, 16 * 1024);
		if (n > 0 && into->length > most) {
			errno = EFBIG;
			n = -1;
		}
	} while (n > 0);
	saved = errno;
	close(fd);
	errno = saved;
	return n == 0;
}

static bool
sync_directory_of(const char *path)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	int saved = errno;

	/* Some network file systems refuse to sync a directory. */
	if (!ok && fd >= 0 && (saved == EINVAL || saved == ENOTSUP))
		ok = true;
	if (fd >= 0)
		close(fd);
	free(copy);
	errno = saved;
	return ok;
}

/*
 * The file in which the new content is made, locked and empty.  Its name is
 * always the same, so what a crash left is used by the next one.
 */
static int
open_beside(const char *beside)
{
	struct stat ours, there;
	int fd, saved;

	while ((fd = open(beside, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		    0600)) >= 0) {
		bool locked = flock(fd, LOCK_EX) == 0 && fstat(fd, &ours) == 0;

		if (locked && stat(beside, &there) == 0 &&
		    ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
			break; /* else who had the lock has renamed it */
		saved = errno;
		close(fd);
		errno = saved;
		if (!locked && saved != EINTR)
			return -1;
	}
	if (fd >= 0 && ftruncate(fd, 0) != 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

bool
io_replace_file(const char *path, const void *data, size_t length)
{
	char *beside = xasprintf("%s.new~", path);
	int fd = open_beside(beside), saved;
	bool ok;

	ok = fd >= 0 && io_write_all(fd, data, length) && fsync(fd) == 0 &&
	     rename(beside, path) == 0;
	saved = errno;
	if (!ok && fd >= 0)
		unlink(beside);
	if (fd >= 0)
		close(fd);
	errno = saved;
	ok = ok && sync_directory_of(path);
	free(beside);
	return ok;
}

static bool
make_directory(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) == 0)
		return true;
	if (errno != EEXIST || stat(path, &st) != 0)
		return false;
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode);
}

bool
io_make_directories(const char *path)
{
	char *copy;
	bool ok = true;

	/* mostly it is there, or only its last part is missing */
	if (make_directory(path))
		return true;
	copy = xstrdup(path);
	for (char *slash = copy + 1; ok && *slash != '\0'; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		ok = make_directory(copy);
		*slash = '/';
	}
	ok = ok && make_directory(copy);
	free(copy);
	return ok;
}

bool
io_set_nonblocking(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return false;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) == 0;
}

bool
io_is_remote(int fd)
{
	/* from <linux/magic.h> */
	static const unsigned long remote[] = {
	    0x6969,     /* NFS */
	    0x517b,     /* SMB */
	    0xff534d42, /* CIFS */
	    0xfe534d42, /* SMB2 */
	    0x65735546, /* FUSE */
	    0x00c36400, /* Ceph */
	    0x01021997, /* 9p */
	    0x5346414f, /* AFS */
	    0x0bd00bd0, /* Lustre */
	    0x01161970, /* GFS2 */
	    0x7461636f, /* OCFS2 */
	    0x47504653, /* GPFS */
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return true;
	for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
		if ((unsigned long)fs.f_type == remote[i])
			return true;
	return false;
}
