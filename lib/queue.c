#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include "io.h"
#include "json.h"
#include "log.h"
#include "queue.h"
#include "queue_files.h"
#include "queue_redis.h"
#include "record.h"
#include "state.h"
#include "state_format.h"
#include "xalloc.h"

enum {
	FINISH_TRIES = 8, /* a turn moves on a few times at most */
};

static const char *const directory_name[QUEUE_DIRS] = {
    [QUEUE_DIR_TMP] = "tmp",
    [QUEUE_DIR_NEW] = "new",
    [QUEUE_DIR_CUR] = "cur",
    [QUEUE_DIR_DEAD] = "dead",
    [QUEUE_DIR_ID] = "id",
    [QUEUE_DIR_DONE] = "done",
};

const char *
queue_name(const struct queue *queue)
{
	return queue->name;
}

static int
open_directory(const char *path)
{
	int fd;

	if (!io_make_directories(path))
		fatal(EX_CANTCREAT, "%s: cannot make the directory: %s", path,
		    strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fatal(EX_CANTCREAT, "%s: cannot open the directory: %s", path,
		    strerror(errno));
	return fd;
}

/* New directories are there after a crash once those above are synced. */
static void
sync_above(struct queue *queue)
{
	char *path = xstrdup(queue->path), *slash;

	do {
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0) {
			(void)fsync(fd);
			close(fd);
		}
		slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = '\0';
	} while (slash != NULL && strlen(path) >= strlen(state_directory()));
	free(path);
}

/* Syncs once, to learn whether it can be done here. */
static void
try_sync(struct queue *queue)
{
	if (fsync(queue->fd[QUEUE_DIR_NEW]) == 0)
		return;
	if (errno != EINVAL && errno != ENOTSUP && errno != EROFS &&
	    errno != EBADF)
		fatal(EX_CANTCREAT, "%s/new: fsync: %s", queue->path,
		    strerror(errno));
	queue->cannot_sync = true;
	log_warn("%s: this file system cannot sync a directory (%s): a crash "
		 "of the machine, not of a program, can lose what was just "
		 "accepted",
	    queue->path, strerror(errno));
}

struct queue *
queue_open(const char *name)
{
	struct queue *queue = xcalloc(1, sizeof *queue);
	bool fresh;

	if (!queue_is_name(name))
		usage_error(
		    "'%s' is no queue: it is 'in' or 'out/CHANNEL'", name);
	state_check_format();
	queue->name = xstrdup(name);
	queue->path = state_path("%s", name);
	for (int i = 0; i < QUEUE_DIRS; i++)
		queue->fd[i] = -1;
	queue->put_lock = -1;
	if (redis_is_used()) {
		queue_redis_open(queue);
		return queue;
	}
	fresh = access(queue->path, F_OK) != 0;
	for (int i = 0; i < QUEUE_DIRS; i++) {
		char *path = xasprintf("%s/%s", queue->path, directory_name[i]);

		queue->fd[i] = open_directory(path);
		free(path);
	}
	if (fresh)
		sync_above(queue);
	try_sync(queue);
	return queue;
}

void
queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	for (int i = 0; i < QUEUE_DIRS; i++)
		if (queue->fd[i] >= 0)
			close(queue->fd[i]);
	if (queue->put_lock >= 0)
		close(queue->put_lock);
	free(queue->prefix);
	free(queue->name);
	free(queue->path);
	free(queue);
}

