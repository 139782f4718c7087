#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <cmocka.h>
#include "buf.h"
#include "secret.h"
#include "watch.h"

#define SECRET "s3cr3t-value-0123456789"

static char path[64];

/* Writes a file and lets NAME_FILE name it. */
static void
set_file(const char *name, const char *content, size_t length)
{
	struct buf variable = {0};
	FILE *file;

	snprintf(path, sizeof path, "/tmp/oc-test-secret-%ld", (long)getpid());
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, length, file), length);
	fclose(file);
	buf_printf(&variable, "%s_FILE", name);
	setenv(buf_string(&variable), path, 1);
	buf_free(&variable);
}

static int
remove_file(void **state)
{
	(void)state;
	unlink(path);
	unsetenv("MY_KEY");
	unsetenv("MY_KEY_FILE");
	return 0;
}

static void
from_the_environment(void **state)
{
	char *secret;

	(void)state;
	setenv("GEMINI_API_KEY", SECRET, 1);
	secret = secret_take("GEMINI_API_KEY");
	assert_string_equal(secret, SECRET);
	secret_free(secret);
	assert_null(getenv("GEMINI_API_KEY"));
	assert_null(secret_take("GEMINI_API_KEY"));
	secret_free(NULL);
#ifndef OC_SANITIZED
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
#endif
}

static void
from_a_file(void **state)
{
	static const char *const contents[] = {
	    SECRET, SECRET "\n", SECRET "\r\n", SECRET "\n\n"};
	char *secret;

	(void)state;
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
		set_file("MY_KEY", contents[i], strlen(contents[i]));
		secret = secret_take("MY_KEY");
		assert_string_equal(secret, SECRET);
		secret_free(secret);
		assert_null(getenv("MY_KEY_FILE"));
	}
}

static void
environment_goes_before_the_file(void **state)
{
	char *secret;

	(void)state;
	set_file("MY_KEY", "other", 5);
	setenv("MY_KEY", SECRET, 1);
	secret = secret_take("MY_KEY");
	assert_string_equal(secret, SECRET);
	secret_free(secret);
	assert_null(getenv("MY_KEY"));
	assert_null(getenv("MY_KEY_FILE"));
	/* an empty variable is none */
	set_file("MY_KEY", "other", 5);
	setenv("MY_KEY", "", 1);
	secret = secret_take("MY_KEY");
	assert_string_equal(secret, "other");
	secret_free(secret);
}

static void
empty_is_none(void **state)
{
	(void)state;
	assert_null(secret_take("MY_KEY"));
	setenv("MY_KEY", "", 1);
	assert_null(secret_take("MY_KEY"));
	setenv("MY_KEY", "\n", 1);
	assert_null(secret_take("MY_KEY"));
	setenv("MY_KEY_FILE", "", 1);
	assert_null(secret_take("MY_KEY"));
	set_file("MY_KEY", "", 0);
	assert_null(secret_take("MY_KEY"));
	set_file("MY_KEY", "\n", 1);
	assert_null(secret_take("MY_KEY"));
}

static void
take(void *name)
{
	secret_free(secret_take(name));
}

static void
check_fatal(int status, const char *words)
{
	char name[] = "MY_KEY";
	struct buf err = {0};

	assert_int_equal(ends_with(take, name, &err), status);
	assert_non_null(strstr(buf_string(&err), words));
	assert_null(strstr(buf_string(&err), "s3cr3t"));
	buf_free(&err);
}

/* A header made of it would have a second line. */
static void
control_bytes_are_refused(void **state)
{
	(void)state;
	setenv("MY_KEY", "s3cr3t\nX-Evil: 1", 1);
	check_fatal(EX_CONFIG, "position 7");
	setenv("MY_KEY", "s3cr3t\x7f", 1);
	check_fatal(EX_CONFIG, "control byte");
	unsetenv("MY_KEY");
	set_file("MY_KEY", "s3cr3t\0x", 8);
	check_fatal(EX_CONFIG, "position 7");
}

