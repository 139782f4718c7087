#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <openssl/evp.h>
#include "log.h"
#include "websocket.h"

enum {
	NONCE_SIZE = 16,
	SHA1_SIZE = 20,
};

bool
websocket_accept(const char *key, char out[WEBSOCKET_ACCEPT_SIZE])
{
	static const char appendix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char nonce[NONCE_SIZE + 2], digest[SHA1_SIZE];
	char text[WEBSOCKET_KEY_SIZE - 1 + sizeof(appendix) - 1];

	/* 24 characters, of which the last two are padding. */
	if (key == NULL || strlen(key) != WEBSOCKET_KEY_SIZE - 1 ||
	    strcmp(key + WEBSOCKET_KEY_SIZE - 3, "==") != 0 ||
	    EVP_DecodeBlock(nonce, (const unsigned char *)key,
		WEBSOCKET_KEY_SIZE - 1) != (int)sizeof(nonce))
		return false;
	memcpy(text, key, WEBSOCKET_KEY_SIZE - 1);
	memcpy(text + WEBSOCKET_KEY_SIZE - 1, appendix, sizeof(appendix) - 1);
	if (EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL) != 1)
		fatal(EX_SOFTWARE, "OpenSSL has no SHA-1");
	EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
	return true;
}

/* The part of a list up to the next comma, without the blanks around it. */
static const char *
list_item(const char **list, size_t *length)
{
	const char *item = *list + strspn(*list, ", \t");

	*length = strcspn(item, ",");
	*list = item + *length;
	while (*length > 0 &&
	       (item[*length - 1] == ' ' || item[*length - 1] == '\t'))
		(*length)--;
	return item;
}

bool
websocket_header_has(const char *header, const char *token)
{
	size_t wanted = strlen(token), length;
	const char *item;

	while (header != NULL && *header != '\0') {
		item = list_item(&header, &length);
		if (length == wanted && strncasecmp(item, token, wanted) == 0)
			return true;
	}
	return false;
}

void
websocket_ask(struct buf *out, const char *host, const char *path,
    const char *more, char key[WEBSOCKET_KEY_SIZE])
{
	unsigned char nonce[NONCE_SIZE];

	arc4random_buf(nonce, sizeof(nonce));
	EVP_EncodeBlock((unsigned char *)key, nonce, sizeof(nonce));
	buf_printf(out,
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
	    "Sec-WebSocket-Version: 13\r\n%s\r\n",
	    path, host, key, more != NULL ? more : "");
}

/* What the head of an answer says, as far as it matters here. */
struct head {
	bool upgrade, connection, accepted, more_than_asked;
};

static bool
named(const char *line, size_t name, const char *wanted)
{
	return name == strlen(wanted) && strncasecmp(line, wanted, name) == 0;
}

static void
read_header(
    struct head *head, const char *line, size_t length, const char *accept)
{
	char value[256];
	size_t name = 0, from;

	while (name < length && line[name] != ':')
		name++;
	from = name < length ? name + 1 : name;
	while (from < length && (line[from] == ' ' || line[from] == '\t'))
		from++;
	while (length > from &&
	       (line[length - 1] == ' ' || line[length - 1] == '\t'))
		length--;
	snprintf(
	    value, sizeof(value), "%.*s", (int)(length - from), line + from);
	if (named(line, name, "upgrade"))
		head->upgrade = websocket_header_has(value, "websocket");
	else if (named(line, name, "connection"))
		head->connection = websocket_header_has(value, "upgrade");
	else if (named(line, name, "sec-websocket-accept"))
		head->accepted = strcmp(value, accept) == 0;
	else if (named(line, name, "sec-websocket-extensions"))
		head->more_than_asked = *value != '\0';
}

/* "HTTP/1.1 101 …": its status, or 0. */
static int
status_of(const char *line, size_t length)
{
	const char *digits = line + sizeof("HTTP/1.1 ") - 1;

	if (length < sizeof("HTTP/1.1 101") - 1 ||
	    memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
		return 0;
	for (int i = 0; i < 3; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return 0;
	return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + digits[2] -
	       '0';
}

enum websocket_answer
websocket_answer(
    const char *text, size_t length, const char *key, size_t *used, int *status)
{
	size_t most = length < WEBSOCKET_HEAD_MAX ? length : WEBSOCKET_HEAD_MAX;
	const char *end = memmem(text, most, "\r\n\r\n", 4), *line, *next;
	char accept[WEBSOCKET_ACCEPT_SIZE] = "";
	struct head head = {0};

	if (end == NULL)
		return length < WEBSOCKET_HEAD_MAX ? WEBSOCKET_MORE
						   : WEBSOCKET_WRONG;
	*used = (size_t)(end - text) + 4;
	next = memmem(text, *used, "\r\n", 2);
	*status = status_of(text, (size_t)(next - text));
	if (*status == 0)
		return WEBSOCKET_WRONG;
	if (*status != 101)
		return WEBSOCKET_REFUSED;
	websocket_accept(key, accept);
	for (line = next + 2; line < end + 2; line = next + 2) {
		next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		read_header(&head, line, (size_t)(next - line), accept);
	}
	return head.upgrade && head.connection && head.accepted &&
		       !head.more_than_asked
		   ? WEBSOCKET_OPEN
		   : WEBSOCKET_WRONG;
}
