#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "request.h"
#include "url.h"

/* The length of "scheme:" at the beginning, or 0. */
static size_t
scheme_length(const char *text)
{
	size_t i = 0;

	if (!isalpha((unsigned char)*text))
		return 0;
	while (isalnum((unsigned char)text[i]) || text[i] == '+' ||
	       text[i] == '-' || text[i] == '.')
		i++;
	/* "host:8080/path" has no scheme */
	if (text[i] != ':' || isdigit((unsigned char)text[i + 1]))
		return 0;
	return i + 1;
}

bool
url_host(const char *url, char host[256], uint16_t *port)
{
	bool secure = strncasecmp(url, "https://", 8) == 0;
	const char *at = url + (secure ? 8 : 7);

	if (!secure && strncasecmp(url, "http://", 7) != 0)
		return false;
	return request_read_authority(
	    at, strcspn(at, "/?#\\"), secure ? 443 : 80, host, port);
}

const char *
url_check(const char *text, struct buf *url, bool *refused)
{
	size_t scheme = scheme_length(text), length = strlen(text);
	char host[256];
	uint16_t port;

	*refused = false;
	if (length > URL_MAX)
		return "it is too long";
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return "it holds a blank or a control character";
	if (scheme == 0) {
		buf_printf(url, "https://%s", text);
	} else if (strncasecmp(text, "http://", 7) == 0 ||
		   strncasecmp(text, "https://", 8) == 0) {
		buf_add_string(url, text);
	} else {
		*refused = true;
		return "only http and https are opened";
	}
	text = strstr(buf_string(url), "://") + 3;
	if (memchr(text, '@', strcspn(text, "/?#\\")) != NULL) {
		*refused = true;
		return "an address with a user name or password in it is not "
		       "opened";
	}
	if (!url_host(buf_string(url), host, &port))
		return "it names no host, or no valid port";
	return NULL;
}
