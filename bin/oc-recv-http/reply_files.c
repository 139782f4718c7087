#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <event2/event.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "queue_files.h"
#include "reply_files.h"
#include "xalloc.h"

enum {
	LOOK_MS = 1000, /* for the lock, and for what inotify does not tell */
	EVENTS_SIZE = 16 * 1024,
};

struct reply_files {
	void (*reply)(jv ref_turn, void *arg);
	void *arg;
	struct queue *queue;
	int inotify; /* -1: there is none */
	int lock;    /* -1: another takes from the queue */
	bool told;   /* that another does */
	bool blind;  /* inotify does not tell all */
	struct event *readable, *timer;
};

struct scan {
	struct reply_files *files;
	enum queue_directory directory;
};

/* It is finished first: should telling it end us, it is not told again. */
static void
take(struct reply_files *files, enum queue_directory directory,
    const char *file_name)
{
	struct queue_file file;
	struct buf line = {0};
	char *name;
	jv turn;

	if (!queue_file_parse(&file, file_name) ||
	    !queue_read(files->queue, directory, file_name, &line)) {
		buf_free(&line);
		return;
	}
	name = xstrndup(file.name, file.name_length);
	if (queue_move(
		files->queue, directory, file_name, QUEUE_DIR_DONE, name))
		queue_forget(files->queue, name);
	else
		log_warn("%s: %s: %s", queue_name(files->queue), file_name,
		    strerror(errno));
	turn = json_parse(buf_string(&line), line.length, NULL);
	if (json_is_object(turn))
		files->reply(turn, files->arg);
	jv_free(turn);
	free(name);
	buf_free(&line);
}

static bool
take_one(void *arg, const char *file_name)
{
	const struct scan *scan = arg;

	take(scan->files, scan->directory, file_name);
	return true;
}

/* Everything that is there; cur/ holds what another way of taking left. */
static void
look(struct reply_files *files)
{
	static const enum queue_directory directories[] = {
	    QUEUE_DIR_CUR, QUEUE_DIR_NEW};

	for (size_t i = 0; i < 2; i++)
		queue_each(files->queue, directories[i], take_one,
		    &(struct scan){files, directories[i]});
	queue_sweep(files->queue);
}

static void
on_inotify(evutil_socket_t fd, short what, void *arg)
{
	struct reply_files *files = arg;
	char bytes[EVENTS_SIZE]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(fd, bytes, sizeof bytes);

	(void)what;
	for (ssize_t at = 0; at < n && files->lock >= 0;) {
		const struct inotify_event *event = (const void *)(bytes + at);

		if (event->mask & IN_Q_OVERFLOW)
			look(files);
		else if (event->len != 0)
			take(files, QUEUE_DIR_NEW, event->name);
		at += (ssize_t)(sizeof *event + event->len);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct reply_files *files = arg;

	(void)fd;
	(void)what;
	if (files->lock < 0) {
		files->lock = queue_lock_take(files->queue);
		if (files->lock >= 0)
			look(files);
		else if (!files->told)
			log_warn("%s: another takes the replies; waiting",
			    queue_name(files->queue));
		files->told = files->lock < 0;
	} else if (files->blind) {
		look(files);
	}
	if (files->lock >= 0 && !files->blind)
		event_del(files->timer);
}

struct reply_files *
reply_files_open(struct event_base *base, struct queue *queue,
    void (*reply)(jv ref_turn, void *arg), void *arg)
{
	static const struct timeval often = {.tv_sec = LOOK_MS / 1000};
	struct reply_files *files = xcalloc(1, sizeof *files);
	char *path = xasprintf("%s/new", queue->path);

	files->reply = reply;
	files->arg = arg;
	files->queue = queue;
	files->lock = -1;
	files->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	files->blind = files->inotify < 0 ||
		       inotify_add_watch(files->inotify, path,
			   IN_MOVED_TO | IN_ONLYDIR) < 0 ||
		       io_is_remote(queue->fd[QUEUE_DIR_NEW]);
	if (files->inotify >= 0) {
		files->readable = event_new(base, files->inotify,
		    EV_READ | EV_PERSIST, on_inotify, files);
		event_add(files->readable, NULL);
	}
	files->timer =
	    event_new(base, -1, EV_TIMEOUT | EV_PERSIST, on_timer, files);
	event_add(files->timer, &often);
	on_timer(-1, 0, files);
	free(path);
	return files;
}

void
reply_files_close(struct reply_files *files)
{
	if (files == NULL)
		return;
	event_free(files->timer);
	if (files->readable != NULL)
		event_free(files->readable);
	if (files->inotify >= 0)
		close(files->inotify);
	if (files->lock >= 0)
		close(files->lock);
	free(files);
}
