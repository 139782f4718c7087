#include <stdlib.h>
#include "cancel.h"
#include "handout.h"
#include "join.h"
#include "json.h"
#include "queue_redis.h"
#include "state.h"
#include "turn.h"

static void
answer_shared(struct queue *queue, jv own_turn, const char *text)
{
	if (json_is_valid(own_turn) && !turn_has_reply(own_turn))
		own_turn = turn_reply(own_turn, text);
	if (json_is_valid(own_turn))
		(void)queue_redis_cancel(queue, own_turn);
	jv_free(own_turn);
}

/* What waited in a shared queue, and still does when it is answered. */
static void
cancel_before(struct queue *queue, const struct entry *stop)
{
	static const char text[] = "Not begun: you sent /stop after it.";
	redisReply *reply =
	    queue_redis_waiting(queue, lineup_session_of(stop), stop->base);
	jv group = jv_invalid();

	for (size_t i = 0; i < reply_count(reply); i++) {
		jv turn = handout_read(
		    queue, QUEUE_DIR_NEW, reply_text(reply_at(reply, i), ""));

		if (!json_is_valid(turn)) {
			jv_free(turn);
		} else if (json_is_valid(group) && join_fits(group, turn)) {
			group = join_add(group, turn);
		} else {
			answer_shared(queue, group, text);
			group = turn;
		}
	}
	answer_shared(queue, group, text);
	freeReplyObject(reply);
}

static void
cancel_one(struct queue *queue, const char *id)
{
	char *name = state_name(id), *file;
	enum queue_place place = queue_locate(queue, name, false, &file);

	if (place == QUEUE_NEW)
		answer_shared(queue, handout_read(queue, QUEUE_DIR_NEW, file),
		    "Stopped before it was begun.");
	free(file);
	free(name);
}

void
cancel_shared(struct queue *queue, const struct entry *stop, jv ref_record)
{
	if (turn_is_turn(ref_record))
		cancel_before(queue, stop);
	else if (turn_id(ref_record)[0] != '\0')
		cancel_one(queue, turn_id(ref_record));
}
