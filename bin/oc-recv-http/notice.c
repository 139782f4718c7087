#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <event2/event.h>
#include "notice.h"
#include "xalloc.h"

enum {
	READ_SIZE = 16 * 1024, /* a few hundred changes */
};

struct notice {
	int fd;
	struct event *event;
	void (*seen)(void *arg, int watch, uint32_t mask, const char *name);
	void *arg;
};

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	_Alignas(struct inotify_event) char buffer[READ_SIZE];
	struct notice *notice = arg;
	ssize_t n = read(fd, buffer, sizeof buffer);
	const struct inotify_event *one;

	(void)what;
	for (const char *at = buffer; n > 0 && at < buffer + n;
	     at += sizeof *one + one->len) {
		one = (const void *)at;
		if ((one->mask & IN_Q_OVERFLOW) != 0)
			notice->seen(notice->arg, -1, one->mask, "");
		else if ((one->mask & IN_IGNORED) == 0)
			notice->seen(notice->arg, one->wd, one->mask,
			    one->len != 0 ? one->name : "");
	}
}

struct notice *
notice_new(struct event_base *base,
    void (*seen)(void *arg, int watch, uint32_t mask, const char *name),
    void *arg)
{
	struct notice *notice = xcalloc(1, sizeof *notice);

	notice->seen = seen;
	notice->arg = arg;
	notice->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (notice->fd >= 0) {
		notice->event = event_new(base, notice->fd,
		    EV_READ | EV_PERSIST, on_readable, notice);
		event_add(notice->event, NULL);
	}
	return notice;
}

void
notice_free(struct notice *notice)
{
	if (notice == NULL)
		return;
	if (notice->event != NULL)
		event_free(notice->event);
	if (notice->fd >= 0)
		close(notice->fd);
	free(notice);
}

int
notice_add(struct notice *notice, const char *path, uint32_t mask)
{
	return notice->fd >= 0 ? inotify_add_watch(notice->fd, path, mask) : -1;
}

void
notice_remove(struct notice *notice, int watch)
{
	if (notice->fd >= 0 && watch >= 0)
		(void)inotify_rm_watch(notice->fd, watch);
}
