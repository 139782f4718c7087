#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <cmocka.h>
#include "buf.h"
#include "io.h"
#include "watch.h"

static char *directory;

static int
make_directory(void **state)
{
	const char *temporary = getenv("TMPDIR");
	struct buf path = {0};

	(void)state;
	buf_printf(&path, "%s/oc-test-io-XXXXXX",
	    temporary != NULL ? temporary : "/tmp");
	directory = mkdtemp(buf_take(&path));
	return directory != NULL && chdir(directory) == 0 ? 0 : -1;
}

static int
remove_directory(void **state)
{
	(void)state;
	(void)!chdir("/");
	(void)rmdir(directory);
	free(directory);
	return 0;
}

static size_t
count_files(const char *path)
{
	DIR *dir = opendir(path);
	size_t count = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void
replaces_a_file(void **state)
{
	struct buf content = {0};
	struct stat st;

	(void)state;
	assert_true(io_replace_file("file", "one", 3));
	assert_true(io_replace_file("file", "second", 6));
	assert_true(io_read_file(AT_FDCWD, "file", 100, &content));
	assert_string_equal(buf_string(&content), "second");
	assert_int_equal(stat("file", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(count_files("."), 1);
	assert_true(io_replace_file("file", "", 0));
	assert_int_equal(stat("file", &st), 0);
	assert_int_equal(st.st_size, 0);
	unlink("file");
	buf_free(&content);
}

static void
what_a_crash_left_is_used(void **state)
{
	struct buf buf = {0};

	(void)state;
	assert_true(io_replace_file("file.new~", "half of something long", 22));
	assert_true(io_replace_file("file", "whole", 5));
	assert_int_equal(access("file.new~", F_OK), -1);
	assert_true(io_read_file(AT_FDCWD, "file", 100, &buf));
	assert_string_equal(buf_string(&buf), "whole");
	unlink("file");
	buf_free(&buf);
}

/* Whoever has the lock may rename the file away while others wait for it. */
static void
many_replace_the_same_file(void **state)
{
	struct buf buf = {0};
	int status;

	(void)state;
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			bool ok = true;

			for (int n = 0; n < 50 && ok; n++)
				ok =
				    io_replace_file("shared", "0123456789", 10);
			_exit(ok ? 0 : 1);
		}
	while (wait(&status) > 0)
		assert_int_equal(status, 0);
	assert_true(io_read_file(AT_FDCWD, "shared", 100, &buf));
	assert_string_equal(buf_string(&buf), "0123456789");
	assert_int_equal(access("shared.new~", F_OK), -1);
	unlink("shared");
	buf_free(&buf);
}

static void
replace_that_fails_leaves_nothing(void **state)
{
	(void)state;
	assert_false(io_replace_file("none/file", "x", 1));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(mkdir("target", 0700), 0);
	assert_int_equal(mkdir("target/inside", 0700), 0);
	assert_false(io_replace_file("target", "x", 1));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(count_files("."), 1);
	rmdir("target/inside");
	rmdir("target");
}

static void
reads_up_to_a_limit(void **state)
{
	struct buf content = {0};

	(void)state;
	assert_true(io_replace_file("file", "0123456789", 10));
	assert_true(io_read_file(AT_FDCWD, "file", 10, &content));
	assert_int_equal(content.length, 10);
	buf_clear(&content);
	assert_false(io_read_file(AT_FDCWD, "file", 9, &content));
	assert_int_equal(errno, EFBIG);
	buf_clear(&content);
	assert_false(io_read_file(AT_FDCWD, "/dev/zero", 1 << 20, &content));
	assert_int_equal(errno, EFBIG);
	buf_clear(&content);
	assert_true(io_read_file(AT_FDCWD, "/dev/null", 0, &content));
	assert_int_equal(content.length, 0);
	assert_true(
	    io_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &content));
	assert_true(content.length > 100);
	assert_false(io_read_file(AT_FDCWD, "none", 10, &content));
	assert_int_equal(errno, ENOENT);
	assert_false(io_read_file(AT_FDCWD, ".", 10, &content));
	assert_int_equal(errno, EISDIR);
	unlink("file");
	buf_free(&content);
}

static void
reads_below_a_directory(void **state)
{
	struct buf content = {0};
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(io_replace_file("file", "abc", 3));
	assert_true(io_read_file(fd, "file", 10, &content));
	assert_string_equal(buf_string(&content), "abc");
	close(fd);
	unlink("file");
	buf_free(&content);
}

static void
makes_directories(void **state)
{
	struct stat st;

	(void)state;
	assert_true(io_make_directories("a/b//c/"));
	assert_true(io_make_directories("a/b/c"));
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(io_make_directories(directory));
	assert_true(io_replace_file("a/file", "", 0));
	assert_false(io_make_directories("a/file/x"));
	assert_false(io_make_directories("a/file"));
	assert_int_equal(errno, ENOTDIR);
	unlink("a/file");
	rmdir("a/b/c");
	rmdir("a/b");
	rmdir("a");
}

static void
writes_all_to_a_slow_pipe(void **state)
{
	enum { SIZE = 1 << 20 };
	char *data = malloc(SIZE);
	struct buf got = {0};
	int fd[2], status;
	pid_t pid;

	(void)state;
	for (int i = 0; i < SIZE; i++)
		data[i] = (char)(i * 31 >> 3);
	assert_int_equal(pipe(fd), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		io_set_nonblocking(fd[1], true);
		_exit(io_write_all(fd[1], data, SIZE) ? 0 : 1);
	}
	close(fd[1]);
	while (buf_read(&got, fd[0], 1000) > 0)
		continue;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(got.length, SIZE);
	assert_memory_equal(got.data, data, SIZE);
	close(fd[0]);
	buf_free(&got);
	free(data);
}

static void
write_to_a_gone_reader(void *arg)
{
	int fd[2];

	(void)arg;
	signal(SIGPIPE, SIG_IGN);
	if (pipe(fd) != 0)
		_exit(1);
	close(fd[0]);
	dup2(fd[1], STDOUT_FILENO);
	io_write_stdout("x", 1);
}

static void
write_to_a_full_disk(void *arg)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)arg;
	dup2(fd, STDOUT_FILENO);
	io_write_stdout("x", 1);
}

static void
output_that_fails_ends_the_program(void **state)
{
	struct buf err = {0};

	(void)state;
	assert_int_equal(
	    ends_with(write_to_a_gone_reader, NULL, &err), EX_UNAVAILABLE);
	assert_non_null(strstr(buf_string(&err), "the reader is gone"));
	assert_int_equal(ends_with(write_to_a_full_disk, NULL, &err), EX_IOERR);
	assert_non_null(strstr(buf_string(&err), "No space left"));
	buf_free(&err);
}

static void
nonblocking_on_and_off(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_true(io_set_nonblocking(fd[0], true));
	assert_true(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
	assert_true(io_set_nonblocking(fd[0], false));
	assert_false(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
	assert_false(io_set_nonblocking(-1, true));
	close(fd[0]);
	close(fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replaces_a_file),
	    cmocka_unit_test(what_a_crash_left_is_used),
	    cmocka_unit_test(many_replace_the_same_file),
	    cmocka_unit_test(replace_that_fails_leaves_nothing),
	    cmocka_unit_test(reads_up_to_a_limit),
	    cmocka_unit_test(reads_below_a_directory),
	    cmocka_unit_test(makes_directories),
	    cmocka_unit_test(writes_all_to_a_slow_pipe),
	    cmocka_unit_test(output_that_fails_ends_the_program),
	    cmocka_unit_test(nonblocking_on_and_off),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
