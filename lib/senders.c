#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "senders.h"
#include "shared.h"
#include "state.h"
#include "xalloc.h"

enum {
	FILE_MAX = 4 << 20, /* tens of thousands of people */
	NAME_MAX_BYTES = 100,
};

/* No 0, O, 1 or I, which look alike. */
static const char code_letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/* ---- the file */

/* In Redis, where the state is shared. */
static const char shared[] = "senders.json";
static char *shared_token; /* while the lock is held */

static bool
read_text(const char *path, struct buf *text)
{
	if (!redis_is_used())
		return io_read_file(AT_FDCWD, path, FILE_MAX, text);
	shared_read(shared, 0, FILE_MAX, text);
	errno = ENOENT;
	return text->length != 0;
}

/* An object, empty when there is no file.  False when it cannot be read. */
static bool
load(jv *senders)
{
	char *path = state_path("senders.json");
	struct buf text = {.data = NULL};
	const char *problem = NULL;
	bool ok;

	*senders = json_object();
	if (path == NULL)
		return true;
	ok = read_text(path, &text);
	if (!ok && errno == ENOENT) {
		ok = true;
	} else if (ok) {
		jv value = json_parse(buf_string(&text), text.length, &problem);

		ok = json_is_object(value);
		if (ok) {
			jv_free(*senders);
			*senders = value;
		} else {
			log_error("%s: %s; nobody counts as approved", path,
			    problem != NULL ? problem : "not an object");
			jv_free(value);
			errno = EBADMSG;
		}
	} else {
		log_error(
		    "%s: %s; nobody counts as approved", path, strerror(errno));
	}
	buf_free(&text);
	free(path);
	return ok;
}

static bool
save(jv own_senders)
{
	char *path = state_path("senders.json");
	struct buf text = {.data = NULL};
	bool ok;

	json_write(&text, own_senders);
	buf_add_byte(&text, '\n');
	jv_free(own_senders);
	ok = redis_is_used()
		 ? shared_replace(shared, NULL, 0, text.data, text.length)
		 : io_replace_file(path, text.data, text.length);
	buf_free(&text);
	free(path);
	return ok;
}

