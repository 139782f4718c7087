#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "json.h"
#include "log.h"
#include "record.h"
#include "session.h"
#include "turn.h"

/* Ends the queue's entry of a turn that was closed before a crash. */
static void
finish_closed(struct queue *queue, jv ref_turn)
{
	bool told = false;

	log_info("turn %s: was finished already", turn_id(ref_turn));
	while (!queue_finish_record(queue, ref_turn))
		wait_for_disk("the queue", &told);
	disk_recovered("the queue", &told);
	turn_clear(turn_id(ref_turn));
}

/* Writes a stop for what runs in the session. */
static void
write_stop(jv ref_turn)
{
	jv stop = json_set_string(json_object(), "type", "stop");

	stop = json_set_string(stop, "session", turn_session(ref_turn));
	record_write(stop);
	jv_free(stop);
}

/* The model that the person chose, unless this turn asks for one itself. */
static jv
choose_model(jv own_turn)
{
	char *model;

	if (json_get_string(own_turn, "model", "")[0] != '\0')
		return own_turn;
	model = settings_model(turn_session(own_turn));
	if (model != NULL)
		own_turn = json_set_string(own_turn, "model", model);
	free(model);
	return own_turn;
}

static void
begin(struct queue *queue, jv own_turn)
{
	enum begun begun;
	bool told = false;

	own_turn = choose_model(own_turn);
	while ((begun = turn_begin(&own_turn)) == BEGUN_FAILED)
		wait_for_disk("the turn's journal", &told);
	disk_recovered("the turn's journal", &told);
	if (begun == BEGUN_CLOSED) {
		finish_closed(queue, own_turn);
		jv_free(own_turn);
		return;
	}
	if (begun == BEGUN_STALE) {
		log_warn("turn %s: another node has taken it over; it is "
			 "dropped here",
		    turn_id(own_turn));
		jv_free(own_turn);
		return;
	}
	turn_write(own_turn);
}

static void
open_turn(struct answering *answering, const struct record *record)
{
	jv turn;

	if (!turn_is_turn(record->value) || turn_check(record->value) != NULL ||
	    turn_has_reply(record->value)) {
		record_forward(record);
		return;
	}
	turn = turn_complete(json_copy(record->value), NULL);
	turn = command_answer(answering, turn);
	if (answering->stop)
		write_stop(turn);
	if (turn_has_reply(turn))
		turn_write(turn);
	else
		begin(answering->queue, turn);
}

int
open_run(const struct config *config, struct queue *queue)
{
	struct answering answering = {.config = config, .queue = queue};
	struct record_reader reader;
	struct record record;
	int status;

	record_reader_init(&reader, STDIN_FILENO, "standard input");
	while (record_read(&reader, &record) == RECORD_OK) {
		open_turn(&answering, &record);
		record_free(&record);
	}
	status = record_status(&reader);
	record_reader_free(&reader);
	return status;
}
