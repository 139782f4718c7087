#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "protect.h"
#include "xalloc.h"

enum { LINKS_MAX = 16 }; /* symbolic links followed to where a name leads */

/* The file that is to be written. */
struct target {
	struct stat parent, self; /* self: st_nlink is 0 if it is not there */
	const char *name;
	char path[PATH_MAX]; /* its directory without links, and its name */
};

bool
protect_allows_path(const char *path, struct buf *problem)
{
	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		if (length == 4 && strncasecmp(path, ".git", 4) == 0) {
			buf_add_string(problem,
			    "nothing below a .git may be written: what stands "
			    "there is run by git");
			return false;
		}
		path += length;
		path += strspn(path, "/");
	}
	return true;
}

/* Where an open directory is, into PATH_MAX bytes; 0 on failure. */
static size_t
real_path(int directory, char *path)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
	n = readlink(link, path, PATH_MAX - 1);
	if (n <= 0)
		return 0;
	path[n] = '\0';
	return (size_t)n;
}

bool
protect_allows_inside(int directory, struct buf *problem)
{
	char path[PATH_MAX];

	if (real_path(directory, path) != 0)
		return protect_allows_path(path, problem);
	buf_add_string(problem, "the directory cannot be examined");
	return false;
}

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool
describe(struct target *target, int parent, const char *name)
{
	size_t n;

	*target = (struct target){.name = name};
	n = real_path(parent, target->path);
	if (n == 0 || fstat(parent, &target->parent) != 0 ||
	    n + strlen(name) + 2 > sizeof target->path)
		return false;
	snprintf(target->path + n, sizeof target->path - n, "/%s", name);
	if (fstatat(parent, name, &target->self, AT_SYMLINK_NOFOLLOW) != 0)
		target->self = (struct stat){0};
	return true;
}

/* Follows the links of a last component that may lead to nothing yet. */
static char *
follow(char *own_path)
{
	char link[PATH_MAX], *copy, *next;

	for (int i = 0; i < LINKS_MAX; i++) {
		ssize_t n = readlink(own_path, link, sizeof link - 1);

		if (n <= 0)
			break;
		link[n] = '\0';
		copy = xstrdup(own_path);
		next = link[0] == '/' ? xstrdup(link)
				      : xasprintf("%s/%s", dirname(copy), link);
		free(copy);
		free(own_path);
		own_path = next;
	}
	return own_path;
}

/*
 * Whether a path is the target: the same file under whatever name, or, where
 * there is no file yet, the same name (in any case) in the same directory.
 */
static bool
is_target(const struct target *target, const char *path)
{
	struct stat st;
	char *final, *copy;
	bool is;

	if (target->self.st_nlink != 0 && stat(path, &st) == 0 &&
	    same(&st, &target->self))
		return true;
	final = follow(xstrdup(path));
	copy = xstrdup(final);
	is = strcasecmp(basename(copy), target->name) == 0;
	free(copy);
	copy = xstrdup(final);
	is = is && stat(dirname(copy), &st) == 0 && same(&st, &target->parent);
	free(copy);
	free(final);
	return is;
}

/* A word of a command as a path: below the workspace unless it is absolute. */
static bool
is_word(
    const struct tools *tools, const struct target *target, const char *word)
{
	const char *value = strchr(word, '=');
	char *path;
	bool is;

	if (value != NULL && value[1] != '\0' &&
	    is_word(tools, target, value + 1))
		return true;
	if (*word == '\0')
		return false;
	path = *word == '/' ? xstrdup(word)
			    : xasprintf("%s/%s", tools->workspace, word);
	is = is_target(target, path);
	free(path);
	return is;
}

/*
 * The program that a command starts, as PATH finds it: it may be a link to a
 * file elsewhere.
 */
static bool
is_program(const struct target *target, const char *word)
{
	const char *at = strchr(word, '/') == NULL ? getenv("PATH") : NULL;
	bool found = false;

	while (at != NULL && !found) {
		size_t length = strcspn(at, ":");
		char *path = xasprintf("%.*s/%s", (int)length, at, word);

		found = is_target(target, path);
		free(path);
		at = at[length] == ':' ? at + length + 1 : NULL;
	}
	return found;
}

