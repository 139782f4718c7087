#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "courier.h"
#include "json.h"
#include "utf8.h"
#include "xalloc.h"

/* One part of a reply as a call of the Bot API. */

enum { BUTTON_MAX = 64 }; /* bytes of what a button says and sends */

static const char mark[] = "(possibly a repeat)";

/* The method and its parameters, as they are put together. */
struct message {
	const char *method;
	jv params;
	struct upload *upload;
};

bool
delivery_is_edit(const struct delivery *delivery, size_t part)
{
	return delivery->draft != NULL && part == 0 &&
	       delivery->parts.part[0].kind == PART_TEXT;
}

/* A piece as HTML, or plain if that was refused; the caller frees it. */
static char *
text_of(const struct delivery *delivery, const struct chunk *piece, bool repeat)
{
	const struct rich *rich = &delivery->parts.rich;
	struct buf out = {0};

	if (repeat)
		buf_printf(
		    &out, "%s%s", mark, piece->to > piece->from ? "\n" : "");
	if (delivery->plain)
		buf_add(&out, rich->text.data + piece->from,
		    piece->to - piece->from);
	else
		rich_html(rich, piece->from, piece->to, &out);
	return buf_take(&out);
}

static jv
set_text(const struct delivery *delivery, jv own_object, const char *key,
    const struct chunk *piece, bool repeat)
{
	char *text = text_of(delivery, piece, repeat);

	if (*text != '\0')
		own_object = json_set_string(own_object, key, text);
	if (*text != '\0' && !delivery->plain)
		own_object = json_set_string(own_object, "parse_mode", "HTML");
	free(text);
	return own_object;
}

static jv
set_no_preview(jv own_params)
{
	return json_set(own_params, "link_preview_options",
	    json_set_bool(json_object(), "is_disabled", true));
}

/* Adds a file's bytes to the form; false when they cannot be read. */
static bool
attach(struct message *message, const struct media *media, const char *field)
{
	int fd = parts_open(media);

	if (fd < 0)
		return false;
	upload_file(message->upload, field, media->name, fd, media->size);
	return true;
}

static bool
make_album(const struct delivery *delivery, const struct part *part,
    bool repeat, struct message *message)
{
	jv list = json_array();
	bool ok = true;

	message->method = "sendMediaGroup";
	for (size_t i = 0; ok && i < part->count; i++) {
		char *field = xasprintf("file%zu", i);
		char *where = xasprintf("attach://%s", field);
		jv one = json_set_string(json_object(), "type", "photo");

		one = json_set_string(one, "media", where);
		if (i == 0)
			one = set_text(
			    delivery, one, "caption", &part->text, repeat);
		list = json_append(list, one);
		ok = attach(
		    message, &delivery->parts.media[part->media + i], field);
		free(field);
		free(where);
	}
	message->params = json_set(message->params, "media", list);
	return ok;
}

static bool
make_file(const struct delivery *delivery, const struct part *part, bool repeat,
    struct message *message)
{
	bool image = part->kind == PART_IMAGE;

	message->method = image ? "sendPhoto" : "sendDocument";
	message->params =
	    set_text(delivery, message->params, "caption", &part->text, repeat);
	return attach(message, &delivery->parts.media[part->media],
	    image ? "photo" : "document");
}

/* ---- buttons */

/* Telegram refuses a message for a button that is not to its liking. */
static bool
is_button(jv ref_button)
{
	size_t text = strlen(json_get_string(ref_button, "text", ""));
	size_t data = strlen(json_get_string(ref_button, "data", ""));

	return text >= 1 && text <= BUTTON_MAX && data >= 1 &&
	       data <= BUTTON_MAX;
}

