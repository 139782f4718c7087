#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "clock.h"
#include "io.h"
#include "log.h"
#include "queue.h"
#include "queue_files.h"
#include "queue_redis.h"
#include "state.h"
#include "xalloc.h"

enum {
	SWEEP_EVERY_S = 6 * 60 * 60,
	RETRY_FIRST_MS = 250,
	RETRY_MOST_MS = 5000, /* how late it may notice that there is room */
};

/* One turn on its way through a put. */
struct putting {
	char *name; /* N */
	char *base; /* A.N; NULL when it was known */
	int fd;
};

/* ---- what a dead writer, or a crash of the machine, left */

static bool
remove_temporary(void *arg, const char *name)
{
	struct queue *queue = arg;

	(void)unlinkat(queue->fd[QUEUE_DIR_TMP], name, 0);
	return true;
}

static bool
restore_link(void *arg, const char *name)
{
	struct queue *queue = arg;
	struct queue_file file;
	char arrival[QUEUE_ARRIVAL_DIGITS + 1], *id;
	uint64_t number;

	if (!queue_file_parse(&file, name))
		return true;
	snprintf(arrival, sizeof arrival, "%s", name);
	number = strtoull(arrival, NULL, 10);
	if (number > queue->arrival)
		queue->arrival = number;
	id = xstrndup(file.name, file.name_length);
	queue->recovered =
	    symlinkat(arrival, queue->fd[QUEUE_DIR_ID], id) == 0 ||
	    errno == EEXIST;
	free(id);
	return queue->recovered;
}

/* False with errno set when it could not be done: nothing may be put then. */
static bool
recover(struct queue *queue)
{
	static const enum queue_directory directories[] = {
	    QUEUE_DIR_NEW, QUEUE_DIR_CUR, QUEUE_DIR_DEAD};

	if (queue->recovered)
		return true;
	queue_each(queue, QUEUE_DIR_TMP, remove_temporary, queue);
	queue->recovered = true;
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		if (queue->recovered)
			queue_each(queue, directories[i], restore_link, queue);
	return queue->recovered;
}

/* ---- forgetting what was finished long ago */

struct sweep {
	struct queue *queue;
	time_t before;
};