/* jobs/<name>.js grants whatever lies there under such a name. */
static bool
fits_placeholder(const struct tools *tools, const struct target *target,
    const struct runbook_part *part)
{
	const char *prefix = part->prefix, *value, *slash;
	char *directory, *real, *begin;
	size_t length, whole = strlen(target->path);
	bool fits = false;

	if (prefix == NULL || strrchr(prefix, '/') == NULL)
		return false;
	value = strchr(prefix, '=');
	if (value != NULL)
		prefix = value + 1;
	slash = strrchr(prefix, '/');
	if (slash == NULL)
		return false;
	directory = xasprintf("%s/%.*s", *prefix == '/' ? "" : tools->workspace,
	    (int)(slash - prefix), prefix);
	real = realpath(directory, NULL);
	if (real != NULL) {
		begin = xasprintf("%s%s", real, slash);
		length = strlen(begin);
		fits = strncmp(target->path, begin, length) == 0 &&
		       whole >= length + strlen(part->suffix) &&
		       strcmp(target->path + whole - strlen(part->suffix),
			   part->suffix) == 0;
		free(begin);
	}
	free(real);
	free(directory);
	return fits;
}

static bool
is_of_command(const struct tools *tools, const struct target *target,
    const struct runbook_command *command)
{
	for (size_t i = 0; i < command->count; i++) {
		const struct runbook_part *part = &command->part[i];

		if (i == 0 && part->kind == RUNBOOK_LITERAL &&
		    is_program(target, part->text))
			return true;
		if (part->kind == RUNBOOK_LITERAL
			? is_word(tools, target, part->text)
			: part->kind != RUNBOOK_MORE &&
			      fits_placeholder(tools, target, part))
			return true;
	}
	return false;
}

static bool
is_of_runbook(const struct tools *tools, const struct target *target)
{
	const struct runbook *book = policy_runbook(tools->policy);

	for (size_t i = 0; i < book->count; i++)
		for (size_t k = 0; k < book->operation[i].count; k++)
			if (is_of_command(
				tools, target, &book->operation[i].command[k]))
				return true;
	return false;
}

/* A file in a directory of PATH would be found as a program. */
static bool
is_in_search_path(const struct target *target)
{
	const char *at = getenv("PATH");
	bool found = false;

	while (at != NULL && !found) {
		size_t length = strcspn(at, ":");
		char *directory = xstrndup(at, length);
		struct stat st;

		found = stat(directory, &st) == 0 && same(&st, &target->parent);
		free(directory);
		at = at[length] == ':' ? at + length + 1 : NULL;
	}
	return found;
}

static bool
is_in_workspace_root(const struct tools *tools, const struct target *target)
{
	struct stat st;

	return stat(tools->workspace, &st) == 0 && same(&st, &target->parent);
}

bool
protect_allows(
    struct tools *tools, int parent, const char *name, struct buf *problem)
{
	struct target target;

	if (!describe(&target, parent, name)) {
		buf_printf(
		    problem, "%s: its directory cannot be examined", name);
		return false;
	}
	if (!protect_allows_path(target.path, problem))
		return false;
	if (is_word(tools, &target, "AGENTS.md") ||
	    (strcasecmp(name, "AGENTS.md") == 0 &&
		is_in_workspace_root(tools, &target)))
		buf_add_string(problem,
		    "AGENTS.md says what you may run; only the person "
		    "changes it");
	else if (tools->config->path != NULL &&
		 is_target(&target, tools->config->path))
		buf_add_string(problem,
		    "this is the configuration; only the person changes it");
	else if (is_of_runbook(tools, &target))
		buf_printf(problem,
		    "%s: a command of AGENTS.md names this file; writing it "
		    "would change what you may run",
		    name);
	else if (is_in_search_path(&target))
		buf_printf(problem,
		    "%s: programs are searched in this directory (PATH)", name);
	else
		return true;
	return false;
}
