#ifndef OC_CDP_LOOP_H
#define OC_CDP_LOOP_H

#include <stdint.h>
#include <sys/queue.h>

/*
 * One poll(2) for everything: descriptors and times, each with the function
 * that is called.  The structs are the callers' and zeroed at first.  A
 * function may add and remove any of them, its own too.
 */
struct loop;

struct watch {
	TAILQ_ENTRY(watch) link;
	struct loop *loop; /* NULL: not in one */
	int fd;
	short events;
	int slot; /* for the loop itself */
	void (*ready)(void *arg, short revents);
	void *arg;
};

struct timer {
	TAILQ_ENTRY(timer) link;
	struct loop *loop; /* NULL: it does not run */
	int64_t at;        /* clock_mono_ms */
	void (*due)(void *arg);
	void *arg;
};

struct loop *loop_new(void);
void loop_free(struct loop *loop); /* nothing may be in it */

/* Adds it, or changes the events of one that is there. */
void loop_watch(struct loop *loop, struct watch *watch, int fd, short events,
    void (*ready)(void *arg, short revents), void *arg);
void loop_unwatch(struct watch *watch); /* one that is in no loop is fine */

/* Sets it anew if it runs. */
void loop_timer(struct loop *loop, struct timer *timer, int64_t in_ms,
    void (*due)(void *arg), void *arg);
void loop_stop_timer(struct timer *timer);

/* Waits once, until something is ready or due, and calls what is. */
void loop_run(struct loop *loop);

#endif