static jv
keyboard_row(jv ref_row)
{
	jv row = json_array();

	for (int i = 0, n = json_length(ref_row); i < n; i++) {
		jv button = json_at(ref_row, i), key = json_object();

		if (is_button(button)) {
			key = json_set_string(
			    key, "text", json_get_string(button, "text", ""));
			key = json_set_string(key, "callback_data",
			    json_get_string(button, "data", ""));
			row = json_append(row, json_copy(key));
		}
		jv_free(key);
		jv_free(button);
	}
	return row;
}

/* The buttons of the reply, below the last part if that is text. */
static jv
set_buttons(const struct delivery *delivery, size_t part, jv own_params)
{
	jv reply = json_get(delivery->turn, "reply");
	jv rows = json_get(reply, "buttons"), keyboard = json_array();

	for (int i = 0, n = json_length(rows); i < n; i++) {
		jv row = json_at(rows, i);

		keyboard = json_append(keyboard, keyboard_row(row));
		jv_free(row);
	}
	if (json_length(keyboard) != 0 && part + 1 == delivery->parts.count)
		own_params = json_set(own_params, "reply_markup",
		    json_set(
			json_object(), "inline_keyboard", json_copy(keyboard)));
	jv_free(keyboard);
	jv_free(rows);
	jv_free(reply);
	return own_params;
}

static bool
make_text(const struct delivery *delivery, size_t number, bool repeat,
    struct message *message)
{
	const struct part *part = &delivery->parts.part[number];

	message->method = "sendMessage";
	message->params = set_no_preview(
	    set_text(delivery, message->params, "text", &part->text, repeat));
	message->params = set_buttons(delivery, number, message->params);
	return true;
}

static jv
edit_params(const struct delivery *delivery)
{
	jv params =
	    json_set(json_object(), "chat_id", chat_number(delivery->chat));

	params = json_set(params, "message_id", chat_integer(delivery->draft));
	params = set_text(
	    delivery, params, "text", &delivery->parts.part[0].text, false);
	return set_buttons(delivery, 0, set_no_preview(params));
}

static bool
make(const struct delivery *delivery, size_t number, bool repeat,
    struct message *message)
{
	const struct part *part = &delivery->parts.part[number];
	jv to;

	if (delivery_is_edit(delivery, number)) {
		message->method = "editMessageText";
		jv_free(message->params);
		message->params = edit_params(delivery);
		return true;
	}
	to = json_get(delivery->turn, "to");
	message->params = chat_place(message->params, to, !delivery->no_thread,
	    number == 0 && !delivery->no_reply);
	jv_free(to);
	if (part->kind == PART_TEXT)
		return make_text(delivery, number, repeat, message);
	message->upload = upload_new();
	return part->kind == PART_ALBUM
		   ? make_album(delivery, part, repeat, message)
		   : make_file(delivery, part, repeat, message);
}

bool
delivery_send(struct delivery *delivery, size_t part, bool repeat,
    void (*done)(void *arg, const struct api_answer *answer))
{
	struct message message = {
	    .params =
		json_set(json_object(), "chat_id", chat_number(delivery->chat)),
	};

	if (!make(delivery, part, repeat, &message)) {
		upload_free(message.upload);
		jv_free(message.params);
		return false;
	}
	delivery->part = part;
	delivery->courier->calls++;
	delivery->call = api_start(delivery->courier->api, message.method,
	    message.params, message.upload, done, delivery);
	return true;
}

static jv
append_id(jv own_list, jv ref_message)
{
	int64_t id = json_get_int(ref_message, "message_id", 0);
	char *text;

	if (id <= 0)
		return own_list;
	text = xasprintf("%" PRId64, id);
	own_list = json_append_string(own_list, text);
	free(text);
	return own_list;
}

jv
delivery_messages(jv ref_result)
{
	jv list = json_array();

	if (!json_is_array(ref_result))
		return append_id(list, ref_result);
	for (int i = 0, n = json_length(ref_result); i < n; i++) {
		jv one = json_at(ref_result, i);

		list = append_id(list, one);
		jv_free(one);
	}
	return list;
}
