#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "http_private.h"
#include "xalloc.h"

/*
 * libcurl asks the resolver in a thread for each transfer, and a burst of
 * transfers to one server would be a burst of threads and of questions to a
 * name server that has just come up itself.  So one transfer goes first and
 * the others to the same host wait until its name is known; libcurl then has
 * the address in its cache.
 */
enum {
	KNOWN_MS = 55000, /* libcurl forgets an address after 60 s */
};

struct http_name {
	char *host;                  /* with its port, as in the URL */
	int64_t known;               /* when it was found, 0: never */
	size_t users;                /* transfers that point here */
	struct http_transfer *first; /* is asking */
	struct http_transfer *waiting, **last_waiting;
	struct http_name *next;
};

static bool
is_known(const struct http_name *name, int64_t now)
{
	return name->known != 0 && now < name->known + KNOWN_MS;
}

static struct http_name *
name_new(const char *host, size_t length)
{
	struct http_name *name = xcalloc(1, sizeof *name);

	name->host = xstrndup(host, length);
	name->last_waiting = &name->waiting;
	return name;
}

static void
name_free(struct http_name *name)
{
	free(name->host);
	free(name);
}

/* The URL's host, a new one if need be; those of no more use are freed. */
static struct http_name *
name_of(struct http *http, const char *url, int64_t now)
{
	struct http_name **link = &http->names, *name;
	const char *scheme = strstr(url, "://");
	const char *host = scheme != NULL ? scheme + 3 : url;
	size_t length = strcspn(host, "/?#");

	while ((name = *link) != NULL) {
		if (strncmp(name->host, host, length) == 0 &&
		    name->host[length] == '\0')
			return name;
		if (name->users == 0 && !is_known(name, now)) {
			*link = name->next;
			name_free(name);
		} else {
			link = &name->next;
		}
	}
	*link = name_new(host, length);
	return *link;
}

/* Unlinks one of a list, if it is there. */
static void
unlink_from(struct http_transfer **link, struct http_transfer *transfer)
{
	while (*link != NULL && *link != transfer)
		link = &(*link)->next_waiting;
	if (*link != NULL)
		*link = transfer->next_waiting;
}

static void
set_last(struct http_name *name)
{
	name->last_waiting = &name->waiting;
	while (*name->last_waiting != NULL)
		name->last_waiting = &(*name->last_waiting)->next_waiting;
}

/* The one that waits longest goes over to those that may start. */
static struct http_transfer *
admit_next(struct http *http, struct http_name *name)
{
	struct http_transfer *transfer = name->waiting;

	if (transfer == NULL)
		return NULL;
	name->waiting = transfer->next_waiting;
	if (name->waiting == NULL)
		name->last_waiting = &name->waiting;
	transfer->wait = HTTP_MAY_START;
	transfer->next_waiting = http->startable;
	http->startable = transfer;
	return transfer;
}

bool
http_name_wait(struct http_transfer *transfer)
{
	struct http_name *name =
	    name_of(transfer->http, transfer->request.url, transfer->started);

	transfer->name = name;
	name->users++;
	if (is_known(name, transfer->started))
		return false;
	if (name->first == NULL) {
		name->first = transfer;
		return false;
	}
	transfer->wait = HTTP_WAITS;
	transfer->next_waiting = NULL;
	*name->last_waiting = transfer;
	name->last_waiting = &transfer->next_waiting;
	return true;
}

void
http_name_found(struct http_transfer *transfer)
{
	struct http_name *name = transfer->name;

	if (name == NULL || name->first != transfer)
		return;
	name->known = clock_mono_ms();
	while (admit_next(transfer->http, name) != NULL)
		;
}

void
http_name_leave(struct http_transfer *transfer)
{
	struct http_name *name = transfer->name;

	if (name == NULL)
		return;
	if (transfer->wait == HTTP_WAITS) {
		unlink_from(&name->waiting, transfer);
		set_last(name);
	} else if (transfer->wait == HTTP_MAY_START) {
		unlink_from(&transfer->http->startable, transfer);
	}
	if (name->first == transfer)
		name->first = admit_next(transfer->http, name);
	transfer->wait = HTTP_WAITS_NOT;
	transfer->name = NULL;
	name->users--;
}

struct http_transfer *
http_name_startable(struct http *http)
{
	struct http_transfer *transfer = http->startable;

	if (transfer == NULL)
		return NULL;
	http->startable = transfer->next_waiting;
	transfer->wait = HTTP_WAITS_NOT;
	return transfer;
}

void
http_name_free_all(struct http *http)
{
	struct http_name *name;

	while ((name = http->names) != NULL) {
		http->names = name->next;
		name_free(name);
	}
}
