#include <stdlib.h>
#include <string.h>
#include "ledger.h"
#include "xalloc.h"

void
ledger_free(struct ledger *ledger)
{
	free(ledger->entry);
	*ledger = (struct ledger){.entry = NULL};
}

static struct ledger_entry *
find(const struct ledger *ledger, int64_t id)
{
	for (size_t i = 0; i < ledger->count; i++)
		if (ledger->entry[i].id == id)
			return &ledger->entry[i];
	return NULL;
}

bool
ledger_add(struct ledger *ledger, int64_t id)
{
	if (find(ledger, id) != NULL)
		return false;
	if (ledger->count == ledger->capacity) {
		ledger->capacity =
		    ledger->capacity != 0 ? 2 * ledger->capacity : 128;
		ledger->entry = xreallocarray(
		    ledger->entry, ledger->capacity, sizeof ledger->entry[0]);
	}
	ledger->waiting++;
	ledger->entry[ledger->count++] = (struct ledger_entry){.id = id};
	return true;
}

bool
ledger_knows(const struct ledger *ledger, int64_t id)
{
	return find(ledger, id) != NULL;
}

void
ledger_done(struct ledger *ledger, int64_t id)
{
	struct ledger_entry *entry = find(ledger, id);

	if (entry == NULL || entry->done)
		return;
	entry->done = true;
	ledger->waiting--;
}

bool
ledger_take_done(struct ledger *ledger, int64_t *id)
{
	for (size_t i = 0; i < ledger->count; i++) {
		if (!ledger->entry[i].done)
			continue;
		*id = ledger->entry[i].id;
		ledger->count--;
		memmove(ledger->entry + i, ledger->entry + i + 1,
		    (ledger->count - i) * sizeof ledger->entry[0]);
		return true;
	}
	return false;
}

int64_t
ledger_take_offset(struct ledger *ledger)
{
	size_t passed = 0;

	while (passed < ledger->count && ledger->entry[passed].done)
		passed++;
	if (passed == 0)
		return ledger->count != 0 ? ledger->entry[0].id
					  : ledger->offset;
	/* ids can begin anew, lower, after a week of silence */
	ledger->offset = ledger->entry[passed - 1].id + 1;
	ledger->count -= passed;
	memmove(ledger->entry, ledger->entry + passed,
	    ledger->count * sizeof ledger->entry[0]);
	return ledger->offset;
}

bool
ledger_waits(const struct ledger *ledger)
{
	return ledger->waiting != 0;
}
