#ifndef OC_RECV_HTTP_HOOK_TURN_H
#define OC_RECV_HTTP_HOOK_TURN_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>

/*
 * What came by a hook, and the turn that it becomes.
 */
enum {
	HOOK_KEY_MAX = 256, /* bytes of a name that the caller gives */
};

/* All strings are borrowed; NULL where there is none. */
struct hook {
	const char *source;  /* "agent", "wake", or the path of a mapping */
	const char *name;    /* for people; NULL: the source */
	const char *key;     /* the caller's own name for this one */
	const char *session; /* as asked for from outside */
	const char *task;    /* the owner's words; they stand before the text */
	const char *text;    /* from outside */
	const char *model;
	const char *chat, *thread; /* of Telegram; NULL: the reply stays here */
	int64_t timeout_s;         /* 0: as any turn */
	bool wrap;                 /* the text is shown to the model as data */
};

/*
 * The turn.  Its id is made from the source and the key, so that the same key
 * twice is one turn; without a key it is new.  It has the taint "hook", and
 * is never joined with another.  `ref_prefixes` is hooks.sessions: a session
 * that begins with none of these, nor with "hook:", gets that before it.
 */
jv hook_turn(const struct hook *hook, jv ref_prefixes);

/*
 * A chat as a person writes it: "42", "-10042", "telegram:42", or with a topic
 * "-10042:topic:7".  False when it is none.  *chat and *thread (NULL: none)
 * are the caller's.
 */
bool hook_address(const char *text, char **chat, char **thread);

#endif
