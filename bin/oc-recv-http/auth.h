#ifndef OC_RECV_HTTP_AUTH_H
#define OC_RECV_HTTP_AUTH_H

#include <stdbool.h>
#include <stdint.h>
#include "head.h"

/*
 * Who may call.  A token is compared in constant time.  Whoever sends ten
 * wrong ones in a minute is out for five: an address of another machine is
 * refused, right token or not; one of this machine only waits a second for
 * each answer, because a person at the shell is to be able to go on.
 */
enum need {
	NEED_NOTHING,    /* probes */
	NEED_TOKEN,      /* the gateway's */
	NEED_HOOK_TOKEN, /* that of the hooks */
	NEED_OWN,        /* the handler checks */
};

struct auth;

/*
 * Takes OPENCLAW_GATEWAY_TOKEN and OPENCLAW_HOOKS_TOKEN (or ..._FILE).  A
 * placeholder (blank, "undefined", "null", "change-me...") is fatal
 * (EX_CONFIG).  `open`: --auth none, no token is asked for.
 */
struct auth *auth_take(bool open);
void auth_free(struct auth *auth);
bool auth_has_token(const struct auth *auth);
bool auth_has_hook_token(const struct auth *auth);
bool auth_is_open(const struct auth *auth);

/* Compares with the gateway's token; for what is not in a header. */
bool auth_token_is(const struct auth *auth, const char *given);

enum auth_result {
	AUTH_OK,
	AUTH_WRONG,   /* 401 */
	AUTH_SLOW,    /* 401, after a second */
	AUTH_OUT,     /* 429; *retry_s: for how long */
	AUTH_QUERY,   /* 400: a token in the query, where logs keep it */
	AUTH_FOREIGN, /* 403: a web page of another site asks, see below */
};

/*
 * Checks a request.  Where no token is asked for, a page in the browser of
 * somebody on this machine must not be taken for that person: then Host has to
 * be an address or localhost, and Origin, if there, the same.
 */
enum auth_result auth_check(struct auth *auth, enum need need,
    const struct head *head, const char *peer, int64_t *retry_s);
/*
 * Whether a page of another site asks, by what its browser says (NULL: it
 * does not say).
 */
bool auth_is_foreign(const char *host, const char *origin);
/* Counts a failure that a handler found itself, as auth_check does. */
enum auth_result auth_failed(
    struct auth *auth, const char *peer, int64_t *retry_s);
/* Whether the peer is out now. */
bool auth_is_out(const struct auth *auth, const char *peer, int64_t *retry_s);
/* Whether it is an address of this machine alone: 127.0.0.0/8, ::1. */
bool auth_is_loopback(const char *peer);

#endif
