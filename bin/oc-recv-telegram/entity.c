#include <string.h>
#include <strings.h>
#include "entity.h"
#include "json.h"
#include "utf8.h"

/* The text, its entities, and one of them as a range of bytes. */
struct entities {
	jv text, list;
	const char *bytes;
	size_t length;
};

static void
entities_open(struct entities *e, jv ref_message)
{
	bool caption = !json_has(ref_message, "text");

	e->text = json_get(ref_message, caption ? "caption" : "text");
	e->list =
	    json_get(ref_message, caption ? "caption_entities" : "entities");
	e->bytes = json_as_string(e->text, "");
	e->length = json_string_length(e->text);
}

static void
entities_close(struct entities *e)
{
	jv_free(e->text);
	jv_free(e->list);
}

/* Where a number of UTF-16 units ends; the end when there are not so many. */
static size_t
byte_of(const struct entities *e, int64_t units)
{
	size_t at = 0;

	while (at < e->length && units > 0) {
		size_t n = utf8_sequence(e->bytes + at, e->length - at);

		if (n == 0)
			n = 1;
		units -= n == 4 ? 2 : 1;
		at += n;
	}
	return at;
}

struct range {
	size_t from, to;
};

static struct range
range_of(const struct entities *e, jv ref_entity)
{
	int64_t offset = json_get_int(ref_entity, "offset", 0);
	int64_t length = json_get_int(ref_entity, "length", 0);
	struct range range;

	if (offset < 0 || offset > INT32_MAX || length < 0 ||
	    length > INT32_MAX)
		offset = length = 0;
	range.from = byte_of(e, offset);
	range.to = byte_of(e, offset + length);
	return range;
}

static bool
is_our_name(const char *name, size_t length, const struct bot *bot)
{
	return bot->username[0] != '\0' && strlen(bot->username) == length &&
	       strncasecmp(name, bot->username, length) == 0;
}

/* Where the @ of "/command@name" is, or the end of the command. */
static size_t
at_sign(const struct entities *e, struct range range)
{
	const char *at =
	    memchr(e->bytes + range.from, '@', range.to - range.from);

	return at != NULL ? (size_t)(at - e->bytes) : range.to;
}

static enum entity_target
target_of(const struct entities *e, jv ref_entity, const struct bot *bot)
{
	const char *type = json_get_string(ref_entity, "type", "");
	struct range range = range_of(e, ref_entity);
	size_t at;

	if (strcmp(type, "text_mention") == 0) {
		jv user = json_get(ref_entity, "user");
		int64_t id = json_get_int(user, "id", 0);

		jv_free(user);
		return id == bot->id ? ENTITY_US : ENTITY_NOBODY;
	}
	if (strcmp(type, "mention") != 0 && strcmp(type, "bot_command") != 0)
		return ENTITY_NOBODY;
	at = at_sign(e, range);
	if (at == range.to)
		return ENTITY_NOBODY;
	if (is_our_name(e->bytes + at + 1, range.to - at - 1, bot))
		return ENTITY_US;
	/* "/stop@other" is not for us, "ask @other" may well be */
	return *type == 'b' && range.from == 0 ? ENTITY_OTHER_BOT
					       : ENTITY_NOBODY;
}

enum entity_target
entity_target(jv ref_message, const struct bot *bot)
{
	enum entity_target found = ENTITY_NOBODY;
	struct entities e;

	entities_open(&e, ref_message);
	for (int i = 0; i < json_length(e.list); i++) {
		jv entity = json_at(e.list, i);
		enum entity_target target = target_of(&e, entity, bot);

		jv_free(entity);
		if (target != ENTITY_NOBODY && found == ENTITY_NOBODY)
			found = target;
	}
	entities_close(&e);
	return found;
}

/* Appends the text from `*done` to `to`, and moves `*done` there. */
static void
copy_to(struct buf *out, const struct entities *e, size_t *done, size_t to)
{
	if (to > *done) {
		buf_add(out, e->bytes + *done, to - *done);
		*done = to;
	}
}

static void
skip_blanks(const struct entities *e, size_t *done)
{
	while (*done < e->length && strchr(" \t\n,:", e->bytes[*done]) != NULL)
		(*done)++;
}

static void
apply(struct buf *out, const struct entities *e, size_t *done, jv ref_entity,
    const struct bot *bot)
{
	const char *type = json_get_string(ref_entity, "type", "");
	struct range range = range_of(e, ref_entity);

	if (range.from < *done || range.to <= range.from)
		return;
	if (strcmp(type, "text_link") == 0) {
		copy_to(out, e, done, range.to);
		buf_printf(
		    out, " (%s)", json_get_string(ref_entity, "url", ""));
	} else if (target_of(e, ref_entity, bot) != ENTITY_US) {
		return;
	} else if (strcmp(type, "bot_command") == 0) {
		copy_to(out, e, done, at_sign(e, range));
		*done = range.to;
	} else if (out->length == 0 &&
		   strspn(e->bytes, " \t\n") >= range.from) {
		*done = range.to;
		skip_blanks(e, done);
	}
}

void
entity_text(struct buf *out, jv ref_message, const struct bot *bot)
{
	struct buf text = {.data = NULL};
	struct entities e;
	size_t done = 0;

	entities_open(&e, ref_message);
	for (int i = 0; i < json_length(e.list); i++) {
		jv entity = json_at(e.list, i);

		apply(&text, &e, &done, entity, bot);
		jv_free(entity);
	}
	copy_to(&text, &e, &done, e.length);
	buf_add(out, text.data, text.length);
	buf_free(&text);
	entities_close(&e);
}
