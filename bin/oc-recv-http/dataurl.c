#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base64.h"
#include "dataurl.h"
#include "xalloc.h"

enum {
	MIME_MAX = 100,
};

bool
base64_decode(const char *text, size_t length, struct buf *bytes)
{
	unsigned bits = 0;
	size_t digits = 0, padding = 0;

	buf_reserve(bytes, length / 4 * 3 + 3);
	for (size_t i = 0; i < length; i++) {
		int value = base64_digit(text[i]);

		if (strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
			continue;
		if (text[i] == '=' && ++padding <= 2)
			continue;
		if (value < 0 || padding != 0)
			return false;
		bits = bits << 6 | (unsigned)value;
		if (++digits % 4 != 1)
			buf_add_byte(bytes,
			    (char)(bits >> (4 - digits % 4) % 4 * 2 & 0xff));
	}
	return digits % 4 != 1 && (padding == 0 || (digits + padding) % 4 == 0);
}

static bool
is_mime(const char *mime)
{
	const char *slash = strchr(mime, '/');

	if (slash == NULL || slash == mime || slash[1] == '\0' ||
	    strlen(mime) > MIME_MAX)
		return false;
	for (const char *c = mime; *c != '\0'; c++)
		if (c != slash && (unsigned char)*c < 0x80 &&
		    !isalnum((unsigned char)*c) && strchr("+-._", *c) == NULL)
			return false;
	return true;
}

bool
dataurl_read(
    const char *url, char **own_mime, struct buf *bytes, const char **problem)
{
	const char *comma = strchr(url, ',');
	size_t head;

	*own_mime = NULL;
	*problem = "files come as data: URLs in base64; other addresses are "
		   "not fetched";
	if (strncasecmp(url, "data:", 5) != 0 || comma == NULL ||
	    comma - url < 12 || strncasecmp(comma - 7, ";base64", 7) != 0)
		return false;
	url += 5;
	head = strcspn(url, ";,");
	*own_mime = head != 0 ? xstrndup(url, head) : xstrdup("text/plain");
	for (char *c = *own_mime; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!is_mime(*own_mime)) {
		*problem = "the media type of a data: URL is malformed";
	} else if (!base64_decode(comma + 1, strlen(comma + 1), bytes)) {
		*problem = "a data: URL is not in base64";
	} else if (bytes->length == 0) {
		*problem = "a data: URL is empty";
	} else {
		return true;
	}
	free(*own_mime);
	*own_mime = NULL;
	return false;
}

const char *
dataurl_extension(const char *mime)
{
	static const struct {
		const char *mime, *extension;
	} known[] = {{"image/png", ".png"}, {"image/jpeg", ".jpg"},
	    {"image/gif", ".gif"}, {"image/webp", ".webp"},
	    {"image/svg+xml", ".svg"}, {"application/pdf", ".pdf"},
	    {"application/json", ".json"}, {"text/plain", ".txt"},
	    {"text/csv", ".csv"}, {"text/markdown", ".md"},
	    {"audio/wav", ".wav"}, {"audio/mpeg", ".mp3"},
	    {"audio/mp3", ".mp3"}, {"audio/ogg", ".ogg"},
	    {"video/mp4", ".mp4"}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(known[i].mime, mime) == 0)
			return known[i].extension;
	return "";
}
