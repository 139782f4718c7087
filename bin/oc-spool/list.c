#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include "buf.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "list.h"
#include "log.h"
#include "queue_files.h"
#include "record.h"
#include "state.h"
#include "turn.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	TEXT_SHOWN = 48, /* bytes of a message's text in a list */
	AGE_SIZE = 32,
};

static const struct {
	enum queue_directory directory;
	const char *name;
} states[] = {
    {QUEUE_DIR_CUR, "running"},
    {QUEUE_DIR_NEW, "waiting"},
    {QUEUE_DIR_DEAD, "dead"},
};

enum { STATES = sizeof states / sizeof *states };

/* The names of a directory in the order of arrival. */
struct names {
	char **name;
	size_t count;
};

static bool
add_name(void *arg, const char *name)
{
	struct names *names = arg;
	struct queue_file file;

	if (!queue_file_parse(&file, name))
		return true;
	names->name =
	    xreallocarray(names->name, names->count + 1, sizeof *names->name);
	names->name[names->count++] = xstrdup(name);
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static struct names
read_names(struct queue *queue, enum queue_directory directory)
{
	struct names names = {0};

	queue_each(queue, directory, add_name, &names);
	if (names.count != 0)
		qsort(
		    names.name, names.count, sizeof *names.name, compare_names);
	return names;
}

static void
names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

/* Milliseconds since the epoch, from the digits of a file's name. */
static int64_t
arrival_ms(const char *file)
{
	return (int64_t)(strtoull(file, NULL, 10) / 1000000);
}

static const char *
age_text(int64_t at, char text[AGE_SIZE])
{
	int64_t s = (clock_now_ms() - at) / 1000;

	if (s < 0)
		s = 0;
	if (s < 120)
		snprintf(text, AGE_SIZE, "%" PRId64 " s", s);
	else if (s < 2 * 60 * 60)
		snprintf(text, AGE_SIZE, "%" PRId64 " min", s / 60);
	else if (s < 2 * 24 * 60 * 60)
		snprintf(text, AGE_SIZE, "%" PRId64 " h", s / 3600);
	else
		snprintf(text, AGE_SIZE, "%" PRId64 " d", s / 86400);
	return text;
}

static void
print(struct buf *line)
{
	buf_add_byte(line, '\n');
	io_write_stdout(line->data, line->length);
	buf_free(line);
}

/* The part of a text that fits a list, on one line and without controls. */
static void
add_excerpt(struct buf *line, const char *text)
{
	size_t length = strlen(text), most = TEXT_SHOWN;
	size_t shown = length <= most ? length : utf8_floor(text, length, most);

	for (size_t i = 0; i < shown; i++)
		buf_add_byte(line,
		    (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' '
								    : text[i]);
	if (shown < length)
		buf_add_string(line, "...");
}

/* ---- queues */

static void
print_queue(const char *name, bool json)
{
	struct queue *queue = queue_open(name);
	struct names names[STATES];
	int64_t oldest = 0;
	struct buf line = {0};
	char age[AGE_SIZE];
	jv object = json_set_string(json_object(), "queue", name);

	if (!json)
		buf_printf(&line, "%-24s", name);
	for (int i = 0; i < STATES; i++) {
		names[i] = read_names(queue, states[i].directory);
		object = json_set_int(
		    object, states[i].name, (int64_t)names[i].count);
		if (!json)
			buf_printf(&line, " %8zu", names[i].count);
	}
	if (names[1].count != 0) {
		oldest = arrival_ms(names[1].name[0]);
		object = json_set_int(object, "oldest", oldest);
	}
	if (json)
		json_write(&line, object);
	else
		buf_printf(
		    &line, "  %s", oldest != 0 ? age_text(oldest, age) : "-");
	print(&line);
	for (int i = 0; i < STATES; i++)
		names_free(&names[i]);
	jv_free(object);
	queue_free(queue);
}

int
list_queues(bool json)
{
	char **names;
	size_t count;
	struct buf head = {0};

	if (!json) {
		buf_printf(&head, "%-24s %8s %8s %8s  %s", "QUEUE", "RUNNING",
		    "WAITING", "DEAD", "OLDEST");
		print(&head);
	}
	print_queue("in", json);
	names = queue_names(&count);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], "in") != 0)
			print_queue(names[i], json);
		free(names[i]);
	}
	free(names);
	return EX_OK;
}

/* ---- turns */

static jv
read_file(struct queue *queue, enum queue_directory directory, const char *file)
{
	struct buf text = {0};
	jv turn = jv_invalid();

	if (queue_read(queue, directory, file, &text))
		turn = json_parse(buf_string(&text), text.length, NULL);
	buf_free(&text);
	return turn;
}

static void
print_turn(struct queue *queue, int state, const char *name, bool json)
{
	jv turn = read_file(queue, states[state].directory, name);
	struct queue_file file = {0};
	struct buf line = {0};
	char age[AGE_SIZE];
	int64_t at = arrival_ms(name);
	jv object;

	(void)queue_file_parse(&file, name);
	if (json) {
		object =
		    json_set_string(json_object(), "state", states[state].name);
		object = json_set_int(object, "attempt", file.attempt);
		object = json_set_int(object, "at", at);
		object = json_set_string(object, "file", name);
		object = json_set(object, "turn", json_copy(turn));
		json_write(&line, object);
		jv_free(object);
	} else {
		buf_printf(&line, "%-8s %3u %8s  %-28s %-20s ",
		    states[state].name, file.attempt, age_text(at, age),
		    queue_id_of(turn), turn_session(turn));
		add_excerpt(&line, json_get_string(turn, "text", ""));
	}
	print(&line);
	jv_free(turn);
}

