#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "clock.h"
#include "json.h"
#include "task.h"
#include "xalloc.h"

enum {
	READ_SIZE = 64 * 1024, /* a pipe's whole content */
	DRAIN_MAX = 64,        /* reads after the end; a pipe holds 1 MiB */
	SLACK_MS = 5000,       /* for a warden to notice its own deadline */
};

bool
task_start(struct task *task, const struct warden_spec *spec,
    struct output *own_output)
{
	*task = (struct task){
	    .timeout_ms = spec->timeout_ms,
	    .overdue_at = clock_mono_ms() + spec->timeout_ms + WARDEN_GRACE_MS +
			  WARDEN_KILL_MS + SLACK_MS,
	};
	if (!warden_start(&task->warden, spec)) {
		int saved = errno;

		output_free(own_output);
		errno = saved;
		return false;
	}
	task->output = *own_output;
	task->program = xstrdup(spec->argv[0]);
	return true;
}

void
task_stop(struct task *task, enum task_stop reason)
{
	int64_t overdue =
	    clock_mono_ms() + WARDEN_GRACE_MS + WARDEN_KILL_MS + SLACK_MS;

	if (task->stop != TASK_NOT_STOPPED)
		return;
	task->stop = reason;
	if (overdue < task->overdue_at)
		task->overdue_at = overdue;
	if (task->warden.pid > 0)
		kill(task->warden.pid, SIGTERM);
}

void
task_descriptors(const struct task *task, struct pollfd fds[TASK_FDS])
{
	fds[0] = (struct pollfd){.fd = task->warden.output, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = task->warden.report, .events = POLLIN};
}

/* One read of what is printed; false when there is nothing more now. */
static bool
read_output(struct task *task)
{
	char chunk[READ_SIZE];
	ssize_t n;

	if (task->warden.output < 0)
		return false;
	do
		n = read(task->warden.output, chunk, sizeof chunk);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		output_add(&task->output, chunk, (size_t)n);
		return true;
	}
	if (n == 0 || errno != EAGAIN) {
		close(task->warden.output);
		task->warden.output = -1;
	}
	return false;
}

/* Whether the warden has said its word, or died without one. */
static bool
read_report(struct task *task)
{
	ssize_t n;

	do
		n = read(
		    task->warden.report, &task->report, sizeof task->report);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	task->reported = n == (ssize_t)sizeof task->report;
	return true;
}

static void
bury_warden(struct task *task)
{
	pid_t got;

	kill(task->warden.pid, SIGKILL);
	do
		got = waitpid(task->warden.pid, NULL, 0);
	while (got < 0 && errno == EINTR);
	task->warden.pid = -1;
}

bool
task_work(struct task *task, const struct pollfd fds[TASK_FDS])
{
	if (fds[0].revents != 0 && read_output(task) &&
	    task->output.total > TASK_PRINTED_MAX)
		task_stop(task, TASK_STOP_FLOOD);
	if (clock_mono_ms() > task->overdue_at)
		kill(task->warden.pid, SIGKILL);
	if (fds[1].revents == 0 || !read_report(task))
		return false;
	/*
	 * All that printed is dead; what is in the pipe still counts.  If one
	 * could not be killed and goes on printing, that is not waited for.
	 */
	for (int i = 0; i < DRAIN_MAX && read_output(task); i++)
		continue;
	bury_warden(task);
	return true;
}

bool
task_left_processes(const struct task *task)
{
	return !task->reported || task->report.left != 0;
}

static const char *
start_problem(int error)
{
	switch (error) {
	case ENOENT: return "no such program";
	case EACCES: return "not an executable program";
	case ENOEXEC:
		return "not an executable program (a script needs a first "
		       "line like #!/bin/sh)";
	default: return strerror(error);
	}
}

/* A remark of ours on a line of its own. */
static void
remark(struct buf *text, const char *what)
{
	if (text->length != 0 && text->data[text->length - 1] != '\n')
		buf_add_byte(text, '\n');
	buf_printf(text, "[%s]", what);
}

static void
remark_signal(struct buf *text, int number)
{
	const char *name = sigabbrev_np(number);
	char *what = name != NULL ? xasprintf("ended by signal SIG%s", name)
				  : xasprintf("ended by signal %d", number);

	remark(text, what);
	free(what);
}

/* Why it was ended, where it did not end by itself. */
static bool
add_interruption(struct task *task, struct buf *text, jv *details)
{
	char *what;

	if (task->stop == TASK_STOP_PERSON) {
		if (text->length == 0)
			buf_add_string(text, "stopped by the person");
		else
			remark(text, "stopped by the person");
	} else if (task->stop == TASK_STOP_FLOOD) {
		remark(text, "stopped: it printed more than 1 GiB");
	} else if (task->report.timeout) {
		what = xasprintf("stopped: it was not done after %" PRId64
				 " s, its time limit",
		    task->timeout_ms / 1000);
		remark(text, what);
		free(what);
		*details = json_set_bool(*details, "timeout", true);
	} else if (!task->reported) {
		remark(text, "its outcome is unknown: the process that watched "
			     "over it was killed");
	} else if (task->report.stopped) {
		remark(text, "stopped: the process that watched over it was "
			     "told to end");
	} else {
		return false;
	}
	return true;
}

static bool
add_ending(struct task *task, struct buf *text, jv *details)
{
	int status = task->report.wait_status, code;
	bool interrupted = add_interruption(task, text, details);
	char *what;

	if (!task->reported)
		return false;
	if (WIFSIGNALED(status)) {
		*details = json_set_int(*details, "signal", WTERMSIG(status));
		if (!interrupted)
			remark_signal(text, WTERMSIG(status));
		return false;
	}
	code = WEXITSTATUS(status);
	*details = json_set_int(*details, "exit", code);
	if (code != 0 && !interrupted) {
		what = xasprintf("exit status %d", code);
		remark(text, what);
		free(what);
	}
	return code == 0 && !interrupted;
}

bool
task_result(struct task *task, struct buf *text, jv *details)
{
	uint64_t cut;
	bool ok;

	*details = json_object();
	if (task->reported && task->report.start_error != 0) {
		buf_printf(text, "cannot run %s: %s", task->program,
		    start_problem(task->report.start_error));
		return false;
	}
	cut = output_text(&task->output, text);
	ok = add_ending(task, text, details);
	if (cut != 0)
		*details = json_set_int(*details, "cut", (int64_t)cut);
	if (task->reported) {
		*details =
		    json_set_int(*details, "cpu_ms", task->report.cpu_ms);
		*details =
		    json_set_int(*details, "rss_bytes", task->report.rss_bytes);
	}
	if (task->report.left != 0)
		remark(text, "some of its processes could not be ended");
	if (text->length == 0)
		buf_add_string(text, "(no output)");
	return ok;
}

void
task_free(struct task *task)
{
	if (task->warden.pid > 0)
		bury_warden(task);
	if (task->warden.output >= 0)
		close(task->warden.output);
	if (task->warden.report >= 0)
		close(task->warden.report);
	output_free(&task->output);
	free(task->program);
	*task = (struct task){.warden = {-1, -1, -1}};
}
