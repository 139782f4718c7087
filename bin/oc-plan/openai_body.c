#include <errno.h>
#include <string.h>
#include "answer.h"
#include "json.h"

static const char too_large[] =
    "the request with its images is larger than 20 MB";

static void
begin_message(struct buf *out, const char *role)
{
	body_comma(out);
	buf_add_byte(out, '{');
	body_string(out, "role", role);
}

static void
write_text_part(struct buf *out, const char *text)
{
	body_comma(out);
	buf_add_string(out, "{\"type\":\"text\"");
	body_string(out, "text", text);
	buf_add_byte(out, '}');
}

/* False when the request gets too large. */
static bool
write_image_part(struct buf *out, jv ref_media)
{
	const char *path = json_get_string(ref_media, "path", "");
	size_t before = out->length;
	struct buf text = {0};

	body_comma(out);
	/* media_is_image let only plain names of types through */
	buf_printf(out,
	    "{\"type\":\"image_url\",\"image_url\":"
	    "{\"url\":\"data:%s;base64,",
	    json_get_string(ref_media, "mime", ""));
	if (media_base64(out, path, REQUEST_MAX)) {
		buf_add_string(out, "\"}}");
		return true;
	}
	if (errno == EFBIG)
		return false;
	buf_truncate(out, before);
	buf_printf(&text, "[image that cannot be read: %s]", path);
	write_text_part(out, text.data);
	buf_free(&text);
	return true;
}

static bool
has_image(jv ref_media)
{
	bool found = false;

	for (int i = 0, n = json_length(ref_media); i < n && !found; i++) {
		jv media = json_at(ref_media, i);

		found = media_is_image(media);
		jv_free(media);
	}
	return found;
}

/* A user message: a string, or parts where images go along. */
static bool
write_user(struct buf *out, const struct prompt *prompt, const char *text,
    jv ref_media)
{
	struct buf whole = {0};
	bool ok = true;

	buf_add_string(&whole, text);
	media_note(&whole, ref_media, prompt->images);
	begin_message(out, "user");
	if (!prompt->images || !has_image(ref_media)) {
		body_string(out, "content", buf_string(&whole));
		buf_add_byte(out, '}');
		buf_free(&whole);
		return true;
	}
	body_key(out, "content");
	buf_add_byte(out, '[');
	if (whole.length != 0)
		write_text_part(out, whole.data);
	for (int i = 0, n = json_length(ref_media); i < n && ok; i++) {
		jv media = json_at(ref_media, i);

		if (media_is_image(media))
			ok = write_image_part(out, media);
		jv_free(media);
	}
	buf_add_string(out, "]}");
	buf_free(&whole);
	return ok;
}

/*
 * What the server gave with the step's calls, by our ids; null for another
 * model's.
 */
static jv
own_calls(const struct prompt *prompt, jv ref_step)
{
	const char *model = json_get_string(ref_step, "model", NULL);
	const char *slash = model != NULL ? strchr(model, '/') : NULL;

	if (slash != NULL && strcmp(slash + 1, prompt->model) != 0)
		return json_null();
	return json_path(ref_step, "openai.calls");
}

/* The id on the wire: the server's own, or ours, or one by position. */
static void
write_id(
    struct buf *out, const char *key, jv ref_call, jv ref_own, int at, int k)
{
	const char *ours = json_get_string(ref_call, "id", "");
	jv own = json_get(ref_own, ours);
	const char *id = json_get_string(own, "id", ours);

	body_key(out, key);
	if (id[0] != '\0')
		json_write_string(out, id, strlen(id));
	else
		buf_printf(out, "\"call_%d_%d\"", at, k);
	jv_free(own);
}

static void
write_call(struct buf *out, jv ref_call, jv ref_own, int at, int k)
{
	jv own = json_get(ref_own, json_get_string(ref_call, "id", ""));
	jv args = json_get(ref_call, "args"), value;
	struct json_iter iter = {0};
	struct buf text = {0};
	const char *key;

	body_comma(out);
	buf_add_byte(out, '{');
	write_id(out, "id", ref_call, ref_own, at, k);
	body_string(out, "type", "function");
	while (json_next(&iter, own, &key, &value)) {
		if (strcmp(key, "id") != 0) {
			body_key(out, key);
			json_write(out, value);
		}
		jv_free(value);
	}
	buf_add_string(out, ",\"function\":{\"name\":");
	body_tool_name(out, json_get_string(ref_call, "name", ""));
	if (json_is_object(args))
		json_write(&text, args);
	else
		buf_add_string(&text, "{}");
	body_string(out, "arguments", text.data);
	buf_add_string(out, "}}");
	buf_free(&text);
	jv_free(args);
	jv_free(own);
}

static void
write_result(
    struct buf *out, jv ref_call, jv ref_own, jv ref_result, int at, int k)
{
	struct buf text = {0};

	begin_message(out, "tool");
	write_id(out, "tool_call_id", ref_call, ref_own, at, k);
	if (!json_get_bool(ref_result, "ok", false))
		buf_add_string(&text, "error: ");
	body_outcome(&text, ref_result);
	body_string(out, "content", buf_string(&text));
	buf_add_byte(out, '}');
	buf_free(&text);
}

