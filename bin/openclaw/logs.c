#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include "commands.h"
#include "json.h"
#include "log.h"
#include "logs.h"
#include "shared.h"
#include "state.h"
#include "xalloc.h"

enum {
	TURNS = 20, /* finished ones that are shown first */
	TURNS_MOST = 100000,
	LOOK_MS = 2000, /* for what nobody told: a new day's directory */
	EVENTS_SIZE = 4096,
};

static const char suffix[] = ".ndjson";

struct logs {
	bool json, live;
	struct logs_source *sources; /* of turns that run */
	jv seen;                     /* name of what was shown -> true */
	int notify;
};

static void
print_help(void)
{
	puts("usage: openclaw logs [-f] [-n TURNS] [--json]\n"
	     "\n"
	     "Shows what turns did: their beginning, the models' answers, the "
	     "calls and results,\n"
	     "the reply.  First the last finished ones, then those that run.\n"
	     "\n"
	     "  -f        go on with what happens, also while a model speaks, "
	     "until interrupted\n"
	     "  -n TURNS  how many finished ones (default: 20)\n"
	     "  --json    the lines of the journals, with the turn's id\n"
	     "\n"
	     "See openclaw(1).");
}

/* ---- a journal */

static struct logs_source *
source_open(const char *path, const char *name)
{
	int fd = redis_is_used() ? shared_open(path)
				 : open(path, O_RDONLY | O_CLOEXEC);
	struct logs_source *source;

	if (fd < 0)
		return NULL;
	source = xcalloc(1, sizeof *source);
	source->name = xstrdup(name);
	source->session = xstrdup("");
	record_reader_init(&source->reader, fd, "a journal");
	return source;
}

static void
source_free(struct logs_source *source)
{
	close(source->reader.fd);
	record_reader_free(&source->reader);
	logs_live_free(source->live);
	free(source->session);
	free(source->name);
	free(source);
}

/* A line of the journal, and what happened before it. */
static void
show_record(struct logs *logs, struct logs_source *source, jv ref_record)
{
	jv turn = json_get(ref_record, "turn");

	if (json_is_object(turn)) {
		free(source->session);
		source->session =
		    xstrdup(json_get_string(turn, "session", "local"));
	}
	if (source->live != NULL) {
		logs_live_read(source->live, source,
		    json_get_int(ref_record, "at", 0), logs->json);
		logs_live_flush(source->live, source, ref_record);
	}
	logs_print(source, ref_record, logs->json);
	jv_free(turn);
}

/* Shows what is new.  True when the turn has ended. */
static bool
source_read(struct logs *logs, struct logs_source *source)
{
	struct record record;
	bool ended = false;

	/* the file grows: its end now is not its end */
	while (record_fill(&source->reader) && !source->reader.ended)
		;
	source->reader.ended = false;
	while (record_next(&source->reader, &record) == RECORD_OK) {
		show_record(logs, source, record.value);
		ended = strcmp(json_get_string(record.value, "event", ""),
			    "end") == 0;
		record_free(&record);
	}
	if (source->live != NULL && !ended)
		logs_live_read(source->live, source, INT64_MAX, logs->json);
	return ended;
}

/* ---- turns that run */

static void
watch(struct logs *logs, const char *path, uint32_t mask)
{
	/* best effort: it is looked at from time to time as well */
	if (logs->notify >= 0 && path != NULL)
		(void)inotify_add_watch(logs->notify, path, mask);
}

static void
add_running(struct logs *logs, const char *name)
{
	char *directory = state_path("turns/%s", name);
	char *path = xasprintf("%s/journal.ndjson", directory);
	struct logs_source *source;

	watch(logs, directory, IN_CREATE | IN_MODIFY | IN_MOVED_FROM);
	/* one that has ended stays there until it is in the archive */
	if (!json_has(logs->seen, name) &&
	    (source = source_open(path, name)) != NULL) {
		if (logs->live)
			source->live = logs_live_new(directory);
		source->next = logs->sources;
		logs->sources = source;
		logs->seen = json_set_bool(logs->seen, name, true);
	}
	free(path);
	free(directory);
}

static void
look_at_running(struct logs *logs)
{
	struct logs_source **link = &logs->sources;
	struct dirent *entry;
	char *path;
	DIR *dir;

	/* in Redis they are shown when they are finished */
	if (redis_is_used())
		return;
	path = state_path("turns");
	dir = path != NULL ? opendir(path) : NULL;
	watch(logs, path, IN_CREATE | IN_MOVED_TO);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			add_running(logs, entry->d_name);
	if (dir != NULL)
		closedir(dir);
	free(path);
	while (*link != NULL) {
		struct logs_source *source = *link;

		if (source_read(logs, source)) {
			*link = source->next;
			source_free(source);
		} else {
			link = &source->next;
		}
	}
}

/* ---- the archive */

struct finished {
	char *path, *name;
	struct timespec at;
};

struct archive {
	struct finished *turn;
	size_t count;
};

