#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <event2/event.h>
#include "archive.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "notice.h"
#include "seen.h"
#include "state.h"
#include "timeline.h"
#include "usage.h"
#include "xalloc.h"

enum {
	LOOK_S = 15,     /* where changes are not seen */
	SLICE_MS = 5,    /* of reading, before other work gets its turn */
	PAGE_READS = 20, /* summaries that a request may wait for */
	DAYS_MAX = 4000, /* of the archive that are looked through for an id */
};

struct entry {
	char *name;    /* the id as a file name */
	char *id;      /* once it was read */
	char *session; /* likewise */
	char day[USAGE_DAY_SIZE];
	int64_t at;    /* when it finished */
	char *summary; /* JSON; NULL: not read yet */
	bool fresh;    /* it is to be told */
};

struct archive {
	struct notice *notice;
	struct event *timer, *reading;
	char day[USAGE_DAY_SIZE]; /* the newest that was looked at */
	int day_watch;
	struct timespec changed; /* of the day's directory, when looked at */
	struct seen *seen;       /* the names in it */
	struct entry *entry;     /* the newest last */
	size_t count, capacity;
	bool begun; /* what was there at the start is known */
	void (*finished)(void *arg, jv ref_timeline);
	void *arg;
};

/* ---- entries */

static void
entry_free(struct entry *entry)
{
	free(entry->name);
	free(entry->id);
	free(entry->session);
	free(entry->summary);
}

static char *
journal_path(const char *day, const char *name)
{
	return state_path("archive/%s/%s.ndjson", day, name);
}

static void
entry_read(struct archive *archive, struct entry *entry)
{
	char *path = journal_path(entry->day, entry->name);
	jv all = timeline_read(path), summary;

	if (json_is_object(all)) {
		summary = timeline_summary(all);
		entry->summary = json_text(summary);
		jv_free(summary);
		entry->id = xstrdup(json_get_string(all, "id", ""));
		entry->session =
		    xstrdup(json_get_string(all, "session", "local"));
		entry->at = json_get_int(all, "ended", entry->at);
		if (entry->fresh)
			archive->finished(archive->arg, all);
	} else {
		/* removed already, or no journal */
		entry->summary = xstrdup("null");
	}
	entry->fresh = false;
	jv_free(all);
	free(path);
}

/* Makes room by dropping the oldest half. */
static struct entry *
entry_add(struct archive *archive)
{
	if (archive->count == 2 * ARCHIVE_MAX) {
		for (size_t i = 0; i < ARCHIVE_MAX; i++) {
			if (archive->entry[i].fresh)
				entry_read(archive, &archive->entry[i]);
			entry_free(&archive->entry[i]);
		}
		memmove(archive->entry, archive->entry + ARCHIVE_MAX,
		    ARCHIVE_MAX * sizeof *archive->entry);
		archive->count = ARCHIVE_MAX;
	}
	if (archive->count == archive->capacity) {
		archive->capacity =
		    archive->capacity != 0 ? archive->capacity * 2 : 64;
		archive->entry = xreallocarray(
		    archive->entry, archive->capacity, sizeof *archive->entry);
	}
	return &archive->entry[archive->count++];
}

/* The newest first, but what is to be told in its order. */
static void
read_some(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now = {0, 0};
	struct archive *archive = arg;
	int64_t until = clock_mono_ms() + SLICE_MS;
	size_t least =
	    archive->count > ARCHIVE_MAX ? archive->count - ARCHIVE_MAX : 0;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < archive->count; i++) {
		struct entry *entry = &archive->entry[i];

		if (entry->fresh && entry->summary == NULL)
			entry_read(archive, entry);
		if (clock_mono_ms() >= until) {
			evtimer_add(archive->reading, &now);
			return;
		}
	}
	for (size_t i = archive->count; i-- > least;) {
		if (archive->entry[i].summary == NULL)
			entry_read(archive, &archive->entry[i]);
		if (clock_mono_ms() >= until && i != least) {
			evtimer_add(archive->reading, &now);
			return;
		}
	}
}

