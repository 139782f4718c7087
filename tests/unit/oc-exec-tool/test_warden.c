#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "process.h"
#include "../../../bin/oc-exec-tool/warden.h"
#include "buf.h"
#include "child.h"

enum { LONG_MS = 60000 };

static struct warden
start(const char *script, int64_t timeout_ms)
{
	char shell[] = "/bin/sh", flag[] = "-c", *copy = strdup(script);
	char *argv[] = {shell, flag, copy, NULL};
	char path[] = "PATH=/usr/bin:/bin", *envp[] = {path, NULL};
	struct warden_spec spec = {argv, envp, "/", timeout_ms};
	struct warden warden;

	assert_true(warden_start(&warden, &spec));
	free(copy);
	return warden;
}

static void
wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, LONG_MS), 1);
}

static struct warden_report
finish(struct warden *warden, struct buf *output)
{
	struct warden_report report;

	wait_readable(warden->report);
	assert_int_equal(read(warden->report, &report, sizeof report),
	    (ssize_t)sizeof report);
	while (buf_read(output, warden->output, 4096) > 0)
		continue;
	assert_int_equal(child_wait(warden->pid), 0);
	close(warden->report);
	close(warden->output);
	return report;
}

static void
reports_how_it_ended(void **state)
{
	struct warden warden = start("echo out; echo err >&2; exit 7", LONG_MS);
	struct buf output = {0};
	struct warden_report report = finish(&warden, &output);

	(void)state;
	assert_string_equal(buf_string(&output), "out\nerr\n");
	assert_int_equal(report.start_error, 0);
	assert_int_equal(WEXITSTATUS(report.wait_status), 7);
	assert_false(report.timeout || report.stopped);
	assert_int_equal(report.left, 0);
	assert_true(report.rss_bytes > 0);
	buf_free(&output);
}

/* Under valgrind posix_spawn does not learn of a failed execve. */
static void
reports_what_cannot_be_run(void **state)
{
	const char *wrap = getenv("OC_WRAP");
	char name[] = "/no/such/program", *argv[] = {name, NULL};
	char *envp[] = {NULL};
	struct warden_spec spec = {argv, envp, "/", LONG_MS};
	struct buf output = {0};
	struct warden warden;

	(void)state;
	if (wrap != NULL && strstr(wrap, "valgrind") != NULL)
		skip();
	assert_true(warden_start(&warden, &spec));
	assert_int_equal(finish(&warden, &output).start_error, ENOENT);
	buf_free(&output);
}

static void
ends_it_at_the_deadline(void **state)
{
	struct warden warden = start("echo begun; sleep 600", 200);
	struct buf output = {0};
	struct warden_report report = finish(&warden, &output);

	(void)state;
	assert_true(report.timeout);
	assert_int_equal(WTERMSIG(report.wait_status), SIGTERM);
	assert_string_equal(buf_string(&output), "begun\n");
	buf_free(&output);
}

static void
lets_it_clean_up_when_stopped(void **state)
{
	struct warden warden =
	    start("trap 'echo cleaned; exit 0' TERM; echo begun; "
		  "while :; do sleep 0.05; done",
		LONG_MS);
	struct buf output = {0};
	struct warden_report report;

	(void)state;
	wait_readable(warden.output);
	assert_int_equal(kill(warden.pid, SIGTERM), 0);
	report = finish(&warden, &output);
	assert_true(report.stopped);
	assert_non_null(strstr(buf_string(&output), "cleaned\n"));
	buf_free(&output);
}

static void
leaves_nothing_behind(void **state)
{
	struct warden warden = start("trap '' TERM; sleep 600 & "
				     "(setsid sh -c 'sleep 600; :' &) ; "
				     "setsid sleep 600 & echo done",
	    LONG_MS);
	struct pids before = {0}, after = {0};
	struct buf output = {0};
	struct warden_report report;

	(void)state;
	process_descendants(getpid(), &before);
	assert_true(before.count >= 1);
	report = finish(&warden, &output);
	process_descendants(getpid(), &after);
	assert_int_equal(after.count, 0);
	assert_int_equal(WEXITSTATUS(report.wait_status), 0);
	assert_string_equal(buf_string(&output), "done\n");
	pids_free(&before);
	pids_free(&after);
	buf_free(&output);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reports_how_it_ended),
	    cmocka_unit_test(reports_what_cannot_be_run),
	    cmocka_unit_test(ends_it_at_the_deadline),
	    cmocka_unit_test(lets_it_clean_up_when_stopped),
	    cmocka_unit_test(leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
