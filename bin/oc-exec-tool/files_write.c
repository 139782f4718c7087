/* The tools write_file and edit_file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "args.h"
#include "io.h"
#include "json.h"
#include "protect.h"
#include "roots.h"
#include "tools.h"
#include "ulid.h"
#include "xalloc.h"

enum {
	WRITE_MAX = 256 * 1024, /* as much as an edge admits of text */
	EDIT_MAX = 1024 * 1024, /* of a file that is edited */
};

static const struct arg write_args[] = {
    {"path", ARG_STRING, true, 0, 0},
    {"content", ARG_TEXT, true, 0, 0},
};
static const struct arg edit_args[] = {
    {"path", ARG_STRING, true, 0, 0},
    {"old", ARG_TEXT, true, 0, 0},
    {"new", ARG_TEXT, true, 0, 0},
};

/* Where something is to be written, once that is permitted. */
struct place {
	int parent;
	char *name;
	struct stat old; /* st_nlink is 0 if there is nothing yet */
};

static void
place_close(struct place *place)
{
	if (place->parent >= 0)
		close(place->parent);
	free(place->name);
}

/* What stands there already must be a file that may be replaced. */
static bool
check_old(const struct place *place, struct run *run)
{
	mode_t mode = place->old.st_mode;

	if (place->old.st_nlink == 0)
		return true;
	if (S_ISREG(mode) && (mode & 0222) != 0)
		return true;
	run_refuse(run, "%s: %s", place->name,
	    S_ISREG(mode)   ? "the file is read-only"
	    : S_ISDIR(mode) ? "it is a directory"
	    : S_ISLNK(mode) ? "it is a symbolic link; write to what it "
			      "leads to"
			    : "not a regular file");
	return false;
}

/* By the path alone. */
static bool
may_write(struct tools *tools, const char *path, struct run *run)
{
	if (protect_allows_path(path, &run->text) &&
	    roots_permit(tools->roots, path, true, &run->text))
		return true;
	run_deny(run);
	return false;
}

/* Nothing is made, so where the directory is missing the path decides. */
static void
dry_run(struct tools *tools, const char *path, struct run *run)
{
	char *copy = xstrdup(path), *slash = strrchr(copy, '/');
	const char *name = slash != NULL ? slash + 1 : copy;
	struct buf unused = {0};
	int parent;

	if (slash != NULL)
		*slash = '\0';
	parent = roots_open_directory(tools->roots,
	    slash == NULL   ? "."
	    : slash == copy ? "/"
			    : copy,
	    &unused);
	if (parent < 0 || protect_allows(tools, parent, name, &run->text))
		run_permit(run);
	else
		run_deny(run);
	if (parent >= 0)
		close(parent);
	buf_free(&unused);
	free(copy);
}

static bool
place_open(
    struct place *place, struct tools *tools, const char *path, struct run *run)
{
	*place = (struct place){.parent = -1};
	if (!may_write(tools, path, run))
		return false;
	if (run->dry) {
		dry_run(tools, path, run);
		return false;
	}
	place->parent =
	    roots_open_parent(tools->roots, path, &place->name, &run->text);
	if (place->parent < 0)
		return false;
	if (fstatat(place->parent, place->name, &place->old,
		AT_SYMLINK_NOFOLLOW) != 0) {
		place->old = (struct stat){0};
		if (errno != ENOENT) {
			run_refuse(run, "%s: %s", place->name, strerror(errno));
			return false;
		}
	}
	if (!check_old(place, run))
		return false;
	if (protect_allows(tools, place->parent, place->name, &run->text))
		return true;
	run_deny(run);
	return false;
}

