#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "buf.h"
#include "compact.h"
#include "io.h"
#include "journal.h"
#include "json.h"
#include "log.h"
#include "redis.h"
#include "session.h"
#include "state.h"
#include "turn.h"
#include "xalloc.h"

/* A journal that was read. */
struct past {
	jv turn;    /* as it was taken; invalid when a crash cut that off */
	jv steps;   /* array */
	jv started; /* ids of calls of the last assistant step: true */
	jv taint;
	jv end; /* the line that finished it, or invalid */
};

static bool
is_role(jv ref_step, const char *role)
{
	return strcmp(json_get_string(ref_step, "role", ""), role) == 0;
}

static void
past_step(struct past *past, jv ref_line)
{
	jv step = json_get(ref_line, "step");

	if (is_role(step, "assistant")) {
		jv_free(past->started);
		past->started = json_object();
	}
	if (json_has(ref_line, "taint")) {
		jv_free(past->taint);
		past->taint = json_get(ref_line, "taint");
	}
	if (json_is_object(step))
		past->steps = json_append(past->steps, step);
	else
		jv_free(step);
}

static void
past_line(struct past *past, jv ref_line)
{
	const char *event = json_get_string(ref_line, "event", "");

	if (strcmp(event, "begin") == 0) {
		jv_free(past->turn);
		jv_free(past->steps);
		jv_free(past->taint);
		past->turn = json_get(ref_line, "turn");
		/* what it came with stands before what was done */
		past->steps = json_get(past->turn, "steps");
		past->taint = json_get(past->turn, "taint");
	} else if (strcmp(event, "step") == 0) {
		past_step(past, ref_line);
	} else if (strcmp(event, "call") == 0) {
		jv call = json_get(ref_line, "call");

		past->started = json_set_bool(
		    past->started, json_get_string(call, "id", ""), true);
		jv_free(call);
	} else if (strcmp(event, "end") == 0) {
		jv_free(past->end);
		past->end = json_copy(ref_line);
	}
}

/* Reads the journal; lines that a crash cut off are passed over. */
static bool
past_read(struct past *past, struct journal *journal)
{
	struct buf text = {0};
	bool ok;

	*past = (struct past){.turn = jv_invalid(),
	    .steps = json_array(),
	    .started = json_object(),
	    .taint = jv_null(),
	    .end = jv_invalid()};
	ok = journal_read(journal, &text);
	for (size_t from = 0; ok && from < text.length;) {
		const char *at = text.data + from;
		const char *newline = memchr(at, '\n', text.length - from);
		size_t length = newline != NULL ? (size_t)(newline - at)
						: text.length - from;
		jv line = json_parse(at, length, NULL);

		if (newline != NULL && json_is_object(line))
			past_line(past, line);
		jv_free(line);
		from += length + 1;
	}
	buf_free(&text);
	return ok;
}

static void
past_free(struct past *past)
{
	jv_free(past->turn);
	jv_free(past->steps);
	jv_free(past->started);
	jv_free(past->taint);
	jv_free(past->end);
}

/*
 * Answers the calls that were started and have no result, in the turn and in
 * the journal.  Those that were not started stay pending, and are run.
 */
static bool
answer_started(jv *turn, const struct past *past, struct journal *journal)
{
	jv pending = turn_pending(*turn);
	bool ok = true;

	for (int i = 0, n = json_length(pending); i < n && ok; i++) {
		jv call = json_at(pending, i), step;
		const char *id = json_get_string(call, "id", "");

		if (json_has(past->started, id)) {
			step = turn_tool_step(id, false,
			    "outcome unknown: the gateway stopped while this "
			    "call ran; it was not run again");
			ok = journal_append(journal, "step",
			    json_set(json_object(), "step", json_copy(step)));
			*turn = turn_add_step(*turn, step);
		}
		jv_free(call);
	}
	jv_free(pending);
	return ok;
}

/* The turn as the journal tells it, with what only the queue knows. */
static jv
past_turn(const struct past *past, jv ref_taken)
{
	jv turn = json_is_object(past->turn) ? json_copy(past->turn)
					     : json_copy(ref_taken);

	turn = json_set(turn, "attempt", json_get(ref_taken, "attempt"));
	turn = json_delete(turn, "lease");
	if (json_has(ref_taken, "lease"))
		turn = json_set(turn, "lease", json_get(ref_taken, "lease"));
	if (json_length(past->steps) != 0)
		turn = json_set(turn, "steps", json_copy(past->steps));
	if (!json_is_null(past->taint))
		turn = json_set(turn, "taint", json_copy(past->taint));
	if (json_is_object(past->end)) {
		turn = json_set(turn, "reply", json_get(past->end, "reply"));
		turn = json_set(turn, "error", json_get(past->end, "error"));
	}
	return turn;
}

