#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "json.h"
#include "outbox.h"
#include "queue.h"
#include "turn.h"

char *
outbox_line(jv ref_turn, size_t *length)
{
	static const char *const left_out[] = {
	    "text", "media", "steps", "route", "attempt"};
	struct buf line = {0};
	jv reply = json_copy(ref_turn);

	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
		reply = json_delete(reply, left_out[i]);
	json_write(&line, reply);
	buf_add_byte(&line, '\n');
	jv_free(reply);
	*length = line.length;
	return buf_take(&line);
}

void
outbox_put(jv ref_turn)
{
	char *name =
	    queue_of_channel(json_get_string(ref_turn, "channel", "stdout"));
	struct queue *queue = queue_open(name);
	struct queue_item item = {.id = turn_id(ref_turn)};
	char *line = outbox_line(ref_turn, &item.length);

	item.line = line;
	queue_put_surely(queue, &item);
	free(line);
	queue_free(queue);
	free(name);
}
