#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "json.h"
#include "update.h"
#include "xalloc.h"

void
update_id_text(jv ref, const char *key, char out[UPDATE_ID_SIZE])
{
	jv value = json_get(ref, key);

	out[0] = '\0';
	if (json_is_number(value))
		snprintf(
		    out, UPDATE_ID_SIZE, "%" PRId64, json_as_int(value, 0));
	jv_free(value);
}

char *
update_name(jv ref_sender)
{
	const char *first = json_get_string(ref_sender, "first_name", "");
	const char *last = json_get_string(ref_sender, "last_name", "");

	if (*first == '\0')
		first = json_get_string(ref_sender, "title", "");
	if (*first == '\0')
		first = json_get_string(ref_sender, "username", "");
	if (*last == '\0')
		return xstrdup(first);
	return xasprintf("%s %s", first, last);
}

/* A message that has something for us in it, not only news of the chat. */
static bool
has_content(jv ref_message)
{
	static const char *const keys[] = {"text", "caption", "photo",
	    "document", "voice", "audio", "video", "video_note", "animation",
	    "sticker", "location", "venue", "contact", "poll", "dice", "story"};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (json_has(ref_message, keys[i]))
			return true;
	return false;
}

static void
read_message(struct update *update)
{
	jv chat = json_get(update->message, "chat");

	update_id_text(chat, "id", update->chat);
	update->is_private =
	    strcmp(json_get_string(chat, "type", ""), "private") == 0;
	jv_free(chat);
	update_id_text(update->message, "message_id", update->message_id);
	if (json_get_bool(update->message, "is_topic_message", false))
		update_id_text(
		    update->message, "message_thread_id", update->thread);
	/* the General topic has a number and is addressed without it */
	if (strcmp(update->thread, "1") == 0)
		update->thread[0] = '\0';
	update_id_text(update->message, "migrate_to_chat_id", update->moved_to);
}

/*
 * Sent as a channel or as the group itself, a message has a stand-in of
 * Telegram's as `from`, so the chat counts.
 */
static jv
sender_of(jv ref_message)
{
	jv sender = json_get(ref_message, "sender_chat");

	if (json_is_object(sender))
		return sender;
	jv_free(sender);
	sender = json_get(ref_message, "from");
	if (json_is_object(sender))
		return sender;
	jv_free(sender);
	return json_get(ref_message, "chat"); /* a channel's post */
}

static void
read_button(struct update *update, jv ref_update)
{
	update->kind = UPDATE_BUTTON;
	update->query = json_get(ref_update, "callback_query");
	update->message = json_get(update->query, "message");
	update->sender = json_get(update->query, "from");
}

/* An emoji was added; taking one back says nothing to us. */
static void
read_reaction(struct update *update, jv ref_update)
{
	jv old, new;

	update->message = json_get(ref_update, "message_reaction");
	update->sender = json_get(update->message, "user");
	old = json_get(update->message, "old_reaction");
	new = json_get(update->message, "new_reaction");
	if (json_length(new) > json_length(old) ||
	    (json_length(new) == 1 && json_length(old) == 1))
		update->kind = UPDATE_REACTION;
	jv_free(new);
	jv_free(old);
}

static void
read_kind(struct update *update, jv ref_update)
{
	static const char *const messages[] = {
	    "message", "channel_post", "edited_message", "edited_channel_post"};

	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
		if (!json_has(ref_update, messages[i]))
			continue;
		update->kind = i < 2 ? UPDATE_MESSAGE : UPDATE_EDIT;
		update->message = json_get(ref_update, messages[i]);
		update->sender = sender_of(update->message);
		return;
	}
	if (json_has(ref_update, "callback_query")) {
		read_button(update, ref_update);
	} else if (json_has(ref_update, "message_reaction")) {
		read_reaction(update, ref_update);
	} else if (json_has(ref_update, "my_chat_member")) {
		update->kind = UPDATE_MEMBER;
		update->message = json_get(ref_update, "my_chat_member");
		update->sender = json_get(update->message, "from");
	}
}

void
update_read(struct update *update, jv ref_update)
{
	memset(update, 0, sizeof *update);
	update->kind = UPDATE_NOTHING;
	update->message = update->sender = update->query = json_null();
	update->id = json_get_int(ref_update, "update_id", 0);
	read_kind(update, ref_update);
	read_message(update);
	update_id_text(update->sender, "id", update->from);
	if (update->kind == UPDATE_MESSAGE && update->moved_to[0] != '\0')
		update->kind = UPDATE_MOVED;
	else if ((update->kind == UPDATE_MESSAGE ||
		     update->kind == UPDATE_EDIT) &&
		 !has_content(update->message))
		update->kind = UPDATE_NOTHING;
	/* our own, and those of other bots, which would answer for ever */
	if (json_get_bool(update->sender, "is_bot", false) &&
	    update->kind != UPDATE_MEMBER)
		update->kind = UPDATE_NOTHING;
	if (update->chat[0] == '\0' || update->from[0] == '\0')
		update->kind = UPDATE_NOTHING;
}

void
update_free(struct update *update)
{
	jv_free(update->message);
	jv_free(update->sender);
	jv_free(update->query);
	memset(update, 0, sizeof *update);
	update->message = update->sender = update->query = json_null();
}
