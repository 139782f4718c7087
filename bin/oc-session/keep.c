#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "approval.h"
#include "clock.h"
#include "io.h"
#include "log.h"
#include "queue_files.h"
#include "session.h"
#include "shared.h"
#include "state.h"
#include "usage.h"
#include "xalloc.h"

enum {
	TIDY_EVERY_MS = 60 * 60 * 1000,
	LEFT_OVER_S = 24 * 60 * 60, /* older than any turn may become */
	DAY_S = 24 * 60 * 60,
};

/* A day of the archive. */
struct day {
	char *name;
	int64_t bytes;
};

/* Replies that nobody came for. */
struct unread {
	struct queue *queue;
	int64_t before; /* ms */
};

static int64_t
measure(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int64_t bytes = 0;
	struct stat st;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (fstatat(dirfd(directory), entry->d_name, &st,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			bytes += st.st_size;
	if (directory != NULL)
		closedir(directory);
	return bytes;
}

/* A directory with files and nothing deeper in it. */
static void
remove_folder(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory != NULL)
		closedir(directory);
	if (rmdir(path) != 0 && errno != ENOENT)
		log_warn("%s: cannot be removed: %s", path, strerror(errno));
}

static int
compare_days(const void *a, const void *b)
{
	const struct day *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static struct day *
read_days(const char *archive, size_t *count)
{
	DIR *directory = opendir(archive);
	struct day *days = NULL;
	struct dirent *entry;

	*count = 0;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		char *path;

		if (strspn(entry->d_name, "0123456789-") !=
			USAGE_DAY_SIZE - 1 ||
		    entry->d_name[USAGE_DAY_SIZE - 1] != '\0')
			continue;
		path = xasprintf("%s/%s", archive, entry->d_name);
		days = xreallocarray(days, *count + 1, sizeof *days);
		days[*count].name = xstrdup(entry->d_name);
		days[(*count)++].bytes = measure(path);
		free(path);
	}
	if (directory != NULL)
		closedir(directory);
	if (*count != 0)
		qsort(days, *count, sizeof *days, compare_days);
	return days;
}

/* Whole days go, the oldest first; today stays, however large it is. */
static void
tidy_archive(int64_t days_kept, int64_t bytes_kept)
{
	char *archive = state_path("archive"), oldest[USAGE_DAY_SIZE];
	char today[USAGE_DAY_SIZE], *path;
	int64_t now = clock_now_ms(), total = 0;
	struct day *days;
	size_t count;

	usage_day(now, today);
	usage_day(now - days_kept * DAY_S * 1000, oldest);
	days = read_days(archive, &count);
	for (size_t i = 0; i < count; i++)
		total += days[i].bytes;
	for (size_t i = 0; i < count; i++) {
		bool goes =
		    strcmp(days[i].name, today) < 0 &&
		    (strcmp(days[i].name, oldest) < 0 || total > bytes_kept);

		path = xasprintf("%s/%s", archive, days[i].name);
		if (goes) {
			remove_folder(path);
			total -= days[i].bytes;
		}
		free(path);
		free(days[i].name);
	}
	free(days);
	free(archive);
}

/*
 * A turn that no queue knows any more, since someone dropped it: its journal
 * goes to the archive with those of the others.
 */
static void
archive_dropped(const char *path, const char *name)
{
	char *journal = xasprintf("%s/journal.ndjson", path), *to;
	char day[USAGE_DAY_SIZE], *folder;

	folder = state_path("archive/%s", usage_day(clock_now_ms(), day));
	to = xasprintf("%s/%s.ndjson", folder, name);
	if (io_make_directories(folder) &&
	    (rename(journal, to) == 0 || errno == ENOENT))
		remove_folder(path);
	free(to);
	free(folder);
	free(journal);
}

static bool
is_left_over(struct queue *queue, const char *path, const char *name)
{
	enum queue_place place;
	struct stat st;
	char *file;

	if (stat(path, &st) != 0 || time(NULL) - st.st_mtime < LEFT_OVER_S)
		return false;
	place = queue_locate(queue, name, true, &file);
	free(file);
	return place == QUEUE_NOWHERE || place == QUEUE_DONE;
}

static void
tidy_turns(struct queue *queue)
{
	char *turns = state_path("turns");
	DIR *directory = opendir(turns);
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		char *path = xasprintf("%s/%s", turns, entry->d_name);

		if (entry->d_name[0] != '.' &&
		    is_left_over(queue, path, entry->d_name))
			archive_dropped(path, entry->d_name);
		free(path);
	}
	if (directory != NULL)
		closedir(directory);
	free(turns);
}

/*
 * Whether nobody comes back to a transcript: it was put aside, or belongs to a
 * hook that had a session of its own (oc-recv-http(1)).
 */
static bool
is_past(const char *name)
{
	const char *end = strrchr(name, '.');

	return (end != NULL && strcmp(end, ".old") == 0) ||
	       strncmp(name, "hook:hook-", strlen("hook:hook-")) == 0;
}

