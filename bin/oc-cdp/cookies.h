#ifndef OC_CDP_COOKIES_H
#define OC_CDP_COOKIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"

/*
 * Cookies as people export them: Netscape's cookies.txt, or a JSON array of
 * objects with name, value, domain and so on.
 */
enum {
	COOKIES_FILE_MAX = 4 * 1024 * 1024,
	COOKIES_MAX = 10000,
	COOKIES_SCRUB_LEAST = 6, /* bytes: shorter values are no secrets */
};

struct cookies {
	jv all; /* as Storage.setCookies takes them: an array of objects */
	size_t refused; /* lines or elements that are no cookie */
};

/*
 * Reads either form.  What is no cookie is counted and left out.  False when
 * nothing in it is one, or it is neither.
 */
bool cookies_read(struct cookies *cookies, const char *text, size_t length);
void cookies_free(struct cookies *cookies);

/* Whether a cookie of this domain (perhaps with a dot before it) is for a host. */
bool cookies_domain_covers(const char *domain, const char *host);

/*
 * Those that are for the domains (an array of strings; null: every one) and
 * have not expired by `now` (seconds).  Scripts of the page cannot read them.
 */
jv cookies_usable(const struct cookies *cookies, jv ref_domains, int64_t now);

enum cookies_state {
	COOKIES_NONE,    /* none is for this host */
	COOKIES_GOOD,    /* some are, and can be used */
	COOKIES_EXPIRED, /* all that are have expired */
};
enum cookies_state cookies_for_host(
    const struct cookies *cookies, const char *host, int64_t now);

/* Appends the text with every value of a cookie replaced by "[cookie]". */
void cookies_scrub(
    const struct cookies *cookies, struct buf *out, const char *text);

#endif
