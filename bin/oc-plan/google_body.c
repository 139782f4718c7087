#include <errno.h>
#include <string.h>
#include "answer.h"
#include "json.h"

/*
 * What Google documents for a call that was not made by the model that gets
 * it: Gemini 3 refuses a step whose first call bears no signature.
 */
static const char no_signature[] = "skip_thought_signature_validator";

/* The contents as they are written: roles must take turns. */
struct contents {
	struct buf *out;
	const struct prompt *prompt;
	const char *role; /* of the content that is open; NULL: none yet */
	const char *problem;
};

/* Begins a part in a content of this role, and writes {. */
static void
begin_part(struct contents *contents, const char *role)
{
	struct buf *out = contents->out;

	if (contents->role == NULL && strcmp(role, "model") == 0) {
		/* a conversation whose beginning was cut off */
		buf_add_string(out, "{\"role\":\"user\",\"parts\":[{\"text\":"
				    "\"(earlier messages left out)\"}");
		contents->role = "user";
	}
	if (contents->role == NULL || strcmp(contents->role, role) != 0) {
		if (contents->role != NULL)
			buf_add_string(out, "]}");
		body_comma(out);
		buf_printf(out, "{\"role\":\"%s\",\"parts\":[", role);
		contents->role = role;
	}
	body_comma(out);
	buf_add_byte(out, '{');
}

static void
end_part(struct contents *contents)
{
	buf_add_byte(contents->out, '}');
}

static void
write_text(struct contents *contents, const char *role, const char *text)
{
	begin_part(contents, role);
	body_string(contents->out, "text", text);
	end_part(contents);
}

static void
write_image(struct contents *contents, jv ref_media)
{
	const char *path = json_get_string(ref_media, "path", "");
	struct buf *out = contents->out;
	size_t before;

	begin_part(contents, "user");
	before = out->length;
	buf_add_string(out, "\"inlineData\":{");
	body_string(out, "mimeType", json_get_string(ref_media, "mime", ""));
	body_key(out, "data");
	buf_add_byte(out, '"');
	if (media_base64(out, path, REQUEST_MAX)) {
		buf_add_string(out, "\"}");
	} else if (errno == EFBIG) {
		contents->problem = "the request with its images is larger "
				    "than 20 MB";
		return;
	} else {
		struct buf text = {0};

		buf_truncate(out, before);
		buf_printf(&text, "[image that cannot be read: %s]", path);
		body_string(out, "text", text.data);
		buf_free(&text);
	}
	end_part(contents);
}

/* The images, after a text that names the files that do not go along. */
static void
write_media(struct contents *contents, jv ref_media)
{
	bool images = contents->prompt->images;
	struct buf note = {0};

	media_note(&note, ref_media, images);
	if (note.length != 0)
		write_text(contents, "user", note.data);
	buf_free(&note);
	for (int i = 0, n = json_length(ref_media); i < n; i++) {
		jv media = json_at(ref_media, i);

		if (images && contents->problem == NULL &&
		    media_is_image(media))
			write_image(contents, media);
		jv_free(media);
	}
}

static void
write_user(struct contents *contents, jv ref_entry)
{
	const char *text = json_get_string(ref_entry, "text", "");
	jv media = json_get(ref_entry, "media");

	/* a part with empty text is refused */
	if (text[0] != '\0')
		write_text(contents, "user", text);
	else if (json_length(media) == 0)
		write_text(contents, "user", "(empty message)");
	write_media(contents, media);
	jv_free(media);
}

/* Gemini 2 and Gemma know nothing of the word that stands for none. */
static bool
wants_signature(const char *model)
{
	static const char *const older[] = {"gemini-1", "gemini-2", "gemma"};

	for (size_t i = 0; i < sizeof older / sizeof older[0]; i++)
		if (strncmp(model, older[i], strlen(older[i])) == 0)
			return false;
	return true;
}

