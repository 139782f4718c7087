#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "dataurl.h"
#include "io.h"
#include "json.h"
#include "state.h"
#include "talk.h"
#include "turn.h"
#include "xalloc.h"

enum { BAD = 400, TOO_LARGE = 413 };

void
talk_init(struct talk *talk)
{
	*talk = (struct talk){.before = json_array()};
}

static void
drop_files(struct talk *talk)
{
	for (size_t i = 0; i < talk->files; i++) {
		free(talk->file[i].mime);
		buf_free(&talk->file[i].bytes);
	}
	talk->files = 0;
}

void
talk_free(struct talk *talk)
{
	drop_files(talk);
	buf_free(&talk->text);
	buf_free(&talk->instructions);
	jv_free(talk->before);
	talk->before = json_null();
}

/* ---- the parts of a message */

static int
add_file(struct talk *talk, char *own_mime, struct buf *own_bytes,
    const char **problem)
{
	if (talk->files == TALK_FILES_MAX) {
		free(own_mime);
		buf_free(own_bytes);
		*problem = "a message has at most 16 files";
		return BAD;
	}
	talk->file[talk->files++] = (struct talk_file){own_mime, *own_bytes};
	return 0;
}

static int
add_url(struct talk *talk, jv ref_url, const char **problem)
{
	struct buf bytes = {0};
	char *mime;

	if (!dataurl_read(
		json_as_string(ref_url, ""), &mime, &bytes, problem)) {
		buf_free(&bytes);
		return BAD;
	}
	return add_file(talk, mime, &bytes, problem);
}

/* {"data":base64,"format":"wav"} */
static int
add_audio(struct talk *talk, jv ref_audio, const char **problem)
{
	const char *format = json_get_string(ref_audio, "format", "");
	jv data = json_get(ref_audio, "data");
	struct buf bytes = {0};
	bool right =
	    (strcmp(format, "wav") == 0 || strcmp(format, "mp3") == 0) &&
	    base64_decode(
		json_as_string(data, ""), json_string_length(data), &bytes) &&
	    bytes.length != 0;

	jv_free(data);
	if (!right) {
		buf_free(&bytes);
		*problem = "input_audio is wav or mp3, in base64";
		return BAD;
	}
	return add_file(talk, xasprintf("audio/%s", format), &bytes, problem);
}

/* The URL is the value itself, or in it under `key`. */
static int
add_inner_url(
    struct talk *talk, jv own_value, const char *key, const char **problem)
{
	jv inner = json_is_string(own_value) ? json_copy(own_value)
					     : json_get(own_value, key);
	int status = add_url(talk, inner, problem);

	jv_free(inner);
	jv_free(own_value);
	return status;
}

static int
add_part(struct talk *talk, jv ref_part, struct buf *text, const char **problem)
{
	const char *type = json_get_string(ref_part, "type", "");
	int status = 0;
	jv value;

	if (strcmp(type, "text") == 0 || strcmp(type, "input_text") == 0 ||
	    strcmp(type, "output_text") == 0 || strcmp(type, "refusal") == 0) {
		value = json_get(
		    ref_part, strcmp(type, "refusal") == 0 ? type : "text");
		if (text->length != 0)
			buf_add_byte(text, '\n');
		buf_add(
		    text, json_as_string(value, ""), json_string_length(value));
		if (!json_is_string(value)) {
			*problem = "a part of text has no text";
			status = BAD;
		}
		jv_free(value);
		return status;
	}
	if (strcmp(type, "image_url") == 0 || strcmp(type, "input_image") == 0)
		return add_inner_url(
		    talk, json_get(ref_part, "image_url"), "url", problem);
	if (strcmp(type, "input_file") == 0)
		return add_inner_url(
		    talk, json_get(ref_part, "file_data"), "", problem);
	if (strcmp(type, "file") == 0)
		return add_inner_url(
		    talk, json_get(ref_part, "file"), "file_data", problem);
	if (strcmp(type, "input_audio") == 0) {
		value = json_get(ref_part, "input_audio");
		status = add_audio(talk, value, problem);
		jv_free(value);
		return status;
	}
	*problem = "a part of a message has a type that is not known here";
	return BAD;
}

static int
read_content(
    struct talk *talk, jv ref_content, struct buf *text, const char **problem)
{
	int status = 0;

	if (json_is_string(ref_content)) {
		buf_add(text, json_as_string(ref_content, ""),
		    json_string_length(ref_content));
		return 0;
	}
	if (json_is_null(ref_content))
		return 0; /* of an assistant that only called tools */
	if (!json_is_array(ref_content)) {
		*problem = "content is text, or an array of parts";
		return BAD;
	}
	for (int i = 0, n = json_length(ref_content); i < n && status == 0;
	     i++) {
		jv part = json_at(ref_content, i);

		status = add_part(talk, part, text, problem);
		jv_free(part);
	}
	return status;
}

