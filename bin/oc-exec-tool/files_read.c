/* The tools read_file and list_files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "args.h"
#include "json.h"
#include "roots.h"
#include "tools.h"
#include "utf8.h"
#include "xalloc.h"

#define OFFSET_MAX ((int64_t)1 << 52) /* exact in a JSON number */

enum {
	NOTE_ROOM = 256,    /* of the output, for the remark at the end */
	DEPTH_MAX = 5,      /* of a listing */
	ENTRIES_MAX = 1000, /* that are listed */
	SCAN_MAX = 10000,   /* looked at in one directory */
};

static const struct arg read_args[] = {
    {"path", ARG_STRING, true, 0, 0},
    {"offset", ARG_INT, false, -OFFSET_MAX, OFFSET_MAX},
    {"limit", ARG_INT, false, 1, OFFSET_MAX},
};
static const struct arg list_args[] = {
    {"path", ARG_STRING, false, 0, 0},
    {"depth", ARG_INT, false, 1, DEPTH_MAX},
};

/* Whether to go on; a dry run is answered here. */
static bool
may_read(struct tools *tools, const char *path, struct run *run)
{
	if (!roots_permit(tools->roots, path, false, &run->text))
		run_deny(run);
	else if (run->dry)
		run_permit(run);
	else
		return true;
	return false;
}

/* Reads at most `most` bytes from there on; false with errno on failure. */
static bool
read_part(int fd, int64_t offset, size_t most, struct buf *part)
{
	ssize_t n;

	buf_reserve(part, most);
	while (part->length < most) {
		n = pread(fd, part->data + part->length, most - part->length,
		    (off_t)(offset + (int64_t)part->length));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		buf_truncate(part, part->length + (size_t)n);
	}
	return true;
}

/*
 * Cuts a part that the file goes on behind at the end of a line, or else of a
 * character, so that the next part begins well.
 */
static void
cut_well(struct buf *part)
{
	const char *newline = memrchr(part->data, '\n', part->length);
	size_t lines = newline != NULL ? (size_t)(newline - part->data) + 1 : 0;

	if (lines > part->length / 2)
		buf_truncate(part, lines);
	else
		buf_truncate(
		    part, utf8_floor(part->data, part->length, part->length));
}

static void
show_part(struct run *run, const char *path, struct buf *part, int64_t offset,
    int64_t size)
{
	int64_t end;

	if (part->length != 0 && memchr(part->data, 0, part->length) != NULL) {
		run_refuse(run,
		    "%s: a binary file of %" PRId64
		    " bytes, which is not shown",
		    path, size);
		return;
	}
	run->ok = true;
	if (offset + (int64_t)part->length < size)
		cut_well(part);
	end = offset + (int64_t)part->length;
	utf8_repair(&run->text, buf_string(part), part->length);
	if (part->length == 0)
		buf_printf(&run->text,
		    size == 0 ? "(the file is empty)"
			      : "(nothing more: the file "
				"has %" PRId64 " bytes)",
		    size);
	else if (end < size)
		buf_printf(&run->text,
		    "\n[bytes %" PRId64 " to %" PRId64 " of %" PRId64
		    "; go on with offset %" PRId64 "]",
		    offset, end, size, end);
}

void
file_read_begin(struct tools *tools, jv ref_turn, jv ref_call, struct run *run)
{
	int64_t offset, limit, most = (int64_t)tools->output_bytes - NOTE_ROOM;
	struct buf part = {0};
	const char *path;
	struct stat st;
	int fd = -1;
	jv args;

	(void)ref_turn;
	if (!args_get(ref_call, read_args, sizeof read_args / sizeof *read_args,
		&args, &run->text))
		goto out;
	path = json_get_string(args, "path", "");
	if (!may_read(tools, path, run))
		goto out;
	fd = roots_open_file(tools->roots, path, &run->text);
	if (fd < 0)
		goto out;
	if (fstat(fd, &st) != 0) {
		run_refuse(run, "%s: %s", path, strerror(errno));
		goto out;
	}
	offset = json_get_int(args, "offset", 0);
	if (offset < 0)
		offset = offset + st.st_size > 0 ? offset + st.st_size : 0;
	limit = json_get_int(args, "limit", most);
	if (limit > most)
		limit = most;
	if (read_part(fd, offset, (size_t)limit, &part))
		show_part(run, path, &part, offset, st.st_size);
	else
		run_refuse(run, "%s: %s", path, strerror(errno));
out:
	if (fd >= 0)
		close(fd);
	buf_free(&part);
	jv_free(args);
}