/* The results of a step's calls, then their images as from the user. */
static bool
write_results(
    struct buf *out, const struct prompt *prompt, int at, jv ref_calls, jv own)
{
	jv images = json_array();
	bool ok = true;

	for (int i = 0, n = json_length(ref_calls); i < n; i++) {
		jv call = json_at(ref_calls, i), media;
		jv result = body_result(
		    prompt->conversation, at, json_get_string(call, "id", ""));

		write_result(out, call, own, result, at, i);
		media = json_get(result, "media");
		for (int k = 0, m = json_length(media); k < m; k++)
			images = json_append(images, json_at(media, k));
		jv_free(media);
		jv_free(result);
		jv_free(call);
	}
	if (json_length(images) != 0)
		ok = write_user(out, prompt, "", images);
	jv_free(images);
	return ok;
}

static bool
write_step(struct buf *out, const struct prompt *prompt, int at, jv ref_step)
{
	const char *text = json_get_string(ref_step, "text", "");
	jv calls = json_get(ref_step, "calls");
	jv own = own_calls(prompt, ref_step);
	int count = json_length(calls);
	bool ok = true;

	if (text[0] != '\0' || count != 0) {
		begin_message(out, "assistant");
		if (text[0] != '\0') {
			body_string(out, "content", text);
		} else {
			body_key(out, "content");
			buf_add_string(out, "null");
		}
		if (count != 0) {
			body_key(out, "tool_calls");
			buf_add_byte(out, '[');
			for (int i = 0; i < count; i++) {
				jv call = json_at(calls, i);

				write_call(out, call, own, at, i);
				jv_free(call);
			}
			buf_add_byte(out, ']');
		}
		buf_add_byte(out, '}');
		ok = write_results(out, prompt, at, calls, own);
	}
	jv_free(own);
	jv_free(calls);
	return ok;
}

static bool
write_messages(struct buf *out, const struct prompt *prompt)
{
	jv conversation = prompt->conversation;
	bool ok = true;

	body_key(out, "messages");
	buf_add_byte(out, '[');
	if (prompt->system != NULL && prompt->system[0] != '\0') {
		begin_message(out, "system");
		body_string(out, "content", prompt->system);
		buf_add_byte(out, '}');
	}
	for (int i = 0, n = json_length(conversation); i < n && ok; i++) {
		jv entry = json_at(conversation, i);
		jv media = json_get(entry, "media");
		const char *role = json_get_string(entry, "role", "");

		/* tool entries are written with the step that they answer */
		if (strcmp(role, "user") == 0)
			ok = write_user(out, prompt,
			    json_get_string(entry, "text", ""), media);
		else if (strcmp(role, "assistant") == 0)
			ok = write_step(out, prompt, i, entry);
		jv_free(media);
		jv_free(entry);
	}
	buf_add_byte(out, ']');
	return ok;
}

/* Tools are read once, at start, and each request declares them all. */
static struct body_kept kept_tools;

static void
write_tools(struct buf *out, jv ref_tools)
{
	body_key(out, "tools");
	buf_add_byte(out, '[');
	for (int i = 0, n = json_length(ref_tools); i < n; i++) {
		jv tool = json_at(ref_tools, i);
		jv parameters = json_get(tool, "parameters");

		body_comma(out);
		buf_add_string(out, "{\"type\":\"function\",\"function\":{");
		body_string(out, "name", json_get_string(tool, "name", ""));
		body_string(out, "description",
		    json_get_string(tool, "description", ""));
		body_key(out, "parameters");
		/* anything but an object is refused with the whole request */
		if (strcmp(json_get_string(parameters, "type", ""), "object") ==
		    0)
			json_write(out, parameters);
		else
			buf_add_string(
			    out, "{\"type\":\"object\",\"properties\":{}}");
		buf_add_string(out, "}}");
		jv_free(parameters);
		jv_free(tool);
	}
	buf_add_byte(out, ']');
	body_string(out, "tool_choice", "auto");
}

void
openai_body_forget(void)
{
	body_forget(&kept_tools);
}

bool
openai_body(struct buf *out, const struct prompt *prompt, const char **problem)
{
	size_t start = out->length;
	bool fits;

	buf_add_byte(out, '{');
	body_string(out, "model", prompt->model);
	if (json_length(prompt->tools) != 0)
		body_keep(out, &kept_tools, prompt->tools, write_tools);
	fits = write_messages(out, prompt);
	if (prompt->stream) {
		body_key(out, "stream");
		buf_add_string(out, "true");
		body_key(out, "stream_options");
		buf_add_string(out, "{\"include_usage\":true}");
	}
	if (prompt->max_output > 0) {
		body_key(out, "max_tokens");
		buf_printf(out, "%lld", (long long)prompt->max_output);
	}
	buf_add_byte(out, '}');
	if (fits && out->length - start <= REQUEST_MAX)
		return true;
	*problem = too_large;
	return false;
}
