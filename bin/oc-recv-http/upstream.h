#ifndef OC_RECV_HTTP_UPSTREAM_H
#define OC_RECV_HTTP_UPSTREAM_H

#include <stdbool.h>
#include <jv.h>

/* How a turn that failed is told to a client of OpenAI's API. */
struct upstream_error {
	int status;
	const char *type;    /* "rate_limit_error" */
	const char *message; /* points into the turn */
};

/*
 * False when the turn has not failed.  One that came to a limit of its own has
 * an answer, which says so.
 */
bool upstream_error(jv ref_turn, struct upstream_error *error);

/* {"error":{"message","type","code"}} */
jv upstream_body(const struct upstream_error *error);

/* The text of its reply; it points into *own_reply, which the caller frees. */
const char *upstream_reply(jv ref_turn, jv *own_reply);

#endif
