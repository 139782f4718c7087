#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "http_private.h"
#include "xalloc.h"

enum http_failure
http_classify(const struct http_transfer *transfer)
{
	if (transfer->too_large)
		return HTTP_TOO_LARGE;
	switch (transfer->code) {
	case CURLE_OK: /* which it says of half a head, too */
		return transfer->head_ended ? HTTP_OK : HTTP_CUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY: return HTTP_UNRESOLVED;
	case CURLE_OPERATION_TIMEDOUT: /* of a connect; we set no other */
		if (transfer->connected == 0)
			return HTTP_TIMEOUT_CONNECT;
		break;
	default: break;
	}
	if (transfer->connected == 0)
		return HTTP_UNREACHABLE;
	return transfer->answered ? HTTP_CUT : HTTP_RESET;
}

long
http_status(const struct http_transfer *transfer)
{
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

bool
http_repeated(const struct http_transfer *transfer)
{
	return transfer->repeated;
}

const struct buf *
http_body(const struct http_transfer *transfer)
{
	return &transfer->body;
}

const char *
http_header(const struct http_transfer *transfer, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1,
		&header) != CURLHE_OK)
		return NULL;
	return header->value;
}

int64_t
http_retry_after(const struct http_transfer *transfer)
{
	const char *value = http_header(transfer, "Retry-After"), *error;
	int64_t seconds;
	time_t date, now;

	if (value == NULL)
		return -1;
	seconds = strtonum(value, 0, INT_MAX, &error);
	if (error == NULL)
		return seconds;
	date = curl_getdate(value, NULL);
	if (date == -1)
		return -1;
	now = time(NULL);
	return date > now ? date - now : 0;
}

/* "host:port" of a URL; the caller frees it. */
static char *
authority(const char *url)
{
	CURLU *parts = curl_url();
	char *host = NULL, *port = NULL, *text;

	if (parts == NULL || curl_url_set(parts, CURLUPART_URL, url, 0) != 0 ||
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) != 0 ||
	    curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != 0)
		text = xstrdup("a malformed URL");
	else
		text = xasprintf("%s:%s", host, port);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return text;
}

/* libcurl's own words where it has any: about TLS they say what is wrong. */
static const char *
detail(const struct http_transfer *transfer)
{
	switch (transfer->code) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		if (transfer->error[0] != '\0')
			return transfer->error;
		break;
	default: break;
	}
	return curl_easy_strerror(transfer->code);
}

static char *
unreachable(const struct http_transfer *transfer, const char *peer)
{
	long error = 0, tunnel = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error);
	curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
	if (transfer->refused)
		return xasprintf("the address of %s is not allowed", peer);
	if (transfer->code == CURLE_COULDNT_CONNECT && error == ECONNREFUSED)
		return xasprintf("connection to %s refused", peer);
	if (transfer->code == CURLE_COULDNT_CONNECT && error != 0)
		return xasprintf(
		    "cannot connect to %s: %s", peer, strerror((int)error));
	if (tunnel >= 300)
		return xasprintf("cannot connect to %s: the proxy answered "
				 "with status %ld",
		    peer, tunnel);
	return xasprintf("cannot connect to %s: %s", peer, detail(transfer));
}

static char *
no_connection(const struct http_transfer *transfer, const char *peer)
{
	curl_off_t resolved = 0;
	double limit = (double)transfer->request.connect_ms / 1000;

	curl_easy_getinfo(
	    transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	return xasprintf("%s %s within %g s",
	    resolved == 0 ? "no address found for" : "no connection to", peer,
	    limit);
}

static char *
describe(const struct http_transfer *transfer, const char *peer)
{
	const struct http_request *request = &transfer->request;

	switch (transfer->failure) {
	case HTTP_OK: break;
	case HTTP_UNRESOLVED: return xasprintf("no address found for %s", peer);
	case HTTP_UNREACHABLE: return unreachable(transfer, peer);
	case HTTP_TIMEOUT_CONNECT: return no_connection(transfer, peer);
	case HTTP_TIMEOUT_FIRST_BYTE:
		return xasprintf("no answer from %s within %g s", peer,
		    (double)request->first_byte_ms / 1000);
	case HTTP_TIMEOUT_IDLE:
		return xasprintf("%s fell silent inside its answer for %g s",
		    peer, (double)request->idle_ms / 1000);
	case HTTP_TIMEOUT_TOTAL:
		return xasprintf("%s did not finish its answer within %g s",
		    peer, (double)request->total_ms / 1000);
	case HTTP_RESET:
		return xasprintf(
		    "%s closed the connection without an answer", peer);
	case HTTP_CUT:
		return xasprintf("the answer of %s broke off%s%s", peer,
		    transfer->code != CURLE_OK ? ": " : "",
		    transfer->code != CURLE_OK ? detail(transfer) : "");
	case HTTP_TOO_LARGE:
		return xasprintf("the answer of %s has more than %zu bytes",
		    peer, request->answer_max);
	case HTTP_ABORTED:
		return xasprintf("the request to %s was broken off", peer);
	}
	return xasprintf(
	    "%s answered with status %ld", peer, http_status(transfer));
}

char *
http_describe(const struct http_transfer *transfer)
{
	char *peer = authority(transfer->request.url), *text;

	text = describe(transfer, peer);
	free(peer);
	return text;
}

const char *
http_message(const struct http_transfer *transfer)
{
	return transfer->message != NULL ? transfer->message : "answered";
}
