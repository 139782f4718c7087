#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "held.h"
#include "json.h"
#include "xalloc.h"

static int
held_compare(const struct held *a, const struct held *b)
{
	return strcmp(a->id, b->id);
}

RB_GENERATE(held_tree, held, entry, held_compare)

struct held *
held_find(struct held_tree *tree, const char *id)
{
	struct held key = {.id = xstrdup(id)};
	struct held *found = RB_FIND(held_tree, tree, &key);

	free(key.id);
	return found;
}

struct held *
held_add(struct held_tree *tree, const char *id, const char *session)
{
	struct held *held;

	if (held_find(tree, id) != NULL)
		return NULL;
	held = xcalloc(1, sizeof *held);
	held->id = xstrdup(id);
	held->session = xstrdup(session);
	RB_INSERT(held_tree, tree, held);
	return held;
}

void
held_set_line(struct held *held, const char *line, size_t length)
{
	free(held->line);
	held->line = xmalloc(length);
	memcpy(held->line, line, length);
	held->length = length;
}

void
held_remove(struct held_tree *tree, struct held *held)
{
	RB_REMOVE(held_tree, tree, held);
	free(held->id);
	free(held->session);
	free(held->line);
	free(held);
}

jv
held_turn(const struct held *held)
{
	jv turn = json_parse(held->line, held->length, NULL);

	assert(json_is_object(turn)); /* it was read as a record */
	return turn;
}
