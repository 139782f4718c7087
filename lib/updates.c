#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include "io.h"
#include "log.h"
#include "secret.h"
#include "state.h"
#include "updates.h"
#include "xalloc.h"

enum {
	NAME_SIZE = 48,           /* a number, a dot, a pid */
	LEFT_OVER_S = 60 * 60,    /* no file is written for so long */
	WAITING_MOST = 64 * 1024, /* that are listed at once */
	SECRET_MAX = 256,         /* Telegram's limit */
};
#define SECRET_LETTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

enum folder { TMP, NEW, DONE, FOLDERS };
static const char *const folder_name[FOLDERS] = {"tmp", "new", "done"};

struct updates {
	char *path[FOLDERS];
	int fd[FOLDERS];
};

char *
updates_take_secret(void)
{
	char *secret = secret_take("TELEGRAM_WEBHOOK_SECRET");
	size_t length = secret != NULL ? strlen(secret) : 0;

	if (length == 0)
		fatal(EX_CONFIG,
		    "channels.telegram.webhook is configured and "
		    "TELEGRAM_WEBHOOK_SECRET is not set; make one with "
		    "`openssl rand -hex 32`");
	if (length > SECRET_MAX ||
	    secret[strspn(secret, SECRET_LETTERS)] != '\0')
		fatal(EX_CONFIG,
		    "TELEGRAM_WEBHOOK_SECRET: Telegram takes at most %d "
		    "letters, digits, `_` and `-`",
		    SECRET_MAX);
	return secret;
}

struct updates *
updates_open(void)
{
	struct updates *updates = xcalloc(1, sizeof *updates);

	for (int i = 0; i < FOLDERS; i++) {
		char *path = state_path("updates/%s", folder_name[i]);

		updates->path[i] = path;
		updates->fd[i] = -1;
		if (path != NULL && io_make_directories(path))
			updates->fd[i] =
			    open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (updates->fd[i] < 0)
			fatal(EX_CANTCREAT, "%s: %s",
			    path != NULL ? path : "updates",
			    path != NULL ? strerror(errno)
					 : "no directory of state; set "
					   "OC_STATE");
	}
	return updates;
}

void
updates_free(struct updates *updates)
{
	if (updates == NULL)
		return;
	for (int i = 0; i < FOLDERS; i++) {
		close(updates->fd[i]);
		free(updates->path[i]);
	}
	free(updates);
}

const char *
updates_folder(const struct updates *updates)
{
	return updates->path[NEW];
}

static void
name_of(int64_t id, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%" PRId64, id);
}

static bool
is_there(const struct updates *updates, enum folder folder, const char *name)
{
	return faccessat(updates->fd[folder], name, F_OK, 0) == 0;
}

/* Writes tmp/NAME and makes it safe. */
static bool
write_file(const struct updates *updates, const char *name, const void *data,
    size_t length)
{
	int fd = openat(updates->fd[TMP], name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int saved;
	bool ok;

	if (fd < 0)
		return false;
	ok = io_write_all(fd, data, length) && fsync(fd) == 0;
	saved = errno;
	if (close(fd) != 0 && ok) {
		saved = errno;
		ok = false;
	}
	errno = saved;
	return ok;
}

/* Some network file systems cannot sync a directory; they need not. */
static bool
sync_folder(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
}

bool
updates_put(
    struct updates *updates, int64_t id, const void *data, size_t length)
{
	char name[NAME_SIZE], temporary[2 * NAME_SIZE];
	int saved;

	name_of(id, name);
	snprintf(temporary, sizeof temporary, "%s.%d", name, (int)getpid());
	/* in the order in which it moves, so that it cannot be missed */
	if (is_there(updates, NEW, name))
		return sync_folder(updates->fd[NEW]);
	if (is_there(updates, DONE, name))
		return true;
	if (write_file(updates, temporary, data, length) &&
	    renameat(updates->fd[TMP], temporary, updates->fd[NEW], name) ==
		0) {
		/* left where it is: it will be asked for again, and found */
		return sync_folder(updates->fd[NEW]);
	}
	saved = errno;
	unlinkat(updates->fd[TMP], temporary, 0);
	errno = saved;
	return false;
}

/* ---- a folder's files */

/* Another description of it, so that two can read it at once. */
static DIR *
open_folder(const struct updates *updates, enum folder folder)
{
	int fd = openat(
	    updates->fd[folder], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

	if (directory == NULL) {
		log_warn("%s: %s", updates->path[folder], strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	return directory;
}

static int
by_number(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

size_t
updates_waiting(struct updates *updates, int64_t **ids)
{
	DIR *directory = open_folder(updates, NEW);
	size_t count = 0, room = 0;
	struct dirent *entry;

	*ids = NULL;
	while (directory != NULL && count < WAITING_MOST &&
	       (entry = readdir(directory)) != NULL) {
		const char *wrong = NULL;
		int64_t id =
		    strtonum(entry->d_name, INT64_MIN, INT64_MAX, &wrong);

		if (wrong != NULL)
			continue;
		if (count == room) {
			room = room * 2 + 64;
			*ids = xreallocarray(*ids, room, sizeof **ids);
		}
		(*ids)[count++] = id;
	}
	if (directory != NULL)
		closedir(directory);
	if (count != 0)
		qsort(*ids, count, sizeof **ids, by_number);
	return count;
}

bool
updates_read(struct updates *updates, int64_t id, struct buf *text)
{
	char name[NAME_SIZE];

	name_of(id, name);
	return io_read_file(updates->fd[NEW], name, UPDATES_MAX, text);
}

bool
updates_done(struct updates *updates, int64_t id)
{
	char name[NAME_SIZE];
	int fd;

	name_of(id, name);
	if (renameat(updates->fd[NEW], name, updates->fd[DONE], name) != 0)
		return errno == ENOENT;
	/* the text is a person's, and is not needed any more */
	fd = openat(updates->fd[DONE], name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return true;
}

/* Removes what is older than so many seconds. */
static void
remove_old(struct updates *updates, enum folder folder, time_t age_s)
{
	DIR *directory = open_folder(updates, folder);
	time_t now = time(NULL);
	struct dirent *entry;
	struct stat st;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (fstatat(updates->fd[folder], entry->d_name, &st,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && now - st.st_mtime > age_s)
			unlinkat(updates->fd[folder], entry->d_name, 0);
	if (directory != NULL)
		closedir(directory);
}

void
updates_tidy(struct updates *updates)
{
	remove_old(updates, TMP, LEFT_OVER_S);
	remove_old(updates, DONE, UPDATES_REMEMBER_S);
}
