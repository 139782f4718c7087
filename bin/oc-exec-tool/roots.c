#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "io.h"
#include "json.h"
#include "protect.h"
#include "roots.h"
#include "xalloc.h"

enum {
	AGAIN_MAX = 16,  /* tries while someone renames beneath us */
	SHOWN = 200,     /* of a path of the model's in a message */
	LEVELS_MAX = 32, /* that a file is written below its root */
};

struct root {
	char *path, *real; /* real: without symbolic links; NULL if missing */
	bool write;
};

struct roots {
	struct root *root;
	size_t count;
};

static void
add(struct roots *roots, char *own_path, bool write)
{
	size_t length = strlen(own_path);

	while (length > 1 && own_path[length - 1] == '/')
		own_path[--length] = '\0';
	roots->root =
	    xreallocarray(roots->root, roots->count + 1, sizeof *roots->root);
	roots->root[roots->count++] =
	    (struct root){own_path, realpath(own_path, NULL), write};
}

static void
add_configured(
    struct roots *roots, const struct config *config, const char *key)
{
	jv paths = config_get(config, key);
	bool write = strcmp(key, "tools.files.write") == 0;

	for (int i = 0, n = json_length(paths); i < n; i++) {
		jv path = json_at(paths, i);

		add(roots, config_expand_home(json_as_string(path, "")), write);
		jv_free(path);
	}
	jv_free(paths);
}

struct roots *
roots_new(const struct config *config, const char *workspace)
{
	struct roots *roots = xcalloc(1, sizeof *roots);

	add(roots, xstrdup(workspace), true);
	add_configured(roots, config, "tools.files.write");
	add_configured(roots, config, "tools.files.read");
	return roots;
}

void
roots_free(struct roots *roots)
{
	if (roots == NULL)
		return;
	for (size_t i = 0; i < roots->count; i++) {
		free(roots->root[i].path);
		free(roots->root[i].real);
	}
	free(roots->root);
	free(roots);
}

/* ---- which root, and what below it */

/* Without empty and `.` components; false when there is a `..`. */
static bool
normalize(const char *path, struct buf *out)
{
	if (*path == '/')
		buf_add_byte(out, '/');
	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		if (length == 2 && strncmp(path, "..", 2) == 0)
			return false;
		if (length > 1 || (length == 1 && *path != '.')) {
			if (out->length != 0 &&
			    out->data[out->length - 1] != '/')
				buf_add_byte(out, '/');
			buf_add(out, path, length);
		}
		path += length;
		path += strspn(path, "/");
	}
	return true;
}

/* What of an absolute path lies below a directory, or NULL. */
static const char *
below(const char *path, const char *directory)
{
	size_t length;

	if (directory == NULL)
		return NULL;
	length = strlen(directory);
	if (length == 1)
		return path + 1;
	if (strncmp(path, directory, length) != 0 ||
	    (path[length] != '/' && path[length] != '\0'))
		return NULL;
	return path + length + strspn(path + length, "/");
}

static void
name_roots(const struct roots *roots, bool write, struct buf *problem)
{
	buf_printf(
	    problem, "; what may be %s lies in", write ? "written" : "read");
	for (size_t i = 0; i < roots->count; i++)
		if (roots->root[i].write || !write)
			buf_printf(problem, "%s %s", i == 0 ? "" : ",",
			    roots->root[i].path);
}

/*
 * The root that holds a path (the first one; the workspace for a relative
 * path), with what is below it in *rest ("." for the root itself).
 */
static const struct root *
find(const struct roots *roots, const char *path, bool write, struct buf *rest,
    struct buf *problem)
{
	char *expanded = config_expand_home(path);
	struct buf plain = {0};
	const struct root *found = NULL;
	const char *tail = NULL;
	bool right = normalize(expanded, &plain);

	free(expanded);
	if (!right) {
		buf_printf(
		    problem, "%.*s: a path must not hold \"..\"", SHOWN, path);
		buf_free(&plain);
		return NULL;
	}
	if (*buf_string(&plain) != '/') {
		found = &roots->root[0];
		tail = buf_string(&plain);
	}
	for (size_t i = 0; found == NULL && i < roots->count; i++) {
		const struct root *root = &roots->root[i];

		if (write && !root->write)
			continue;
		tail = below(buf_string(&plain), root->path);
		if (tail == NULL)
			tail = below(buf_string(&plain), root->real);
		if (tail != NULL)
			found = root;
	}
	if (found == NULL) {
		buf_printf(problem, "%.*s is outside", SHOWN, path);
		name_roots(roots, write, problem);
	} else {
		buf_add_string(rest, *tail != '\0' ? tail : ".");
	}
	buf_free(&plain);
	return found;
}

