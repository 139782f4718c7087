#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "calls.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "process.h"
#include "stage.h"
#include "turn.h"
#include "xalloc.h"

enum {
	STRAY_MS = 50,           /* between two looks for strays */
	STRAY_GIVE_UP_MS = 5000, /* some cannot be killed: another user's */
	TICK_MS = 1000,          /* a look at the deadlines of hung wardens */
};

/* A stop that waits until the turns that it ends are written. */
struct stop {
	TAILQ_ENTRY(stop) link;
	struct record record;
};
TAILQ_HEAD(stop_list, stop);

struct stage {
	struct tools *tools;
	size_t parallel, in_flight;
	struct held_list held;
	size_t held_count;
	struct call_list waiting, running;
	size_t running_count;
	struct stop_list stops;
	int64_t strays_until; /* processes may have outlived a warden */
};

struct stage *
stage_new(struct tools *tools, size_t parallel, size_t in_flight)
{
	struct stage *stage = xcalloc(1, sizeof *stage);

	stage->tools = tools;
	stage->parallel = parallel;
	stage->in_flight = in_flight;
	TAILQ_INIT(&stage->held);
	TAILQ_INIT(&stage->waiting);
	TAILQ_INIT(&stage->running);
	TAILQ_INIT(&stage->stops);
	/* what outlives a warden that was killed becomes ours, not init's */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return stage;
}

void
stage_free(struct stage *stage)
{
	free(stage);
}

/* ---- turns and their calls */

/* Whether a stop is for a turn that is held. */
static bool
is_for(const struct stop *stop, const struct held *held)
{
	return turn_stop_is_for(
	    stop->record.value, turn_id(held->turn), turn_session(held->turn));
}

/* Passes on the stops that no held turn keeps back any more. */
static void
release_stops(struct stage *stage)
{
	struct stop *stop, *next;

	for (stop = TAILQ_FIRST(&stage->stops); stop != NULL; stop = next) {
		struct held *held;
		bool waits = false;

		next = TAILQ_NEXT(stop, link);
		for (held = TAILQ_FIRST(&stage->held); held != NULL;
		     held = TAILQ_NEXT(held, link))
			waits = waits || (held->stopped && is_for(stop, held));
		if (waits)
			continue;
		TAILQ_REMOVE(&stage->stops, stop, link);
		record_forward(&stop->record);
		record_free(&stop->record);
		free(stop);
	}
}

/* A call is done: so is its turn, if it was the last one. */
static void
settle(struct stage *stage, struct call *call)
{
	struct held *held = call->held;

	if (--held->open != 0)
		return;
	TAILQ_REMOVE(&stage->held, held, link);
	stage->held_count--;
	held_write(held);
	held_free(held);
	release_stops(stage);
}

static void
start_waiting(struct stage *stage)
{
	struct call *call;

	while (stage->running_count < stage->parallel &&
	       (call = TAILQ_FIRST(&stage->waiting)) != NULL) {
		TAILQ_REMOVE(&stage->waiting, call, link);
		call_start(call, stage->tools);
		if (call->state == CALL_RUNNING) {
			TAILQ_INSERT_TAIL(&stage->running, call, link);
			stage->running_count++;
		} else {
			settle(stage, call);
		}
	}
}

/*
 * Ends the calls of the turns that a stop record is for.  The record goes on
 * once these turns have.
 */
static void
take_stop(struct stage *stage, struct record *record)
{
	struct stop *stop = xcalloc(1, sizeof *stop);
	struct call *call, *next;
	struct held *held;

	stop->record = *record;
	TAILQ_INSERT_TAIL(&stage->stops, stop, link);
	for (held = TAILQ_FIRST(&stage->held); held != NULL;
	     held = TAILQ_NEXT(held, link))
		held->stopped = held->stopped || is_for(stop, held);
	for (call = TAILQ_FIRST(&stage->running); call != NULL;
	     call = TAILQ_NEXT(call, link))
		if (call->held->stopped)
			task_stop(&call->run.task, TASK_STOP_PERSON);
	for (call = TAILQ_FIRST(&stage->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		if (!call->held->stopped)
			continue;
		TAILQ_REMOVE(&stage->waiting, call, link);
		call_refuse(call, "stopped by the person");
		settle(stage, call);
	}
	release_stops(stage);
}

/* A turn whose calls are not ours, or that has none: it goes on at once. */
static void
pass_on(struct record *record, const char *problem)
{
	bool changed;
	jv turn;

	turn = turn_complete(json_copy(record->value), &changed);
	if (problem != NULL)
		turn = turn_fail(turn, "bad_turn", problem, problem);
	if (changed || problem != NULL) {
		turn_write(turn);
		return;
	}
	jv_free(turn);
	record_forward(record);
}

static void
take_turn(struct stage *stage, struct record *record)
{
	const char *problem = turn_check(record->value);
	struct held *held = NULL;

	if (problem == NULL && !turn_has_reply(record->value))
		held = held_new(record->value);
	if (held == NULL) {
		pass_on(record, problem);
		return;
	}
	TAILQ_INSERT_TAIL(&stage->held, held, link);
	stage->held_count++;
	for (size_t i = 0; i < held->count; i++)
		TAILQ_INSERT_TAIL(&stage->waiting, &held->call[i], link);
}

static void
take(struct stage *stage, struct record *record)
{
	if (turn_is_stop(record->value)) {
		take_stop(stage, record);
		return;
	}
	if (turn_is_turn(record->value))
		take_turn(stage, record);
	else
		record_forward(record);
	record_free(record);
}

/*
 * One turn more than in_flight is taken: an upstream that keeps to the limit
 * then never fills us, and a stop does not have to wait behind turns.
 */
static bool
has_room(const struct stage *stage)
{
	return stage->held_count <= stage->in_flight;
}

/* Takes what is there; false when the input has ended. */
static bool
take_all(struct stage *stage, struct record_reader *input)
{
	enum record_status status = RECORD_AGAIN;
	struct record record;

	while (has_room(stage) &&
	       (status = record_next(input, &record)) == RECORD_OK) {
		take(stage, &record);
		start_waiting(stage);
	}
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
		settle(stage, call);
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

	while (more || !TAILQ_EMPTY(&stage->held) || stage->strays_until != 0) {
		size_t count;

		if (more)
			more = take_all(stage, input);
		if (!more && TAILQ_EMPTY(&stage->held) &&
		    stage->strays_until == 0)
			break;
		count =
		    gather(stage, more && has_room(stage) ? input : NULL, fds);
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
