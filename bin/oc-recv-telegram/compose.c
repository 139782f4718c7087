#include <stdlib.h>
#include <string.h>
#include "command.h"
#include "compose.h"
#include "entity.h"
#include "json.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	QUOTE_MAX = 1500, /* bytes of a message that is answered */
};

char *
compose_session(const struct update *update, const char *former,
    const struct compose_sessions *sessions)
{
	struct buf session = {.data = NULL};

	if (update->is_private) {
		buf_printf(&session, "telegram:%s",
		    sessions->dm_shared ? "direct" : update->from);
		return buf_take(&session);
	}
	buf_printf(
	    &session, "telegram:%s", former != NULL ? former : update->chat);
	if (update->thread[0] != '\0')
		buf_printf(&session, ":%s", update->thread);
	if (!sessions->group_shared)
		buf_printf(&session, ":%s", update->from);
	return buf_take(&session);
}

jv
compose_turn(const struct update *update, const char *session)
{
	jv turn = json_object(), to = json_object(), from = json_object();
	const char *username =
	    json_get_string(update->sender, "username", NULL);
	char *name = update_name(update->sender);

	to = json_set_string(to, "chat", update->chat);
	to = json_set(to, "thread",
	    update->thread[0] != '\0' ? json_string(update->thread)
				      : json_null());
	to = json_set_string(to, "message", update->message_id);
	from = json_set_string(from, "id", update->from);
	from = json_set_string(from, "name", name);
	if (username != NULL)
		from = json_set_string(from, "username", username);
	free(name);
	turn = json_set_string(turn, "type", "turn");
	turn = json_set_string(turn, "session", session);
	turn = json_set_string(turn, "channel", "telegram");
	turn = json_set(turn, "to", to);
	return json_set(turn, "from", from);
}

/* ---- what is answered */

/* Lines with "> " before each, cut at a length. */
static void
add_quoted(struct buf *out, const char *text)
{
	size_t length = strlen(text);
	size_t most = utf8_floor(text, length, QUOTE_MAX);

	buf_add_string(out, "> ");
	for (size_t i = 0; i < most; i++) {
		buf_add_byte(out, text[i]);
		if (text[i] == '\n')
			buf_add_string(out, "> ");
	}
	buf_add_string(out, most < length ? " \xe2\x80\xa6\n\n" : "\n\n");
}

/* The part that the person chose to quote, else the message that is answered. */
static void
add_context(struct buf *out, const struct update *update, const struct bot *bot)
{
	jv answered = json_get(update->message, "reply_to_message");
	jv quote = json_get(update->message, "quote");
	jv from = json_get(answered, "from");
	const char *text = json_get_string(quote, "text", "");
	char *name = update_name(from);

	if (*text == '\0')
		text = json_get_string(answered, "text", "");
	if (*text == '\0')
		text = json_get_string(answered, "caption", "");
	if (*text != '\0') {
		if (json_get_int(from, "id", 0) == bot->id)
			buf_add_string(out, "> You wrote:\n");
		else if (*name != '\0')
			buf_printf(out, "> %s wrote:\n", name);
		add_quoted(out, text);
	}
	free(name);
	jv_free(from);
	jv_free(quote);
	jv_free(answered);
}

static void
add_origin(struct buf *out, jv ref_message)
{
	static const char *const whom[] = {
	    "sender_user", "sender_chat", "chat"};
	jv origin = json_get(ref_message, "forward_origin");
	char *name = xstrdup(json_get_string(origin, "sender_user_name", ""));

	for (size_t i = 0; i < 3 && *name == '\0'; i++) {
		jv sender = json_get(origin, whom[i]);

		free(name);
		name = update_name(sender);
		jv_free(sender);
	}
	if (json_is_object(origin))
		buf_printf(out, "[Forwarded%s%s]\n",
		    *name != '\0' ? " from " : "", name);
	free(name);
	jv_free(origin);
}

/* ---- what is neither text nor a file */

static void
add_line(
    struct buf *out, const char *what, const char *first, const char *second)
{
	if (out->length != 0 && out->data[out->length - 1] != '\n')
		buf_add_byte(out, '\n');
	buf_printf(out, "[%s", what);
	if (*first != '\0')
		buf_printf(out, ": %s", first);
	if (*second != '\0')
		buf_printf(out, "%s%s", *first != '\0' ? ", " : ": ", second);
	buf_add_byte(out, ']');
}

static void
add_location(struct buf *out, jv ref_message)
{
	jv venue = json_get(ref_message, "venue");
	jv location = json_get(ref_message, "location");
	char *where =
	    xasprintf("%.6f, %.6f", json_get_number(location, "latitude", 0),
		json_get_number(location, "longitude", 0));

	if (json_is_object(location))
		add_line(out, "Location", json_get_string(venue, "title", ""),
		    where);
	free(where);
	jv_free(location);
	jv_free(venue);
}

static void
add_poll(struct buf *out, jv ref_message)
{
	jv poll = json_get(ref_message, "poll");
	jv options = json_get(poll, "options");

	if (json_is_object(poll))
		add_line(
		    out, "Poll", json_get_string(poll, "question", ""), "");
	for (int i = 0; i < json_length(options); i++) {
		jv option = json_at(options, i);

		buf_printf(out, "\n- %s", json_get_string(option, "text", ""));
		jv_free(option);
	}
	jv_free(options);
	jv_free(poll);
}

static void
add_others(struct buf *out, jv ref_message)
{
	jv contact = json_get(ref_message, "contact");
	jv sticker = json_get(ref_message, "sticker");
	jv dice = json_get(ref_message, "dice");
	char *name = update_name(contact);

	if (json_is_object(contact))
		add_line(out, "Contact", name,
		    json_get_string(contact, "phone_number", ""));
	if (json_is_object(sticker))
		add_line(
		    out, "Sticker", json_get_string(sticker, "emoji", ""), "");
	if (json_is_object(dice)) {
		char *value =
		    xasprintf("%d", (int)json_get_int(dice, "value", 0) % 100);

		add_line(out, "Dice", value, "");
		free(value);
	}
	if (json_has(ref_message, "story"))
		add_line(out, "Story", "", "");
	add_location(out, ref_message);
	add_poll(out, ref_message);
	free(name);
	jv_free(dice);
	jv_free(sticker);
	jv_free(contact);
}

static void
add_reaction(struct buf *out, jv ref_reaction)
{
	jv list = json_get(ref_reaction, "new_reaction");
	jv last = json_at(list, json_length(list) - 1);

	add_line(out, "Reacted to your message",
	    json_get_string(last, "emoji", "a picture"), "");
	jv_free(last);
	jv_free(list);
}

void
compose_text(
    struct buf *out, const struct update *update, const struct bot *bot)
{
	struct buf body = {.data = NULL};
	const char *argument;

	if (update->kind == UPDATE_BUTTON) {
		buf_add_string(out, json_get_string(update->query, "data", ""));
		return;
	}
	if (update->kind == UPDATE_REACTION) {
		add_reaction(out, update->message);
		return;
	}
	entity_text(&body, update->message, bot);
	if (command_parse(buf_string(&body), &argument) == COMMAND_NONE) {
		if (update->kind == UPDATE_EDIT)
			buf_add_string(out, "[Edited message]\n");
		add_origin(out, update->message);
		add_context(out, update, bot);
	}
	buf_add(out, body.data, body.length);
	add_others(out, update->message);
	buf_free(&body);
}
