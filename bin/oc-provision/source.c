#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "buf.h"
#include "io.h"
#include "provision.h"
#include "state.h"
#include "utf8.h"
#include "xalloc.h"
#include "yamldoc.h"

bool
text_read(const char *path, size_t most, struct buf *into, const char **why)
{
	if (!io_read_file(AT_FDCWD, path, most, into))
		*why = strerror(errno);
	else if (into->length == 0)
		*why = "it is empty";
	else if (memchr(into->data, '\0', into->length) != NULL ||
		 !utf8_valid(into->data, into->length))
		*why = "it is no text in UTF-8";
	else
		return true;
	return false;
}

static bool
make_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	bool ok;

	if (slash == NULL || slash == path)
		return true;
	parent = xstrndup(path, (size_t)(slash - path));
	ok = io_make_directories(parent);
	free(parent);
	return ok;
}

bool
file_put(
    const char *path, const struct buf *text, unsigned mode, bool *replaced)
{
	struct buf there = {0};
	struct stat st;
	bool same;

	same = io_read_file(AT_FDCWD, path, text->length, &there) &&
	       there.length == text->length &&
	       memcmp(there.data, text->data, text->length) == 0;
	buf_wipe(&there);
	*replaced = !same;
	if (!same && (!make_parent(path) ||
			 !io_replace_file(path, text->data, text->length)))
		return false;
	if (stat(path, &st) != 0)
		return false;
	return (st.st_mode & 0777) == mode || chmod(path, mode) == 0;
}

/* Whether all of it is right, the rules included; else *problems says. */
static bool
is_right(const char *name, const struct buf *text, struct buf *problems)
{
	struct config config;
	bool ok;

	if (!config_parse(
		&config, name, buf_string(text), text->length, problems))
		return false;
	ok = config_check_rules(&config, problems);
	config_free(&config);
	return ok;
}

/*
 * What was copied last is remembered by its checksum, because the copy may be
 * changed here, by `openclaw channels add`.  Without a directory of state it
 * is copied anew each time.
 */
static char *
mark_path(const char *to)
{
	char *name = state_name(to), *path = NULL;

	path = state_path("run/source.%s", name);
	free(name);
	return path;
}

static bool
is_marked(const char *mark, const char *checksum)
{
	struct buf text = {0};
	bool same =
	    mark != NULL &&
	    io_read_file(AT_FDCWD, mark, SHA256_DIGEST_STRING_LENGTH, &text) &&
	    strcmp(buf_string(&text), checksum) == 0;

	buf_free(&text);
	return same;
}

static void
set_mark(const char *mark, const char *checksum)
{
	if (mark != NULL && make_parent(mark))
		io_replace_file(mark, checksum, strlen(checksum));
}

/* The lines of *problems, each a problem of its own. */
static void
tell_each(const struct buf *problems, const char *rest, struct report *report)
{
	const char *line = buf_string(problems);

	while (*line != '\0') {
		size_t length = strcspn(line, "\n");

		report_problem(report, "%.*s; %s", (int)length, line, rest);
		line += length + (line[length] == '\n');
	}
}

bool
source_take(const char *from, const char *to, struct report *report)
{
	struct buf text = {0}, problems = {0};
	char checksum[SHA256_DIGEST_STRING_LENGTH], *mark = mark_path(to);
	bool there = access(to, R_OK) == 0, replaced = false;
	const char *why = NULL, *rest = there ? "the old configuration stays"
					      : "there is no configuration yet";

	if (!text_read(from, YAMLDOC_SIZE_MAX, &text, &why)) {
		report_problem(report, "%s: %s; %s", from, why, rest);
		goto out;
	}
	SHA256Data((const uint8_t *)text.data, text.length, checksum);
	if (there && is_marked(mark, checksum))
		goto out;
	if (!is_right(from, &text, &problems)) {
		tell_each(&problems, rest, report);
		goto out;
	}
	if (!file_put(to, &text, 0600, &replaced)) {
		report_problem(report, "%s: %s; %s", to, strerror(errno), rest);
		goto out;
	}
	set_mark(mark, checksum);
out:
	buf_free(&text);
	buf_free(&problems);
	free(mark);
	return replaced;
}
