#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "compact.h"
#include "io.h"
#include "journal.h"
#include "json.h"
#include "log.h"
#include "outbox.h"
#include "record.h"
#include "session.h"
#include "state.h"
#include "transcript.h"
#include "turn.h"
#include "usage.h"
#include "xalloc.h"

enum {
	BATCH_MAX = 64, /* turns that share syncs: open files, two each */
	DEFAULT_CONTEXT = 128 * 1024, /* tokens, when nothing tells */
};

/* The queue of a channel, kept open. */
struct outbox {
	char *name;
	struct queue *queue;
	struct outbox *next;
};

/* A turn on its way to its end. */
struct closing {
	jv turn;
	struct journal *journal; /* ours; NULL: it has none */
	bool command;            /* no model took part: nothing to remember */
	bool silent;             /* nobody is told */
	bool stale; /* another node has it by now: not ours to end */
};

struct closer {
	struct queue *queue;
	struct outbox *outboxes;
	int64_t limit; /* bytes of transcript */
	struct closing closing[BATCH_MAX];
	size_t count;
	jv records[BATCH_MAX]; /* whose queue entries are to be finished */
	size_t record_count;
};

/* The size at which a transcript is summarised. */
static int64_t
transcript_limit(const struct config *config)
{
	jv tokens = config_get(config, "sessions.compact_tokens");
	jv models = config_get(config, "models");
	jv model = json_get(models, config_string(config, "primary_model"));
	int64_t context = json_get_int(model, "context", DEFAULT_CONTEXT);
	/* the rest is for the prompt, the tools and the turn itself */
	int64_t limit = json_as_int(tokens, context / 2);

	jv_free(model);
	jv_free(models);
	jv_free(tokens);
	return limit * TRANSCRIPT_BYTES_PER_TOKEN;
}

/* ---- taking a turn in */

static void
add_record(struct closer *closer, jv own_record)
{
	closer->records[closer->record_count++] = own_record;
}

/*
 * Locks the journal.  False when another run has the turn, or has closed it:
 * then it is none of ours.
 */
static bool
claim(struct closing *closing)
{
	const char *id = turn_id(closing->turn);
	int64_t run = json_get_int(closing->turn, "journal", 0);
	bool told = false;

	closing->journal = NULL;
	if (run == 0)
		return true;
	while ((closing->journal = journal_open(closing->turn)) == NULL &&
	       errno != ENOENT && errno != ESTALE)
		wait_for_disk("the turn's journal", &told);
	disk_recovered("the turn's journal", &told);
	if (closing->journal != NULL && journal_run(closing->journal) == run)
		return true;
	log_warn("turn %s: another run has it, or finished it; this one is "
		 "dropped",
	    id);
	journal_close(closing->journal);
	return false;
}

static void
take_in(struct closer *closer, jv own_record)
{
	struct closing *closing = &closer->closing[closer->count];

	if (!turn_is_turn(own_record)) {
		/* a stop has done its work on the way */
		if (queue_id_of(own_record)[0] != '\0')
			add_record(closer, own_record);
		else
			jv_free(own_record);
		return;
	}
	own_record = turn_complete(own_record, NULL);
	if (!turn_has_reply(own_record)) {
		log_error("turn %s: came to its end without a reply; is "
			  "oc-loop missing from the pipe?",
		    turn_id(own_record));
		own_record =
		    turn_fail(own_record, "no_reply", "no stage replied",
			"I came to no answer, and cannot say why: please tell "
			"whoever runs me.");
	}
	closing->turn = own_record;
	closing->silent = closing->stale = false;
	closing->command =
	    json_get_string(own_record, "command", "")[0] != '\0' ||
	    turn_is_invoked(own_record);
	if (claim(closing))
		closer->count++;
	else
		jv_free(own_record);
}

/* ---- the steps of a close, each safe to repeat after a crash */

/*
 * The reply goes into the journal first: a turn that is begun again after a
 * crash is not asked of a model again.
 */
