#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "head.h"
#include "xalloc.h"

enum {
	BAD = 400,
	LENGTH_DIGITS = 15, /* a number that a double holds, too */
	METHOD_MAX = 20,    /* none is longer than UPDATEREDIRECTREF */
};

size_t
head_end(const char *data, size_t length, size_t *scanned)
{
	size_t from = *scanned > 3 ? *scanned - 3 : 0;
	const char *end = memmem(data + from, length - from, "\r\n\r\n", 4);

	*scanned = length;
	return end != NULL ? (size_t)(end - data) + 4 : 0;
}

/* A character of a method or of a field's name. */
static bool
is_token(char c)
{
	unsigned char u = (unsigned char)c;

	return u < 0x80 &&
	       (isalnum(u) ||
		   (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL));
}

bool
head_may_begin(const char *data, size_t length)
{
	size_t i = 0;

	while (i < length && i < METHOD_MAX && is_token(data[i]))
		i++;
	return i == length || (i > 0 && data[i] == ' ');
}

/* ---- the first line */

static bool
split_target(struct head *head, char *target)
{
	char *mark;

	if (*target != '/')
		return false;
	for (const char *c = target; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f ||
		    *c == '#')
			return false;
	head->path = target;
	mark = strchr(target, '?');
	if (mark != NULL) {
		*mark = '\0';
		head->query = mark + 1;
	}
	return true;
}

static int
parse_first_line(struct head *head, char *line, const char **problem)
{
	char *target = strchr(line, ' '), *version;

	version = target != NULL ? strchr(target + 1, ' ') : NULL;
	if (target == NULL || target == line || version == NULL) {
		*problem = "the request line is malformed";
		return BAD;
	}
	*target++ = '\0';
	*version++ = '\0';
	for (const char *c = line; *c != '\0'; c++)
		if (!is_token(*c) || c - line >= METHOD_MAX) {
			*problem = "the method is malformed";
			return BAD;
		}
	if (!split_target(head, target)) {
		*problem = "the path is malformed";
		return BAD;
	}
	head->method = line;
	if (strcmp(version, "HTTP/1.1") == 0) {
		head->minor = 1;
	} else if (strcmp(version, "HTTP/1.0") != 0) {
		*problem = "HTTP/1.1 and HTTP/1.0 are spoken here";
		return strncmp(version, "HTTP/", 5) == 0 ? 505 : BAD;
	}
	return 0;
}

/* ---- fields */

static int
parse_field(struct head *head, char *line, const char **problem)
{
	char *colon = strchr(line, ':'), *value, *end;

	*problem = "a header line is malformed";
	if (colon == NULL || colon == line)
		return BAD;
	for (const char *c = line; c < colon; c++)
		if (!is_token(*c))
			return BAD;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	for (const char *c = value; *c != '\0'; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			return BAD;
	if (head->count == HEAD_FIELDS_MAX) {
		*problem = "too many headers";
		return 431;
	}
	head->field =
	    xreallocarray(head->field, head->count + 1, sizeof *head->field);
	head->field[head->count++] = (struct head_field){line, value};
	return 0;
}

const char *
head_field(const struct head *head, const char *name)
{
	for (size_t i = 0; i < head->count; i++)
		if (strcasecmp(head->field[i].name, name) == 0)
			return head->field[i].value;
	return NULL;
}

/* Fields of which a second one would leave open which of them counts. */
static bool
repeats(const struct head *head)
{
	static const char *const once[] = {"Content-Length",
	    "Transfer-Encoding", "Host", "Authorization", "Content-Type",
	    "Expect", "Upgrade", "Sec-WebSocket-Key", "X-OpenClaw-Token"};

	for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
		size_t seen = 0;

		for (size_t j = 0; j < head->count; j++)
			seen += strcasecmp(head->field[j].name, once[i]) == 0;
		if (seen > 1)
			return true;
	}
	return false;
}

static bool
parse_length(struct head *head, const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > LENGTH_DIGITS || text[digits] != '\0')
		return false;
	head->length = strtoll(text, NULL, 10);
	return true;
}

/* How the body is told apart from what follows it. */
static int
parse_framing(struct head *head, const char **problem)
{
	const char *length = head_field(head, "Content-Length");
	const char *coding = head_field(head, "Transfer-Encoding");

	head->length = -1;
	if (length != NULL && coding != NULL)
		*problem = "Content-Length and Transfer-Encoding exclude "
			   "each other";
	else if (length != NULL && !parse_length(head, length))
		*problem = "Content-Length is no number";
	else if (coding != NULL &&
		 (head->minor == 0 || strcasecmp(coding, "chunked") != 0))
		*problem = "the only Transfer-Encoding here is chunked";
	else
		*problem = NULL;
	head->chunked = coding != NULL;
	return *problem != NULL ? BAD : 0;
}

/* Whether a list such as that of Connection has this word. */
static bool
list_has(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (list != NULL && *list != '\0') {
		list += strspn(list, ", \t");
		if (strncasecmp(list, word, length) == 0 &&
		    strchr(", \t", list[length]) != NULL)
			return true; /* strchr finds the final NUL as well */
		list += strcspn(list, ",");
	}
	return false;
}

static int
parse_meaning(struct head *head, const char **problem)
{
	const char *connection = head_field(head, "Connection");
	const char *expect = head_field(head, "Expect");

	if (repeats(head)) {
		*problem = "a header is there twice that must be there once";
		return BAD;
	}
	if (head->minor == 1 && head_field(head, "Host") == NULL) {
		*problem = "the Host header is missing";
		return BAD;
	}
	head->keep_alive = head->minor == 1
			       ? !list_has(connection, "close")
			       : list_has(connection, "keep-alive");
	if (expect != NULL && strcasecmp(expect, "100-continue") != 0) {
		*problem = "the only thing to Expect is 100-continue";
		return 417;
	}
	head->expects_continue = expect != NULL && head->minor == 1;
	return parse_framing(head, problem);
}

int
head_parse(
    struct head *head, const char *data, size_t length, const char **problem)
{
	int status = 0;
	char *line, *end;

	*head = (struct head){.text = xmalloc(length + 1)};
	memcpy(head->text, data, length);
	head->text[length] = '\0';
	*problem = "the head of the request has a control byte in it";
	if (memchr(data, '\0', length) != NULL)
		return BAD;
	line = head->text;
	while (status == 0 && (end = strstr(line, "\r\n")) != line) {
		if (end == NULL ||
		    memchr(line, '\n', (size_t)(end - line)) != NULL ||
		    memchr(line, '\r', (size_t)(end - line)) != NULL)
			return BAD;
		*end = '\0';
		status = head->method == NULL
			     ? parse_first_line(head, line, problem)
			     : parse_field(head, line, problem);
		line = end + 2;
	}
	if (status == 0 && head->method == NULL) {
		*problem = "the request line is missing";
		return BAD;
	}
	return status != 0 ? status : parse_meaning(head, problem);
}

void
head_free(struct head *head)
{
	if (head->text != NULL)
		explicit_bzero(head->text, strlen(head->text));
	free(head->text);
	free(head->field);
	*head = (struct head){.length = -1};
}