bool
roots_permit(
    struct roots *roots, const char *path, bool write, struct buf *problem)
{
	struct buf rest = {0};
	bool permitted = find(roots, path, write, &rest, problem) != NULL;

	buf_free(&rest);
	return permitted;
}

/* ---- opening below a root */

static int
open_beneath(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	long fd = -1;

	for (int i = 0; i < AGAIN_MAX; i++) {
		fd = syscall(SYS_openat2, root, path, &how, sizeof how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

static void
explain(const char *path, int error, struct buf *problem)
{
	const char *why = strerror(error);

	if (error == EXDEV)
		why = "a symbolic link leads out of the directory";
	else if (error == ENOSYS)
		why = "this kernel has no openat2, without which paths "
		      "cannot be confined";
	else if (error == ENOENT)
		why = "there is no such file";
	else if (error == ENXIO)
		why = "not a regular file";
	buf_printf(problem, "%.*s: %s", SHOWN, path, why);
}

static int
open_root(const struct root *root, struct buf *problem)
{
	int fd;

	if (root->write)
		(void)io_make_directories(root->path);
	fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		explain(root->path, errno, problem);
	return fd;
}

static int
open_to_read(
    struct roots *roots, const char *path, int flags, struct buf *problem)
{
	struct buf rest = {0};
	const struct root *root = find(roots, path, false, &rest, problem);
	int at = root != NULL ? open_root(root, problem) : -1, fd = -1;

	if (at >= 0) {
		fd = open_beneath(
		    at, rest.data, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags);
		if (fd < 0)
			explain(path, errno, problem);
		close(at);
	}
	buf_free(&rest);
	return fd;
}

int
roots_open_file(struct roots *roots, const char *path, struct buf *problem)
{
	int fd = open_to_read(roots, path, 0, problem);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	buf_printf(problem, "%.*s: %s", SHOWN, path,
	    S_ISDIR(st.st_mode) ? "it is a directory (list_files shows it)"
				: "not a regular file");
	close(fd);
	return -1;
}

int
roots_open_directory(struct roots *roots, const char *path, struct buf *problem)
{
	return open_to_read(roots, path, O_DIRECTORY, problem);
}

/* Opens each directory on the way, and makes those that are missing. */
static int
open_or_make(int root, const char *path, struct buf *problem)
{
	struct buf way = {0};
	int at = open_beneath(root, ".", O_PATH | O_DIRECTORY);

	while (at >= 0 && *path != '\0') {
		size_t length = strcspn(path, "/");
		char *name = xstrndup(path, length);
		int next;

		if (way.length != 0)
			buf_add_byte(&way, '/');
		buf_add_string(&way, name);
		next = open_beneath(root, way.data, O_PATH | O_DIRECTORY);
		if (next < 0 && errno == ENOENT &&
		    protect_allows_inside(at, problem) &&
		    (mkdirat(at, name, 0777) == 0 || errno == EEXIST))
			next =
			    open_beneath(root, way.data, O_PATH | O_DIRECTORY);
		free(name);
		close(at);
		at = next;
		path += length;
		path += strspn(path, "/");
	}
	buf_free(&way);
	return at;
}

static size_t
levels(const char *path)
{
	size_t count = 0;

	for (; (path = strchr(path, '/')) != NULL; path++)
		count++;
	return count;
}

int
roots_open_parent(
    struct roots *roots, const char *path, char **name, struct buf *problem)
{
	struct buf rest = {0};
	const struct root *root = find(roots, path, true, &rest, problem);
	size_t length = strlen(path);
	int at = -1, fd = -1;
	char *slash;

	*name = NULL;
	if (root == NULL)
		goto out;
	if (path[length - 1] == '/' || strcmp(rest.data, ".") == 0) {
		buf_printf(problem, "%.*s: it is a directory", SHOWN, path);
		goto out;
	}
	if (levels(rest.data) > LEVELS_MAX) {
		buf_printf(problem, "%.*s: more than %d directories deep",
		    SHOWN, path, LEVELS_MAX);
		goto out;
	}
	at = open_root(root, problem);
	if (at < 0)
		goto out;
	slash = strrchr(rest.data, '/');
	*name = xstrdup(slash != NULL ? slash + 1 : rest.data);
	buf_truncate(&rest, slash != NULL ? (size_t)(slash - rest.data) : 0);
	fd = open_or_make(at, rest.data, problem);
	if (fd < 0 && problem->length == 0)
		explain(path, errno, problem);
	close(at);
out:
	buf_free(&rest);
	return fd;
}
