#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/queue.h>
#include <sysexits.h>
#include <unistd.h>
#include <event2/event.h>
#include "event.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "replies.h"
#include "state.h"
#include "turn.h"
#include "wait.h"
#include "xalloc.h"

enum {
	BUCKETS = 1024,
	LOOK_MS = 100, /* where inotify does not see what happens */
	EVENTS_SIZE = 16 * 1024,
};

/* One who waits for a turn. */
struct waiting {
	LIST_ENTRY(waiting) by_name;
	LIST_ENTRY(waiting) by_watch; /* when watch is not -1 */
	struct waiting *next_dead;
	struct wait *wait;
	char *name;    /* of the turn's directory */
	int directory; /* -1: it is not there yet */
	int watch;     /* of inotify; -1: none */
	bool dead;     /* cancelled, to be released */
	struct event_reader events;
	void (*event)(jv ref_event, void *arg);
	void (*reply)(jv ref_turn, void *arg);
	void *arg;
};

LIST_HEAD(bucket, waiting);

struct wait {
	struct event_base *base;
	struct replies *replies;
	int inotify;     /* -1: there is none */
	int turns;       /* the directory of turns */
	int turns_watch; /* of inotify */
	struct event *readable, *timer;
	struct bucket names[BUCKETS], watches[BUCKETS];
	struct waiting *dead;
	int calling; /* callbacks on the stack: nothing is released */
	size_t count;
};

static struct bucket *
bucket_of(struct wait *wait, const char *name)
{
	uint32_t hash = 2166136261U;

	for (const char *c = name; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619U;
	return &wait->names[hash % BUCKETS];
}

static struct bucket *
bucket_of_watch(struct wait *wait, int watch)
{
	return &wait->watches[(unsigned)watch % BUCKETS];
}

/* ---- one of them */

static bool
is_watched(struct wait *wait, int watch)
{
	struct waiting *one;

	LIST_FOREACH(one, bucket_of_watch(wait, watch), by_watch)
	if (one->watch == watch)
		return true;
	return false;
}

static void
release(struct waiting *waiting)
{
	struct wait *wait = waiting->wait;

	LIST_REMOVE(waiting, by_name);
	if (waiting->watch >= 0) {
		LIST_REMOVE(waiting, by_watch);
		if (!is_watched(wait, waiting->watch))
			inotify_rm_watch(wait->inotify, waiting->watch);
	}
	if (waiting->directory >= 0)
		close(waiting->directory);
	event_reader_free(&waiting->events);
	free(waiting->name);
	free(waiting);
}

void
wait_cancel(struct waiting *waiting)
{
	struct wait *wait;

	if (waiting == NULL || waiting->dead)
		return;
	wait = waiting->wait;
	wait->count--;
	waiting->dead = true;
	if (wait->calling == 0) {
		release(waiting);
		return;
	}
	waiting->next_dead = wait->dead;
	wait->dead = waiting;
}

/* Callbacks may cancel any waiting, so none goes while one of them runs. */
static void
begin_calls(struct wait *wait)
{
	wait->calling++;
}

static void
end_calls(struct wait *wait)
{
	struct waiting *dead;

	if (--wait->calling != 0)
		return;
	while ((dead = wait->dead) != NULL) {
		wait->dead = dead->next_dead;
		release(dead);
	}
}

static void
on_event(jv ref_event, void *arg)
{
	struct waiting *waiting = arg;

	if (!waiting->dead)
		waiting->event(ref_event, waiting->arg);
}

/* Tells what is new. */
static void
look(struct waiting *waiting)
{
	if (!waiting->dead && waiting->event != NULL && waiting->directory >= 0)
		(void)event_read(&waiting->events, waiting->directory,
		    "events.ndjson", on_event, waiting);
}

/* The turn's directory, if it is there by now. */
static void
open_directory(struct waiting *waiting)
{
	struct wait *wait = waiting->wait;
	char path[64];

	if (waiting->event == NULL || waiting->directory >= 0)
		return;
	waiting->directory = openat(wait->turns, waiting->name,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (waiting->directory < 0 || wait->inotify < 0)
		return;
	/* by its descriptor, so that it is the same one */
	snprintf(path, sizeof path, "/proc/self/fd/%d", waiting->directory);
	waiting->watch = inotify_add_watch(
	    wait->inotify, path, IN_MODIFY | IN_CREATE | IN_ONLYDIR);
	if (waiting->watch >= 0)
		LIST_INSERT_HEAD(
		    bucket_of_watch(wait, waiting->watch), waiting, by_watch);
}

/* ---- what happens */

static void
look_at_all(struct wait *wait)
{
	struct waiting *one;

	begin_calls(wait);
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_FOREACH(one, &wait->names[i], by_name)
		{
			open_directory(one);
			look(one);
		}
	end_calls(wait);
}

static void
on_notice(struct wait *wait, const struct inotify_event *event)
{
	struct waiting *one;

	if (event->mask & IN_Q_OVERFLOW) {
		look_at_all(wait);
	} else if (event->wd != wait->turns_watch) {
		LIST_FOREACH(one, bucket_of_watch(wait, event->wd), by_watch)
		if (one->watch == event->wd)
			look(one);
	} else if (event->len != 0) {
		LIST_FOREACH(one, bucket_of(wait, event->name), by_name)
		if (strcmp(one->name, event->name) == 0) {
			open_directory(one);
			look(one);
		}
	}
}

static void
on_inotify(evutil_socket_t fd, short what, void *arg)
{
	struct wait *wait = arg;
	char bytes[EVENTS_SIZE]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(fd, bytes, sizeof bytes);

	(void)what;
	begin_calls(wait);
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const void *)(bytes + at);

		on_notice(wait, event);
		at += (ssize_t)(sizeof *event + event->len);
	}
	end_calls(wait);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look_at_all(arg);
}

