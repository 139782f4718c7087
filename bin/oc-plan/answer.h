#ifndef OC_PLAN_ANSWER_H
#define OC_PLAN_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"
#include "provider.h"

/*
 * What the providers share in making an answer out of what a server sends.
 * All of it is outside data: it is repaired to UTF-8, and what is over these
 * limits makes the answer MALFORMED.
 */
enum {
	ANSWER_TEXT_MAX =
	    1024 * 1024, /* far more than a model's output limit */
	ANSWER_CALLS_MAX = 64,
	ANSWER_ARGS_MAX = 256 * 1024,   /* JSON text of one call's arguments */
	ANSWER_EXTRA_MAX = 1024 * 1024, /* a turn's line has 4 MiB in all */
	ANSWER_NAME_MAX = 128,
	ANSWER_ID_MAX = 64,
	ANSWER_BAD_ARGS_MAX = 4096, /* enough to show what went wrong */
	ANSWER_MESSAGE_MAX = 500,
	REQUEST_MAX = 20 * 1000 * 1000, /* Gemini's limit, with images */
};

/* A call whose pieces are still coming in (openai). */
struct answer_piece {
	int64_t index; /* the server's number for it, -1: none */
	struct buf id, name, args;
	jv extra; /* other keys of the call that must go back; an object */
	/* How far the arguments are, so that their end is known. */
	int depth;
	bool in_string, escaped, complete;
};

struct answer_state {
	jv tools;         /* of the prompt */
	jv taken;         /* ids of the calls in its conversation, as keys */
	struct buf parts; /* google: parts as JSON, divided by commas */
	bool keep_parts;  /* google: they say more than text and calls */
	size_t mark;      /* google: text up to here is in parts */
	struct answer_piece *pieces; /* openai: ANSWER_CALLS_MAX of them */
	size_t piece_count;
	enum { THINK_LEAD, THINK_INSIDE, THINK_OVER } think; /* openai */
	struct buf held; /* text that may be the start of a <think> tag */
};

/*
 * json_parse for what a server sent: ill-formed UTF-8, lone surrogates and
 * \u0000, which models do write, are replaced by U+FFFD first.
 */
jv answer_parse(const char *data, size_t size);
/* The repair by itself: appends the text to `out`. */
void answer_repair(struct buf *out, const char *data, size_t size);

/* Appends text.  False when there is too much of it: the error is set. */
bool answer_add_text(struct answer *answer, const char *text, size_t length);

/*
 * Adds a call.  `wanted` is the server's id, taken over if it is short, plain
 * and not in use, else another is made.  Arguments that are not an object go
 * into bad_args, unless they are null.  False when there are too many calls
 * or the arguments are too long: the error is set.  *id (may be NULL) is the
 * call's id and lives as long as answer->calls.
 */
bool answer_add_call(struct answer *answer, const char *wanted,
    const char *name, jv own_args, const char **id);
/* The same with arguments as text that should be JSON. */
bool answer_add_call_text(struct answer *answer, const char *wanted,
    const char *name, const char *args, size_t length, const char **id);

/*
 * Whether an id may be taken over: ids go into steps, events and perhaps the
 * names of files.
 */
bool answer_id_is_plain(const char *id);

/* Whether the prompt declares a tool of this name. */
bool answer_knows_tool(const struct answer *answer, const char *name);

/* Sets CUT or EMPTY where there is no error yet; the last step of `end`. */
void answer_finish(struct answer *answer);

/* ---- errors as servers tell them */

/* What a status means when nothing else is known. */
enum answer_error answer_error_by_status(long status);
/* Whether a server's words mean that the request was too long. */
bool answer_means_too_long(const char *message);
/*
 * Sets the error with a message of its parts: "HTTP 404: NOT_FOUND: no such
 * model".  A status of 0 or 200 and empty strings are left out.
 */
void answer_fail_http(struct answer *answer, enum answer_error error,
    long status, const char *code, const char *message);
/*
 * Sets the error for a body that is not JSON: by status, with a page's title
 * or the text's first line.
 */
void answer_fail_page(
    struct answer *answer, long status, const char *data, size_t size);

/* ---- requests */

/*
 * The tool entry that answers the call `id` of the assistant entry at index
 * `at`: the first of those that follow it directly.  Null if there is none.
 */
jv body_result(jv ref_conversation, int at, const char *id);

/* What a tool entry tells the model; null: that there is no result. */
void body_outcome(struct buf *out, jv ref_result);

/* "key": after a comma, which is left out after { and [ and at the start. */
void body_key(struct buf *out, const char *key);
/* The same with a string after it. */
void body_string(struct buf *out, const char *key, const char *text);
/*
 * A tool's name with what is not A-Z a-z 0-9 _ - made to _, at most 64 bytes,
 * as a JSON string: a model's wrong name must not spoil each later request.
 */
void body_tool_name(struct buf *out, const char *name);

/*
 * A part of the request that stays the same from turn to turn: its text is
 * kept as long as the value that it is made of is the same one.
 */
struct body_kept {
	jv of; /* zeroed: nothing is kept */
	struct buf text;
};
void body_keep(struct buf *out, struct body_kept *kept, jv ref,
    void (*write)(struct buf *out, jv ref));
void body_forget(struct body_kept *kept);

/* A comma where one is needed: not after { and [, and not at the start. */
void body_comma(struct buf *out);

/* Whether a media entry is an image of a kind that models take. */
bool media_is_image(jv ref_media);
/*
 * Appends a line for each media entry that does not go along as an image, so
 * that the model knows of the file and where it is.
 */
void media_note(struct buf *out, jv ref_media, bool images);

/*
 * Appends a tool's parameters, JSON Schema, in the subset that Gemini takes.
 * Appends nothing and returns false when they allow no parameter at all.
 */
bool google_schema(struct buf *out, jv ref_parameters);
/* The request's body (struct provider). */
bool google_body(
    struct buf *out, const struct prompt *prompt, const char **problem);
bool openai_body(
    struct buf *out, const struct prompt *prompt, const char **problem);
/* What they keep from one request to the next is released. */
void google_body_forget(void);
void openai_body_forget(void);

/* ---- openai: calls */

/*
 * One entry of tool_calls.  `whole` says that it is a call of its own, since
 * the answer is not a stream.  False when the error is set.
 */
bool openai_take_call(struct answer *answer, jv ref_call, bool whole);
/* At the end: pieces become calls.  False when the error is set. */
bool openai_complete_calls(struct answer *answer);

/* ---- openai: errors */

/*
 * Sets the error if the object is or holds one: any object when there is a
 * status, one with "error" when it came inside an answer (status 0).
 */
bool openai_error(struct answer *answer, jv ref_body, long status);
/* An answer whose status is not 2xx (struct provider). */
void openai_failed(
    struct answer *answer, long status, const char *data, size_t size);

/* ---- openai: what small models write into the text */

/* Appends text without a <think> block at its start.  False as add_text. */
bool openai_think(struct answer *answer, const char *text, size_t length);
/* At the end: text that was held back because it could have begun one. */
bool openai_think_end(struct answer *answer);
/* Text that is a call becomes one.  False when the error is set. */
bool openai_calls_in_text(struct answer *answer);

#endif