/* ---- messages */

static void
append_text(struct buf *to, const struct buf *text)
{
	if (to->length != 0 && text->length != 0)
		buf_add_string(to, "\n\n");
	buf_add(to, buf_string(text), text->length);
}

static void
add_before(struct talk *talk, const char *role, const struct buf *text)
{
	jv entry = json_set_string(json_object(), "role", role);

	entry = json_set(
	    entry, "text", json_string_sized(buf_string(text), text->length));
	talk->before = json_append(talk->before, entry);
	talk->before_size += text->length;
}

/* What the person said was answered: it belongs to what was before. */
static void
put_behind(struct talk *talk)
{
	if (!talk->asked)
		return;
	for (size_t i = 0; i < talk->files; i++)
		buf_printf(&talk->text,
		    "%s[a file of the type %s came with this]",
		    talk->text.length != 0 ? "\n" : "", talk->file[i].mime);
	add_before(talk, "user", &talk->text);
	buf_clear(&talk->text);
	drop_files(talk);
	talk->asked = false;
}

static int
place(struct talk *talk, const char *role, const struct buf *text,
    const char **problem)
{
	if (strcmp(role, "system") == 0 || strcmp(role, "developer") == 0) {
		append_text(&talk->instructions, text);
	} else if (strcmp(role, "user") == 0) {
		append_text(&talk->text, text);
		talk->asked = true;
	} else if (strcmp(role, "assistant") == 0) {
		put_behind(talk);
		if (text->length != 0)
			add_before(talk, "assistant", text);
	} else if (strcmp(role, "tool") == 0 || strcmp(role, "function") == 0) {
		/* of a tool of the caller's, which our agent did not call */
		put_behind(talk);
		add_before(talk, "user", text);
	} else {
		*problem = "the role of a message is system, developer, user, "
			   "assistant or tool";
		return BAD;
	}
	if (talk->text.length > TURN_TEXT_MAX ||
	    talk->instructions.length > TURN_TEXT_MAX ||
	    talk->before_size > TALK_BEFORE_MAX) {
		*problem = "the messages are too long: at most 256 KiB for "
			   "the last one, 1 MiB before it";
		return TOO_LARGE;
	}
	return 0;
}

int
talk_add(
    struct talk *talk, const char *role, jv ref_content, const char **problem)
{
	struct buf text = {0};
	int status = read_content(talk, ref_content, &text, problem);

	if (status == 0)
		status = place(talk, role, &text, problem);
	/* files of other roles are not looked at */
	if (status == 0 && !talk->asked)
		drop_files(talk);
	buf_free(&text);
	return status;
}

int
talk_end(const struct talk *talk, const char **problem)
{
	if (talk->asked && (talk->text.length != 0 || talk->files != 0))
		return 0;
	*problem = "the last message must be the user's, and not empty";
	return BAD;
}

/* ---- to a turn */

static bool
write_file(const struct talk_file *file, const char *folder, const char *id,
    size_t number, jv *media)
{
	char *name = state_name(id);
	char *path = xasprintf(
	    "%s/%s-%zu%s", folder, name, number, dataurl_extension(file->mime));
	bool ok =
	    io_replace_file(path, buf_string(&file->bytes), file->bytes.length);
	jv one = json_set_string(json_object(), "path", path);

	one = json_set_string(one, "mime", file->mime);
	one = json_set_int(one, "bytes", (int64_t)file->bytes.length);
	*media = json_append(*media, one);
	free(path);
	free(name);
	return ok;
}

static bool
write_files(const struct talk *talk, const char *inbox, jv *turn)
{
	char day[CLOCK_RFC3339_SIZE], *folder;
	jv media = json_array();
	bool ok;

	clock_rfc3339(clock_now_ms(), day);
	folder = xasprintf("%s/%.10s", inbox, day);
	ok = io_make_directories(folder);
	for (size_t i = 0; i < talk->files && ok; i++)
		ok = write_file(
		    &talk->file[i], folder, turn_id(*turn), i + 1, &media);
	*turn = json_set(*turn, "media", media);
	free(folder);
	return ok;
}

bool
talk_to_turn(const struct talk *talk, jv *turn, const char *folder, bool fresh)
{
	*turn = json_set(*turn, "text",
	    json_string_sized(buf_string(&talk->text), talk->text.length));
	if (talk->instructions.length != 0)
		*turn = json_set(*turn, "instructions",
		    json_string_sized(buf_string(&talk->instructions),
			talk->instructions.length));
	if (fresh && json_length(talk->before) != 0)
		*turn = json_set(*turn, "before", json_copy(talk->before));
	return talk->files == 0 || write_files(talk, folder, turn);
}
