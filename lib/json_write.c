#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "utf8.h"

/*
 * The only exit: two thirds of libjq's cost is its own writer, and its writer
 * aborts on an invalid value.
 */

static bool
is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

void
json_write_string(struct buf *out, const char *text, size_t length)
{
	static const char hex[] = "0123456789abcdef";
	size_t start = 0;

	buf_add_byte(out, '"');
	for (size_t i = 0; i < length;) {
		unsigned char byte = (unsigned char)text[i];
		char escape[7] = {'\\', 'u', '0', '0', 0, 0, 0};
		size_t n;

		if (is_plain(byte)) { /* most of all text is */
			i++;
			continue;
		}
		n = utf8_sequence(text + i, length - i);
		if (n > 1) {
			i += n;
			continue;
		}
		buf_add(out, text + start, i - start);
		if (n == 0 || byte == 0) {
			buf_add_string(out, "\xef\xbf\xbd");
		} else if (byte == '"' || byte == '\\') {
			escape[1] = (char)byte;
			buf_add(out, escape, 2);
		} else if (strchr("\b\f\n\r\t", byte) != NULL) {
			escape[1] =
			    "bfnrt"[strchr("\b\f\n\r\t", byte) - "\b\f\n\r\t"];
			buf_add(out, escape, 2);
		} else {
			escape[4] = hex[byte >> 4];
			escape[5] = hex[byte & 15];
			buf_add(out, escape, 6);
		}
		start = ++i;
	}
	buf_add(out, text + start, length - start);
	buf_add_byte(out, '"');
}

/* The shortest of 15 to 17 digits that is read back as the same number. */
static void
write_number(struct buf *out, double number)
{
	char text[40];

	if (isnan(number)) {
		/* only a rule can make one, and JSON has no word for it */
		buf_add_string(out, "null");
		return;
	}
	if (isinf(number))
		number = number > 0 ? 1.7976931348623157e308
				    : -1.7976931348623157e308;
	if (fabs(number) < 1e17 && number == trunc(number)) {
		snprintf(text, sizeof text, "%lld", (long long)number);
	} else {
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(text, sizeof text, "%.*g", digits, number);
			if (strtod(text, NULL) == number)
				break;
		}
	}
	buf_add_string(out, text);
}

/*
 * Recurses as deep as the value is, which json_parse bounds; what is built by
 * our own code or by a rule is not much deeper.
 */
void
json_write(struct buf *out, jv ref)
{
	struct json_iter iter = {0};
	const char *key;
	jv value;
	bool first = true;

	switch (jv_get_kind(ref)) {
	case JV_KIND_TRUE: buf_add_string(out, "true"); break;
	case JV_KIND_FALSE: buf_add_string(out, "false"); break;
	case JV_KIND_NUMBER: write_number(out, json_as_number(ref, 0)); break;
	case JV_KIND_STRING:
		json_write_string(
		    out, json_as_string(ref, ""), json_string_length(ref));
		break;
	case JV_KIND_ARRAY:
		buf_add_byte(out, '[');
		for (int i = 0, n = json_length(ref); i < n; i++) {
			if (i != 0)
				buf_add_byte(out, ',');
			value = json_at(ref, i);
			json_write(out, value);
			jv_free(value);
		}
		buf_add_byte(out, ']');
		break;
	case JV_KIND_OBJECT:
		buf_add_byte(out, '{');
		while (json_next(&iter, ref, &key, &value)) {
			if (!first)
				buf_add_byte(out, ',');
			first = false;
			json_write_string(out, key, strlen(key));
			buf_add_byte(out, ':');
			json_write(out, value);
			jv_free(value);
		}
		buf_add_byte(out, '}');
		break;
	case JV_KIND_NULL:
	case JV_KIND_INVALID:
	default: buf_add_string(out, "null"); break;
	}
}

char *
json_text(jv ref)
{
	struct buf out = {0};

	json_write(&out, ref);
	return buf_take(&out);
}
