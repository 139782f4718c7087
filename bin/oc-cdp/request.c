#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "request.h"

bool
request_read_authority(const char *text, size_t length, uint16_t usual,
    char host[256], uint16_t *port)
{
	const char *end = text + length, *colon = NULL, *at;
	unsigned value = 0;

	if (length > 0 && *text == '[') {
		const char *bracket = memchr(text, ']', length);

		if (bracket == NULL)
			return false;
		text++;
		length = (size_t)(bracket - text);
		if (bracket + 1 < end) {
			if (bracket[1] != ':')
				return false;
			colon = bracket + 1;
		}
	} else if ((colon = memchr(text, ':', length)) != NULL) {
		length = (size_t)(colon - text);
	}
	if (length == 0 || length > 255)
		return false;
	for (at = text; at < text + length; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '@' ||
		    *at == '/')
			return false;
	memcpy(host, text, length);
	host[length] = '\0';
	*port = usual;
	if (colon == NULL || colon + 1 == end)
		return usual != 0;
	for (at = colon + 1; at < end; at++) {
		if (*at < '0' || *at > '9' || value > UINT16_MAX)
			return false;
		value = value * 10 + (unsigned)(*at - '0');
	}
	*port = (uint16_t)value;
	return value > 0 && value <= UINT16_MAX;
}

/* "GET http://host:80/path HTTP/1.1" */
static bool
read_line(struct request *request, const char *line, size_t length)
{
	static const char scheme[] = "http://";
	const char *end = line + length;
	const char *target = memchr(line, ' ', length), *version, *path;

	if (target == NULL)
		return false;
	target++;
	version = memchr(target, ' ', (size_t)(end - target));
	if (version == NULL || strncmp(version, " HTTP/1.", 8) != 0)
		return false;
	request->tunnel = strncmp(line, "CONNECT ", 8) == 0;
	if (request->tunnel)
		return request_read_authority(target,
		    (size_t)(version - target), 0, request->host,
		    &request->port);
	if (strncasecmp(target, scheme, sizeof scheme - 1) != 0)
		return false;
	buf_add(&request->head, line, (size_t)(target - line));
	target += sizeof scheme - 1;
	for (path = target; path < version && *path != '/' && *path != '?';)
		path++;
	if (path == version || *path == '?')
		buf_add_byte(&request->head, '/');
	buf_add(&request->head, path, (size_t)(end - path));
	buf_add_string(&request->head, "\r\n");
	return request_read_authority(
	    target, (size_t)(path - target), 80, request->host, &request->port);
}

static bool
is_header(const char *line, size_t length, const char *name)
{
	size_t size = strlen(name);

	return length > size && line[size] == ':' &&
	       strncasecmp(line, name, size) == 0;
}

static void
add_header(struct request *request, const char *line, size_t length)
{
	if (is_header(line, length, "Connection") ||
	    is_header(line, length, "Keep-Alive") ||
	    is_header(line, length, "Proxy-Connection") ||
	    is_header(line, length, "Proxy-Authorization"))
		return;
	buf_add(&request->head, line, length);
	buf_add_string(&request->head, "\r\n");
}

enum request_state
request_read(struct request *request, const char *text, size_t length)
{
	const char *end = memmem(text, length, "\r\n\r\n", 4), *line = text;
	bool first = true;

	*request = (struct request){.port = 0};
	if (end == NULL)
		return length < REQUEST_HEAD_MAX ? REQUEST_MORE : REQUEST_BAD;
	if (memchr(text, '\0', (size_t)(end - text)) != NULL)
		return REQUEST_BAD;
	request->used = (size_t)(end - text) + 4;
	while (line <= end) {
		const char *next =
		    memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		size_t size = (size_t)(next - line);

		if (first && !read_line(request, line, size))
			return REQUEST_BAD;
		if (!first && !request->tunnel)
			add_header(request, line, size);
		first = false;
		line = next + 2;
	}
	/* one request a connection: what follows it is of no other host */
	if (!request->tunnel)
		buf_add_string(&request->head, "Connection: close\r\n\r\n");
	return REQUEST_WHOLE;
}

void
request_free(struct request *request)
{
	buf_free(&request->head);
}