/* A reply came: for whoever waits for it. */
static void
deliver(struct wait *wait, const char *id, jv ref_turn)
{
	char *name = state_name(id);
	struct waiting *one;

	LIST_FOREACH(one, bucket_of(wait, name), by_name)
	{
		if (one->dead || one->reply == NULL ||
		    strcmp(one->name, name) != 0)
			continue;
		look(one);
		if (one->dead)
			continue;
		wait_cancel(one);
		one->reply(ref_turn, one->arg);
	}
	free(name);
}

static void
on_reply(jv ref_turn, void *arg)
{
	struct wait *wait = arg;
	jv ids = json_get(ref_turn, "ids");

	begin_calls(wait);
	deliver(wait, turn_id(ref_turn), ref_turn);
	for (int i = 0, n = json_length(ids); i < n; i++) {
		jv id = json_at(ids, i);

		deliver(wait, json_as_string(id, ""), ref_turn);
		jv_free(id);
	}
	end_calls(wait);
	jv_free(ids);
}

/* ---- waiting */

static struct waiting *
add(struct wait *wait, const char *id, void (*event)(jv ref_event, void *arg),
    void (*reply)(jv ref_turn, void *arg), void *arg)
{
	struct waiting *waiting = xcalloc(1, sizeof *waiting);

	waiting->wait = wait;
	waiting->name = state_name(id);
	waiting->directory = waiting->watch = -1;
	waiting->event = event;
	waiting->reply = reply;
	waiting->arg = arg;
	LIST_INSERT_HEAD(bucket_of(wait, waiting->name), waiting, by_name);
	wait->count++;
	return waiting;
}

struct waiting *
wait_reply(struct wait *wait, const char *id,
    void (*event)(jv ref_event, void *arg),
    void (*reply)(jv ref_turn, void *arg), void *arg)
{
	return add(wait, id, event, reply, arg);
}

struct waiting *
wait_events(struct wait *wait, const char *id,
    void (*event)(jv ref_event, void *arg), void *arg)
{
	struct waiting *waiting = add(wait, id, event, NULL, arg);

	open_directory(waiting);
	/* what is there already is told soon, and not from inside of here */
	event_active(wait->timer, EV_TIMEOUT, 0);
	return waiting;
}

size_t
wait_count(const struct wait *wait)
{
	return wait->count;
}

/* ---- life */

struct wait *
wait_new(struct event_base *base)
{
	static const struct timeval often = {.tv_usec = LOOK_MS * 1000};
	struct wait *wait = xcalloc(1, sizeof *wait);
	char *path = state_path("turns");

	if (path == NULL)
		fatal(EX_CONFIG, "neither OC_STATE nor HOME is set");
	if (!io_make_directories(path) ||
	    (wait->turns = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		fatal(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	wait->base = base;
	wait->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	wait->turns_watch = -1;
	if (wait->inotify >= 0)
		wait->turns_watch = inotify_add_watch(
		    wait->inotify, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	wait->timer =
	    event_new(base, -1, EV_TIMEOUT | EV_PERSIST, on_timer, wait);
	if (wait->turns_watch < 0 || io_is_remote(wait->turns))
		event_add(wait->timer, &often);
	if (wait->inotify >= 0) {
		wait->readable = event_new(base, wait->inotify,
		    EV_READ | EV_PERSIST, on_inotify, wait);
		event_add(wait->readable, NULL);
	}
	wait->replies = replies_open(base, on_reply, wait);
	free(path);
	return wait;
}

void
wait_free(struct wait *wait)
{
	if (wait == NULL)
		return;
	replies_close(wait->replies);
	for (size_t i = 0; i < BUCKETS; i++)
		while (!LIST_EMPTY(&wait->names[i]))
			release(LIST_FIRST(&wait->names[i]));
	event_free(wait->timer);
	if (wait->readable != NULL)
		event_free(wait->readable);
	if (wait->inotify >= 0)
		close(wait->inotify);
	close(wait->turns);
	free(wait);
}
