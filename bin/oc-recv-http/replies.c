#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <event2/event.h>
#include "child.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "queue_files.h"
#include "redis.h"
#include "record.h"
#include "replies.h"
#include "reply_files.h"
#include "xalloc.h"

enum {
	BATCH_MAX = 256, /* replies that are finished with one sync */
	FINISH_MS = 2,   /* answers go out first, and share their sync */
	RETRY_MS = 1000, /* a disk that refuses, a program that ends */
};

struct replies {
	void (*reply)(jv ref_turn, void *arg);
	void *arg;
	struct queue *queue;
	struct reply_files *files; /* of a directory; NULL: it is in Redis */
	struct event_base *base;
	pid_t pid; /* 0: to be started */
	struct record_reader reader;
	struct event *readable, *finish, *start;
	jv done[BATCH_MAX];
	size_t count;
};

/* ---- finishing */

static void
schedule(struct event *timer, int ms)
{
	struct timeval wait = {
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_add(timer, &wait);
}

static void
finish(struct replies *replies)
{
	if (replies->count == 0)
		return;
	if (!queue_finish_records(
		replies->queue, replies->done, replies->count)) {
		log_warn("%s: %s; trying again", queue_name(replies->queue),
		    strerror(errno));
		schedule(replies->finish, RETRY_MS);
		return;
	}
	for (size_t i = 0; i < replies->count; i++)
		jv_free(replies->done[i]);
	replies->count = 0;
}

static void
on_finish(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg);
}

/* ---- the program */

static void on_readable(evutil_socket_t fd, short what, void *arg);

static void
start(struct replies *replies)
{
	char program[] = "oc-spool", take[] = "take", most[] = "-n",
	     many[] = "4096", queue[] = "out/http";
	char *argv[] = {program, take, most, many, queue, NULL};
	int out[2];

	if (pipe2(out, O_CLOEXEC) != 0)
		fatal(EX_OSERR, "pipe: %s", strerror(errno));
	redis_lend_password(true);
	/* a group of its own: a Ctrl-C must not end it before us */
	replies->pid = child_start(&(struct child_spec){.argv = argv,
	    .in = -1,
	    .out = out[1],
	    .err = STDERR_FILENO,
	    .own_group = true});
	redis_lend_password(false);
	if (replies->pid < 0)
		fatal(EX_UNAVAILABLE, "oc-spool: %s", strerror(errno));
	close(out[1]);
	io_set_nonblocking(out[0], true);
	record_reader_init(&replies->reader, out[0], "replies");
	replies->readable = event_new(
	    replies->base, out[0], EV_READ | EV_PERSIST, on_readable, replies);
	event_add(replies->readable, NULL);
}

static void
on_start(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	start(arg);
}

static int
stop(struct replies *replies)
{
	int status;

	if (replies->pid == 0)
		return 0;
	event_free(replies->readable);
	close(replies->reader.fd);
	record_reader_free(&replies->reader);
	status = child_exit_code(child_wait(replies->pid));
	replies->pid = 0;
	return status;
}

/* Every line that is there. */
static void
read_records(struct replies *replies)
{
	struct record record;

	while (record_next(&replies->reader, &record) == RECORD_OK) {
		replies->reply(record.value, replies->arg);
		if (replies->count == BATCH_MAX)
			finish(replies);
		if (replies->count < BATCH_MAX)
			replies->done[replies->count++] =
			    json_copy(record.value);
		record_free(&record);
	}
	if (replies->count != 0 &&
	    !event_pending(replies->finish, EV_TIMEOUT, NULL))
		schedule(replies->finish, FINISH_MS);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct replies *replies = arg;

	(void)fd;
	(void)what;
	if (!record_fill(&replies->reader))
		return;
	read_records(replies);
	if (!replies->reader.ended)
		return;
	log_warn("oc-spool take out/http ended with status %d; it is started "
		 "again",
	    stop(replies));
	schedule(replies->start, RETRY_MS);
}

struct replies *
replies_open(
    struct event_base *base, void (*reply)(jv ref_turn, void *arg), void *arg)
{
	struct replies *replies = xcalloc(1, sizeof *replies);

	replies->reply = reply;
	replies->arg = arg;
	replies->base = base;
	replies->queue = queue_open("out/http");
	if (!replies->queue->shared) {
		replies->files =
		    reply_files_open(base, replies->queue, reply, arg);
		return replies;
	}
	replies->finish = evtimer_new(base, on_finish, replies);
	replies->start = evtimer_new(base, on_start, replies);
	start(replies);
	return replies;
}

void
replies_close(struct replies *replies)
{
	if (replies == NULL)
		return;
	if (replies->files != NULL) {
		reply_files_close(replies->files);
		queue_free(replies->queue);
		free(replies);
		return;
	}
	finish(replies);
	for (size_t i = 0; i < replies->count; i++)
		jv_free(replies->done[i]);
	/* it holds nothing that would be lost */
	if (replies->pid != 0)
		kill(replies->pid, SIGKILL);
	stop(replies);
	event_free(replies->finish);
	event_free(replies->start);
	queue_free(replies->queue);
	free(replies);
}
