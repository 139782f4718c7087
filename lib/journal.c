#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "buf.h"
#include "clock.h"
#include "io.h"
#include "journal.h"
#include "json.h"
#include "log.h"
#include "state.h"
#include "turn.h"

enum { RUN_FILE_MAX = 32 }; /* a number and a newline */

static char *
turn_path(const char *id, const char *file)
{
	char *name = state_name(id);
	char *path = state_path("turns/%s/%s", name, file);

	free(name);
	return path;
}

int
journal_lock(const char *id)
{
	char *path = turn_path(id, "journal.ndjson");
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

int
journal_run(const char *id)
{
	char *path = turn_path(id, "run");
	struct buf text = {0};
	const char *problem;
	int run = 1;

	if (path != NULL && io_read_file(AT_FDCWD, path, RUN_FILE_MAX, &text)) {
		if (text.length != 0)
			text.data[strcspn(text.data, "\n")] = '\0';
		run = (int)strtonum(buf_string(&text), 1, 1000000, &problem);
		if (problem != NULL)
			run = 1;
	}
	buf_free(&text);
	free(path);
	return run;
}

bool
journal_append(int fd, const char *event, jv own_details)
{
	struct buf line = {0};
	struct stat st;
	char last = '\n';
	bool ok;
	int saved;

	own_details = json_set_int(own_details, "at", clock_now_ms());
	own_details = json_set_string(own_details, "event", event);
	ok = fstat(fd, &st) == 0 &&
	     (st.st_size == 0 || pread(fd, &last, 1, st.st_size - 1) == 1);
	if (last != '\n')
		buf_add_byte(&line, '\n');
	json_write(&line, own_details);
	buf_add_byte(&line, '\n');
	jv_free(own_details);
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
sync_names(const char *id)
{
	return sync_directory(turn_path(id, "")) &&
	       sync_directory(state_path("turns"));
}

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

/* The locked journal of a turn whose run this is. */
static enum journal_result
open_current(jv ref_turn, int *fd)
{
	int64_t run = json_get_int(ref_turn, "journal", 0);
	const char *id = turn_id(ref_turn);

	*fd = -1;
	if (run == 0)
		return JOURNAL_NONE;
	*fd = journal_lock(id);
	if (*fd < 0 && errno != ENOENT) {
		log_error("turn %s: cannot open its journal: %s", id,
		    strerror(errno));
		return JOURNAL_FAILED;
	}
	/* one that is archived was finished by another run */
	if (*fd >= 0 && journal_run(id) == run)
		return JOURNAL_OK;
	log_warn("turn %s: another run has it; this one ends here", id);
	if (*fd >= 0)
		close(*fd);
	return JOURNAL_STALE;
}

static enum journal_result
close_current(jv ref_turn, int fd, bool ok)
{
	if (!ok)
		log_error("turn %s: cannot write its journal: %s",
		    turn_id(ref_turn), strerror(errno));
	close(fd);
	return ok ? JOURNAL_OK : JOURNAL_FAILED;
}

enum journal_result
journal_calls_started(jv ref_turn, jv ref_calls)
{
	int fd;
	enum journal_result result = open_current(ref_turn, &fd);
	bool ok = true;

	if (result != JOURNAL_OK)
		return result;
	for (int i = 0, n = json_length(ref_calls); i < n && ok; i++)
		ok = journal_append(fd, "call",
		    json_set(json_object(), "call", json_at(ref_calls, i)));
	ok = ok && fdatasync(fd) == 0;
	/* its name is new until the first sync */
	if (ok && !has_tool_step(ref_turn))
		ok = sync_names(turn_id(ref_turn));
	return close_current(ref_turn, fd, ok);
}

enum journal_result
journal_step(jv ref_turn, jv ref_step)
{
	int fd;
	enum journal_result result = open_current(ref_turn, &fd);
	jv details;
	bool ok;

	if (result != JOURNAL_OK)
		return result;
	details = json_set(json_object(), "step", json_copy(ref_step));
	if (json_has(ref_turn, "taint"))
		details =
		    json_set(details, "taint", json_get(ref_turn, "taint"));
	ok = journal_append(fd, "step", details);
	if (strcmp(json_get_string(ref_step, "role", ""), "tool") == 0)
		ok = ok && fdatasync(fd) == 0;
	return close_current(ref_turn, fd, ok);
}
