#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sysexits.h>
#include <unistd.h>
#include "clock.h"
#include "io.h"
#include "log.h"
#include "watch.h"
#include "xalloc.h"

enum {
	LOOK_REMOTE_MS = 1000, /* how late another machine's turn is seen */
	/* inotify misses nothing here; this is for what nobody thought of */
	LOOK_LOCAL_MS = 60 * 1000,
	EVENTS_SIZE = 64 * 1024,
};

struct watch {
	int fd;
	int new, cur; /* watch descriptors */
	int interval;
	int64_t look_at;
	struct queue *queue;
};

static int
add(struct watch *watch, const char *name, uint32_t mask)
{
	char *path = xasprintf("%s/%s", watch->queue->path, name);
	int wd = inotify_add_watch(
	    watch->fd, path, mask | IN_ONLYDIR | IN_EXCL_UNLINK);

	free(path);
	return wd;
}

static void
do_without(struct watch *watch, int poll_ms)
{
	log_warn("queue %s: no inotify (%s), looking every second instead",
	    queue_name(watch->queue), strerror(errno));
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
	if (poll_ms == 0)
		watch->interval = LOOK_REMOTE_MS;
}

struct watch *
watch_open(struct queue *queue, int poll_ms)
{
	struct watch *watch = xcalloc(1, sizeof *watch);

	watch->queue = queue;
	watch->interval = poll_ms;
	if (poll_ms == 0)
		watch->interval = io_is_remote(queue->fd[QUEUE_DIR_NEW])
				      ? LOOK_REMOTE_MS
				      : LOOK_LOCAL_MS;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	watch->new = watch->cur = -1;
	if (watch->fd >= 0) {
		watch->new = add(watch, "new", IN_MOVED_TO);
		watch->cur = add(watch, "cur", IN_MOVED_FROM | IN_DELETE);
	}
	if (watch->new < 0 || watch->cur < 0)
		do_without(watch, poll_ms);
	watch->look_at = clock_mono_ms() + watch->interval;
	return watch;
}

void
watch_free(struct watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}

int
watch_fd(const struct watch *watch)
{
	return watch->fd;
}

int
watch_timeout(const struct watch *watch)
{
	int64_t left = watch->look_at - clock_mono_ms();

	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static bool
tell(struct watch *watch, const struct inotify_event *event,
    const struct watcher *watcher)
{
	if (event->mask & (IN_IGNORED | IN_UNMOUNT))
		fatal(EX_IOERR, "%s: the directory of the queue is gone",
		    watch->queue->path);
	if (event->mask & IN_Q_OVERFLOW)
		return false;
	if (event->len == 0)
		return true;
	if (event->wd == watch->new)
		watcher->came(watcher->arg, event->name);
	else if (event->wd == watch->cur)
		watcher->left(watcher->arg, event->name);
	return true;
}

bool
watch_read(struct watch *watch, const struct watcher *watcher)
{
	static char events[EVENTS_SIZE]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	bool all = true;
	ssize_t n = -1;

	if (watch->fd >= 0)
		n = read(watch->fd, events, sizeof events);
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const void *)(events + at);

		all = tell(watch, event, watcher) && all;
		at += (ssize_t)(sizeof *event + event->len);
	}
	if (clock_mono_ms() >= watch->look_at) {
		watch->look_at = clock_mono_ms() + watch->interval;
		all = false;
	}
	return all;
}