static int
open_lock(struct queue *queue, const char *name)
{
	char *path = xasprintf("%s/%s", queue->path, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		fatal(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	free(path);
	return fd;
}

void
queue_lock(struct queue *queue)
{
	if (queue->shared)
		return;
	if (queue->put_lock < 0)
		queue->put_lock = open_lock(queue, "put.lock");
	while (flock(queue->put_lock, LOCK_EX) != 0)
		if (errno != EINTR)
			fatal(EX_OSERR, "%s/put.lock: flock: %s", queue->path,
			    strerror(errno));
}

void
queue_unlock(struct queue *queue)
{
	if (!queue->shared)
		(void)flock(queue->put_lock, LOCK_UN);
}

int
queue_lock_take(struct queue *queue)
{
	int fd;

	/* of this node's, where the queue itself is in Redis */
	if (queue->shared && !io_make_directories(queue->path))
		fatal(EX_CANTCREAT, "%s: %s", queue->path, strerror(errno));
	fd = open_lock(queue, "take.lock");
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (errno != EWOULDBLOCK)
		fatal(EX_OSERR, "%s/take.lock: flock: %s", queue->path,
		    strerror(errno));
	close(fd);
	return -1;
}

bool
queue_sync(struct queue *queue, enum queue_directory directory)
{
	if (queue->shared)
		return redis_sync() || redis_sync();
	return queue->cannot_sync || fsync(queue->fd[directory]) == 0;
}

bool
queue_is_taken(struct queue *queue)
{
	return queue->shared && queue_redis_is_taken(queue);
}

bool
queue_read(struct queue *queue, enum queue_directory directory,
    const char *file, struct buf *into)
{
	if (queue->shared)
		return queue_redis_read(queue, file, into);
	return io_read_file(queue->fd[directory], file, RECORD_LINE_MAX, into);
}

int64_t
queue_time(
    struct queue *queue, enum queue_directory directory, const char *file)
{
	struct stat st = {0};

	if (queue->shared)
		return queue_redis_time(queue, file);
	(void)fstatat(queue->fd[directory], file, &st, 0);
	return (int64_t)st.st_mtime;
}

bool
queue_move(struct queue *queue, enum queue_directory from, const char *old_name,
    enum queue_directory to, const char *new_name)
{
	if (queue->shared)
		return queue_redis_move(queue, from, old_name, to, new_name);
	return renameat(queue->fd[from], old_name, queue->fd[to], new_name) ==
	       0;
}

bool
queue_file_parse(struct queue_file *file, const char *name)
{
	size_t length = strlen(name);
	const char *hash, *problem;

	*file = (struct queue_file){.base_length = length};
	if (strspn(name, "0123456789") != QUEUE_ARRIVAL_DIGITS ||
	    name[QUEUE_ARRIVAL_DIGITS] != '.')
		return false;
	file->name = name + QUEUE_ARRIVAL_DIGITS + 1;
	hash = strchr(file->name, '#');
	if (hash != NULL) {
		file->attempt =
		    (unsigned)strtonum(hash + 1, 1, 1000000, &problem);
		if (problem != NULL)
			return false;
		file->base_length = (size_t)(hash - name);
	}
	file->name_length = file->base_length - QUEUE_ARRIVAL_DIGITS - 1;
	return file->name_length != 0;
}

void
queue_each(struct queue *queue, enum queue_directory directory,
    bool (*each)(void *arg, const char *name), void *arg)
{
	struct dirent *entry;
	DIR *stream;
	int fd;

	if (queue->shared) {
		queue_redis_each(queue, directory, each, arg);
		return;
	}
	fd = openat(
	    queue->fd[directory], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = fd >= 0 ? fdopendir(fd) : NULL;
	if (stream == NULL)
		fatal(EX_IOERR, "%s/%s: cannot read the directory: %s",
		    queue->path, directory_name[directory], strerror(errno));
	while ((entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.' && !each(arg, entry->d_name))
			break;
	closedir(stream);
}

enum queue_directory
queue_directory_of(enum queue_place place)
{
	switch (place) {
	case QUEUE_NEW: return QUEUE_DIR_NEW;
	case QUEUE_CUR: return QUEUE_DIR_CUR;
	case QUEUE_DEAD: return QUEUE_DIR_DEAD;
	default: return QUEUE_DIR_DONE;
	}
}

static bool
is_there(struct queue *queue, enum queue_directory directory, const char *file)
{
	return faccessat(
		   queue->fd[directory], file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Where A.N is, in the order in which turns move; *file is its name there. */
static enum queue_place
locate_base(struct queue *queue, const char *base, char **file)
{
	*file = xstrdup(base);
	if (is_there(queue, QUEUE_DIR_NEW, base))
		return QUEUE_NEW;
	for (unsigned attempt = 1; attempt <= QUEUE_REPLY_ATTEMPTS_MAX;
	     attempt++) {
		free(*file);
		*file = xasprintf("%s#%u", base, attempt);
		if (is_there(queue, QUEUE_DIR_CUR, *file))
			return QUEUE_CUR;
	}
	free(*file);
	*file = xstrdup(base);
	if (is_there(queue, QUEUE_DIR_DEAD, base))
		return QUEUE_DEAD;
	free(*file);
	*file = NULL;
	return QUEUE_NOWHERE;
}

struct search {
	const char *name;
	char *found;
};

static bool
match_name(void *arg, const char *name)
{
	struct search *search = arg;
	struct queue_file file;

	if (!queue_file_parse(&file, name) ||
	    file.name_length != strlen(search->name) ||
	    strncmp(file.name, search->name, file.name_length) != 0)
		return true;
	search->found = xstrdup(name);
	return false;
}

/* Without the help of id/: only after a crash of the machine. */
static enum queue_place
search_directories(struct queue *queue, const char *name, char **file)
{
	static const enum queue_place places[] = {
	    QUEUE_NEW, QUEUE_CUR, QUEUE_DEAD};
	struct search search = {.name = name};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		queue_each(
		    queue, queue_directory_of(places[i]), match_name, &search);
		if (search.found != NULL) {
			*file = search.found;
			return places[i];
		}
	}
	return QUEUE_NOWHERE;
}

enum queue_place
queue_locate(struct queue *queue, const char *name, bool thorough, char **file)
{
	enum queue_place place = QUEUE_NOWHERE;
	char arrival[QUEUE_ARRIVAL_DIGITS + 1], *base;
	ssize_t n;

	*file = NULL;
	if (queue->shared)
		return queue_redis_locate(queue, name, file);
	n = readlinkat(queue->fd[QUEUE_DIR_ID], name, arrival, sizeof arrival);
	if (n == QUEUE_ARRIVAL_DIGITS) {
		base = xasprintf("%.*s.%s", (int)n, arrival, name);
		place = locate_base(queue, base, file);
		free(base);
	}
	if (place == QUEUE_NOWHERE && is_there(queue, QUEUE_DIR_DONE, name)) {
		*file = xstrdup(name);
		place = QUEUE_DONE;
	}
	if (place == QUEUE_NOWHERE && thorough)
		place = search_directories(queue, name, file);
	return place;
}

enum queue_place
queue_find(struct queue *queue, const char *id)
{
	char *name = state_name(id), *file;
	enum queue_place place = queue_locate(queue, name, true, &file);

	free(file);
	free(name);
	return place;
}

/*
 * Moves a turn to done/ from wherever it waits or is handed out.  It may move
 * meanwhile, and then it is looked for again.
 */
static bool
retire(struct queue *queue, const char *name)
{
	for (int i = 0; i < FINISH_TRIES; i++) {
		char *file;
		enum queue_place place = queue_locate(queue, name, true, &file);
		bool moved = true;

		if (place == QUEUE_NEW || place == QUEUE_CUR)
			moved = queue_move(queue, queue_directory_of(place),
			    file, QUEUE_DIR_DONE, name);
		free(file);
		if (moved)
			return true;
		if (errno != ENOENT)
			return false;
	}
	return false;
}

/*
 * The turn itself is not needed any more; emptying its file also sets the
 * time that QUEUE_REMEMBER_S counts from.
 */
void
queue_forget(struct queue *queue, const char *name)
{
	int fd;

	if (queue->shared)
		return;
	fd = openat(queue->fd[QUEUE_DIR_DONE], name,
	    O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_TRUNC);

	if (fd >= 0)
		close(fd);
	(void)unlinkat(queue->fd[QUEUE_DIR_ID], name, 0);
}

bool
queue_finish(struct queue *queue, const char *const *ids, size_t count)
{
	bool ok = true;

	if (queue->shared)
		return queue_redis_finish(queue, NULL, ids, count);
	for (size_t i = 0; i < count && ok; i++) {
		char *name = state_name(ids[i]);

		ok = retire(queue, name);
		free(name);
	}
	ok = ok && queue_sync(queue, QUEUE_DIR_DONE);
	for (size_t i = 0; i < count && ok; i++) {
		char *name = state_name(ids[i]);

		if (is_there(queue, QUEUE_DIR_DONE, name))
			queue_forget(queue, name);
		free(name);
	}
	return ok;
}
