#include <poll.h>
#include <stdlib.h>
#include "clock.h"
#include "loop.h"
#include "xalloc.h"

enum { NO_SLOT = -1 };

struct loop {
	TAILQ_HEAD(watch_list, watch) watches;
	TAILQ_HEAD(timer_list, timer) timers; /* in the order of their times */
	size_t count, capacity;
	struct pollfd *fds;
	struct watch **slot; /* whose descriptor; NULL: removed meanwhile */
};

struct loop *
loop_new(void)
{
	struct loop *loop = xcalloc(1, sizeof *loop);

	TAILQ_INIT(&loop->watches);
	TAILQ_INIT(&loop->timers);
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	free(loop->fds);
	free(loop->slot);
	free(loop);
}

void
loop_watch(struct loop *loop, struct watch *watch, int fd, short events,
    void (*ready)(void *arg, short revents), void *arg)
{
	if (watch->loop == NULL) {
		TAILQ_INSERT_TAIL(&loop->watches, watch, link);
		loop->count++;
		watch->slot = NO_SLOT;
		watch->loop = loop;
	}
	watch->fd = fd;
	watch->events = events;
	watch->ready = ready;
	watch->arg = arg;
}

void
loop_unwatch(struct watch *watch)
{
	struct loop *loop = watch->loop;

	if (loop == NULL)
		return;
	TAILQ_REMOVE(&loop->watches, watch, link);
	loop->count--;
	if (watch->slot != NO_SLOT)
		loop->slot[watch->slot] = NULL;
	watch->loop = NULL;
}

void
loop_timer(struct loop *loop, struct timer *timer, int64_t in_ms,
    void (*due)(void *arg), void *arg)
{
	struct timer *before;

	loop_stop_timer(timer);
	timer->loop = loop;
	timer->at = clock_mono_ms() + in_ms;
	timer->due = due;
	timer->arg = arg;
	before = TAILQ_LAST(&loop->timers, timer_list);
	while (before != NULL && before->at > timer->at)
		before = TAILQ_PREV(before, timer_list, link);
	if (before == NULL)
		TAILQ_INSERT_HEAD(&loop->timers, timer, link);
	else
		TAILQ_INSERT_AFTER(&loop->timers, before, timer, link);
}

void
loop_stop_timer(struct timer *timer)
{
	if (timer->loop == NULL)
		return;
	TAILQ_REMOVE(&timer->loop->timers, timer, link);
	timer->loop = NULL;
}

static int
time_left(const struct loop *loop)
{
	enum { LONGEST_MS = 60 * 1000 };
	struct timer *first = TAILQ_FIRST(&loop->timers);
	int64_t left;

	if (first == NULL)
		return -1;
	left = first->at - clock_mono_ms();
	if (left < 0)
		return 0;
	return left > LONGEST_MS ? LONGEST_MS : (int)left;
}

static void
call_timers(struct loop *loop)
{
	int64_t now = clock_mono_ms();
	struct timer *timer;

	while (
	    (timer = TAILQ_FIRST(&loop->timers)) != NULL && timer->at <= now) {
		loop_stop_timer(timer);
		timer->due(timer->arg);
	}
}

void
loop_run(struct loop *loop)
{
	size_t count = 0;
	struct watch *watch;

	if (loop->count > loop->capacity) {
		loop->capacity = loop->count * 2;
		loop->fds =
		    xreallocarray(loop->fds, loop->capacity, sizeof *loop->fds);
		loop->slot = xreallocarray(
		    loop->slot, loop->capacity, sizeof(struct watch *));
	}
	for (watch = TAILQ_FIRST(&loop->watches); watch != NULL;
	     watch = TAILQ_NEXT(watch, link)) {
		loop->fds[count] =
		    (struct pollfd){.fd = watch->fd, .events = watch->events};
		watch->slot = (int)count;
		loop->slot[count++] = watch;
	}
	if (poll(loop->fds, (nfds_t)count, time_left(loop)) > 0)
		for (size_t i = 0; i < count; i++)
			if (loop->slot[i] != NULL && loop->fds[i].revents != 0)
				loop->slot[i]->ready(
				    loop->slot[i]->arg, loop->fds[i].revents);
	for (watch = TAILQ_FIRST(&loop->watches); watch != NULL;
	     watch = TAILQ_NEXT(watch, link))
		watch->slot = NO_SLOT;
	call_timers(loop);
}