/* Takes one in, unless it was shown. */
static void
add_finished(struct logs *logs, struct archive *archive, const char *folder,
    const char *file, const struct timespec *at)
{
	size_t length = strlen(file), end = sizeof suffix - 1;
	struct finished one = {.at = *at};

	if (length <= end || strcmp(file + length - end, suffix) != 0)
		return;
	one.name = xstrndup(file, length - end);
	if (json_has(logs->seen, one.name)) {
		free(one.name);
		return;
	}
	one.path = xasprintf("%s/%s", folder, file);
	archive->turn =
	    xreallocarray(archive->turn, archive->count + 1, sizeof one);
	archive->turn[archive->count++] = one;
}

static void
add_shared_day(struct logs *logs, struct archive *archive, const char *day)
{
	char *folder = xasprintf("archive/%s", day);
	redisReply *reply = shared_list(folder);

	for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
		int64_t ms = reply_int(reply_at(reply, i + 1), 0);
		struct timespec at = {
		    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

		add_finished(logs, archive, folder,
		    reply_text(reply_at(reply, i), ""), &at);
	}
	freeReplyObject(reply);
	free(folder);
}

static void
add_shared(struct logs *logs, struct archive *archive, bool all)
{
	redisReply *days = shared_list("archive");
	size_t n = reply_count(days);

	for (size_t i = all || n < 4 ? 0 : n - 4; i + 1 < n; i += 2)
		add_shared_day(
		    logs, archive, reply_text(reply_at(days, i), ""));
	freeReplyObject(days);
}

static void
add_day(struct logs *logs, struct archive *archive, const char *day)
{
	char *path = state_path("archive/%s", day);
	DIR *dir = opendir(path);
	struct dirent *entry;

	watch(logs, path, IN_MOVED_TO | IN_CREATE);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat st;

		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0)
			add_finished(
			    logs, archive, path, entry->d_name, &st.st_mtim);
	}
	if (dir != NULL)
		closedir(dir);
	free(path);
}

static int
compare_finished(const void *a, const void *b)
{
	const struct finished *left = a, *right = b;

	if (left->at.tv_sec != right->at.tv_sec)
		return left->at.tv_sec < right->at.tv_sec ? -1 : 1;
	return (left->at.tv_nsec > right->at.tv_nsec) -
	       (left->at.tv_nsec < right->at.tv_nsec);
}

/* Shows at most `most` of what was not shown, and takes the rest as shown. */
static void
look_at_archive(struct logs *logs, size_t most)
{
	char *path = state_path("archive");
	struct dirent **days = NULL;
	struct archive archive = {0};
	int count = 0;

	if (redis_is_used())
		add_shared(logs, &archive, most > TURNS);
	else
		count = scandir(path, &days, NULL, alphasort);
	watch(logs, path, IN_CREATE);
	/* the last two: what ends at midnight is in one of them */
	for (int i = 0; i < count; i++) {
		if (days[i]->d_name[0] != '.' &&
		    (most > TURNS || i >= count - 2))
			add_day(logs, &archive, days[i]->d_name);
		free(days[i]);
	}
	free(days);
	if (archive.count != 0)
		qsort(archive.turn, archive.count, sizeof *archive.turn,
		    compare_finished);
	for (size_t i = 0; i < archive.count; i++) {
		struct finished *one = &archive.turn[i];
		struct logs_source *source = NULL;

		if (i + most >= archive.count)
			source = source_open(one->path, one->name);
		if (source != NULL) {
			source_read(logs, source);
			source_free(source);
		}
		logs->seen = json_set_bool(logs->seen, one->name, true);
		free(one->name);
		free(one->path);
	}
	free(archive.turn);
	free(path);
}

static void
follow(struct logs *logs)
{
	char events[EVENTS_SIZE];

	while (!lines_interrupted) {
		struct pollfd p = {.fd = logs->notify, .events = POLLIN};

		if (poll(&p, 1, LOOK_MS) > 0)
			while (read(logs->notify, events, sizeof events) > 0)
				;
		look_at_running(logs);
		/* a turn that was too quick to be seen running */
		look_at_archive(logs, TURNS);
	}
}

int
command_logs(int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
	    {"follow", no_argument, NULL, 'f'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct logs logs = {.seen = json_object(), .notify = -1};
	const char *problem = NULL;
	bool go_on = false;
	size_t most = TURNS;
	int option;

	while ((option = getopt_long(argc, argv, "fhn:", longs, NULL)) != -1) {
		switch (option) {
		case 'f': go_on = true; break;
		case 'j': logs.json = true; break;
		case 'n':
			most =
			    (size_t)strtonum(optarg, 0, TURNS_MOST, &problem);
			if (problem != NULL)
				usage_error("-n %s: %s", optarg, problem);
			break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	if (optind != argc)
		usage_error("no arguments are taken");
	if (state_directory() == NULL)
		fatal(EX_CONFIG, "neither OC_STATE nor HOME is set");
	logs.live = go_on;
	command_find_state();
	if (go_on) {
		lines_catch_signals();
		logs.notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	}
	look_at_archive(&logs, most);
	look_at_running(&logs);
	if (go_on)
		follow(&logs);
	while (logs.sources != NULL) {
		struct logs_source *source = logs.sources;

		logs.sources = source->next;
		source_free(source);
	}
	if (logs.notify >= 0)
		close(logs.notify);
	jv_free(logs.seen);
	return EX_OK;
}