/* The descriptor that holds the lock, or -1 with errno set. */
static int
lock(void)
{
	char *path = state_path("senders.lock");
	int fd = -1;

	if (redis_is_used()) {
		shared_token = shared_lock("senders");
		free(path);
		errno = EHOSTDOWN;
		if (shared_token == NULL)
			return -1;
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (path == NULL) {
		errno = ENOENT;
		return -1;
	}
	if (io_make_directories(state_directory()))
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(path);
	while (fd >= 0 && flock(fd, LOCK_EX) != 0)
		if (errno != EINTR) {
			close(fd);
			fd = -1;
		}
	return fd;
}

static void
unlock(int fd)
{
	if (shared_token != NULL)
		shared_unlock("senders", shared_token);
	shared_token = NULL;
	close(fd);
}

/* ---- what is in it */

static jv
people(jv ref_senders, const char *channel, const char *what)
{
	jv of_channel = json_get(ref_senders, channel);
	jv result = json_get(of_channel, what);

	jv_free(of_channel);
	if (json_is_object(result))
		return result;
	jv_free(result);
	return json_object();
}

static jv
set_people(jv own_senders, const char *channel, const char *what, jv own_people)
{
	jv of_channel = json_get(own_senders, channel);

	of_channel = json_set(of_channel, what, own_people);
	return json_set(own_senders, channel, of_channel);
}

/* Those whose code is still good.  A clock that was set back ages it too. */
static jv
without_old(jv own_waiting)
{
	int64_t now = clock_now_ms();
	struct json_iter iter = {0};
	jv kept = json_object(), value;
	const char *id;

	while (json_next(&iter, own_waiting, &id, &value)) {
		int64_t age = now - json_get_int(value, "at", 0);

		if (age >= 0 && age < SENDERS_VALID_MS)
			kept = json_set(kept, id, value);
		else
			jv_free(value);
	}
	jv_free(own_waiting);
	return kept;
}

bool
senders_is_approved(const char *channel, const char *id)
{
	jv senders, approved;
	bool found;

	load(&senders);
	approved = people(senders, channel, "approved");
	found = json_has(approved, id);
	jv_free(approved);
	jv_free(senders);
	return found;
}

static void
make_code(char code[SENDERS_CODE_SIZE])
{
	for (int i = 0; i < SENDERS_CODE_SIZE - 1; i++)
		code[i] =
		    code_letters[arc4random_uniform(sizeof code_letters - 1)];
	code[SENDERS_CODE_SIZE - 1] = '\0';
}

static jv
new_request(const char *name, const char *code)
{
	jv request = json_object();
	char *cut = xstrndup(name, NAME_MAX_BYTES);

	request = json_set_string(request, "name", cut);
	request = json_set_int(request, "at", clock_now_ms());
	free(cut);
	return json_set_string(request, "code", code);
}

enum senders_request
senders_request(const char *channel, const char *id, const char *name,
    char code[SENDERS_CODE_SIZE])
{
	enum senders_request result = SENDERS_FAILED;
	int fd = lock(), saved;
	jv senders, waiting;

	if (fd < 0)
		return SENDERS_FAILED;
	if (!load(&senders)) {
		saved = errno;
		jv_free(senders);
		unlock(fd);
		errno = saved;
		return SENDERS_FAILED;
	}
	waiting = without_old(people(senders, channel, "waiting"));
	if (json_has(waiting, id)) {
		result = SENDERS_WAITING;
	} else if (json_length(waiting) >= SENDERS_WAITING_MAX) {
		result = SENDERS_FULL;
	} else {
		make_code(code);
		waiting = json_set(waiting, id, new_request(name, code));
		senders =
		    set_people(senders, channel, "waiting", json_copy(waiting));
		if (save(json_copy(senders)))
			result = SENDERS_NEW;
	}
	saved = errno;
	jv_free(waiting);
	jv_free(senders);
	unlock(fd);
	errno = saved;
	return result;
}

void
senders_withdraw(const char *channel, const char *id)
{
	int fd = lock();
	jv senders;

	if (fd < 0)
		return;
	if (load(&senders)) {
		jv waiting =
		    json_delete(people(senders, channel, "waiting"), id);

		if (!save(set_people(
			json_copy(senders), channel, "waiting", waiting)))
			log_error("senders.json: %s", strerror(errno));
	}
	jv_free(senders);
	unlock(fd);
}

/* The id of who waits with a code, for the caller to free, or NULL. */
static char *
find_code(jv ref_waiting, const char *code)
{
	struct json_iter iter = {0};
	const char *id;
	char *found = NULL;
	jv value;

	if (strlen(code) != SENDERS_CODE_SIZE - 1)
		return NULL;
	while (json_next(&iter, ref_waiting, &id, &value)) {
		if (found == NULL &&
		    strcasecmp(json_get_string(value, "code", ""), code) == 0)
			found = xstrdup(id);
		jv_free(value);
	}
	return found;
}

/* Moves a person from those who wait to those who are approved. */
static jv
move(jv own_senders, const char *channel, jv own_waiting, const char *id)
{
	jv approved = people(own_senders, channel, "approved");
	jv person = json_delete(json_get(own_waiting, id), "code");

	person = json_set_int(person, "at", clock_now_ms());
	approved = json_set(approved, id, person);
	own_senders = set_people(own_senders, channel, "approved", approved);
	return set_people(
	    own_senders, channel, "waiting", json_delete(own_waiting, id));
}

enum senders_approve
senders_approve(const char *channel, const char *code, char **id)
{
	enum senders_approve result = SENDERS_NOT_WRITTEN;
	int fd = lock(), saved;
	jv senders, waiting;

	*id = NULL;
	if (fd < 0)
		return SENDERS_NOT_WRITTEN;
	if (load(&senders)) {
		waiting = without_old(people(senders, channel, "waiting"));
		*id = find_code(waiting, code);
		if (*id == NULL)
			result = SENDERS_NO_CODE;
		else if (save(move(json_copy(senders), channel,
			     json_copy(waiting), *id)))
			result = SENDERS_APPROVED;
		jv_free(waiting);
	}
	saved = errno;
	jv_free(senders);
	unlock(fd);
	if (result != SENDERS_APPROVED) {
		free(*id);
		*id = NULL;
	}
	errno = saved;
	return result;
}

bool
senders_revoke(const char *channel, const char *id)
{
	int fd = lock(), saved;
	bool ok = false;
	jv senders;

	if (fd < 0)
		return false;
	if (load(&senders)) {
		jv approved =
		    json_delete(people(senders, channel, "approved"), id);

		ok = save(set_people(
		    json_copy(senders), channel, "approved", approved));
	}
	saved = errno;
	jv_free(senders);
	unlock(fd);
	errno = saved;
	return ok;
}

/* ---- for people */

static int
compare_times(const void *a, const void *b)
{
	int64_t first = json_get_int(*(const jv *)a, "at", 0);
	int64_t second = json_get_int(*(const jv *)b, "at", 0);

	return (first > second) - (first < second);
}

jv
senders_waiting(const char *channel)
{
	jv senders, waiting, list = json_array(), value;
	jv sorted[SENDERS_WAITING_MAX];
	struct json_iter iter = {0};
	const char *id;
	size_t count = 0;

	load(&senders);
	waiting = without_old(people(senders, channel, "waiting"));
	while (json_next(&iter, waiting, &id, &value)) {
		if (count < SENDERS_WAITING_MAX)
			sorted[count++] = json_set_string(value, "id", id);
		else
			jv_free(value);
	}
	if (count > 1)
		qsort(sorted, count, sizeof sorted[0], compare_times);
	for (size_t i = 0; i < count; i++)
		list = json_append(list, sorted[i]);
	jv_free(waiting);
	jv_free(senders);
	return list;
}
