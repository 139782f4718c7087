#ifndef OC_RECV_HTTP_CALLER_H
#define OC_RECV_HTTP_CALLER_H

#include <stdbool.h>
#include <jv.h>
#include "ask.h"
#include "talk.h"

/*
 * What /v1/chat/completions and /v1/responses have in common: who asks which
 * agent, in which session.
 */
struct caller {
	char *session; /* "http:KEY" */
	bool fresh;    /* nothing was said in it yet */
	bool once;     /* it is of this request alone */
	bool stream;
	bool wants_usage;  /* stream_options.include_usage */
	const char *agent; /* the model as it was asked for; of the body */
};

/*
 * Reads the headers and the body.  False: it has answered, and the request is
 * gone.  caller_free releases in both cases.  `key` (NULL: none) is a session
 * that the request names in a way of its own.
 */
bool caller_read(struct caller *caller, struct request *request, jv ref_body,
    const char *key);
void caller_free(struct caller *caller);

/*
 * The turn of a talk, without channel and address.  False: it has answered.
 */
bool caller_turn(const struct caller *caller, const struct asker *asker,
    struct request *request, const struct talk *talk, const char *ulid,
    jv *own_turn);

/* The key in the session's name, as long as the caller lives. */
const char *caller_key(const struct caller *caller);
/* Whether something was said in the session with this key. */
bool caller_knows_session(const char *key);

/* The error of a wrong request. */
void caller_refuse(struct request *request, int status, const char *problem);

/* Whether this is the name of an agent of ours: openclaw, openclaw/default. */
bool caller_knows_agent(const char *model);

#endif
