#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "clock.h"
#include "io.h"
#include "journal.h"
#include "json.h"
#include "log.h"
#include "shared.h"
#include "state.h"
#include "turn.h"
#include "xalloc.h"

enum {
	RUN_FILE_MAX = 32, /* a number and a newline */
	RUN_MAX = 1000000,
	READ_MAX = 256 << 20, /* a turn's steps are far below */
};

struct journal {
	char *name; /* of the turn, as a file's */
	int fd;     /* locked; -1: it is in Redis */

	char *path; /* in Redis */
	struct shared_guard guard;
	char run[RUN_FILE_MAX];
};

static char *
turn_path(const char *name, const char *file)
{
	return state_path("turns/%s/%s", name, file);
}

static void
add_line(struct buf *out, const char *event, jv own_details)
{
	own_details = json_set_int(own_details, "at", clock_now_ms());
	own_details = json_set_string(own_details, "event", event);
	json_write(out, own_details);
	buf_add_byte(out, '\n');
	jv_free(own_details);
}

static struct journal *
journal_new(jv ref_turn)
{
	struct journal *journal = xcalloc(1, sizeof *journal);

	journal->name = state_name(turn_id(ref_turn));
	journal->fd = -1;
	if (redis_is_used()) {
		journal->path =
		    xasprintf("turns/%s/journal.ndjson", journal->name);
		journal->guard = shared_guard(ref_turn);
	}
	return journal;
}

void
journal_close(struct journal *journal)
{
	int saved = errno;

	if (journal == NULL)
		return;
	if (journal->fd >= 0)
		close(journal->fd);
	shared_guard_free(&journal->guard);
	free(journal->path);
	free(journal->name);
	free(journal);
	errno = saved;
}

/* ---- a file */

/*
 * The file, locked, or -1: there is none (errno ENOENT), or it cannot be
 * opened.
 */
static int
lock_file(const char *name)
{
	char *path = turn_path(name, "journal.ndjson");
	struct stat here, there;
	int fd = -1;

	if (path == NULL) {
		errno = ENOENT;
		return -1;
	}
	for (;;) {
		fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			break;
		while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
			continue;
		/* it may have been archived while we waited */
		if (fstat(fd, &here) == 0 && stat(path, &there) == 0 &&
		    here.st_ino == there.st_ino && here.st_dev == there.st_dev)
			break;
		close(fd);
	}
	free(path);
	return fd;
}

static int
read_run(const char *text)
{
	const char *problem;
	int run = (int)strtonum(text, 1, RUN_MAX, &problem);

	return problem == NULL ? run : 1;
}

static int
file_run(const char *name)
{
	char *path = turn_path(name, "run");
	struct buf text = {0};
	int run = 1;

	if (path != NULL && io_read_file(AT_FDCWD, path, RUN_FILE_MAX, &text)) {
		if (text.length != 0)
			text.data[strcspn(text.data, "\n")] = '\0';
		run = read_run(buf_string(&text));
	}
	buf_free(&text);
	free(path);
	return run;
}

static bool
append_to_file(int fd, const void *data, size_t length)
{
	struct buf line = {0};
	struct stat st;
	char last = '\n';
	bool ok = fstat(fd, &st) == 0 &&
		  (st.st_size == 0 || pread(fd, &last, 1, st.st_size - 1) == 1);
	int saved;

	if (last != '\n')
		buf_add_byte(&line, '\n');
	buf_add(&line, data, length);
	if (ok && !io_write_all(fd, line.data, line.length)) {
		saved = errno;
		if (ftruncate(fd, st.st_size) != 0)
			log_warn(
			    "a journal holds half a line: %s", strerror(errno));
		errno = saved;
		ok = false;
	}
	buf_free(&line);
	return ok;
}

