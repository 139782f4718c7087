#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "io.h"
#include "json.h"
#include "log.h"
#include "queue_files.h"
#include "record.h"
#include "session.h"
#include "xalloc.h"

enum {
	/* A file is there before the turn that names it is in the queue. */
	YOUNG_S = 60 * 60,
};

struct file {
	char *day, *name;
	struct timespec at;
	int64_t bytes;
};

struct inbox {
	char *path;
	int fd;
	struct file *file;
	size_t count;
	int64_t bytes;
	jv needed; /* DAY/NAME -> true */
};

/* ---- what is there */

static void
add_file(struct inbox *inbox, int day, const char *day_name, const char *name)
{
	struct stat st;

	if (fstatat(day, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return;
	inbox->file =
	    xreallocarray(inbox->file, inbox->count + 1, sizeof *inbox->file);
	inbox->file[inbox->count++] = (struct file){
	    .day = xstrdup(day_name),
	    .name = xstrdup(name),
	    .at = st.st_mtim,
	    .bytes = st.st_size,
	};
	inbox->bytes += st.st_size;
}

/* The agent writes to the workspace: no link is followed. */
static void
read_day(struct inbox *inbox, const char *name)
{
	int fd = openat(
	    inbox->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			add_file(inbox, fd, name, entry->d_name);
	if (directory != NULL)
		closedir(directory);
	else if (fd >= 0)
		close(fd);
}

static bool
read_inbox(struct inbox *inbox)
{
	DIR *directory;
	struct dirent *entry;
	int fd;

	inbox->fd =
	    open(inbox->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	fd = inbox->fd >= 0 ? dup(inbox->fd) : -1;
	directory = fd >= 0 ? fdopendir(fd) : NULL;
	if (directory == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			read_day(inbox, entry->d_name);
	closedir(directory);
	return true;
}

/* ---- what is needed */

struct reading {
	struct inbox *inbox;
	struct queue *queue;
	enum queue_directory directory;
};

/* The last two parts of a path; the rest may be called differently here. */
static const char *
day_and_name(const char *path)
{
	const char *name = strrchr(path, '/'), *day = name;

	while (day != NULL && day > path && day[-1] != '/')
		day--;
	return day != NULL ? day : path;
}

static bool
note_media(void *arg, const char *name)
{
	struct reading *reading = arg;
	struct inbox *inbox = reading->inbox;
	struct buf text = {0};
	jv turn = json_null(), media;

	if (queue_read(reading->queue, reading->directory, name, &text))
		turn = json_parse(buf_string(&text), text.length, NULL);
	media = json_get(turn, "media");
	for (int i = 0, n = json_length(media); i < n; i++) {
		jv one = json_at(media, i);

		inbox->needed = json_set_bool(inbox->needed,
		    day_and_name(json_get_string(one, "path", "")), true);
		jv_free(one);
	}
	jv_free(media);
	jv_free(turn);
	buf_free(&text);
	return true;
}

static void
read_needed(struct inbox *inbox, struct queue *queue)
{
	static const enum queue_directory where[] = {
	    QUEUE_DIR_NEW, QUEUE_DIR_CUR, QUEUE_DIR_DEAD};
	struct reading reading = {.inbox = inbox, .queue = queue};

	for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
		reading.directory = where[i];
		queue_each(queue, where[i], note_media, &reading);
	}
}

/* ---- what goes */

static int
compare_files(const void *a, const void *b)
{
	const struct file *left = a, *right = b;

	if (left->at.tv_sec != right->at.tv_sec)
		return left->at.tv_sec < right->at.tv_sec ? -1 : 1;
	return (left->at.tv_nsec > right->at.tv_nsec) -
	       (left->at.tv_nsec < right->at.tv_nsec);
}

static bool
is_needed(const struct inbox *inbox, const struct file *file)
{
	char *path = xasprintf("%s/%s", file->day, file->name);
	bool is = json_has(inbox->needed, path) ||
		  time(NULL) - file->at.tv_sec < YOUNG_S;

	free(path);
	return is;
}

static bool
remove_file(const struct inbox *inbox, const struct file *file)
{
	int day = openat(inbox->fd, file->day,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool ok = day >= 0 && unlinkat(day, file->name, 0) == 0;

	if (day >= 0)
		close(day);
	/* only when it was the day's last one */
	(void)unlinkat(inbox->fd, file->day, AT_REMOVEDIR);
	return ok;
}

static void
remove_oldest(struct inbox *inbox, int64_t most)
{
	size_t removed = 0;

	qsort(inbox->file, inbox->count, sizeof *inbox->file, compare_files);
	for (size_t i = 0; i < inbox->count && inbox->bytes > most; i++) {
		const struct file *file = &inbox->file[i];

		if (is_needed(inbox, file) || !remove_file(inbox, file))
			continue;
		inbox->bytes -= file->bytes;
		removed++;
	}
	if (removed != 0)
		log_info("%s: %zu of the oldest files are removed, to keep to "
			 "sessions.inbox_bytes",
		    inbox->path, removed);
}

void
inbox_tidy(const struct config *config, struct queue *queue)
{
	int64_t most = config_int(config, "sessions.inbox_bytes");
	char *workspace = config_workspace(config);
	struct inbox inbox = {
	    .path = xasprintf("%s/inbox", workspace), .needed = json_object()};

	if (read_inbox(&inbox) && inbox.bytes > most) {
		read_needed(&inbox, queue);
		remove_oldest(&inbox, most);
	}
	for (size_t i = 0; i < inbox.count; i++) {
		free(inbox.file[i].day);
		free(inbox.file[i].name);
	}
	free(inbox.file);
	if (inbox.fd >= 0)
		close(inbox.fd);
	jv_free(inbox.needed);
	free(inbox.path);
	free(workspace);
}
