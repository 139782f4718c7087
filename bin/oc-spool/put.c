#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "put.h"
#include "record.h"
#include "turn.h"
#include "ulid.h"
#include "xalloc.h"

enum {
	/* A batch also ends here, so that its first turn is not kept waiting. */
	BATCH_BYTES_MAX = 8 * 1024 * 1024,
	RETRY_FIRST_MS = 250,
	RETRY_MOST_MS = 5000, /* how late it may notice that there is room */
};

/* Turns that are put and synced together. */
struct batch {
	struct queue_item item[QUEUE_BATCH_MAX];
	jv turn[QUEUE_BATCH_MAX]; /* the ids point into these */
	char *line[QUEUE_BATCH_MAX];
	size_t count, bytes;
};

/*
 * What cannot be answered later, since nobody would know by whom or where to,
 * is refused here.  NULL when the turn can be put.
 */
static const char *
check_identity(jv ref)
{
	static const char *const strings[] = {
	    "id", "stop_id", "session", "channel"};
	const char *id;

	if (!turn_is_turn(ref) && !turn_is_stop(ref))
		return "neither a turn nor a stop";
	if (turn_is_stop(ref) && json_get_string(ref, "session", "")[0] == '\0')
		return "a stop without a session";
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
		jv value = json_get(ref, strings[i]);
		bool ok = json_is_null(value) || json_is_string(value);

		jv_free(value);
		if (!ok)
			return "id, stop_id, session and channel must be "
			       "strings";
	}
	id = queue_id_of(ref);
	for (; *id != '\0'; id++)
		if ((unsigned char)*id < ' ' || *id == 0x7f)
			return "a control byte in the id";
	return NULL;
}

/* A turn whose other keys are wrong is put with a reply that says so. */
static jv
answer_bad(jv own, bool *changed)
{
	static const char *const keys[] = {"to", "from", "text", "media",
	    "model", "route", "steps", "taint", "reply", "error"};
	const char *problem = turn_check(own);

	if (problem == NULL)
		return own;
	*changed = true;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		jv one = json_set_string(json_object(), "text", "");

		one = json_set(one, keys[i], json_get(own, keys[i]));
		if (turn_check(one) != NULL)
			own = json_delete(own, keys[i]);
		jv_free(one);
	}
	return turn_fail(own, "bad_turn", problem,
	    "This message could not be understood: it was not made as it "
	    "should be.");
}

/* Adds what is missing, so that the record can be told from all others. */
static jv
complete(jv own, bool *changed)
{
	char id[ULID_SIZE];

	if (turn_is_turn(own))
		return answer_bad(turn_complete(own, changed), changed);
	if (queue_id_of(own)[0] != '\0')
		return own;
	ulid_make(id);
	*changed = true;
	return json_set_string(own, "stop_id", id);
}

static void
batch_add(struct batch *batch, struct record *record,
    const struct record_reader *reader)
{
	const char *problem = check_identity(record->value);
	struct buf line = {0};
	bool changed = false;
	size_t i = batch->count;
	jv turn;

	if (problem != NULL) {
		log_warn("standard input: line %" PRIu64 ": %s; skipped",
		    reader->line, problem);
		record_free(record);
		return;
	}
	turn = complete(json_copy(record->value), &changed);
	if (changed) {
		json_write(&line, turn);
		buf_add_byte(&line, '\n');
	} else {
		buf_add(&line, record->line, record->length);
	}
	batch->turn[i] = turn;
	batch->item[i] =
	    (struct queue_item){.id = queue_id_of(turn), .length = line.length};
	batch->item[i].line = batch->line[i] = buf_take(&line);
	batch->bytes += batch->item[i].length;
	batch->count++;
	record_free(record);
}

static void
batch_clear(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		jv_free(batch->turn[i]);
		free(batch->line[i]);
	}
	batch->count = batch->bytes = 0;
}

static void
answer(const struct batch *batch, size_t from, size_t to)
{
	struct buf ids = {0};

	for (size_t i = from; i < to; i++)
		buf_printf(&ids, "%s\n", batch->item[i].id);
	if (ids.length != 0)
		io_write_stdout(ids.data, ids.length);
	buf_free(&ids);
}

/*
 * Puts all of it, however long that takes: what is not on disk is not
 * answered, and meanwhile nothing more is read, so the writer before us
 * waits too.
 */
static void
batch_put(struct queue *queue, struct batch *batch)
{
	size_t done = 0;
	struct pollfd reader = {.fd = STDOUT_FILENO};
	int pause = RETRY_FIRST_MS;
	bool told = false;

	while (done < batch->count) {
		size_t n =
		    queue_put(queue, batch->item + done, batch->count - done);
		int saved = errno;

		answer(batch, done, done + n);
		done += n;
		if (done == batch->count)
			break;
		if (!told)
			log_error("queue %s: cannot write: %s; nothing is "
				  "accepted until it can",
			    queue_name(queue), strerror(saved));
		told = true;
		/* nobody waits any more: then neither do we */
		poll(&reader, 1, pause);
		io_check_stdout(reader.revents);
		pause = pause * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : pause * 2;
	}
	if (told)
		log_warn("queue %s: can be written again", queue_name(queue));
	batch_clear(batch);
}

/* Whether input, or its end, is there to be read without waiting. */
static bool
is_readable(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* Gathers every line that is there. */
static bool
batch_read(struct batch *batch, struct record_reader *reader)
{
	struct record record;
	enum record_status status = record_read(reader, &record);

	while (status != RECORD_END) {
		if (status == RECORD_OK)
			batch_add(batch, &record, reader);
		if (batch->count == QUEUE_BATCH_MAX ||
		    batch->bytes >= BATCH_BYTES_MAX)
			return true;
		status = record_next(reader, &record);
		if (status == RECORD_AGAIN &&
		    (!is_readable() || !record_fill(reader)))
			return true;
	}
	return false;
}

int
put_run(struct queue *queue)
{
	struct batch *batch = xcalloc(1, sizeof *batch);
	struct record_reader reader;
	bool more = true;
	int status;

	record_reader_init(&reader, STDIN_FILENO, "standard input");
	while (more) {
		more = batch_read(batch, &reader);
		batch_put(queue, batch);
	}
	status = record_status(&reader);
	record_reader_free(&reader);
	free(batch);
	return status;
}
