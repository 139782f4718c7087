#ifndef OC_EXEC_TASK_H
#define OC_EXEC_TASK_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"
#include "output.h"
#include "warden.h"

/* A command that runs: its warden and what it has printed so far. */
enum {
	TASK_FDS = 2,
	TASK_PRINTED_MAX = 1024 * 1024 * 1024, /* then it is a runaway */
};

enum task_stop { TASK_NOT_STOPPED, TASK_STOP_PERSON, TASK_STOP_FLOOD };

struct task {
	struct warden warden;
	struct warden_report report;
	bool reported;
	struct output output;
	enum task_stop stop;
	int64_t timeout_ms;
	int64_t overdue_at; /* the warden itself hangs: clock_mono_ms */
	char *program;      /* for messages */
};

/*
 * Starts a command; `output` is taken over, and freed when this fails.  False
 * with errno set when no process can be had.
 */
bool task_start(struct task *task, const struct warden_spec *spec,
    struct output *own_output);
/* Ends it for this reason; it is done a little later. */
void task_stop(struct task *task, enum task_stop reason);

/* What to wait for, and then what came of it: true when it is done. */
void task_descriptors(const struct task *task, struct pollfd fds[TASK_FDS]);
bool task_work(struct task *task, const struct pollfd fds[TASK_FDS]);

/* Whether a process may have outlived its warden. */
bool task_left_processes(const struct task *task);

/*
 * The result of a task that is done: the text for the model, and the keys of
 * the tool step beside it (exit or signal, timeout, cut, …) as an object.
 * True when the command ended well.
 */
bool task_result(struct task *task, struct buf *text, jv *details);
void task_free(struct task *task);

#endif