static void
read_soon(struct archive *archive)
{
	static const struct timeval now = {0, 0};

	evtimer_add(archive->reading, &now);
}

/* ---- looking */

/* The length of a journal's name without its ending; 0: it is none. */
static size_t
stem(const char *name)
{
	static const char ending[] = ".ndjson";
	size_t length = strlen(name), tail = sizeof ending - 1;

	if (name[0] == '.' || length <= tail ||
	    strcmp(name + length - tail, ending) != 0)
		return 0;
	return length - tail;
}

static void
found(struct archive *archive, const char *file, int64_t at)
{
	size_t length = stem(file);
	struct entry *entry;

	if (length == 0 || !seen_add(archive->seen, file))
		return;
	entry = entry_add(archive);
	*entry = (struct entry){
	    .name = xstrndup(file, length), .at = at, .fresh = archive->begun};
	memcpy(entry->day, archive->day, sizeof entry->day);
}

static int
compare(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return strcmp(left->name, right->name);
}

static void
look_into(struct archive *archive, const char *day)
{
	char *path = state_path("archive/%s", day);
	DIR *directory = path != NULL ? opendir(path) : NULL;
	size_t before = archive->count;
	struct dirent *entry;
	struct stat st;

	if (directory != NULL && fstat(dirfd(directory), &st) == 0)
		archive->changed = st.st_mtim;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		size_t count = archive->count;
		int64_t at = clock_now_ms();

		if (stem(entry->d_name) == 0 ||
		    seen_has(archive->seen, entry->d_name))
			continue;
		if (fstatat(dirfd(directory), entry->d_name, &st, 0) == 0)
			at = st.st_mtim.tv_sec * INT64_C(1000) +
			     st.st_mtim.tv_nsec / 1000000;
		found(archive, entry->d_name, at);
		/* the oldest half went */
		if (archive->count < count)
			before =
			    before > ARCHIVE_MAX ? before - ARCHIVE_MAX : 0;
	}
	if (directory != NULL)
		closedir(directory);
	if (archive->count > before)
		qsort(archive->entry + before, archive->count - before,
		    sizeof *archive->entry, compare);
	free(path);
}

static void
begin_day(struct archive *archive, const char *day)
{
	char *path = state_path("archive/%s", day);

	seen_free(archive->seen);
	archive->seen = seen_new();
	memcpy(archive->day, day, sizeof archive->day);
	notice_remove(archive->notice, archive->day_watch);
	archive->day_watch =
	    notice_add(archive->notice, path, IN_MOVED_TO | IN_ONLYDIR);
	free(path);
}

/* A watch comes before the look, so that nothing is missed in between. */
static void
look(struct archive *archive)
{
	char today[USAGE_DAY_SIZE], *path;
	struct stat st;

	usage_day(clock_now_ms(), today);
	path = state_path("archive/%s", today);
	if (archive->day_watch < 0 && strcmp(today, archive->day) == 0)
		archive->day_watch =
		    notice_add(archive->notice, path, IN_MOVED_TO | IN_ONLYDIR);
	look_into(archive, archive->day);
	if (strcmp(today, archive->day) != 0 && stat(path, &st) == 0) {
		begin_day(archive, today);
		look_into(archive, today);
	}
	free(path);
	read_soon(archive);
}

