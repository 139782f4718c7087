#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "buf.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "ledger.h"
#include "log.h"
#include "shared.h"
#include "state.h"
#include "ulid.h"
#include "xalloc.h"

enum {
	FILE_MAX = 8 * 1024 * 1024, /* a thousand times a usual one */
};

struct entry {
	enum ledger_state state;
	unsigned int tries; /* intents that nothing answers */
	bool edit;          /* the last one: may be done twice */
	jv messages;
};

struct ledger {
	int fd;
	off_t length; /* up to the last whole line */
	struct entry *part;
	size_t count;
	jv plan, done, splits, error;
	bool begun;
	char *draft;

	char *shared; /* its path in Redis; then fd is not used */
	char owner[ULID_SIZE];
	struct shared_guard guard;
	struct ledger *next; /* of those that are open here */
};
static struct ledger *shared_ledgers;

static struct entry *
entry_of(struct ledger *ledger, jv ref_line)
{
	int64_t number = json_get_int(ref_line, "part", -1);
	size_t wanted;

	if (number < 0 || number >= LEDGER_PARTS_MAX)
		return NULL;
	wanted = (size_t)number + 1;
	if (wanted > ledger->count) {
		ledger->part =
		    xreallocarray(ledger->part, wanted, sizeof *ledger->part);
		for (size_t i = ledger->count; i < wanted; i++)
			ledger->part[i] =
			    (struct entry){.messages = json_null()};
		ledger->count = wanted;
	}
	return &ledger->part[number];
}

static void
apply_to_part(
    struct ledger *ledger, struct entry *part, const char *event, jv ref_line)
{
	if (strcmp(event, "intent") == 0) {
		part->edit = json_get_bool(ref_line, "edit", false);
		part->tries += part->edit ? 0 : 1;
	} else if (strcmp(event, "not_sent") == 0) {
		part->tries -= part->tries > 0 && !part->edit ? 1 : 0;
	} else if (strcmp(event, "sent") == 0) {
		part->state = LEDGER_SENT;
		jv_free(part->messages);
		part->messages = json_get(ref_line, "messages");
	} else if (strcmp(event, "split") == 0) {
		part->state = LEDGER_SPLIT;
		ledger->splits =
		    json_append(ledger->splits, json_int(part - ledger->part));
	} else if (strcmp(event, "failed") == 0) {
		part->state = LEDGER_FAILED;
		if (json_is_null(ledger->error)) {
			jv_free(ledger->error);
			ledger->error = json_get(ref_line, "error");
		}
	} else if (strcmp(event, "unknown") == 0) {
		part->state = LEDGER_UNKNOWN;
	}
}

static void
apply(struct ledger *ledger, jv ref_line)
{
	const char *event = json_get_string(ref_line, "event", "");
	struct entry *part = entry_of(ledger, ref_line);

	if (part != NULL) {
		apply_to_part(ledger, part, event, ref_line);
	} else if (strcmp(event, "plan") == 0) {
		jv_free(ledger->plan);
		ledger->plan = json_copy(ref_line);
	} else if (strcmp(event, "begun") == 0) {
		ledger->begun = true;
	} else if (strcmp(event, "not_sent") == 0) {
		ledger->begun = false;
	} else if (strcmp(event, "draft") == 0) {
		free(ledger->draft);
		ledger->draft =
		    xstrdup(json_get_string(ref_line, "message", ""));
	} else if (strcmp(event, "removed") == 0) {
		free(ledger->draft);
		ledger->draft = NULL;
		ledger->begun = false;
	} else if (strcmp(event, "done") == 0) {
		jv_free(ledger->done);
		ledger->done = json_copy(ref_line);
	}
}

/* ---- the file */

static void
apply_lines(struct ledger *ledger, const struct buf *text)
{
	size_t at = 0;
	char *end;

	while (at < text->length && (end = memchr(text->data + at, '\n',
					 text->length - at)) != NULL) {
		size_t length = (size_t)(end - (text->data + at));
		jv line = json_parse(text->data + at, length, NULL);

		if (json_is_object(line))
			apply(ledger, line);
		jv_free(line);
		at += length + 1;
	}
	ledger->length = (off_t)at;
}