static void
file_that_cannot_be_read(void **state)
{
	char *large = calloc(1, 200000);

	(void)state;
	setenv("MY_KEY_FILE", "/no/such/file", 1);
	check_fatal(EX_NOINPUT, "MY_KEY_FILE: cannot read /no/such/file");
	setenv("MY_KEY_FILE", "/", 1);
	check_fatal(EX_NOINPUT, "Is a directory");
	memset(large, 'x', 200000);
	set_file("MY_KEY", large, 200000);
	check_fatal(EX_NOINPUT, "too large");
	free(large);
}

static void
names_of_secrets(void **state)
{
	(void)state;
	assert_true(secret_is_name("GEMINI_API_KEY"));
	assert_true(secret_is_name("GEMINI_API_KEY_FILE"));
	assert_true(secret_is_name("TELEGRAM_BOT_TOKEN"));
	assert_true(secret_is_name("OPENCLAW_GATEWAY_TOKEN"));
	assert_false(secret_is_name("GEMINI_API_KEYS"));
	assert_false(secret_is_name("GEMINI_API"));
	assert_false(secret_is_name("PATH"));
	assert_false(secret_is_name(""));
	assert_false(secret_is_name("ADDED_KEY"));
	secret_add_name("ADDED_KEY");
	secret_add_name("ADDED_KEY");
	assert_true(secret_is_name("ADDED_KEY"));
	assert_true(secret_is_name("ADDED_KEY_FILE"));
}

static void
scrub_leaves_what_is_no_secret(void **state)
{
	(void)state;
	secret_add_name("ADDED_KEY");
	setenv("GEMINI_API_KEY", SECRET, 1);
	setenv("LITELLM_API_KEY_FILE", "/run/secrets/x", 1);
	setenv("ADDED_KEY", SECRET, 1);
	setenv("HARMLESS", "stays", 1);
	secret_scrub_environment();
	assert_null(getenv("GEMINI_API_KEY"));
	assert_null(getenv("LITELLM_API_KEY_FILE"));
	assert_null(getenv("ADDED_KEY"));
	assert_string_equal(getenv("HARMLESS"), "stays");
}

/* What /proc/PID/environ shows is the memory that the kernel filled. */
static void
taken_secret_is_not_in_proc(void **state)
{
	char self[64], script[] = "exec \"$0\" in-proc", shell[] = "/bin/sh",
		       flag[] = "-c", key[] = "GEMINI_API_KEY=" SECRET;
	char *argv[] = {shell, flag, script, self, NULL};
	char *envp[] = {key, NULL};
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	int status;
	pid_t pid;

	(void)state;
	if (n < 0 || (size_t)n >= sizeof self - 1 ||
	    strstr(self, "test_secret") == NULL)
		skip(); /* a long path, or another program runs us */
	self[n] = '\0';
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execve(shell, argv, envp);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The other side of it: 0 when the secret was there and is gone. */
static int
look_into_proc(void)
{
	struct buf before = {0}, after = {0};
	int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	char *secret;

	while (buf_read(&before, fd, 4096) > 0)
		continue;
	secret = secret_take("GEMINI_API_KEY");
	lseek(fd, 0, SEEK_SET);
	while (buf_read(&after, fd, 4096) > 0)
		continue;
	close(fd);
	if (memmem(before.data, before.length, "s3cr3t", 6) == NULL)
		return 2;
	if (memmem(after.data, after.length, "s3cr3t", 6) != NULL)
		return 3;
	secret_free(secret);
	buf_free(&before);
	buf_free(&after);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(from_the_environment, remove_file),
	    cmocka_unit_test_teardown(from_a_file, remove_file),
	    cmocka_unit_test_teardown(
		environment_goes_before_the_file, remove_file),
	    cmocka_unit_test_teardown(empty_is_none, remove_file),
	    cmocka_unit_test_teardown(control_bytes_are_refused, remove_file),
	    cmocka_unit_test_teardown(file_that_cannot_be_read, remove_file),
	    cmocka_unit_test(names_of_secrets),
	    cmocka_unit_test_teardown(
		scrub_leaves_what_is_no_secret, remove_file),
	    cmocka_unit_test(taken_secret_is_not_in_proc),
	};

	if (argc == 2 && strcmp(argv[1], "in-proc") == 0)
		return look_into_proc();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