int
list_turns(struct queue *queue, bool json)
{
	struct buf head = {0};

	if (!json) {
		buf_printf(&head, "%-8s %3s %8s  %-28s %-20s %s", "STATE",
		    "TRY", "AGE", "ID", "SESSION", "TEXT");
		print(&head);
	}
	for (int i = 0; i < STATES; i++) {
		struct names names = read_names(queue, states[i].directory);

		for (size_t j = 0; j < names.count; j++)
			print_turn(queue, i, names.name[j], json);
		names_free(&names);
	}
	return EX_OK;
}

static void
print_keys(jv ref_turn)
{
	struct json_iter iter = {0};
	struct buf line = {0};
	const char *key;
	jv value;

	while (json_next(&iter, ref_turn, &key, &value)) {
		buf_printf(&line, "%-10s ", key);
		json_write(&line, value);
		print(&line);
		jv_free(value);
	}
}

int
list_show(struct queue *queue, const char *id, bool json)
{
	char *name = state_name(id), *file;
	enum queue_place place = queue_locate(queue, name, true, &file);
	int status = EX_OK;
	jv turn = jv_null();

	free(name);
	if (place == QUEUE_NOWHERE || place == QUEUE_DONE) {
		log_error("queue %s: turn %s: %s", queue_name(queue), id,
		    place == QUEUE_DONE
			? "finished; its journal is in the archive"
			: "not there");
		free(file);
		return EX_NOINPUT;
	}
	turn = read_file(queue, queue_directory_of(place), file);
	if (!json_is_object(turn)) {
		log_error("queue %s: %s: not a turn", queue_name(queue), file);
		status = EX_DATAERR;
	} else if (json) {
		record_write(turn);
	} else {
		print_keys(turn);
	}
	jv_free(turn);
	free(file);
	return status;
}

/* ---- by hand */

static int
retry_file(struct queue *queue, const char *file)
{
	/* its time tells this round of attempts from the last */
	if (!queue->shared)
		(void)utimensat(queue->fd[QUEUE_DIR_DEAD], file, NULL, 0);
	if (queue_move(queue, QUEUE_DIR_DEAD, file, QUEUE_DIR_NEW, file))
		return EX_OK;
	log_error("queue %s: %s: cannot move from dead to new: %s",
	    queue_name(queue), file, strerror(errno));
	return EX_IOERR;
}

static int
retry_id(struct queue *queue, const char *id)
{
	char *name = state_name(id), *file;
	enum queue_place place = queue_locate(queue, name, true, &file);
	int status = EX_NOINPUT;

	if (place == QUEUE_DEAD)
		status = retry_file(queue, file);
	else
		log_error("queue %s: turn %s is not among the dead",
		    queue_name(queue), id);
	free(file);
	free(name);
	return status;
}

int
list_retry(struct queue *queue, char *const *ids, int count)
{
	struct names names = {0};
	int status = EX_OK;

	queue_lock(queue);
	if (count == 0)
		names = read_names(queue, QUEUE_DIR_DEAD);
	for (size_t i = 0; i < names.count; i++)
		if (retry_file(queue, names.name[i]) != EX_OK)
			status = EX_IOERR;
	for (int i = 0; i < count; i++) {
		int one = retry_id(queue, ids[i]);

		status = one != EX_OK ? one : status;
	}
	if (!queue_sync(queue, QUEUE_DIR_NEW) ||
	    !queue_sync(queue, QUEUE_DIR_DEAD)) {
		log_error("queue %s: cannot sync: %s", queue_name(queue),
		    strerror(errno));
		status = EX_IOERR;
	}
	queue_unlock(queue);
	names_free(&names);
	return status;
}

static int
drop_id(struct queue *queue, const char *id, bool taken)
{
	char *name = state_name(id), *file;
	enum queue_place place = queue_locate(queue, name, true, &file);
	int status = EX_OK;

	if (place == QUEUE_CUR && taken) {
		log_error("queue %s: turn %s runs: stop it instead",
		    queue_name(queue), id);
		status = EX_TEMPFAIL;
	} else if (place == QUEUE_NOWHERE || place == QUEUE_DONE) {
		log_error(
		    "queue %s: turn %s: not there", queue_name(queue), id);
		status = EX_NOINPUT;
	} else if (!queue_move(queue, queue_directory_of(place), file,
		       QUEUE_DIR_DONE, name) ||
		   !queue_sync(queue, QUEUE_DIR_DONE)) {
		log_error("queue %s: turn %s: %s", queue_name(queue), id,
		    strerror(errno));
		status = EX_IOERR;
	} else {
		queue_forget(queue, name);
	}
	free(file);
	free(name);
	return status;
}

int
list_drop(struct queue *queue, char *const *ids, int count)
{
	int status = EX_OK, taker = queue_lock_take(queue);
	bool taken = taker < 0 || queue_is_taken(queue);

	queue_lock(queue);
	for (int i = 0; i < count; i++) {
		int one = drop_id(queue, ids[i], taken);

		status = one != EX_OK ? one : status;
	}
	queue_unlock(queue);
	if (taker >= 0)
		close(taker);
	return status;
}