static bool
load(struct ledger *ledger, int directory, const char *name)
{
	struct buf text = {0};
	bool ok = io_read_file(directory, name, FILE_MAX, &text);

	if (ok)
		apply_lines(ledger, &text);
	buf_free(&text);
	return ok;
}

/*
 * In Redis whoever opens it last may write; the one before is refused from
 * then on, before it sends.
 */
static bool
claim_shared(struct ledger *ledger, const char *name, int flags)
{
	const struct ledger *other;
	struct buf text = {0};
	struct stat st;

	ledger->shared = xasprintf("sent/%s", name);
	for (other = shared_ledgers; other != NULL; other = other->next)
		if (strcmp(other->shared, ledger->shared) == 0)
			break;
	ledger->next = shared_ledgers;
	shared_ledgers = ledger;
	errno = EWOULDBLOCK;
	if (other != NULL)
		return false;
	if (flags == 0 && !shared_stat(ledger->shared, &st))
		return false;
	ulid_make(ledger->owner);
	if (!shared_set(ledger->shared, &ledger->guard, "owner", ledger->owner))
		return false;
	ledger->guard.field = "owner";
	ledger->guard.value = ledger->owner;
	shared_read(ledger->shared, 0, FILE_MAX, &text);
	apply_lines(ledger, &text);
	buf_free(&text);
	return true;
}

static int
open_directory(void)
{
	char *path = state_path("sent");
	int fd = -1, error;

	errno = ENOENT;
	if (path != NULL && io_make_directories(path))
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = errno;
	free(path);
	errno = error;
	return fd;
}

