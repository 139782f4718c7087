#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "calls.h"
#include "clock.h"
#include "io.h"
#include "process.h"
#include "stage.h"
#include "xalloc.h"

enum {
	STRAY_MS = 50,           /* between two looks for strays */
	STRAY_GIVE_UP_MS = 5000, /* some cannot be killed: another user's */
	TICK_MS = 1000,          /* a look at the deadlines of hung wardens */
};

struct stage {
	struct tools *tools;
	size_t parallel;
	struct toolstage *turns;
	struct call_list waiting, running;
	size_t running_count;
	int64_t strays_until; /* processes may have outlived a warden */
};

/* ---- calls */

static const void *
find(void *arg, const char *name)
{
	bool dry;

	(void)arg;
	return tool_find(name, &dry);
}

static void
add(void *arg, struct toolstage_call *of)
{
	struct stage *stage = arg;
	struct call *call = call_new(of);

	TAILQ_INSERT_TAIL(&stage->waiting, call, link);
}

static void
stop(void *arg, struct toolstage_call *of)
{
	struct stage *stage = arg;
	struct call *call = of->work;

	if (call->running) {
		task_stop(&call->run.task, TASK_STOP_PERSON);
		return;
	}
	TAILQ_REMOVE(&stage->waiting, call, link);
	call_refuse(call, "stopped by the person");
}

struct stage *
stage_new(struct tools *tools, size_t parallel, size_t in_flight)
{
	struct stage *stage = xcalloc(1, sizeof *stage);
	struct toolstage_hooks hooks = {
	    .find = find, .add = add, .stop = stop, .arg = stage};

	stage->tools = tools;
	stage->parallel = parallel;
	stage->turns = toolstage_new(&hooks, in_flight);
	TAILQ_INIT(&stage->waiting);
	TAILQ_INIT(&stage->running);
	/* what outlives a warden that was killed becomes ours, not init's */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return stage;
}

void
stage_free(struct stage *stage)
{
	toolstage_free(stage->turns);
	free(stage);
}

static void
start_waiting(struct stage *stage)
{
	struct call *call;

	while (stage->running_count < stage->parallel &&
	       (call = TAILQ_FIRST(&stage->waiting)) != NULL) {
		TAILQ_REMOVE(&stage->waiting, call, link);
		if (!call_start(call, stage->tools))
			continue;
		TAILQ_INSERT_TAIL(&stage->running, call, link);
		stage->running_count++;
	}
}

/* Takes what is there; false when the input has ended. */
static bool
take_all(struct stage *stage, struct record_reader *input)
{
	enum record_status status = RECORD_AGAIN;

	while (toolstage_has_room(stage->turns) &&
	       (status = toolstage_take(stage->turns, input)) == RECORD_OK)
		start_waiting(stage);
	return status != RECORD_END;
}

/* ---- what a killed warden left behind */

static bool
is_warden(const struct stage *stage, pid_t pid)
{
	const struct call *call;

	for (call = TAILQ_FIRST(&stage->running); call != NULL;
	     call = TAILQ_NEXT(call, link))
		if (call->run.task.warden.pid == pid)
			return true;
	return false;
}

static void
kill_strays(struct stage *stage)
{
	struct pids pids = {0};
	size_t strays = 0;

	process_descendants(getpid(), &pids);
	/* the first ones are our children; wardens see to what is below them */
	for (size_t i = 0; i < pids.count; i++) {
		pid_t pid = pids.pid[i];

		if (is_warden(stage, pid))
			continue;
		if (waitpid(pid, NULL, WNOHANG) != 0)
			continue; /* buried, or a child of a warden */
		kill(pid, SIGKILL);
		strays++;
	}
	pids_free(&pids);
	if (strays == 0 || clock_mono_ms() >= stage->strays_until)
		stage->strays_until = 0;
}

/* ---- the loop */

/* What to wait for: the input where `input` is not NULL, then each task. */
static size_t
gather(const struct stage *stage, const struct record_reader *input,
    struct pollfd *fds)
{
	struct call *call;
	size_t count = 1;

	fds[0] = (struct pollfd){
	    .fd = input != NULL ? input->fd : -1, .events = POLLIN};
	for (call = TAILQ_FIRST(&stage->running); call != NULL;
	     call = TAILQ_NEXT(call, link)) {
		task_descriptors(&call->run.task, &fds[count]);
		count += TASK_FDS;
	}
	return count;
}

static void
work(struct stage *stage, const struct pollfd *fds)
{
	struct call *call, *next;
	size_t at = 1;

	for (call = TAILQ_FIRST(&stage->running); call != NULL; call = next) {
		bool done = task_work(&call->run.task, &fds[at]);

		next = TAILQ_NEXT(call, link);
		at += TASK_FDS;
		if (!done)
			continue;
		TAILQ_REMOVE(&stage->running, call, link);
		stage->running_count--;
		if (task_left_processes(&call->run.task))
			stage->strays_until =
			    clock_mono_ms() + STRAY_GIVE_UP_MS;
		call_finish(call);
	}
	if (stage->strays_until != 0)
		kill_strays(stage);
	start_waiting(stage);
}

static int
timeout(const struct stage *stage)
{
	if (stage->strays_until != 0)
		return STRAY_MS;
	return TAILQ_EMPTY(&stage->running) ? -1 : TICK_MS;
}

void
stage_run(struct stage *stage, struct record_reader *input)
{
	struct pollfd *fds =
	    xcalloc(2 + stage->parallel * TASK_FDS, sizeof *fds);
	bool more = true;

	while (more || !toolstage_is_empty(stage->turns) ||
	       stage->strays_until != 0) {
		size_t count;

		if (more)
			more = take_all(stage, input);
		if (!more && toolstage_is_empty(stage->turns) &&
		    stage->strays_until == 0)
			break;
		count = gather(stage,
		    more && toolstage_has_room(stage->turns) ? input : NULL,
		    fds);
		fds[count] = (struct pollfd){.fd = STDOUT_FILENO};
		if (poll(fds, (nfds_t)count + 1, timeout(stage)) < 0)
			continue;
		io_check_stdout(fds[count].revents);
		work(stage, fds);
		if (fds[0].revents != 0)
			record_fill(input);
	}
	free(fds);
}
