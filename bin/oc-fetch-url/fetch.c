#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include "clock.h"
#include "fetch.h"
#include "log.h"
#include "xalloc.h"

enum {
	REDIRECTS_MAX = 5,
	CONNECT_MS = 10 * 1000, /* a page nearby answers in one second */
	URL_MAX = 8 * 1024,     /* what servers take at most */
};

/* One request: what the callbacks need. */
struct hop {
	const struct fetch_limits *limits;
	struct fetch_result *result;
	char *host;
	uint16_t port;
	char refused[NETADDR_TEXT_SIZE]; /* the address, "" for none */
	char error[CURL_ERROR_SIZE];
};

/* ---- addresses */

static enum fetch_outcome
bad_url(struct fetch_result *result, const char *why)
{
	buf_printf(&result->message, "not an address of a page: %s", why);
	return FETCH_BAD_URL;
}

static bool
is_set(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool set = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return set;
}

static char *
part_of(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL, *copy;

	if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
		return NULL;
	copy = xstrdup(text);
	curl_free(text);
	return copy;
}

/* Checks what can be checked before the name is resolved. */
static enum fetch_outcome
check_url(CURLU *url, struct hop *hop)
{
	struct fetch_result *result = hop->result;
	char *scheme = part_of(url, CURLUPART_SCHEME, 0);
	char *port = part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	enum fetch_outcome outcome = FETCH_OK;
	const char *error = NULL;

	hop->host = part_of(url, CURLUPART_HOST, 0);
	hop->port =
	    port != NULL ? (uint16_t)strtonum(port, 1, UINT16_MAX, &error) : 0;
	if (scheme == NULL || (strcasecmp(scheme, "http") != 0 &&
				  strcasecmp(scheme, "https") != 0)) {
		buf_printf(&result->message,
		    "only http and https are fetched, not %s",
		    scheme != NULL ? scheme : "this");
		outcome = FETCH_REFUSED;
	} else if (is_set(url, CURLUPART_USER) ||
		   is_set(url, CURLUPART_PASSWORD)) {
		buf_add_string(&result->message,
		    "an address with a user name or password in it is not "
		    "fetched");
		outcome = FETCH_REFUSED;
	} else if (hop->host == NULL || error != NULL || hop->port == 0) {
		outcome = bad_url(result, "no host, or no valid port");
	}
	free(scheme);
	free(port);
	return outcome;
}

/* ---- callbacks of libcurl */

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct hop *hop = arg;

	if (purpose != CURLSOCKTYPE_IPCXN ||
	    !netaddr_permitted(
		hop->limits->allow, hop->host, hop->port, &address->addr)) {
		netaddr_text(&address->addr, hop->refused);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
	    address->protocol);
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct hop *hop = arg;
	struct buf *body = &hop->result->body;
	size_t length = size * count, room = hop->limits->bytes - body->length;

	buf_add(body, bytes, length < room ? length : room);
	hop->result->cut = length > room;
	return hop->result->cut ? 0 : length;
}

/* ---- one request */

static void
set_options(CURL *curl, CURLU *url, struct hop *hop, int64_t left_ms)
{
	long connect_ms = left_ms < CONNECT_MS ? (long)left_ms : CONNECT_MS;

	curl_easy_setopt(curl, CURLOPT_CURLU, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "OpenClaw-fetch/" OC_VERSION);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, hop);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, hop);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, hop->error);
}

/* Whether the refusal was ours is known from the socket callback alone. */
static enum fetch_outcome
explain(CURLcode code, struct hop *hop)
{
	struct fetch_result *result = hop->result;
	bool same = strcmp(hop->host, hop->refused) == 0;

	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && result->cut))
		return FETCH_OK;
	if (hop->refused[0] != '\0' && code == CURLE_COULDNT_CONNECT) {
		buf_printf(&result->message,
		    "%s%s%s%s is not a public address; tools.fetch.allow in "
		    "openclaw.yaml can allow it",
		    hop->host, same ? "" : " (", same ? "" : hop->refused,
		    same ? "" : ")");
		return FETCH_REFUSED;
	}
	buf_printf(&result->message, "%s",
	    hop->error[0] != '\0' ? hop->error : curl_easy_strerror(code));
	return code == CURLE_OPERATION_TIMEDOUT ? FETCH_TIMEOUT
						: FETCH_UNAVAILABLE;
}