static bool
sweep_one(void *arg, const char *name)
{
	struct sweep *sweep = arg;
	const int *fd = sweep->queue->fd;
	struct stat st;

	if (fstatat(fd[QUEUE_DIR_DONE], name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_mtime < sweep->before) {
		(void)unlinkat(fd[QUEUE_DIR_ID], name, 0);
		(void)unlinkat(fd[QUEUE_DIR_DONE], name, 0);
	}
	return true;
}

void
queue_sweep(struct queue *queue)
{
	struct sweep sweep = {.queue = queue};
	time_t now = time(NULL);
	struct stat st;

	/* put.lock's own time says when the last one was, for all processes */
	if (fstat(queue->put_lock, &st) != 0 ||
	    (st.st_size != 0 && now - st.st_mtime < SWEEP_EVERY_S &&
		st.st_mtime <= now))
		return;
	if (pwrite(queue->put_lock, "\n", 1, 0) != 1)
		return; /* no room: later */
	sweep.before = now - QUEUE_REMEMBER_S;
	queue_each(queue, QUEUE_DIR_DONE, sweep_one, &sweep);
}

/* ---- putting */

static uint64_t
next_arrival(struct queue *queue)
{
	struct timespec now;
	uint64_t number;

	clock_gettime(CLOCK_REALTIME, &now);
	number = (uint64_t)now.tv_sec * 1000000000 +
		 (uint64_t)now.tv_nsec / 1000 * 1000;
	/* the same microsecond, or a clock that was set back */
	queue->arrival = number > queue->arrival ? number : queue->arrival + 1;
	return queue->arrival;
}

/*
 * Makes id/N, or takes over the one of a put that a crash ended before its
 * turn was waiting.  Sets base; false with errno set.
 */
static bool
claim(struct queue *queue, struct putting *putting)
{
	char arrival[QUEUE_ARRIVAL_DIGITS + 1];
	int id = queue->fd[QUEUE_DIR_ID];
	ssize_t n = readlinkat(id, putting->name, arrival, sizeof arrival);

	if (n != QUEUE_ARRIVAL_DIGITS) {
		if (n >= 0)
			(void)unlinkat(id, putting->name, 0);
		snprintf(arrival, sizeof arrival, "%020" PRIu64,
		    next_arrival(queue));
		if (symlinkat(arrival, id, putting->name) != 0)
			return false;
	}
	putting->base =
	    xasprintf("%.*s.%s", QUEUE_ARRIVAL_DIGITS, arrival, putting->name);
	return true;
}

static bool
write_temporary(
    struct queue *queue, struct putting *putting, const struct queue_item *item)
{
	putting->fd = openat(queue->fd[QUEUE_DIR_TMP], putting->base,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return putting->fd >= 0 &&
	       io_write_all(putting->fd, item->line, item->length);
}

/* The same id earlier in this batch. */
static bool
is_in_batch(const struct putting *putting, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(putting[i].name, putting[at].name) == 0)
			return true;
	return false;
}

/* Writes what is not known into tmp/; how many from the start went well. */
static size_t
write_batch(struct queue *queue, struct queue_item *items,
    struct putting *putting, size_t count, bool *touched)
{
	size_t i;

	for (i = 0; i < count; i++) {
		enum queue_place place;
		char *file;

		putting[i].fd = -1;
		putting[i].name = state_name(items[i].id);
		place = queue_locate(queue, putting[i].name, false, &file);
		free(file);
		items[i].known =
		    place != QUEUE_NOWHERE || is_in_batch(putting, i);
		if (place != QUEUE_NOWHERE)
			touched[queue_directory_of(place)] = true;
		if (items[i].known)
			continue;
		if (!claim(queue, &putting[i]) ||
		    !write_temporary(queue, &putting[i], &items[i]))
			break;
	}
	return i;
}

static size_t
sync_files(struct putting *putting, size_t count)
{
	/* All are sent on their way before the first is waited for. */
	for (size_t i = 0; i < count && count > 1; i++)
		if (putting[i].fd >= 0)
			(void)sync_file_range(
			    putting[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < count; i++) {
		bool ok = putting[i].fd < 0 || fsync(putting[i].fd) == 0;

		/* a network file system may tell of a full disk only here */
		if (putting[i].fd >= 0 && close(putting[i].fd) != 0)
			ok = false;
		putting[i].fd = -1;
		if (!ok)
			return i;
	}
	return count;
}

static size_t
publish(
    struct queue *queue, struct putting *putting, size_t count, bool *touched)
{
	for (size_t i = 0; i < count; i++) {
		if (putting[i].base == NULL)
			continue;
		if (!queue_move(queue, QUEUE_DIR_TMP, putting[i].base,
			QUEUE_DIR_NEW, putting[i].base))
			return i;
		touched[QUEUE_DIR_NEW] = true;
		free(putting[i].base);
		putting[i].base = NULL;
	}
	return count;
}

/* What did not get into new/ leaves no trace. */
static void
clean_up(struct queue *queue, struct putting *putting, size_t count)
{
	int saved = errno;

	for (size_t i = 0; i < count; i++) {
		if (putting[i].fd >= 0)
			close(putting[i].fd);
		if (putting[i].base != NULL) {
			(void)unlinkat(
			    queue->fd[QUEUE_DIR_TMP], putting[i].base, 0);
			(void)unlinkat(
			    queue->fd[QUEUE_DIR_ID], putting[i].name, 0);
		}
		free(putting[i].base);
		free(putting[i].name);
	}
	errno = saved;
}

/* The steps of a put, under the lock; how many are safe. */
static size_t
put_locked(struct queue *queue, struct queue_item *items,
    struct putting *putting, size_t count)
{
	bool touched[QUEUE_DIRS] = {false};
	size_t written, synced, done;
	int saved;

	if (!recover(queue))
		return 0;
	queue_sweep(queue);
	written = write_batch(queue, items, putting, count, touched);
	saved = written < count ? errno : 0;
	synced = sync_files(putting, written);
	saved = synced < written ? errno : saved;
	done = publish(queue, putting, synced, touched);
	saved = done < synced ? errno : saved;
	/*
	 * One that was known may be there by a put that died before its sync,
	 * so its directory is synced too.
	 */
	for (int i = 0; i < QUEUE_DIRS; i++)
		if (touched[i] && !queue_sync(queue, (enum queue_directory)i))
			return 0;
	errno = saved;
	return done;
}

size_t
queue_put(struct queue *queue, struct queue_item *items, size_t count)
{
	struct putting *putting;
	size_t done;

	if (count > QUEUE_BATCH_MAX)
		count = QUEUE_BATCH_MAX;
	if (queue->shared)
		return queue_redis_put(queue, items, count);
	putting = xcalloc(count, sizeof *putting);
	for (size_t i = 0; i < count; i++)
		putting[i].fd = -1;
	queue_lock(queue);
	done = put_locked(queue, items, putting, count);
	clean_up(queue, putting, count);
	queue_unlock(queue);
	free(putting);
	return done;
}

void
queue_put_surely(struct queue *queue, struct queue_item *item)
{
	struct timespec pause = {0};
	long ms = RETRY_FIRST_MS;
	bool told = false;

	while (queue_put(queue, item, 1) != 1) {
		if (!told)
			log_error("%s: cannot write: %s; trying again until "
				  "it can",
			    queue->path, strerror(errno));
		told = true;
		pause.tv_sec = ms / 1000;
		pause.tv_nsec = ms % 1000 * 1000000;
		(void)nanosleep(&pause, NULL);
		ms = ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : ms * 2;
	}
	if (told)
		log_warn("%s: can be written again", queue->path);
}
