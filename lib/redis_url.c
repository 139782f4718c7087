#include <stdlib.h>
#include <string.h>
#include "redis.h"
#include "xalloc.h"

enum {
	PORT = 6379,
	PORT_MAX = 65535,
	DATABASE_MAX = 1000000,
};

static const char form[] = "a URL as redis://host:port/database";

void
redis_url_free(struct redis_url *url)
{
	free(url->host);
	free(url->user);
	*url = (struct redis_url){0};
}

/* Digits alone, up to `most`; -1 for anything else. */
static int
number(const char *text, int most)
{
	const char *problem;
	int value;

	if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
		return -1;
	value = (int)strtonum(text, 0, most, &problem);
	return problem == NULL ? value : -1;
}

/* host, host:port, [address] or [address]:port */
static bool
parse_host(const char *text, struct redis_url *url)
{
	static const char host[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789._-";
	static const char address[] = "0123456789abcdefABCDEF:.%";
	bool bracket = *text == '[';
	const char *end = bracket ? strchr(text, ']') : strchr(text, ':');
	size_t length;

	if (bracket && end == NULL)
		return false;
	text += bracket;
	length = end != NULL ? (size_t)(end - text) : strlen(text);
	if (length == 0 || strspn(text, bracket ? address : host) < length)
		return false;
	url->host = xstrndup(text, length);
	end = text + length + bracket;
	url->port = *end == ':' ? number(end + 1, PORT_MAX) : PORT;
	return url->port > 0 && (*end == ':' || *end == '\0');
}

const char *
redis_url_parse(const char *text, struct redis_url *url)
{
	char *copy, *rest, *at, *slash;
	const char *wrong = NULL;

	*url = (struct redis_url){0};
	if (strncmp(text, "rediss://", 9) == 0)
		return "redis://: TLS is not spoken here; put a tunnel in "
		       "front";
	if (strncmp(text, "redis://", 8) != 0)
		return form;
	rest = copy = xstrdup(text + 8);
	at = strrchr(rest, '@');
	if (at != NULL) {
		*at = '\0';
		if (strchr(rest, ':') != NULL)
			wrong = "a URL without a password: it comes from "
				"REDIS_PASSWORD or REDIS_PASSWORD_FILE";
		else if (*rest == '\0')
			wrong = form;
		else
			url->user = xstrdup(rest);
		rest = at + 1;
	}
	slash = strchr(rest, '/');
	if (slash != NULL) {
		*slash = '\0';
		if (slash[1] != '\0')
			url->database = number(slash + 1, DATABASE_MAX);
	}
	if (wrong == NULL && (!parse_host(rest, url) || url->database < 0))
		wrong = form;
	free(copy);
	if (wrong != NULL)
		redis_url_free(url);
	return wrong;
}
