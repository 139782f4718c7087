#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "collect.h"
#include "command.h"
#include "compose.h"
#include "json.h"
#include "log.h"
#include "turn.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	PASTE_UNITS = 3900, /* a text as long as this may be one of several */
	PASTE_FULL = 4096,  /* cut here, it goes on without a break */
	PASTE_MS = 1000,    /* the next part comes within moments */
	PASTE_APART_S = 3,  /* by the clock of Telegram */
	ALBUM_MS = 700,
	UPDATES_MAX = 64, /* of one turn; a paste of 256 KiB */
};

struct item {
	struct item *next;
	struct collect *collect;
	int64_t update[UPDATES_MAX];
	size_t updates;
	char *session, *album;
	struct buf text, notes;
	jv turn, media;     /* media: null where a file did not come */
	int64_t hold_until; /* 0: no longer */
	int64_t date;       /* of the last message */
	size_t last_units;  /* length of the last message */
	size_t fetching;
	bool urgent;
	char *id; /* NULL: not handed on yet */
};

/* A file of an item, and its place in the list. */
struct slot {
	struct item *item;
	int index;
};

struct collect {
	struct ledger *ledger;
	struct inbox *inbox;
	struct sink *sink;
	struct compose_sessions sessions;
	struct item *first;
	int64_t bot;
};

struct collect *
collect_new(struct ledger *ledger, struct inbox *inbox,
    const struct compose_sessions *sessions)
{
	struct collect *collect = xcalloc(1, sizeof *collect);

	collect->ledger = ledger;
	collect->inbox = inbox;
	collect->sessions = *sessions;
	return collect;
}

void
collect_set_sink(struct collect *collect, struct sink *sink)
{
	collect->sink = sink;
}

static void
item_free(struct item *item)
{
	free(item->session);
	free(item->album);
	free(item->id);
	buf_free(&item->text);
	buf_free(&item->notes);
	jv_free(item->turn);
	jv_free(item->media);
	free(item);
}

void
collect_free(struct collect *collect)
{
	while (collect->first != NULL) {
		struct item *item = collect->first;

		collect->first = item->next;
		item_free(item);
	}
	free(collect);
}

/* ---- putting messages together */

static size_t
utf16_length(const char *text, size_t length)
{
	size_t units = 0;

	for (size_t i = 0; i < length;) {
		size_t n = utf8_sequence(text + i, length - i);

		units += n == 4 ? 2 : 1;
		i += n != 0 ? n : 1;
	}
	return units;
}

/* The last item of a session that is not handed on yet, or NULL. */
static struct item *
last_of(struct collect *collect, const char *session)
{
	struct item *found = NULL;

	for (struct item *i = collect->first; i != NULL; i = i->next)
		if (i->id == NULL && !i->urgent &&
		    strcmp(i->session, session) == 0)
			found = i;
	return found;
}

static bool
is_part(const struct item *item, const struct update *update, const char *text)
{
	const char *album =
	    json_get_string(update->message, "media_group_id", NULL);
	int64_t date = json_get_int(update->message, "date", 0);

	if (item->hold_until == 0 || update->kind != UPDATE_MESSAGE ||
	    item->updates == UPDATES_MAX ||
	    item->text.length + strlen(text) > TURN_TEXT_MAX - 16)
		return false;
	if (item->album != NULL || album != NULL)
		return item->album != NULL && album != NULL &&
		       strcmp(item->album, album) == 0 &&
		       json_length(item->media) < INBOX_FILES_MAX;
	return item->last_units >= PASTE_UNITS && text[0] != '/' &&
	       date - item->date <= PASTE_APART_S &&
	       json_has(update->message, "text");
}

static void
add_text(struct item *item, const char *text)
{
	bool album = item->album != NULL;

	if (item->text.length != 0 && *text != '\0' &&
	    (album || item->last_units < PASTE_FULL))
		buf_add_string(&item->text, album ? "\n\n" : "\n");
	buf_add_string(&item->text, text);
}

static void
hold(struct item *item)
{
	int64_t now = clock_mono_ms();

	if (item->album != NULL)
		item->hold_until = now + ALBUM_MS;
	else if (item->last_units >= PASTE_UNITS)
		item->hold_until = now + PASTE_MS;
	else
		item->hold_until = 0;
}

/* ---- files */

static void
on_file(jv own_media, const char *problem, void *arg)
{
	struct slot *slot = arg;
	struct item *item = slot->item;

	item->fetching--;
	if (problem != NULL)
		buf_printf(&item->notes, "\n[%s]", problem);
	item->media = json_set_at(item->media, slot->index, own_media);
	free(slot);
}

static void
fetch_files(struct item *item, const struct update *update)
{
	struct inbox_file files[INBOX_FILES_MAX];
	size_t count = update->kind == UPDATE_BUTTON
			   ? 0
			   : inbox_files(update->message, files);

	for (size_t i = 0; i < count; i++) {
		struct slot *slot = xcalloc(1, sizeof *slot);

		slot->item = item;
		slot->index = json_length(item->media);
		item->media = json_append(item->media, json_null());
		item->fetching++;
		inbox_fetch(item->collect->inbox, &files[i], update->id,
		    slot->index + 1, on_file, slot);
	}
}

