#ifndef OC_TESTS_WATCH_H
#define OC_TESTS_WATCH_H

/*
 * What a module does to its process, seen from a test: what it writes to a
 * descriptor, and how it ends.  Included after cmocka.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "buf.h"

/* A descriptor whose output goes to a file in memory for a while. */
struct capture {
	int fd, saved, memory;
};

static inline void
capture_begin(struct capture *capture, int fd)
{
	fflush(NULL);
	capture->fd = fd;
	capture->saved = dup(fd);
	capture->memory = memfd_create("capture", MFD_CLOEXEC);
	assert_true(capture->saved >= 0 && capture->memory >= 0);
	assert_true(dup2(capture->memory, fd) == fd);
}

/* Ends it and appends what was written to `into`. */
static inline void
capture_end(struct capture *capture, struct buf *into)
{
	fflush(NULL);
	assert_true(dup2(capture->saved, capture->fd) == capture->fd);
	lseek(capture->memory, 0, SEEK_SET);
	while (buf_read(into, capture->memory, 4096) > 0)
		continue;
	close(capture->memory);
	close(capture->saved);
}

/*
 * Runs the function in a child with its standard error appended to `err`:
 * the exit status, or 128 plus a signal.  0 when it returns.
 */
static inline int
ends_with(void (*function)(void *arg), void *arg, struct buf *err)
{
	struct capture capture;
	int status;
	pid_t pid;

	capture_begin(&capture, STDERR_FILENO);
	pid = fork();
	if (pid == 0) {
		function(arg);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	capture_end(&capture, err);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

/* A descriptor from which these bytes can be read. */
static inline int
file_of(const void *bytes, size_t length)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (size_t done = 0; done < length;) {
		ssize_t n =
		    write(fd, (const char *)bytes + done, length - done);

		assert_true(n > 0);
		done += (size_t)n;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

#endif
