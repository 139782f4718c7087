#include <string.h>
#include "answer.h"
#include "json.h"

jv
body_result(jv ref_conversation, int at, const char *id)
{
	for (int i = at + 1, n = json_length(ref_conversation); i < n; i++) {
		jv entry = json_at(ref_conversation, i);

		if (strcmp(json_get_string(entry, "role", ""), "tool") != 0) {
			jv_free(entry);
			break;
		}
		if (strcmp(json_get_string(entry, "call", ""), id) == 0)
			return entry;
		jv_free(entry);
	}
	return json_null();
}

void
body_outcome(struct buf *out, jv ref_result)
{
	const char *output = json_get_string(ref_result, "output", "");

	if (json_is_null(ref_result))
		buf_add_string(out, "no result was recorded");
	else if (output[0] == '\0' && json_has(ref_result, "exit"))
		buf_printf(out, "(no output, exit status %d)",
		    (int)json_get_int(ref_result, "exit", 0));
	else
		buf_add_string(out, output);
}

void
body_comma(struct buf *out)
{
	char last = out->length != 0 ? out->data[out->length - 1] : '{';

	if (last != '{' && last != '[')
		buf_add_byte(out, ',');
}

void
body_key(struct buf *out, const char *key)
{
	body_comma(out);
	json_write_string(out, key, strlen(key));
	buf_add_byte(out, ':');
}

void
body_string(struct buf *out, const char *key, const char *text)
{
	body_key(out, key);
	json_write_string(out, text, strlen(text));
}

void
body_tool_name(struct buf *out, const char *name)
{
	char clean[64];
	size_t n = 0;

	for (; n < sizeof clean && name[n] != '\0'; n++) {
		char c = name[n];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '_' || c == '-';

		clean[n] = plain ? c : '_';
	}
	if (n == 0)
		clean[n++] = '_';
	json_write_string(out, clean, n);
}

void
body_keep(struct buf *out, struct body_kept *kept, jv ref,
    void (*write)(struct buf *out, jv ref))
{
	if (kept->text.length == 0 || !json_same(kept->of, ref)) {
		body_forget(kept);
		kept->of = json_copy(ref);
		write(&kept->text, ref);
	}
	body_comma(out);
	buf_add(out, kept->text.data, kept->text.length);
}

void
body_forget(struct body_kept *kept)
{
	if (kept->text.length != 0)
		jv_free(kept->of);
	buf_free(&kept->text);
}