/* ---- listing */

struct listing {
	struct buf *text;
	size_t most, entries;
	bool full;
};

static int
by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* The names in a directory, sorted; how many there are. */
static size_t
read_names(DIR *dir, char ***names)
{
	size_t count = 0, room = 0;
	struct dirent *entry;

	*names = NULL;
	while (count < SCAN_MAX && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (count == room) {
			room = room * 2 + 64;
			*names = xreallocarray(*names, room, sizeof **names);
		}
		(*names)[count++] = xstrdup(entry->d_name);
	}
	if (count != 0)
		qsort(*names, count, sizeof **names, by_name);
	return count;
}

/* One entry; true when it is a directory. */
static bool
add_entry(struct listing *listing, int at, const char *name, int level)
{
	struct buf line = {0};
	bool directory = false;
	struct stat st;

	buf_printf(&line, "%*s", level * 2, "");
	utf8_repair(&line, name, strlen(name));
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		buf_add_string(&line, " (gone)");
	} else if (S_ISDIR(st.st_mode)) {
		buf_add_byte(&line, '/');
		directory = true;
	} else if (S_ISREG(st.st_mode)) {
		buf_printf(&line, "  %" PRId64, (int64_t)st.st_size);
	} else {
		buf_add_string(&line,
		    S_ISLNK(st.st_mode) ? " (symbolic link)" : " (no file)");
	}
	buf_add_byte(&line, '\n');
	if (listing->entries++ >= ENTRIES_MAX ||
	    listing->text->length + line.length > listing->most)
		listing->full = true;
	else
		buf_add(listing->text, line.data, line.length);
	buf_free(&line);
	return directory;
}

/* Recursion is bounded by DEPTH_MAX.  Takes the descriptor over. */
static void
list(struct listing *listing, int own_fd, int level, int depth)
{
	DIR *dir = fdopendir(own_fd);
	char **names;
	size_t count;

	if (dir == NULL) {
		close(own_fd);
		return;
	}
	count = read_names(dir, &names);
	for (size_t i = 0; i < count; i++) {
		bool directory;
		int below;

		directory = !listing->full &&
			    add_entry(listing, dirfd(dir), names[i], level);
		if (directory && level + 1 < depth && !listing->full &&
		    strcmp(names[i], ".git") != 0) {
			below = openat(dirfd(dir), names[i],
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (below >= 0)
				list(listing, below, level + 1, depth);
		}
		free(names[i]);
	}
	free(names);
	closedir(dir);
}

void
file_list_begin(struct tools *tools, jv ref_turn, jv ref_call, struct run *run)
{
	struct listing listing = {
	    .text = &run->text, .most = tools->output_bytes - NOTE_ROOM};
	int fd, depth;
	jv args;

	(void)ref_turn;
	if (args_get(ref_call, list_args, sizeof list_args / sizeof *list_args,
		&args, &run->text) &&
	    may_read(tools, json_get_string(args, "path", "."), run)) {
		depth = (int)json_get_int(args, "depth", 1);
		fd = roots_open_directory(tools->roots,
		    json_get_string(args, "path", "."), &run->text);
		if (fd >= 0) {
			run->ok = true;
			list(&listing, fd, 0, depth);
			if (listing.full)
				buf_add_string(&run->text,
				    "[there is more; list a directory below]");
			else if (run->text.length == 0)
				buf_add_string(
				    &run->text, "(the directory is empty)");
		}
	}
	jv_free(args);
}
