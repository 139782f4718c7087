#ifndef OC_PLAN_PROVIDER_H
#define OC_PLAN_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"

/* Why an attempt gave no answer; what to do about it is attempt.c's. */
enum answer_error {
	ANSWER_OK,
	ANSWER_AUTH,        /* 401, 403: the key is wrong or may not */
	ANSWER_BILLING,     /* 402, quota used up for good */
	ANSWER_NOT_FOUND,   /* 404: no such model */
	ANSWER_RATE_LIMIT,  /* 429 */
	ANSWER_OVERLOADED,  /* 503, 529 */
	ANSWER_SERVER,      /* other 5xx */
	ANSWER_BAD_REQUEST, /* 400 and other 4xx */
	ANSWER_TOO_LONG,    /* 413, or an error that means the context */
	ANSWER_TIMEOUT,
	ANSWER_CONNECT,   /* refused, no address, TLS */
	ANSWER_RESET,     /* broken off before a byte of the answer */
	ANSWER_CUT,       /* the stream ended before it was finished */
	ANSWER_MALFORMED, /* not JSON, or not in the provider's shape */
	ANSWER_EMPTY,     /* neither text nor a call */
	ANSWER_BLOCKED,   /* SAFETY and the like */
	ANSWER_STOPPED,   /* the person's stop */
};

/* "auth", "billing", …: the error's name in steps, events and models.json. */
const char *answer_error_name(enum answer_error error);

struct prompt;
struct answer_state; /* answer.h */

/*
 * What one attempt at a model gave, in the turn's own terms.  Zeroed, then
 * answer_init; answer_free releases.
 */
struct answer {
	struct buf text; /* UTF-8 */
	/*
	 * Array of {"id","name","args":{…}}, in order.  A call whose arguments
	 * are not a JSON object has "args":{} and "bad_args":"<the text>", so
	 * that it is answered by an error and the turn goes on.  Each id is
	 * not empty, at most 64 of A-Z a-z 0-9 _ - . : and not one of the
	 * prompt's conversation (answer_expect).  Complete after `end` or
	 * `whole`, not before.
	 */
	jv calls;
	/*
	 * Keys for the step that go back to the provider unchanged, under the
	 * provider kind's name: {"google":{"parts":[…]}} or {"openai":{"calls":
	 * {"<id>":{"id":"<the server's>",…}}}}.  An object; empty if there is
	 * nothing that text and calls do not tell.
	 */
	jv extra;
	int64_t input,
	    output; /* tokens as counted by the provider; -1: not told */
	int64_t cached, thoughts; /* within input and output; 0: not told */
	bool finished;            /* the provider said that this is the end */
	bool truncated; /* it ended at the output limit (MAX_TOKENS, length) */
	enum answer_error error;
	char *message; /* of the error, for logs and people; NULL if none */
	int64_t retry_after_ms;     /* -1: not told */
	struct answer_state *state; /* the provider's, while a stream comes */
};

void answer_init(struct answer *answer);
void answer_free(struct answer *answer);
/*
 * Tells what was asked: the tools whose calls a model may write as text, and
 * the ids that are taken.  Keeps what it needs; the conversation may be
 * released after this and `body`.  Without it no text becomes a call.
 */
void answer_expect(struct answer *answer, const struct prompt *prompt);
/*
 * Sets the error and its message.  At most 500 bytes are kept, without
 * control bytes.
 */
void answer_fail(struct answer *answer, enum answer_error error,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
/*
 * Takes the key out of the message, should the server have quoted it, and a
 * beginning of it where the message was cut.
 */
void answer_scrub(struct answer *answer, const char *key);

/*
 * A request in the making.  The conversation is an array of entries in order,
 * each {"role":"user","text","media"?} or a step as in a turn
 * ({"role":"assistant",…} or {"role":"tool",…}); an assistant entry may have
 * calls, and then the tool entries that answer them follow it.
 */
struct prompt {
	const char *model;  /* without the provider's name */
	const char *system; /* system prompt, UTF-8 */
	jv conversation;    /* borrowed */
	jv tools; /* borrowed: array of {"name","description","parameters"} */
	bool images; /* the model takes images; else they are named */
	bool stream;
	int64_t max_output; /* tokens; 0: the provider's default */
};

/*
 * A kind of provider: pure functions between our terms and its JSON, with no
 * transport in them.
 */
struct provider {
	const char *kind;
	/* The URL below base_url, which has no final slash.  Caller frees. */
	char *(*url)(const char *base_url, const struct prompt *prompt);
	/* The header with the key, "x-goog-api-key: …".  Caller wipes. */
	char *(*auth_header)(const char *key);
	/*
	 * Appends the request's body.  False, with *problem static, when it
	 * cannot be made (more than 20 MB with its images); what is in `out`
	 * is of no use then.  An image that cannot be read is named in the
	 * text instead.  A call that no tool entry answers is answered with an
	 * error, since every provider refuses such a conversation.
	 */
	bool (*body)(
	    struct buf *out, const struct prompt *prompt, const char **problem);
	/*
	 * One event of a stream.  False when nothing more is wanted: an error
	 * was in it (answer->error is set).  New text was appended to
	 * answer->text.
	 */
	bool (*event)(struct answer *answer, const char *data, size_t size);
	/*
	 * The end of a stream: completes the calls, sets CUT or EMPTY.  Text
	 * that turns out to be a call is taken out of answer->text.
	 */
	void (*end)(struct answer *answer);
	/*
	 * A whole answer that was not streamed; as event and end.  Also for a
	 * server that was asked for a stream and sends application/json.
	 */
	void (*whole)(struct answer *answer, const char *data, size_t size);
	/* An answer with a status that is not 2xx: sets error and message. */
	void (*failed)(
	    struct answer *answer, long status, const char *data, size_t size);
};

extern const struct provider provider_google, provider_openai;

/* By kind, or NULL. */
const struct provider *provider_by_kind(const char *kind);

/*
 * Releases what the providers keep from one request to the next (the tools as
 * they declare them).  At the end of the program.
 */
void provider_forget(void);

/*
 * For providers: appends a media file's base64 to `out`.  False, with `out`
 * as it was and errno set, when it cannot be read or would bring `out` over
 * `most` bytes (EFBIG).
 */
bool media_base64(struct buf *out, const char *path, size_t most);

#endif
