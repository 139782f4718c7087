#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "state.h"
#include "store.h"
#include "xalloc.h"

enum {
	FILE_MAX = 1 << 20,
	SAVE_MS = 1000, /* at most so often: a write costs two syncs */
	OFFSET_AGE_MS = 5 * 24 * 3600 * 1000,
};

struct store {
	char *path; /* NULL: nothing is kept */
	jv value;
	bool changed, told;
	int64_t saved_at; /* clock_mono_ms */
};

struct store *
store_open(void)
{
	struct store *store = xcalloc(1, sizeof *store);
	struct buf text = {.data = NULL};
	const char *problem = NULL;

	store->path = state_path("telegram.json");
	store->value = json_object();
	store->saved_at = -SAVE_MS;
	if (store->path != NULL &&
	    io_read_file(AT_FDCWD, store->path, FILE_MAX, &text)) {
		jv value = json_parse(buf_string(&text), text.length, &problem);

		if (json_is_object(value)) {
			jv_free(store->value);
			store->value = value;
		} else {
			log_warn("%s: %s; starting without it", store->path,
			    problem != NULL ? problem : "not an object");
			jv_free(value);
		}
	} else if (store->path != NULL && errno != ENOENT) {
		log_warn("%s: %s; starting without it", store->path,
		    strerror(errno));
	}
	buf_free(&text);
	return store;
}

static void
write_now(struct store *store)
{
	struct buf text = {.data = NULL};
	bool ok;

	json_write(&text, store->value);
	buf_add_byte(&text, '\n');
	ok = io_make_directories(state_directory()) &&
	     io_replace_file(store->path, text.data, text.length);
	if (!ok && !store->told)
		log_warn("%s: %s", store->path, strerror(errno));
	store->told = !ok;
	store->changed = false;
	store->saved_at = clock_mono_ms();
	buf_free(&text);
}

void
store_save(struct store *store)
{
	if (store->changed && store->path != NULL &&
	    clock_mono_ms() >= store->saved_at + SAVE_MS)
		write_now(store);
}

int64_t
store_deadline(const struct store *store)
{
	return store->changed && store->path != NULL ? store->saved_at + SAVE_MS
						     : -1;
}

void
store_free(struct store *store)
{
	if (store->changed && store->path != NULL)
		write_now(store);
	jv_free(store->value);
	free(store->path);
	free(store);
}

static void
set(struct store *store, const char *key, jv own_value)
{
	store->value = json_set(store->value, key, own_value);
	store->changed = true;
}

int64_t
store_bot(struct store *store, const struct bot *bot)
{
	int64_t now = clock_now_ms();
	int64_t age = now - json_get_int(store->value, "offset_at", 0);
	char id[UPDATE_ID_SIZE];

	snprintf(id, sizeof id, "%" PRId64, bot->id);
	if (strcmp(json_get_string(store->value, "bot", ""), id) != 0) {
		jv_free(store->value);
		store->value = json_object();
	}
	set(store, "bot", json_string(id));
	set(store, "username", json_string(bot->username));
	if (age < 0 || age > OFFSET_AGE_MS)
		return 0;
	return json_get_int(store->value, "offset", 0);
}

void
store_set_offset(struct store *store, int64_t offset)
{
	if (json_get_int(store->value, "offset", 0) == offset)
		return;
	set(store, "offset", json_int(offset));
	set(store, "offset_at", json_int(clock_now_ms()));
}

void
store_polled(struct store *store)
{
	set(store, "polled_at", json_int(clock_now_ms()));
	if (json_has(store->value, "problem"))
		set(store, "problem", json_null());
}

void
store_set_problem(struct store *store, const char *problem)
{
	set(store, "problem",
	    problem != NULL ? json_string(problem) : json_null());
}

void
store_moved(struct store *store, const char *from, const char *to)
{
	jv moved = json_get(store->value, "moved");
	char *first = store_former(store, from);

	/* it may have moved before; the first number stays */
	moved = json_set_string(moved, to, first != NULL ? first : from);
	set(store, "moved", moved);
	free(first);
}

char *
store_former(const struct store *store, const char *chat)
{
	jv moved = json_get(store->value, "moved");
	const char *former = json_get_string(moved, chat, NULL);
	char *copy = former != NULL ? xstrdup(former) : NULL;

	jv_free(moved);
	return copy;
}