static void
write_calls(struct contents *contents, jv ref_calls)
{
	struct buf *out = contents->out;

	for (int i = 0, n = json_length(ref_calls); i < n; i++) {
		jv call = json_at(ref_calls, i);
		jv args = json_get(call, "args");

		begin_part(contents, "model");
		buf_add_string(out, "\"functionCall\":{\"name\":");
		body_tool_name(out, json_get_string(call, "name", ""));
		body_key(out, "args");
		if (json_is_object(args))
			json_write(out, args);
		else
			buf_add_string(out, "{}");
		buf_add_byte(out, '}');
		/* of calls made side by side only the first bears one */
		if (i == 0 && wants_signature(contents->prompt->model))
			body_string(out, "thoughtSignature", no_signature);
		end_part(contents);
		jv_free(args);
		jv_free(call);
	}
}

static void
write_parts(struct contents *contents, jv ref_parts)
{
	bool called = false;

	for (int i = 0, n = json_length(ref_parts); i < n; i++) {
		jv part = json_at(ref_parts, i);
		struct json_iter iter = {0};
		const char *key;
		jv value;

		begin_part(contents, "model");
		while (json_next(&iter, part, &key, &value)) {
			body_key(contents->out, key);
			json_write(contents->out, value);
			jv_free(value);
		}
		if (json_has(part, "functionCall")) {
			if (!called && !json_has(part, "thoughtSignature") &&
			    wants_signature(contents->prompt->model))
				body_string(contents->out, "thoughtSignature",
				    no_signature);
			called = true;
		}
		end_part(contents);
		jv_free(part);
	}
}

/* The id that Gemini gave its k-th call, or null: it often gives none. */
static jv
wire_id(jv ref_parts, int k)
{
	for (int i = 0, n = json_length(ref_parts); i < n; i++) {
		jv part = json_at(ref_parts, i), id;
		bool call = json_has(part, "functionCall");

		id = json_path(part, "functionCall.id");
		jv_free(part);
		if (call && k-- == 0)
			return id;
		jv_free(id);
	}
	return json_null();
}

static void
write_result(struct contents *contents, jv ref_call, jv ref_result, jv ref_id)
{
	struct buf *out = contents->out, outcome = {0};
	bool ok = json_get_bool(ref_result, "ok", false);

	begin_part(contents, "user");
	buf_add_string(out, "\"functionResponse\":{");
	if (json_is_string(ref_id)) {
		body_key(out, "id");
		json_write(out, ref_id);
	}
	body_key(out, "name");
	body_tool_name(out, json_get_string(ref_call, "name", ""));
	body_key(out, "response");
	buf_add_byte(out, '{');
	body_outcome(&outcome, ref_result);
	body_string(out, ok ? "output" : "error", buf_string(&outcome));
	buf_add_string(out, "}}");
	end_part(contents);
	buf_free(&outcome);
}

/* The results of a step's calls, all in one content and in the calls' order. */
static void
write_results(struct contents *contents, int at, jv ref_calls, jv ref_parts)
{
	jv conversation = contents->prompt->conversation;
	int count = json_length(ref_calls);

	for (int i = 0; i < count; i++) {
		jv call = json_at(ref_calls, i), id = wire_id(ref_parts, i);
		jv result = body_result(
		    conversation, at, json_get_string(call, "id", ""));

		write_result(contents, call, result, id);
		jv_free(result);
		jv_free(id);
		jv_free(call);
	}
	for (int i = 0; i < count; i++) {
		jv call = json_at(ref_calls, i), media;
		jv result = body_result(
		    conversation, at, json_get_string(call, "id", ""));

		media = json_get(result, "media");
		write_media(contents, media);
		jv_free(media);
		jv_free(result);
		jv_free(call);
	}
}

