#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "turn.h"

/*
 * Every function of turn.h takes every object: a turn comes from whoever
 * writes into the pipe.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	jv turn = json_parse((const char *)data, size, NULL), pending;
	bool changed;

	if (!json_is_object(turn)) {
		jv_free(turn);
		return 0;
	}
	(void)turn_is_turn(turn);
	(void)turn_is_stop(turn);
	(void)turn_step_count(turn);
	if (turn_check(turn) != NULL)
		turn = turn_fail(turn, "bad_turn", "m", "t");
	turn = turn_complete(turn, NULL);
	turn = turn_complete(turn, &changed);
	assert(!changed);
	assert(*turn_id(turn) != '\0' && *turn_session(turn) != '\0');
	pending = turn_pending(turn);
	assert(turn_has_pending(turn) == (json_length(pending) != 0));
	for (int i = 0, n = json_length(pending); i < n; i++) {
		jv call = json_at(pending, i);

		turn = turn_add_step(
		    turn, turn_tool_step(
			      json_get_string(call, "id", ""), true, "output"));
		jv_free(call);
	}
	jv_free(pending);
	assert(!turn_has_pending(turn));
	turn = turn_add_taint(turn_add_taint(turn, "web"), "web");
	turn = turn_add_step(turn, json_object());
	turn = turn_reply(turn, "done");
	assert(turn_has_reply(turn));
	assert(turn_check(turn) == NULL || json_has(turn, "error"));
	jv_free(turn);
	return 0;
}