static void
on_notice(void *arg, int watch, uint32_t mask, const char *name)
{
	struct archive *archive = arg;

	(void)mask;
	if (watch >= 0 && watch == archive->day_watch) {
		found(archive, name, clock_now_ms());
		read_soon(archive);
	} else {
		look(archive);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct archive *archive = arg;
	char *path = state_path("archive/%s", archive->day);
	char today[USAGE_DAY_SIZE];
	struct stat st;

	(void)fd;
	(void)what;
	usage_day(clock_now_ms(), today);
	if (strcmp(today, archive->day) != 0 || archive->day_watch < 0 ||
	    (stat(path, &st) == 0 &&
		(st.st_mtim.tv_sec != archive->changed.tv_sec ||
		    st.st_mtim.tv_nsec != archive->changed.tv_nsec)))
		look(archive);
	free(path);
}

/* ---- the start */

static int
is_day(const struct dirent *entry)
{
	return strspn(entry->d_name, "0123456789-") == USAGE_DAY_SIZE - 1 &&
	       entry->d_name[USAGE_DAY_SIZE - 1] == '\0';
}

static void
look_back(struct archive *archive)
{
	char *root = state_path("archive"), day[USAGE_DAY_SIZE];
	struct dirent **days = NULL;
	int count = scandir(root, &days, is_day, alphasort);

	for (int i = count < 2 ? 0 : count - 2; i < count; i++) {
		memcpy(day, days[i]->d_name, sizeof day);
		begin_day(archive, day);
		look_into(archive, day);
	}
	for (int i = 0; i < count; i++)
		free(days[i]);
	free(days);
	free(root);
}

struct archive *
archive_new(struct event_base *base,
    void (*finished)(void *arg, jv ref_timeline), void *arg)
{
	static const struct timeval often = {.tv_sec = LOOK_S};
	struct archive *archive = xcalloc(1, sizeof *archive);
	char *root = state_path("archive"), today[USAGE_DAY_SIZE];

	archive->finished = finished;
	archive->arg = arg;
	archive->day_watch = -1;
	archive->seen = seen_new();
	archive->notice = notice_new(base, on_notice, archive);
	archive->timer = event_new(base, -1, EV_PERSIST, on_timer, archive);
	archive->reading = evtimer_new(base, read_some, archive);
	if (root == NULL || !io_make_directories(root))
		log_warn("the archive cannot be made: no turns are shown");
	else
		(void)notice_add(archive->notice, root,
		    IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	look_back(archive);
	usage_day(clock_now_ms(), today);
	if (strcmp(archive->day, today) < 0)
		begin_day(archive, today);
	archive->begun = true;
	event_add(archive->timer, &often);
	read_soon(archive);
	free(root);
	return archive;
}

void
archive_free(struct archive *archive)
{
	if (archive == NULL)
		return;
	for (size_t i = 0; i < archive->count; i++)
		entry_free(&archive->entry[i]);
	free(archive->entry);
	seen_free(archive->seen);
	event_free(archive->timer);
	event_free(archive->reading);
	notice_free(archive->notice);
	free(archive);
}

/* ---- asking */

jv
archive_page(struct archive *archive, const char *before, const char *session,
    size_t most, bool *more)
{
	bool reached = before == NULL;
	int reads = PAGE_READS;
	jv page = json_array();

	*more = false;
	for (size_t i = archive->count; i-- > 0;) {
		struct entry *entry = &archive->entry[i];

		if (entry->summary == NULL) {
			if (reads-- <= 0)
				break;
			entry_read(archive, entry);
		}
		if (entry->id == NULL)
			continue;
		if (!reached) {
			reached = strcmp(entry->id, before) == 0;
			continue;
		}
		if (session != NULL && strcmp(entry->session, session) != 0)
			continue;
		if ((size_t)json_length(page) == most) {
			*more = true;
			break;
		}
		page = json_append(page,
		    json_parse(entry->summary, strlen(entry->summary), NULL));
	}
	return page;
}

char *
archive_path(const char *id)
{
	char *name = state_name(id), *root = state_path("archive");
	struct dirent **days = NULL;
	int count = root != NULL ? scandir(root, &days, is_day, alphasort) : 0;
	char *path = NULL;

	for (int i = count; path == NULL && i-- > 0 && count - i < DAYS_MAX;) {
		path = journal_path(days[i]->d_name, name);
		if (access(path, F_OK) != 0) {
			free(path);
			path = NULL;
		}
	}
	for (int i = 0; i < count; i++)
		free(days[i]);
	free(days);
	free(root);
	free(name);
	return path;
}
