#ifndef OC_FETCH_H
#define OC_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buf.h"
#include "netaddr.h"

/*
 * One page over http or https, with its redirects.  No proxy, no cookies, no
 * passwords; every connection goes to an address that netaddr_permitted.
 */
struct fetch_limits {
	const struct netaddr_allow *allow;
	size_t bytes;        /* of the body, after decompression */
	int64_t deadline_ms; /* clock_mono_ms */
};

enum fetch_outcome {
	FETCH_OK,          /* an answer came, with whatever status */
	FETCH_BAD_URL,     /* not an address of a page */
	FETCH_REFUSED,     /* the address, or a redirect to it, is forbidden */
	FETCH_UNAVAILABLE, /* no connection, TLS failed, broken answer */
	FETCH_TIMEOUT,
};

/* All zero is a valid empty result. */
struct fetch_result {
	long status;
	char *url;     /* of the page, after the redirects */
	char *type;    /* media type in lower case, "" if none came */
	char *charset; /* as declared, or NULL */
	struct buf body;
	bool cut;           /* the body was longer than allowed */
	struct buf message; /* why it failed, in words */
};

enum fetch_outcome fetch_page(const char *url,
    const struct fetch_limits *limits, struct fetch_result *result);
void fetch_result_free(struct fetch_result *result);

#endif