/* Writes a new file beside the old one and puts it in its place. */
static bool
replace(const struct place *place, const char *data, size_t length)
{
	char ulid[ULID_SIZE], temporary[sizeof ".oc-" + ULID_SIZE];
	bool ok;
	int fd, saved;

	ulid_make(ulid);
	snprintf(temporary, sizeof temporary, ".oc-%s", ulid);
	fd = openat(place->parent, temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return false;
	ok = (place->old.st_nlink == 0 ||
		 fchmod(fd, place->old.st_mode & 0777) == 0) &&
	     io_write_all(fd, data, length) && fsync(fd) == 0;
	saved = errno;
	if (close(fd) != 0 && ok) {
		saved = errno;
		ok = false;
	}
	if (ok && renameat(place->parent, temporary, place->parent,
		      place->name) != 0) {
		saved = errno;
		ok = false;
	}
	if (!ok)
		unlinkat(place->parent, temporary, 0);
	errno = saved;
	return ok;
}

void
file_write_begin(struct tools *tools, jv ref_turn, jv ref_call, struct run *run)
{
	struct place place = {.parent = -1};
	jv args, content = json_null();
	const char *path;
	size_t length;

	(void)ref_turn;
	if (!args_get(ref_call, write_args,
		sizeof write_args / sizeof *write_args, &args, &run->text))
		goto out;
	path = json_get_string(args, "path", "");
	content = json_get(args, "content");
	length = json_string_length(content);
	if (length > WRITE_MAX) {
		run_refuse(run,
		    "content has %zu bytes; at most %d are "
		    "written at once",
		    length, WRITE_MAX);
		goto out;
	}
	if (!place_open(&place, tools, path, run))
		goto out;
	if (!replace(&place, json_as_string(content, ""), length)) {
		run_refuse(run, "%s: %s", path, strerror(errno));
		goto out;
	}
	run->ok = true;
	buf_printf(&run->text, "%s %s: %zu bytes",
	    place.old.st_nlink == 0 ? "made" : "replaced", path, length);
out:
	place_close(&place);
	jv_free(content);
	jv_free(args);
}

/* ---- editing */

/* How often `old` occurs, also where two overlap; the first in *at. */
static size_t
count_matches(
    const struct buf *text, const char *old, size_t length, size_t *at)
{
	const char *from = text->data, *end = text->data + text->length, *found;
	size_t count = 0;

	while (
	    (found = memmem(from, (size_t)(end - from), old, length)) != NULL) {
		if (count++ == 0)
			*at = (size_t)(found - text->data);
		from = found + 1;
	}
	return count;
}

/* The file as it is now, the same that will be replaced. */
static bool
read_old(
    struct place *place, const char *path, struct buf *text, struct run *run)
{
	int fd = openat(place->parent, place->name,
	    O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &place->old) == 0 &&
	    S_ISREG(place->old.st_mode)) {
		do
			n = buf_read(text, fd, 64 * 1024);
		while (n > 0 && text->length <= EDIT_MAX);
	}
	if (n < 0)
		run_refuse(run, "%s: %s", path, strerror(errno));
	else if (n > 0)
		run_refuse(run,
		    "%s: longer than %d bytes, which is too long "
		    "for editing",
		    path, EDIT_MAX);
	if (fd >= 0)
		close(fd);
	return n == 0;
}

/* Whether nobody has changed it since it was read. */
static bool
is_unchanged(const struct place *place)
{
	struct stat now;

	return fstatat(place->parent, place->name, &now, AT_SYMLINK_NOFOLLOW) ==
		   0 &&
	       now.st_ino == place->old.st_ino &&
	       now.st_size == place->old.st_size &&
	       now.st_mtim.tv_sec == place->old.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == place->old.st_mtim.tv_nsec;
}

static void
edit(struct place *place, const char *path, jv ref_old, jv ref_new,
    struct run *run)
{
	size_t length = json_string_length(ref_old), at = 0, count;
	struct buf text = {0}, result = {0};

	if (!read_old(place, path, &text, run))
		goto out;
	buf_reserve(&text, 0);
	count = count_matches(&text, json_as_string(ref_old, ""), length, &at);
	if (count != 1) {
		run_refuse(run,
		    "%s: old occurs %zu times; it must occur "
		    "exactly once (add the lines around it)",
		    path, count);
		goto out;
	}
	buf_add(&result, text.data, at);
	buf_add(
	    &result, json_as_string(ref_new, ""), json_string_length(ref_new));
	buf_add(&result, text.data + at + length, text.length - at - length);
	if (!is_unchanged(place)) {
		run_refuse(run,
		    "%s: someone changed it just now; read it "
		    "again",
		    path);
		goto out;
	}
	run->ok = replace(place, buf_string(&result), result.length);
	if (run->ok)
		buf_printf(&run->text, "edited %s: %zu bytes now", path,
		    result.length);
	else
		run_refuse(run, "%s: %s", path, strerror(errno));
out:
	buf_free(&result);
	buf_free(&text);
}

void
file_edit_begin(struct tools *tools, jv ref_turn, jv ref_call, struct run *run)
{
	struct place place = {.parent = -1};
	jv args, old = json_null(), new = json_null();
	const char *path;

	(void)ref_turn;
	if (!args_get(ref_call, edit_args, sizeof edit_args / sizeof *edit_args,
		&args, &run->text))
		goto out;
	path = json_get_string(args, "path", "");
	old = json_get(args, "old");
	new = json_get(args, "new");
	if (json_string_length(old) == 0) {
		run_refuse(run, "old must not be empty");
		goto out;
	}
	if (json_string_length(new) > WRITE_MAX) {
		run_refuse(run,
		    "new has %zu bytes; at most %d are written at "
		    "once",
		    json_string_length(new), WRITE_MAX);
		goto out;
	}
	if (!place_open(&place, tools, path, run))
		goto out;
	if (place.old.st_nlink == 0)
		run_refuse(run, "%s: there is no such file", path);
	else
		edit(&place, path, old, new, run);
out:
	place_close(&place);
	jv_free(old);
	jv_free(new);
	jv_free(args);
}