static char *
turn_file(const char *id, const char *file)
{
	char *name = state_name(id);
	char *path = state_path("turns/%s/%s", name, file);

	free(name);
	return path;
}

/* Which node it is, where there are several. */
static jv
lease_node(jv ref_turn)
{
	return json_path(ref_turn, "lease.node");
}

static bool
begin_again(jv *turn, struct journal *journal)
{
	int run = journal_run(journal) + 1;
	struct past past;
	jv details = json_set_int(json_object(), "run", run), resumed;
	bool ok = past_read(&past, journal);

	resumed = past_turn(&past, *turn);
	resumed = json_set_int(resumed, "journal", run);
	ok = ok && journal_raise(journal, run);
	if (ok && !json_is_object(past.turn))
		ok = journal_append(journal, "begin",
		    json_set(json_copy(details), "turn", json_copy(resumed)));
	if (json_has(resumed, "lease"))
		details = json_set(details, "node", lease_node(resumed));
	if (ok)
		ok = journal_append(journal, "again", json_copy(details)) &&
		     answer_started(&resumed, &past, journal) &&
		     journal_sync(journal);
	jv_free(details);
	past_free(&past);
	if (!ok) {
		jv_free(resumed);
		return false;
	}
	log_info("turn %s: goes on after a crash, with %d steps done",
	    turn_id(resumed), turn_step_count(resumed));
	jv_free(*turn);
	*turn = resumed;
	return true;
}

void
turn_clear(const char *id)
{
	char *path = turn_file(id, "");
	DIR *directory = opendir(path);
	struct dirent *entry;

	/* Also what a crash left of a file that was being replaced. */
	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (strcmp(entry->d_name, "journal.ndjson") != 0)
			(void)unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory != NULL)
		closedir(directory);
	(void)rmdir(path);
	free(path);
}

static void
make_turn_directory(const char *id)
{
	char *path = turn_file(id, "");

	path[strlen(path) - 1] = '\0'; /* the slash */
	(void)io_make_directories(path);
	free(path);
}

/*
 * Whose turn it is and where its reply goes, for those who show progress.
 * Best effort, like all of that.
 */
static void
write_turn_file(jv ref_turn)
{
	static const char *const keys[] = {"id", "session", "channel", "to"};
	char *path = turn_file(turn_id(ref_turn), "turn.json");
	struct buf text = {0};
	jv known = json_object();
	int fd;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		known = json_set(known, keys[i], json_get(ref_turn, keys[i]));
	json_write(&text, known);
	buf_add_byte(&text, '\n');
	/* with the journal elsewhere, nobody has made it yet */
	if (redis_is_used())
		make_turn_directory(turn_id(ref_turn));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0) {
		(void)io_write_all(fd, text.data, text.length);
		close(fd);
	}
	buf_free(&text);
	jv_free(known);
	free(path);
}

static bool
begin_first(jv *turn)
{
	jv begun = json_set_int(json_copy(*turn), "journal", 1), details;
	struct journal *journal;

	turn_clear(turn_id(*turn));
	details = json_set_int(json_object(), "run", 1);
	details = json_set(details, "turn", json_copy(begun));
	journal = journal_create(*turn, "begin", details);
	if (journal == NULL) {
		jv_free(begun);
		return false;
	}
	journal_close(journal);
	write_turn_file(begun);
	jv_free(*turn);
	*turn = begun;
	return true;
}

/*
 * Whether a turn that has no journal had one, which is archived now: then its
 * reply is known to the channel's queue.
 */
static bool
was_closed(jv ref_turn)
{
	char *name;
	struct queue *out;
	bool closed;

	/* a summary is not sent: it is asked for once more */
	if (json_get_int(ref_turn, "attempt", 1) < 2 || compact_is(ref_turn))
		return false;
	name = queue_of_channel(json_get_string(ref_turn, "channel", "stdout"));
	out = queue_open(name);
	closed = queue_find(out, turn_id(ref_turn)) != QUEUE_NOWHERE;
	queue_free(out);
	free(name);
	return closed;
}

enum begun
turn_begin(jv *turn)
{
	struct journal *journal = journal_open(*turn);
	bool ok;

	if (journal == NULL && errno == ESTALE)
		return BEGUN_STALE;
	if (journal == NULL && errno != ENOENT)
		return BEGUN_FAILED;
	if (journal == NULL && was_closed(*turn))
		return BEGUN_CLOSED;
	if (journal == NULL)
		return begin_first(turn) ? BEGUN : BEGUN_FAILED;
	ok = begin_again(turn, journal);
	journal_close(journal);
	return ok ? BEGUN : BEGUN_FAILED;
}