/* Transcripts of the past. */
static void
tidy_sessions(int64_t days_kept)
{
	char *sessions = state_path("sessions");
	DIR *directory = opendir(sessions);
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		struct stat st;

		if (is_past(entry->d_name) &&
		    fstatat(dirfd(directory), entry->d_name, &st, 0) == 0 &&
		    time(NULL) - st.st_mtime > days_kept * DAY_S)
			(void)unlinkat(dirfd(directory), entry->d_name, 0);
	}
	if (directory != NULL)
		closedir(directory);
	free(sessions);
}

static bool
drop_if_old(void *arg, const char *name)
{
	const struct unread *unread = arg;
	struct queue_file file;
	char *id;

	/* the arrival, in microseconds and three digits of sequence */
	if (!queue_file_parse(&file, name) ||
	    (int64_t)(strtoull(name, NULL, 10) / 1000000) >= unread->before)
		return true;
	id = xstrndup(file.name, file.name_length);
	log_info("%s: the reply %s, which nobody came for, is dropped",
	    queue_name(unread->queue), id);
	(void)queue_move(
	    unread->queue, QUEUE_DIR_NEW, name, QUEUE_DIR_DONE, id);
	queue_forget(unread->queue, id);
	free(id);
	return true;
}

/*
 * Replies to a terminal that was closed, and to those who put a turn by hand:
 * nobody delivers them but who comes back for them.
 */
static void
tidy_unread(int64_t days_kept)
{
	static const char *const names[] = {"out/terminal", "out/stdout"};
	struct unread unread = {
	    .before = clock_now_ms() - days_kept * DAY_S * 1000};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *path = state_path("%s/new", names[i]);

		if (redis_is_used() || access(path, F_OK) == 0) {
			unread.queue = queue_open(names[i]);
			queue_each(
			    unread.queue, QUEUE_DIR_NEW, drop_if_old, &unread);
			queue_free(unread.queue);
		}
		free(path);
	}
}

/* ---- the same in Redis, where memory is dearer */

static void
remove_shared_day(const char *day)
{
	char *directory = xasprintf("archive/%s", day);
	redisReply *reply = shared_list(directory);

	for (size_t i = 0; i < reply_count(reply); i += 2) {
		char *path = xasprintf(
		    "%s/%s", directory, reply_text(reply_at(reply, i), ""));

		shared_remove(path);
		free(path);
	}
	freeReplyObject(reply);
	free(directory);
}

static int64_t
measure_shared_day(const char *day)
{
	char *directory = xasprintf("archive/%s", day);
	redisReply *reply = shared_list(directory);
	int64_t bytes = 0;

	for (size_t i = 0; i < reply_count(reply); i += 2) {
		char *path = xasprintf(
		    "%s/%s", directory, reply_text(reply_at(reply, i), ""));
		struct stat st;

		if (shared_stat(path, &st))
			bytes += st.st_size;
		free(path);
	}
	freeReplyObject(reply);
	free(directory);
	return bytes;
}

static void
tidy_shared_archive(int64_t days_kept, int64_t bytes_kept)
{
	char oldest[USAGE_DAY_SIZE], today[USAGE_DAY_SIZE];
	int64_t now = clock_now_ms(), total = 0;
	redisReply *days = shared_list("archive");

	usage_day(now, today);
	usage_day(now - days_kept * DAY_S * 1000, oldest);
	/* the newest first, until there is enough */
	for (size_t i = reply_count(days) & ~(size_t)1; i >= 2; i -= 2) {
		const char *day = reply_text(reply_at(days, i - 2), "");

		if (strcmp(day, oldest) >= 0 && total <= bytes_kept)
			total += measure_shared_day(day);
		if (strcmp(day, today) < 0 &&
		    (strcmp(day, oldest) < 0 || total > bytes_kept))
			remove_shared_day(day);
	}
	freeReplyObject(days);
}

static void
tidy_shared_sessions(int64_t days_kept)
{
	redisReply *reply = shared_list("sessions");
	int64_t before = clock_now_ms() - days_kept * DAY_S * 1000;

	for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
		const char *name = reply_text(reply_at(reply, i), "");
		const char *end = strrchr(name, '.');
		char *path = xasprintf("sessions/%s", name);

		if (end != NULL && strcmp(end, ".old") == 0 &&
		    reply_int(reply_at(reply, i + 1), INT64_MAX) < before)
			shared_remove(path);
		free(path);
	}
	freeReplyObject(reply);
}

void
keep_tidy(const struct config *config, struct queue *queue)
{
	static int64_t next;
	int64_t now = clock_mono_ms(), days;

	if (now < next)
		return;
	next = now + TIDY_EVERY_MS;
	days = config_int(config, "sessions.retention_days");
	if (redis_is_used()) {
		tidy_shared_archive(
		    days, config_int(config, "sessions.archive_bytes"));
		tidy_shared_sessions(days);
	}
	tidy_archive(days, config_int(config, "sessions.archive_bytes"));
	tidy_turns(queue);
	tidy_sessions(days);
	approval_sweep();
	tidy_unread(config_int(config, "sessions.unread_days"));
	inbox_tidy(config, queue);
}
