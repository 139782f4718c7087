#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "json_outside.h"
#include "table.h"
#include "xalloc.h"

void
table_init(struct table *table)
{
	*table = (struct table){.last_id = 0};
	TAILQ_INIT(&table->entries);
}

int64_t
table_add(struct table *table, int64_t deadline,
    void (*done)(void *arg, const struct answer *answer), void *arg)
{
	struct table_entry *entry = xcalloc(1, sizeof *entry);

	entry->id = ++table->last_id;
	entry->deadline = deadline;
	entry->done = done;
	entry->arg = arg;
	TAILQ_INSERT_TAIL(&table->entries, entry, link);
	table->count++;
	return entry->id;
}

/* Takes it out first: whoever is told may ask for more. */
static void
finish(
    struct table *table, struct table_entry *entry, const struct answer *answer)
{
	TAILQ_REMOVE(&table->entries, entry, link);
	table->count--;
	if (entry->done != NULL)
		entry->done(entry->arg, answer);
	free(entry);
}

bool
table_answer(struct table *table, int64_t id, const struct answer *answer)
{
	struct table_entry *entry;

	for (entry = TAILQ_FIRST(&table->entries); entry != NULL;
	     entry = TAILQ_NEXT(entry, link))
		if (entry->id == id) {
			finish(table, entry, answer);
			return true;
		}
	return false;
}

void
table_expire(struct table *table, int64_t now)
{
	struct answer answer = {.kind = ANSWER_TIMEOUT,
	    .result = json_null(),
	    .message = "no answer in time"};
	struct table_entry *entry = TAILQ_FIRST(&table->entries);

	while (entry != NULL) {
		if (entry->deadline > now) {
			entry = TAILQ_NEXT(entry, link);
			continue;
		}
		/* what is told may change the list anywhere */
		finish(table, entry, &answer);
		entry = TAILQ_FIRST(&table->entries);
	}
}

int64_t
table_deadline(const struct table *table)
{
	struct table_entry *entry;
	int64_t first = -1;

	for (entry = TAILQ_FIRST(&table->entries); entry != NULL;
	     entry = TAILQ_NEXT(entry, link))
		if (first < 0 || entry->deadline < first)
			first = entry->deadline;
	return first;
}

void
table_forget(struct table *table, const void *arg)
{
	struct table_entry *entry;

	for (entry = TAILQ_FIRST(&table->entries); entry != NULL;
	     entry = TAILQ_NEXT(entry, link))
		if (entry->arg == arg)
			entry->done = NULL;
}

void
table_fail(struct table *table, const char *message)
{
	struct answer answer = {
	    .kind = ANSWER_GONE, .result = json_null(), .message = message};
	int64_t last = table->last_id;
	struct table_entry *entry;

	/* those that are asked from now on are of another connection */
	while (
	    (entry = TAILQ_FIRST(&table->entries)) != NULL && entry->id <= last)
		finish(table, entry, &answer);
}

/* The id of a message of which only the beginning is there. */
static int64_t
id_of_beginning(const char *text)
{
	static const char begin[] = "{\"id\":";
	int64_t id = 0;

	if (strncmp(text, begin, sizeof begin - 1) != 0)
		return -1;
	text += sizeof begin - 1;
	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (id > INT32_MAX)
			return -1;
		id = id * 10 + (*text - '0');
	}
	return *text == ',' ? id : -1;
}

bool
message_read(
    struct message *message, const char *text, size_t length, size_t most)
{
	*message = (struct message){
	    .value = json_null(), .id = -1, .method = "", .session = ""};
	if (length >= most) {
		message->cut = true;
		message->id = id_of_beginning(text);
		return message->id >= 0;
	}
	message->value = json_parse(text, length, NULL);
	if (!json_is_valid(message->value)) {
		/* pages put lone surrogates and NULs into their text */
		jv_free(message->value);
		message->value = json_parse_outside(text, length);
	}
	message->id = json_get_int(message->value, "id", -1);
	message->method = json_get_string(message->value, "method", "");
	message->session = json_get_string(message->value, "sessionId", "");
	if (message->id >= 0 || *message->method != '\0')
		return true;
	jv_free(message->value);
	message->value = json_null();
	return false;
}