static bool
create_file(struct journal *journal, const struct buf *line)
{
	char *directory = state_path("turns/%s", journal->name);
	char *path = turn_path(journal->name, "journal.ndjson");
	bool ok = false;

	if (io_make_directories(directory))
		journal->fd = open(path,
		    O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (journal->fd >= 0) {
		ok = io_write_all(journal->fd, line->data, line->length);
		if (!ok)
			(void)unlink(path);
	}
	free(path);
	free(directory);
	return ok;
}

static bool
sync_directory(char *path)
{
	int fd =
	    path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	/* some network file systems refuse to sync a directory */
	bool ok =
	    fd >= 0 && (fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP);

	if (fd >= 0)
		close(fd);
	free(path);
	return ok;
}

/* The journal's name, and that of its directory. */
static bool
sync_names(const char *name)
{
	return sync_directory(turn_path(name, "")) &&
	       sync_directory(state_path("turns"));
}

static bool
archive_file(struct journal *journal, const char *day)
{
	char *from = turn_path(journal->name, "journal.ndjson");
	char *folder = state_path("archive/%s", day);
	char *to = xasprintf("%s/%s.ndjson", folder, journal->name);
	bool ok = io_make_directories(folder) &&
		  (rename(from, to) == 0 || errno == ENOENT);

	free(to);
	free(folder);
	free(from);
	return ok;
}

/* ---- in Redis */

/* Whether the turn is ours, and its journal is there; reads its run. */
static bool
open_shared(struct journal *journal)
{
	char *run = shared_get(journal->path, "run");
	struct stat st;
	bool there = shared_stat(journal->path, &st);

	(void)snprintf(
	    journal->run, sizeof journal->run, "%s", run != NULL ? run : "1");
	free(run);
	/* the guard is asked by a write that changes nothing */
	if (!shared_set(journal->path, &journal->guard, "run", journal->run))
		return false;
	if (!there)
		shared_remove(journal->path);
	errno = ENOENT;
	return there;
}

static bool
create_shared(struct journal *journal, const struct buf *line)
{
	(void)snprintf(journal->run, sizeof journal->run, "1");
	return shared_set(journal->path, &journal->guard, "run", "1") &&
	       shared_replace(journal->path, &journal->guard, -1, line->data,
		   line->length);
}

static bool
append_shared(struct journal *journal, const void *data, size_t length)
{
	journal->guard.field = "run";
	journal->guard.value = journal->run;
	return shared_append(journal->path, &journal->guard, 0, data, length);
}

static bool
archive_shared(struct journal *journal, const char *day)
{
	char *to = xasprintf("archive/%s/%s.ndjson", day, journal->name);
	bool ok = shared_rename(journal->path, to, &journal->guard);

	free(to);
	return ok;
}

/* ---- for oc-session */

struct journal *
journal_open(jv ref_turn)
{
	struct journal *journal = journal_new(ref_turn);
	bool ok;

	if (journal->path != NULL) {
		ok = open_shared(journal);
	} else {
		journal->fd = lock_file(journal->name);
		ok = journal->fd >= 0;
	}
	if (ok)
		return journal;
	journal_close(journal);
	return NULL;
}

struct journal *
journal_create(jv ref_turn, const char *event, jv own_details)
{
	struct journal *journal = journal_new(ref_turn);
	struct buf line = {0};
	bool ok;

	add_line(&line, event, own_details);
	ok = journal->path != NULL ? create_shared(journal, &line)
				   : create_file(journal, &line);
	buf_free(&line);
	if (ok)
		return journal;
	journal_close(journal);
	return NULL;
}

int
journal_run(const struct journal *journal)
{
	return journal->path != NULL ? read_run(journal->run)
				     : file_run(journal->name);
}

bool
journal_raise(struct journal *journal, int run)
{
	char text[RUN_FILE_MAX], *path;
	int n;
	bool ok;

	if (journal->path != NULL) {
		(void)snprintf(journal->run, sizeof journal->run, "%d", run);
		return shared_set(
		    journal->path, &journal->guard, "run", journal->run);
	}
	path = turn_path(journal->name, "run");
	n = snprintf(text, sizeof text, "%d\n", run);
	ok = io_replace_file(path, text, (size_t)n);
	free(path);
	return ok;
}

bool
journal_read(struct journal *journal, struct buf *into)
{
	ssize_t n = 1;

	if (journal->path != NULL) {
		shared_read(journal->path, 0, READ_MAX, into);
		return true;
	}
	if (lseek(journal->fd, 0, SEEK_SET) != 0)
		return false;
	while (n > 0)
		n = buf_read(into, journal->fd, (size_t)64 * 1024);
	return n == 0;
}

bool
journal_append(struct journal *journal, const char *event, jv own_details)
{
	struct buf line = {0};
	bool ok;
	int saved;

	add_line(&line, event, own_details);
	ok = journal->path != NULL
		 ? append_shared(journal, line.data, line.length)
		 : append_to_file(journal->fd, line.data, line.length);
	saved = errno;
	buf_free(&line);
	errno = saved;
	return ok;
}

bool
journal_sync(struct journal *journal)
{
	return journal->path != NULL || fdatasync(journal->fd) == 0;
}

bool
journal_archive(struct journal *journal, const char *day)
{
	return journal->path != NULL ? archive_shared(journal, day)
				     : archive_file(journal, day);
}

/* ---- for the stages */

static bool
has_tool_step(jv ref_turn)
{
	jv steps = json_get(ref_turn, "steps");
	bool found = false;

	for (int i = 0, n = json_length(steps); i < n && !found; i++) {
		jv step = json_at(steps, i);

		found = strcmp(json_get_string(step, "role", ""), "tool") == 0;
		jv_free(step);
	}
	jv_free(steps);
	return found;
}

static enum journal_result
stale(jv ref_turn)
{
	log_warn("turn %s: another run has it; this one ends here",
	    turn_id(ref_turn));
	return JOURNAL_STALE;
}

/* The journal of a turn whose run this is. */
static enum journal_result
open_current(jv ref_turn, struct journal **journal)
{
	int64_t run = json_get_int(ref_turn, "journal", 0);

	*journal = NULL;
	if (run == 0)
		return JOURNAL_NONE;
	*journal = journal_new(ref_turn);
	if ((*journal)->path != NULL) {
		/* whether it is ours is asked when it is written to */
		(void)snprintf((*journal)->run, sizeof(*journal)->run, "%lld",
		    (long long)run);
		return JOURNAL_OK;
	}
	(*journal)->fd = lock_file((*journal)->name);
	if ((*journal)->fd < 0 && errno != ENOENT) {
		log_error("turn %s: cannot open its journal: %s",
		    turn_id(ref_turn), strerror(errno));
		journal_close(*journal);
		return JOURNAL_FAILED;
	}
	/* one that is archived was finished by another run */
	if ((*journal)->fd >= 0 && journal_run(*journal) == run)
		return JOURNAL_OK;
	journal_close(*journal);
	return stale(ref_turn);
}

static enum journal_result
close_current(jv ref_turn, struct journal *journal, bool ok)
{
	enum journal_result result = ok ? JOURNAL_OK : JOURNAL_FAILED;

	if (!ok && journal->path != NULL)
		result = stale(ref_turn);
	else if (!ok)
		log_error("turn %s: cannot write its journal: %s",
		    turn_id(ref_turn), strerror(errno));
	journal_close(journal);
	return result;
}

static bool
append_lines(struct journal *journal, const struct buf *lines)
{
	return journal->path != NULL
		   ? append_shared(journal, lines->data, lines->length)
		   : append_to_file(journal->fd, lines->data, lines->length);
}

enum journal_result
journal_calls_started(jv ref_turn, jv ref_calls)
{
	struct journal *journal;
	enum journal_result result = open_current(ref_turn, &journal);
	struct buf lines = {0};
	bool ok;

	if (result != JOURNAL_OK)
		return result;
	for (int i = 0, n = json_length(ref_calls); i < n; i++)
		add_line(&lines, "call",
		    json_set(json_object(), "call", json_at(ref_calls, i)));
	ok = lines.length == 0 || append_lines(journal, &lines);
	ok = ok && journal_sync(journal);
	/* its name is new until the first sync */
	if (ok && journal->path == NULL && !has_tool_step(ref_turn))
		ok = sync_names(journal->name);
	buf_free(&lines);
	return close_current(ref_turn, journal, ok);
}

enum journal_result
journal_step(jv ref_turn, jv ref_step)
{
	struct journal *journal;
	enum journal_result result = open_current(ref_turn, &journal);
	jv details;
	bool ok;

	if (result != JOURNAL_OK)
		return result;
	details = json_set(json_object(), "step", json_copy(ref_step));
	if (json_has(ref_turn, "taint"))
		details =
		    json_set(details, "taint", json_get(ref_turn, "taint"));
	ok = journal_append(journal, "step", details);
	if (strcmp(json_get_string(ref_step, "role", ""), "tool") == 0)
		ok = ok && journal_sync(journal);
	return close_current(ref_turn, journal, ok);
}