/* The media type and the charset of a Content-Type, as it may come. */
static void
read_type(const char *header, struct fetch_result *result)
{
	size_t length;
	const char *at;

	free(result->type);
	free(result->charset);
	result->charset = NULL;
	if (header == NULL)
		header = "";
	length = strcspn(header, "; \t");
	result->type = xstrndup(header, length);
	for (char *c = result->type; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	at = strcasestr(header + length, "charset=");
	if (at == NULL)
		return;
	at += strlen("charset=");
	at += strspn(at, "\"' ");
	result->charset = xstrndup(at, strcspn(at, "\"'; \t"));
}

/*
 * One request.  *next is where it redirects to, for the caller to free, or
 * NULL.
 */
static enum fetch_outcome
request(CURLU *url, struct hop *hop, char **next)
{
	struct fetch_result *result = hop->result;
	int64_t left = hop->limits->deadline_ms - clock_mono_ms();
	enum fetch_outcome outcome;
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL,
	    "Accept: text/html, application/xhtml+xml, application/json, "
	    "text/*;q=0.9, */*;q=0.5");
	const char *text = NULL;

	if (curl == NULL || headers == NULL)
		fatal(EX_OSERR, "out of memory (a request)");
	buf_clear(&result->body);
	set_options(curl, url, hop, left > 1 ? left : 1);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	outcome = explain(curl_easy_perform(curl), hop);
	if (outcome == FETCH_OK) {
		curl_easy_getinfo(
		    curl, CURLINFO_RESPONSE_CODE, &result->status);
		curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &text);
		read_type(text, result);
		text = NULL;
		curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &text);
		*next = text != NULL ? xstrdup(text) : NULL;
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return outcome;
}

/* One address, which is checked and fetched. */
static enum fetch_outcome
fetch_one(const char *address, const struct fetch_limits *limits,
    struct fetch_result *result, char **next)
{
	struct hop hop = {.limits = limits, .result = result};
	enum fetch_outcome outcome;
	CURLU *url = curl_url();
	CURLUcode code;

	if (url == NULL)
		fatal(EX_OSERR, "out of memory (an address)");
	if (strlen(address) > URL_MAX)
		outcome = bad_url(result, "it is too long");
	else if ((code = curl_url_set(url, CURLUPART_URL, address,
		      CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME |
			  CURLU_URLENCODE)) != CURLUE_OK)
		outcome = bad_url(result, curl_url_strerror(code));
	else
		outcome = check_url(url, &hop);
	if (outcome == FETCH_OK)
		outcome = request(url, &hop, next);
	if (outcome == FETCH_OK && *next == NULL) {
		free(result->url);
		result->url = part_of(url, CURLUPART_URL, 0);
	}
	free(hop.host);
	curl_url_cleanup(url);
	return outcome;
}

enum fetch_outcome
fetch_page(const char *url, const struct fetch_limits *limits,
    struct fetch_result *result)
{
	char *address = xstrdup(url), *next = NULL;
	enum fetch_outcome outcome = FETCH_OK;

	for (int redirects = 0;; redirects++) {
		outcome = fetch_one(address, limits, result, &next);
		if (outcome != FETCH_OK || next == NULL)
			break;
		if (redirects == REDIRECTS_MAX) {
			buf_printf(&result->message, "more than %d redirects",
			    REDIRECTS_MAX);
			outcome = FETCH_UNAVAILABLE;
			free(next);
			break;
		}
		free(address);
		address = next;
		next = NULL;
	}
	free(address);
	return outcome;
}

void
fetch_result_free(struct fetch_result *result)
{
	free(result->url);
	free(result->type);
	free(result->charset);
	buf_free(&result->body);
	buf_free(&result->message);
	*result = (struct fetch_result){.url = NULL};
}
