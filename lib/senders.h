#ifndef OC_SENDERS_H
#define OC_SENDERS_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>

/*
 * Who was let in by pairing, and who waits: $OC_STATE/senders.json.
 *
 *	{"telegram":{
 *	    "approved":{"42":{"name":"Ada","at":1795406641000}},
 *	    "waiting":{"43":{"name":"Bob","at":1795406641000,"code":"ABCDEFGH"}}}}
 *
 * A person is known by the channel's own id and never by a name, which can
 * change hands.  Writers hold a lock on senders.lock beside it; the file is
 * replaced in one step, so readers need none.
 */
enum {
	SENDERS_CODE_SIZE = 9,             /* eight characters and a NUL */
	SENDERS_VALID_MS = 60 * 60 * 1000, /* how long a code is good for */
	SENDERS_WAITING_MAX = 3,           /* a channel */
};

/* Whether the person was approved.  A file that cannot be read: nobody was. */
bool senders_is_approved(const char *channel, const char *id);

enum senders_request {
	SENDERS_NEW,     /* code is made and on disk: tell the person */
	SENDERS_WAITING, /* they were told before */
	SENDERS_FULL,    /* too many wait; say nothing */
	SENDERS_FAILED,  /* it could not be written; errno is set */
};

/* Asks for a person to be let in.  Codes that are too old are dropped. */
enum senders_request senders_request(const char *channel, const char *id,
    const char *name, char code[SENDERS_CODE_SIZE]);
/* Takes a request back, when the person could not be told the code. */
void senders_withdraw(const char *channel, const char *id);

enum senders_approve {
	SENDERS_APPROVED,    /* *id is set; the caller frees it */
	SENDERS_NO_CODE,     /* nobody waits with this code, or not any more */
	SENDERS_NOT_WRITTEN, /* errno is set */
};

/* Approves whoever waits with a code, in capital or small letters. */
enum senders_approve senders_approve(
    const char *channel, const char *code, char **id);

/*
 * Takes an approval back.  False when it could not be written; errno is set.
 * Nobody approved with that id is no failure.
 */
bool senders_revoke(const char *channel, const char *id);

/*
 * Who waits with a code that is good: an array of {"id","name","code","at"},
 * the oldest first.
 */
jv senders_waiting(const char *channel);

#endif