static void
write_end(struct closing *closing)
{
	bool told = false;

	for (;;) {
		jv end = json_set(
		    json_object(), "reply", json_get(closing->turn, "reply"));

		if (json_has(closing->turn, "error"))
			end = json_set(
			    end, "error", json_get(closing->turn, "error"));
		if (json_has(closing->turn, "route"))
			end = json_set(
			    end, "route", json_get(closing->turn, "route"));
		if (journal_append(closing->journal, "end", end))
			break;
		closing->stale = errno == ESTALE;
		if (closing->stale)
			return;
		wait_for_disk("the turn's journal", &told);
	}
	disk_recovered("the turn's journal", &told);
}

static void
add_to_reply(jv *turn, const char *text)
{
	jv reply = json_get(*turn, "reply");
	struct buf both = {0};

	buf_add_string(
	    &both, json_as_string(reply, json_get_string(reply, "text", "")));
	buf_add_string(&both, "\n\n");
	buf_add_string(&both, text);
	reply = json_set_string(reply, "text", buf_string(&both));
	*turn = json_set(*turn, "reply", reply);
	buf_free(&both);
}

/*
 * Appends the turn.  A transcript that has grown long is to be summarised;
 * one that grows on all the same loses its older half.
 */
static void
write_transcript(const struct closer *closer, struct closing *closing)
{
	const char *session = turn_session(closing->turn);
	bool told = false;
	size_t dropped = 0;
	int64_t size;

	while (!transcript_append(closing->turn, &size)) {
		closing->stale = errno == ESTALE;
		if (closing->stale)
			return;
		wait_for_disk("the session's transcript", &told);
	}
	disk_recovered("the session's transcript", &told);
	if (size <= closer->limit)
		return;
	if (size <= closer->limit * 2) {
		compact_request(closer->queue, closing->turn, false);
		return;
	}
	if (!transcript_shorten(session, closer->limit / 2, NULL, &dropped))
		log_warn("session %s: its transcript cannot be shortened: %s",
		    session, strerror(errno));
	if (dropped != 0)
		add_to_reply(&closing->turn,
		    "(This conversation has grown long: I no longer see its "
		    "beginning.)");
}

/* What the session keeps of the turn. */
static void
remember(const struct closer *closer, struct closing *closing)
{
	if (compact_is(closing->turn))
		closing->silent =
		    !compact_finish(&closing->turn, closer->limit);
	else if (!closing->command && json_has(closing->turn, "text") &&
		 !json_get_bool(closing->turn, "once", false))
		write_transcript(closer, closing);
}

static struct queue *
outbox_of(struct closer *closer, jv ref_turn)
{
	char *name =
	    queue_of_channel(json_get_string(ref_turn, "channel", "stdout"));
	struct outbox *outbox = closer->outboxes;

	while (outbox != NULL && strcmp(outbox->name, name) != 0)
		outbox = outbox->next;
	if (outbox != NULL) {
		free(name);
		return outbox->queue;
	}
	outbox = xcalloc(1, sizeof *outbox);
	outbox->name = name;
	outbox->queue = queue_open(name);
	outbox->next = closer->outboxes;
	closer->outboxes = outbox;
	return outbox->queue;
}

/* Puts the replies from `first` on that go to the same channel as it. */
static void
put_replies(struct closer *closer, size_t first, bool *put)
{
	struct queue *out = outbox_of(closer, closer->closing[first].turn);
	struct queue_item item[BATCH_MAX];
	char *line[BATCH_MAX];
	size_t count = 0, done = 0;
	bool told = false;

	for (size_t i = first; i < closer->count; i++) {
		jv turn = closer->closing[i].turn;

		if (put[i] || outbox_of(closer, turn) != out)
			continue;
		put[i] = true;
		item[count] = (struct queue_item){.id = turn_id(turn)};
		line[count] = outbox_line(turn, &item[count].length);
		item[count].line = line[count];
		count++;
	}
	for (;;) {
		done += queue_put(out, item + done, count - done);
		if (done == count)
			break;
		wait_for_disk(queue_name(out), &told);
	}
	disk_recovered(queue_name(out), &told);
	for (size_t i = 0; i < count; i++)
		free(line[i]);
}