/* Parts and calls must tell the same story, or the results would not fit. */
static bool
parts_fit(jv ref_parts, jv ref_calls)
{
	int calls = 0;

	for (int i = 0, n = json_length(ref_parts); i < n; i++) {
		jv part = json_at(ref_parts, i);

		calls += json_has(part, "functionCall");
		jv_free(part);
	}
	return json_length(ref_parts) != 0 && calls == json_length(ref_calls);
}

static void
write_step(struct contents *contents, int at, jv ref_step)
{
	const char *text = json_get_string(ref_step, "text", "");
	jv calls = json_get(ref_step, "calls");
	jv parts = json_path(ref_step, "google.parts");

	if (parts_fit(parts, calls)) {
		write_parts(contents, parts);
	} else {
		jv_free(parts);
		parts = json_null();
		if (text[0] != '\0')
			write_text(contents, "model", text);
		write_calls(contents, calls);
	}
	write_results(contents, at, calls, parts);
	jv_free(parts);
	jv_free(calls);
}

static void
write_contents(struct contents *contents)
{
	jv conversation = contents->prompt->conversation;

	body_key(contents->out, "contents");
	buf_add_byte(contents->out, '[');
	for (int i = 0, n = json_length(conversation);
	     i < n && contents->problem == NULL; i++) {
		jv entry = json_at(conversation, i);
		const char *role = json_get_string(entry, "role", "");

		/* tool entries are written with the step that they answer */
		if (strcmp(role, "user") == 0)
			write_user(contents, entry);
		else if (strcmp(role, "assistant") == 0)
			write_step(contents, i, entry);
		jv_free(entry);
	}
	buf_add_string(contents->out, contents->role != NULL ? "]}]" : "]");
}

/* Tools are read once, at start, and each request declares them all. */
static struct body_kept kept_tools;

static void
write_tools(struct buf *out, jv ref_tools)
{
	body_key(out, "tools");
	buf_add_string(out, "[{\"functionDeclarations\":[");
	for (int i = 0, n = json_length(ref_tools); i < n; i++) {
		jv tool = json_at(ref_tools, i);
		jv parameters = json_get(tool, "parameters");
		size_t before;

		body_comma(out);
		buf_add_byte(out, '{');
		body_string(out, "name", json_get_string(tool, "name", ""));
		body_string(out, "description",
		    json_get_string(tool, "description", ""));
		before = out->length;
		body_key(out, "parameters");
		if (!google_schema(out, parameters))
			buf_truncate(out, before);
		buf_add_byte(out, '}');
		jv_free(parameters);
		jv_free(tool);
	}
	buf_add_string(out, "]}]");
	body_key(out, "toolConfig");
	buf_add_string(out, "{\"functionCallingConfig\":{\"mode\":\"AUTO\"}}");
}

void
google_body_forget(void)
{
	body_forget(&kept_tools);
}

bool
google_body(struct buf *out, const struct prompt *prompt, const char **problem)
{
	struct contents contents = {.out = out, .prompt = prompt};
	size_t start = out->length;

	/* what stays the same comes first, for the caches of the server */
	buf_add_byte(out, '{');
	if (prompt->system != NULL && prompt->system[0] != '\0') {
		buf_add_string(out, "\"systemInstruction\":{\"parts\":[{");
		body_string(out, "text", prompt->system);
		buf_add_string(out, "}]}");
	}
	if (json_length(prompt->tools) != 0)
		body_keep(out, &kept_tools, prompt->tools, write_tools);
	write_contents(&contents);
	if (prompt->max_output > 0) {
		body_key(out, "generationConfig");
		buf_printf(out, "{\"maxOutputTokens\":%lld}",
		    (long long)prompt->max_output);
	}
	buf_add_byte(out, '}');
	if (contents.problem == NULL && contents.role == NULL)
		contents.problem = "there is no message to answer";
	if (contents.problem == NULL && out->length - start > REQUEST_MAX)
		contents.problem = "the request is larger than 20 MB";
	if (contents.problem != NULL)
		*problem = contents.problem;
	return contents.problem == NULL;
}