/* ---- taking messages in */

/* What is answered while a turn runs waits for nothing here either. */
static bool
is_urgent(const char *text)
{
	const char *argument;

	return command_overtakes(command_parse(text, &argument));
}

static struct item *
item_new(struct collect *collect, const struct update *update,
    char *own_session, const char *text)
{
	struct item *item = xcalloc(1, sizeof *item), **link = &collect->first;
	const char *album =
	    json_get_string(update->message, "media_group_id", NULL);

	item->collect = collect;
	item->session = own_session;
	item->album = album != NULL && update->kind == UPDATE_MESSAGE
			  ? xstrdup(album)
			  : NULL;
	item->turn = json_null();
	item->media = json_array();
	item->urgent = is_urgent(text);
	while (*link != NULL)
		link = &(*link)->next;
	*link = item;
	return item;
}

void
collect_add(struct collect *collect, const struct update *update,
    const char *former, const struct bot *bot)
{
	char *session = compose_session(update, former, &collect->sessions);
	struct item *item = last_of(collect, session);
	struct buf text = {.data = NULL};

	collect->bot = bot->id;
	compose_text(&text, update, bot);
	if (item != NULL && is_part(item, update, buf_string(&text))) {
		free(session);
	} else {
		if (item != NULL)
			item->hold_until = 0;
		item = item_new(collect, update, session, buf_string(&text));
	}
	item->update[item->updates++] = update->id;
	add_text(item, buf_string(&text));
	item->last_units = utf16_length(buf_string(&text), text.length);
	item->date = json_get_int(update->message, "date", 0);
	jv_free(item->turn);
	item->turn = compose_turn(update, item->session);
	fetch_files(item, update);
	hold(item);
	buf_free(&text);
}

/* ---- handing on */

static jv
without_gaps(jv own_media)
{
	jv whole = json_array();

	for (int i = 0; i < json_length(own_media); i++) {
		jv one = json_at(own_media, i);

		if (json_is_object(one))
			whole = json_append(whole, one);
		else
			jv_free(one);
	}
	jv_free(own_media);
	return whole;
}

static void
hand_on(struct item *item)
{
	struct buf line = {.data = NULL};
	size_t cut;
	jv turn = json_copy(item->turn), media;

	item->id = xasprintf("telegram-%" PRId64 "-%" PRId64,
	    item->collect->bot, item->update[item->updates - 1]);
	buf_add(&item->text, item->notes.data, item->notes.length);
	cut = utf8_floor(
	    buf_string(&item->text), item->text.length, TURN_TEXT_MAX);
	media = without_gaps(json_copy(item->media));
	turn = json_set_string(turn, "id", item->id);
	turn = json_set(
	    turn, "text", json_string_sized(buf_string(&item->text), cut));
	if (json_length(media) != 0)
		turn = json_set(turn, "media", media);
	else
		jv_free(media);
	json_write(&line, turn);
	buf_add_byte(&line, '\n');
	jv_free(turn);
	log_debug("turn %s: handed on", item->id);
	/* standard output confirms at once, and then the item is gone */
	sink_write(item->collect->sink, item->id, line.data, line.length);
	buf_free(&line);
}

/* Whether an earlier item of the same session is still here. */
static bool
is_behind(const struct collect *collect, const struct item *item)
{
	for (const struct item *i = collect->first; i != item; i = i->next)
		if (i->id == NULL && strcmp(i->session, item->session) == 0)
			return true;
	return false;
}

void
collect_work(struct collect *collect)
{
	int64_t now = clock_mono_ms();

	for (struct item *item = collect->first, *next; item != NULL;
	     item = next) {
		next = item->next;
		if (item->id == NULL && item->hold_until <= now &&
		    item->fetching == 0 &&
		    (item->urgent || !is_behind(collect, item)))
			hand_on(item);
	}
}

int64_t
collect_deadline(const struct collect *collect)
{
	int64_t soonest = -1;

	for (const struct item *i = collect->first; i != NULL; i = i->next)
		if (i->id == NULL && i->fetching == 0 &&
		    (soonest < 0 || i->hold_until < soonest) &&
		    (i->urgent || !is_behind(collect, i)))
			soonest = i->hold_until;
	return soonest;
}

void
collect_confirmed(struct collect *collect, const char *id)
{
	struct item **link = &collect->first, *item;

	while (*link != NULL &&
	       ((*link)->id == NULL || strcmp((*link)->id, id) != 0))
		link = &(*link)->next;
	item = *link;
	if (item == NULL) {
		log_warn("turn %s: confirmed, but not handed on", id);
		return;
	}
	*link = item->next;
	for (size_t i = 0; i < item->updates; i++)
		ledger_done(collect->ledger, item->update[i]);
	item_free(item);
}
