#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "child.h"
#include "clock.h"
#include "io.h"
#include "process.h"
#include "warden.h"

enum {
	REPORT_FD = 3, /* the warden's descriptors, next to /dev/null */
	OUTPUT_FD = 4,
	KILL_ROUND_MS = 10, /* between two looks at what still lives */
};

/* Waits for one of the blocked signals: its number, or 0 after `ms`. */
static int
wait_signal(int64_t ms)
{
	struct timespec time;
	sigset_t set;
	int got;

	if (ms < 0)
		ms = 0;
	time.tv_sec = (time_t)(ms / 1000);
	time.tv_nsec = (long)(ms % 1000) * 1000000;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	got = sigtimedwait(&set, NULL, &time);
	return got > 0 ? got : 0;
}

/*
 * Buries the dead.  Notes how the command ended.  False when no child is
 * left, dead or alive.
 */
static bool
reap(pid_t command, struct warden_report *report, bool *ended)
{
	struct rusage usage;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
		if (pid != command)
			continue;
		report->wait_status = status;
		*ended = true;
	}
	return pid == 0 || (pid < 0 && errno == EINTR);
}

static size_t
signal_descendants(int number)
{
	struct pids pids = {0};
	size_t count;

	process_descendants(getpid(), &pids);
	for (size_t i = 0; i < pids.count; i++)
		kill(pids.pid[i], number);
	count = pids.count;
	pids_free(&pids);
	return count;
}

/* Waits until the command ends, its deadline, or the stage's word. */
static void
await(pid_t command, pid_t stage, int64_t deadline,
    struct warden_report *report, bool *ended)
{
	while (reap(command, report, ended), !*ended) {
		int64_t rest = deadline - clock_mono_ms();
		int number;

		if (rest <= 0) {
			report->timeout = true;
			return;
		}
		number = wait_signal(rest);
		if (number == SIGTERM || getppid() != stage) {
			report->stopped = true;
			return;
		}
	}
}

/* Asks all of them to end, and gives them a little time for it. */
static void
end_gently(
    pid_t command, pid_t stage, struct warden_report *report, bool *ended)
{
	int64_t until = clock_mono_ms() + WARDEN_GRACE_MS;

	signal_descendants(SIGTERM);
	while (reap(command, report, ended) && getppid() == stage) {
		int64_t rest = until - clock_mono_ms();

		if (rest <= 0)
			break;
		wait_signal(rest);
	}
}

/*
 * Kills until nothing is left.  The children of what was killed become ours,
 * so they are found in the next round; the command's own process group is
 * hit in one call, which a command that forks without end cannot outrun.
 */
static void
end_all(pid_t command, struct warden_report *report, bool *ended)
{
	int64_t until = clock_mono_ms() + WARDEN_KILL_MS;

	while (reap(command, report, ended)) {
		size_t alive;

		if (!*ended)
			kill(-command, SIGKILL);
		alive = signal_descendants(SIGKILL);
		if (clock_mono_ms() >= until) {
			report->left = (unsigned int)alive;
			return;
		}
		wait_signal(KILL_ROUND_MS);
	}
}

static void
measure(struct warden_report *report)
{
	struct rusage usage;

	if (getrusage(RUSAGE_CHILDREN, &usage) != 0)
		return;
	report->cpu_ms =
	    (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	    (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
	report->rss_bytes = (int64_t)usage.ru_maxrss * 1024;
}

/* Nothing of the stage stays open here but the two pipes. */
static void
keep_descriptors(int report, int output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int kept[2] = {fcntl(report, F_DUPFD_CLOEXEC, OUTPUT_FD + 1),
	    fcntl(output, F_DUPFD_CLOEXEC, OUTPUT_FD + 1)};

	for (int fd = 0; fd < REPORT_FD; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	if (dup3(kept[0], REPORT_FD, O_CLOEXEC) < 0 ||
	    dup3(kept[1], OUTPUT_FD, O_CLOEXEC) < 0)
		_exit(1);
	if (close_range(OUTPUT_FD + 1, ~0U, 0) == 0)
		return;
	for (int fd = OUTPUT_FD + 1, n = getdtablesize(); fd < n; fd++)
		close(fd);
}

static _Noreturn void
run(const struct warden_spec *spec, pid_t stage, int report_fd, int output)
{
	struct child_spec child = {.argv = spec->argv,
	    .envp = spec->envp,
	    .directory = spec->directory,
	    .in = -1,
	    .out = OUTPUT_FD,
	    .err = OUTPUT_FD,
	    .own_group = true};
	struct warden_report report = {0};
	int64_t started = clock_mono_ms();
	bool ended = false;
	pid_t command;

	prctl(PR_SET_NAME, "oc-warden");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setsid();
	keep_descriptors(report_fd, output);
	if (getppid() != stage)
		_exit(1);
	command = child_start(&child);
	if (command < 0) {
		report.start_error = errno;
	} else {
		close(OUTPUT_FD);
		await(command, stage, started + spec->timeout_ms, &report,
		    &ended);
		if (!ended)
			end_gently(command, stage, &report, &ended);
		end_all(command, &report, &ended);
	}
	report.ms = clock_mono_ms() - started;
	measure(&report);
	(void)io_write_all(REPORT_FD, &report, sizeof report);
	_exit(0);
}

/* fork, with every signal blocked in the child from its first moment. */
static pid_t
fork_blocked(void)
{
	sigset_t all, before;
	pid_t pid;
	int saved;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	saved = errno;
	if (pid != 0)
		sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return pid;
}

bool
warden_start(struct warden *warden, const struct warden_spec *spec)
{
	int report[2] = {-1, -1}, output[2] = {-1, -1}, saved;
	pid_t stage = getpid();

	*warden = (struct warden){-1, -1, -1};
	if (pipe2(report, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0) {
		warden->pid = fork_blocked();
		if (warden->pid == 0)
			run(spec, stage, report[1], output[1]);
	}
	saved = errno;
	if (report[1] >= 0)
		close(report[1]);
	if (output[1] >= 0)
		close(output[1]);
	if (warden->pid < 0) {
		if (report[0] >= 0)
			close(report[0]);
		if (output[0] >= 0)
			close(output[0]);
		errno = saved;
		return false;
	}
	warden->report = report[0];
	warden->output = output[0];
	io_set_nonblocking(report[0], true);
	io_set_nonblocking(output[0], true);
	return true;
}
