#ifndef OC_SPOOL_WATCH_H
#define OC_SPOOL_WATCH_H

#include <stdbool.h>
#include "queue_files.h"

/*
 * Learns what comes into new/ and what leaves cur/: by inotify(7), and where
 * that cannot see (another machine writes to a network file system) by looking
 * now and then.
 */
struct watch;

/* `poll_ms` is how often to look; 0: as the file system asks for. */
struct watch *watch_open(struct queue *queue, int poll_ms);
void watch_free(struct watch *watch);

/* To poll for input; -1 when there is nothing but looking. */
int watch_fd(const struct watch *watch);
/* How long to wait at most before looking, in milliseconds. */
int watch_timeout(const struct watch *watch);

struct watcher {
	void (*came)(void *arg, const char *name); /* into new/ */
	void (*left)(void *arg, const char *name); /* cur/ */
	void *arg;
};

/*
 * Tells what happened.  False when something may have been missed: then the
 * caller looks for itself.
 */
bool watch_read(struct watch *watch, const struct watcher *watcher);

#endif