/*
 * Moves the journal to the archive, and removes what only a running turn
 * needs.
 */
static void
archive(struct closing *closing)
{
	char day[USAGE_DAY_SIZE];
	bool told = false;

	usage_day(clock_now_ms(), day);
	while (!journal_archive(closing->journal, day) && errno != ESTALE)
		wait_for_disk("the archive", &told);
	disk_recovered("the archive", &told);
	turn_clear(turn_id(closing->turn));
}

static void
finish_records(struct closer *closer)
{
	bool told = false;

	while (!queue_finish_records(
	    closer->queue, closer->records, closer->record_count))
		wait_for_disk("the queue", &told);
	disk_recovered("the queue", &told);
	for (size_t i = 0; i < closer->record_count; i++)
		jv_free(closer->records[i]);
	closer->record_count = 0;
}

/* What another node has taken over while it was closed here. */
static void
drop_stale(struct closer *closer)
{
	size_t kept = 0;

	for (size_t i = 0; i < closer->count; i++) {
		struct closing *closing = &closer->closing[i];

		if (!closing->stale) {
			closer->closing[kept++] = *closing;
			continue;
		}
		log_warn("turn %s: another node has taken it over; it is "
			 "dropped here",
		    turn_id(closing->turn));
		journal_close(closing->journal);
		jv_free(closing->turn);
	}
	closer->count = kept;
}

/* Each phase for all turns, so that those of one kind share their syncs. */
static void
close_batch(struct closer *closer)
{
	bool put[BATCH_MAX];

	for (size_t i = 0; i < closer->count; i++) {
		struct closing *closing = &closer->closing[i];

		if (closing->journal != NULL)
			write_end(closing);
		if (!closing->stale)
			remember(closer, closing);
		if (!closing->stale)
			approve_announce(&closing->turn);
	}
	drop_stale(closer);
	for (size_t i = 0; i < closer->count; i++)
		put[i] = closer->closing[i].silent;
	for (size_t i = 0; i < closer->count; i++)
		if (!put[i])
			put_replies(closer, i, put);
	for (size_t i = 0; i < closer->count; i++) {
		struct closing *closing = &closer->closing[i];

		if (!usage_add_turn(closing->turn))
			log_warn("turn %s: its usage is not counted: %s",
			    turn_id(closing->turn), strerror(errno));
		if (closing->journal != NULL)
			archive(closing);
		journal_close(closing->journal);
		add_record(closer, closing->turn);
	}
	closer->count = 0;
	if (closer->record_count != 0)
		finish_records(closer);
}

/* ---- the loop */

static bool
is_readable(int timeout_ms)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

/* Gathers every turn that is there; false at the end of input. */
static bool
read_batch(struct closer *closer, struct record_reader *reader)
{
	struct record record;
	enum record_status status = record_read(reader, &record);

	while (status != RECORD_END) {
		if (status == RECORD_OK) {
			take_in(closer, json_copy(record.value));
			record_free(&record);
		}
		if (closer->count == BATCH_MAX ||
		    closer->count + closer->record_count == BATCH_MAX)
			return true;
		status = record_next(reader, &record);
		if (status == RECORD_AGAIN &&
		    (!is_readable(0) || !record_fill(reader)))
			return true;
	}
	return false;
}

int
close_run(const struct config *config, struct queue *queue)
{
	struct closer *closer = xcalloc(1, sizeof *closer);
	struct record_reader reader;
	struct outbox *next;
	bool more = true;
	int status;

	closer->queue = queue;
	closer->limit = transcript_limit(config);
	record_reader_init(&reader, STDIN_FILENO, "standard input");
	while (more) {
		keep_tidy(config, queue);
		more = read_batch(closer, &reader);
		close_batch(closer);
	}
	status = record_status(&reader);
	record_reader_free(&reader);
	for (struct outbox *o = closer->outboxes; o != NULL; o = next) {
		next = o->next;
		queue_free(o->queue);
		free(o->name);
		free(o);
	}
	free(closer);
	return status;
}
