#include <stdint.h>
#include <stdlib.h>
#include "seen.h"
#include "xalloc.h"

struct seen {
	uint64_t *slot; /* 0 is free */
	size_t count, capacity;
};

struct seen *
seen_new(void)
{
	return xcalloc(1, sizeof(struct seen));
}

void
seen_free(struct seen *seen)
{
	if (seen == NULL)
		return;
	free(seen->slot);
	free(seen);
}

/* FNV-1a */
static uint64_t
hash(const char *text)
{
	uint64_t state = 0xcbf29ce484222325;

	for (const char *c = text; *c != '\0'; c++)
		state = (state ^ (unsigned char)*c) * 0x100000001b3;
	return state != 0 ? state : 1;
}

static size_t
slot_of(const struct seen *seen, uint64_t value)
{
	size_t at = (size_t)value & (seen->capacity - 1);

	while (seen->slot[at] != 0 && seen->slot[at] != value)
		at = (at + 1) & (seen->capacity - 1);
	return at;
}

static void
grow(struct seen *seen)
{
	struct seen wider = {.count = seen->count,
	    .capacity = seen->capacity != 0 ? seen->capacity * 2 : 256};

	wider.slot = xcalloc(wider.capacity, sizeof *wider.slot);
	for (size_t i = 0; i < seen->capacity; i++)
		if (seen->slot[i] != 0)
			wider.slot[slot_of(&wider, seen->slot[i])] =
			    seen->slot[i];
	free(seen->slot);
	*seen = wider;
}

bool
seen_has(const struct seen *seen, const char *text)
{
	return seen->capacity != 0 &&
	       seen->slot[slot_of(seen, hash(text))] != 0;
}

bool
seen_add(struct seen *seen, const char *text)
{
	uint64_t value = hash(text);
	size_t at;

	if (seen->count * 2 >= seen->capacity)
		grow(seen);
	at = slot_of(seen, value);
	if (seen->slot[at] != 0)
		return false;
	seen->slot[at] = value;
	seen->count++;
	return true;
}
