#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "queue.h"
#include "queue_redis.h"
#include "turn.h"
#include "xalloc.h"

const char *
queue_id_of(jv ref_record)
{
	if (turn_is_stop(ref_record))
		return json_get_string(ref_record, "stop_id", "");
	return turn_id(ref_record);
}

/* Appends the ids of one record to a NULL-terminated list of copies. */
static char **
add_ids(char **list, size_t *count, jv ref_record)
{
	jv ids = json_get(ref_record, "ids");
	const char *own = queue_id_of(ref_record);
	int n = json_length(ids);

	list = xreallocarray(list, *count + (size_t)n + 1, sizeof *list);
	for (int i = 0; i < n; i++) {
		jv id = json_at(ids, i);

		if (strcmp(json_as_string(id, ""), own) != 0)
			list[(*count)++] = xstrdup(json_as_string(id, ""));
		jv_free(id);
	}
	list[(*count)++] = xstrdup(own);
	jv_free(ids);
	return list;
}

bool
queue_finish_records(struct queue *queue, const jv *ref_records, size_t count)
{
	const char **constant;
	char **list = NULL;
	size_t ids = 0;
	bool ok;
	int saved;

	if (queue->shared)
		return queue_redis_finish(queue, ref_records, NULL, count);
	for (size_t i = 0; i < count; i++)
		list = add_ids(list, &ids, ref_records[i]);
	constant = xcalloc(ids, sizeof *constant);
	for (size_t i = 0; i < ids; i++)
		constant[i] = list[i];
	ok = queue_finish(queue, constant, ids);
	saved = errno;
	for (size_t i = 0; i < ids; i++)
		free(list[i]);
	free(list);
	free(constant);
	errno = saved;
	return ok;
}

bool
queue_finish_record(struct queue *queue, jv ref_record)
{
	return queue_finish_records(queue, &ref_record, 1);
}
