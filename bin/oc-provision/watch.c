#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "clock.h"
#include "log.h"
#include "provision.h"
#include "xalloc.h"

enum {
	/* what inotify does not see: network file systems, a link above */
	LOOK_MS = 15 * 1000,
	LOOK_BLIND_MS = 2000, /* without inotify at all */
	SETTLE_MS = 200,      /* a volume changes in several steps */
	EVENTS_SIZE = 16 * 1024,
};

struct item {
	char *path;
	enum watch_kind kind;
	bool there;
	struct stat st;
};

struct watch {
	int fd; /* of inotify, -1: none */
	struct item *item;
	size_t count;
};

struct watch *
watch_new(void)
{
	struct watch *watch = xcalloc(1, sizeof *watch);

	watch->fd = -1;
	watch_clear(watch);
	return watch;
}

/* A new descriptor forgets every directory that was watched. */
void
watch_clear(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		free(watch->item[i].path);
	free(watch->item);
	watch->item = NULL;
	watch->count = 0;
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void
watch_free(struct watch *watch)
{
	if (watch == NULL)
		return;
	watch_clear(watch);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}

/*
 * The directory is watched and not the file: a ConfigMap's files are links
 * through a link that is swapped.
 */
void
watch_add(struct watch *watch, const char *path, enum watch_kind kind)
{
	struct item *item;
	char *copy = xstrdup(path);

	watch->item =
	    xreallocarray(watch->item, watch->count + 1, sizeof *watch->item);
	item = &watch->item[watch->count++];
	*item = (struct item){.path = xstrdup(path), .kind = kind};
	item->there = stat(path, &item->st) == 0;
	if (watch->fd >= 0)
		inotify_add_watch(watch->fd, dirname(copy),
		    IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE |
			IN_ATTRIB | IN_MASK_ADD);
	free(copy);
}

static bool
has_changed(struct item *item)
{
	struct stat st = {0};
	bool there = stat(item->path, &st) == 0, same;

	same = there == item->there &&
	       (!there || (st.st_dev == item->st.st_dev &&
			      st.st_ino == item->st.st_ino &&
			      st.st_size == item->st.st_size &&
			      st.st_mtim.tv_sec == item->st.st_mtim.tv_sec &&
			      st.st_mtim.tv_nsec == item->st.st_mtim.tv_nsec));
	item->there = there;
	item->st = st;
	return !same;
}

/* A secret that is gone or empty is none that anything could start with. */
static bool
is_usable(const struct item *item)
{
	return item->kind != WATCH_TAKEN ||
	       (item->there && item->st.st_size > 0);
}

static bool
look(struct watch *watch, bool *taken)
{
	bool changed = false;

	for (size_t i = 0; i < watch->count; i++) {
		struct item *item = &watch->item[i];

		if (!has_changed(item))
			continue;
		changed = true;
		if (!is_usable(item))
			log_warn("%s: is gone or empty; what was read from it "
				 "stays in use",
			    item->path);
		else if (item->kind == WATCH_TAKEN)
			*taken = true;
	}
	return changed;
}

static void
forget_events(const struct watch *watch)
{
	char bytes[EVENTS_SIZE];

	while (watch->fd >= 0 && read(watch->fd, bytes, sizeof bytes) > 0)
		;
}

bool
watch_wait(struct watch *watch, int64_t most_ms, bool *taken)
{
	int64_t until = clock_mono_ms() + most_ms, left;
	struct pollfd fd = {.fd = watch->fd, .events = POLLIN};

	while ((left = until - clock_mono_ms()) > 0) {
		int64_t most = watch->fd >= 0 ? LOOK_MS : LOOK_BLIND_MS;

		if (poll(&fd, 1, (int)(left < most ? left : most)) > 0) {
			poll(NULL, 0, SETTLE_MS);
			forget_events(watch);
		}
		if (look(watch, taken))
			return true;
	}
	return false;
}