/* A file that is there after a crash, and that nobody else writes. */
static bool
claim(struct ledger *ledger, int directory, const char *name, int flags)
{
	ledger->fd = openat(
	    directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (ledger->fd < 0 || flock(ledger->fd, LOCK_EX | LOCK_NB) != 0 ||
	    !load(ledger, directory, name))
		return false;
	if (ledger->length == 0 && fsync(directory) != 0 && errno != EINVAL &&
	    errno != ENOTSUP)
		return false;
	return true;
}

static bool
claim_file(struct ledger *ledger, const char *name, int flags)
{
	int directory = open_directory(), error;
	bool ok = directory >= 0 && claim(ledger, directory, name, flags);

	error = errno;
	(void)close(directory);
	errno = error;
	return ok;
}

static struct ledger *
open_with(jv ref_turn, int flags)
{
	struct ledger *ledger = xcalloc(1, sizeof *ledger);
	char *name = state_name(json_get_string(ref_turn, "id", ""));
	int error;
	bool ok;

	ledger->fd = -1;
	ledger->plan = ledger->done = ledger->error = json_null();
	ledger->splits = json_array();
	ledger->guard = shared_guard(ref_turn);
	ok = redis_is_used() ? claim_shared(ledger, name, flags)
			     : claim_file(ledger, name, flags);
	error = errno;
	if (!ok)
		ledger_free(ledger);
	free(name);
	errno = error;
	return ok ? ledger : NULL;
}

struct ledger *
ledger_open_taken(jv ref_turn)
{
	return open_with(ref_turn, O_CREAT);
}

static struct ledger *
open_named(const char *turn_id, int flags)
{
	jv turn = json_set_string(json_object(), "id", turn_id);
	struct ledger *ledger = open_with(turn, flags);
	int error = errno;

	jv_free(turn);
	errno = error;
	return ledger;
}

struct ledger *
ledger_open(const char *turn_id)
{
	return open_named(turn_id, O_CREAT);
}

struct ledger *
ledger_reopen(const char *turn_id)
{
	return open_named(turn_id, 0);
}

void
ledger_free(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	if (ledger->fd >= 0)
		close(ledger->fd);
	for (size_t i = 0; i < ledger->count; i++)
		jv_free(ledger->part[i].messages);
	free(ledger->part);
	for (struct ledger **p = &shared_ledgers; *p != NULL; p = &(*p)->next)
		if (*p == ledger) {
			*p = ledger->next;
			break;
		}
	free(ledger->shared);
	shared_guard_free(&ledger->guard);
	free(ledger->draft);
	jv_free(ledger->plan);
	jv_free(ledger->done);
	jv_free(ledger->splits);
	jv_free(ledger->error);
	free(ledger);
}

jv
ledger_line(const char *event)
{
	jv line = json_set_int(json_object(), "at", clock_now_ms());

	return json_set_string(line, "event", event);
}

jv
ledger_part_line(const char *event, size_t part)
{
	return json_set_int(ledger_line(event), "part", (int64_t)part);
}

static bool
append_shared(struct ledger *ledger, const struct buf *line)
{
	return shared_append(ledger->shared, &ledger->guard, LEDGER_KEEP_DAYS,
	    line->data, line->length);
}

/* Whatever a failure left behind the last whole line is written over. */
static bool
append(struct ledger *ledger, const struct buf *line, bool sync)
{
	int error;

	if (ledger->shared != NULL)
		return append_shared(ledger, line);
	if (ftruncate(ledger->fd, ledger->length) == 0 &&
	    lseek(ledger->fd, ledger->length, SEEK_SET) >= 0 &&
	    io_write_all(ledger->fd, line->data, line->length) &&
	    (!sync || fdatasync(ledger->fd) == 0)) {
		ledger->length += (off_t)line->length;
		return true;
	}
	error = errno;
	(void)!ftruncate(ledger->fd, ledger->length);
	errno = error;
	return false;
}

static bool
append_line(struct ledger *ledger, jv ref_line, bool sync)
{
	struct buf text = {0};
	bool ok;

	json_write(&text, ref_line);
	buf_add_byte(&text, '\n');
	ok = append(ledger, &text, sync);
	buf_free(&text);
	return ok;
}

bool
ledger_add(struct ledger *ledger, jv own_line, bool sync)
{
	bool ok = append_line(ledger, own_line, sync);

	if (ok)
		apply(ledger, own_line);
	jv_free(own_line);
	return ok;
}

void
ledger_remark(struct ledger *ledger, jv own_line)
{
	(void)append_line(ledger, own_line, false);
	apply(ledger, own_line);
	jv_free(own_line);
}

/* ---- what it says */

enum ledger_state
ledger_part(const struct ledger *ledger, size_t part)
{
	if (part >= ledger->count)
		return LEDGER_OPEN;
	if (ledger->part[part].state == LEDGER_OPEN &&
	    ledger->part[part].tries > 0)
		return LEDGER_MAYBE;
	return ledger->part[part].state;
}

jv
ledger_plan(const struct ledger *ledger)
{
	return json_copy(ledger->plan);
}

jv
ledger_done(const struct ledger *ledger)
{
	return json_copy(ledger->done);
}

bool
ledger_is_done(const struct ledger *ledger)
{
	return json_is_object(ledger->done);
}

bool
ledger_has_plan(const struct ledger *ledger)
{
	return json_is_object(ledger->plan);
}

bool
ledger_has_begun(const struct ledger *ledger)
{
	return ledger->begun;
}

bool
ledger_draft_is_lost(const struct ledger *ledger)
{
	return ledger->begun && *ledger_draft(ledger) == '\0';
}

jv
ledger_splits(const struct ledger *ledger)
{
	return json_copy(ledger->splits);
}

jv
ledger_error(const struct ledger *ledger)
{
	return json_copy(ledger->error);
}

const char *
ledger_draft(const struct ledger *ledger)
{
	return ledger->draft != NULL ? ledger->draft : "";
}

jv
ledger_messages(const struct ledger *ledger, size_t parts)
{
	jv all = json_array();

	for (size_t i = 0; i < parts && i < ledger->count; i++)
		for (int k = 0, n = json_length(ledger->part[i].messages);
		     k < n; k++)
			all = json_append(
			    all, json_at(ledger->part[i].messages, k));
	return all;
}

/* ---- old ones */

/* Somebody who has it open holds a lock on it. */
static void
remove_if_old(int directory, const char *name, time_t before)
{
	struct stat st;
	int fd;

	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode) || st.st_mtime >= before)
		return;
	fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(directory, name, 0);
	if (fd >= 0)
		close(fd);
}

void
ledger_sweep(void)
{
	int fd = redis_is_used() ? -1 : open_directory();
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	time_t before = time(NULL) - LEDGER_KEEP_S;
	struct dirent *entry;

	if (directory == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			remove_if_old(fd, entry->d_name, before);
	closedir(directory);
}
