#ifndef OC_UPDATE_H
#define OC_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>

/*
 * One update of the Bot API, as far as its shape goes: who, where, what kind.
 */
enum {
	UPDATE_ID_SIZE = 24,   /* any 64-bit number and a NUL */
	UPDATE_NAME_SIZE = 72, /* a username has at most 32 characters */
};

/* Who we are, as getMe said. */
struct bot {
	int64_t id; /* 0: not known yet */
	char username[UPDATE_NAME_SIZE];
};

enum update_kind {
	UPDATE_MESSAGE,
	UPDATE_EDIT,     /* a message that was changed */
	UPDATE_BUTTON,   /* a button under a message of ours */
	UPDATE_REACTION, /* to a message; it was set, not taken back */
	UPDATE_MOVED,    /* a group became a supergroup */
	UPDATE_MEMBER,   /* we were taken in, thrown out, blocked */
	UPDATE_NOTHING,  /* for nobody: a service message, another kind */
};

struct update {
	enum update_kind kind;
	int64_t id;
	jv message; /* of a button: the one it is under */
	jv sender;  /* a user, or the chat that a message was sent as */
	jv query;   /* of a button */
	/* Numbers as text; "" where there is none. */
	char chat[UPDATE_ID_SIZE], from[UPDATE_ID_SIZE];
	char thread[UPDATE_ID_SIZE], message_id[UPDATE_ID_SIZE];
	char moved_to[UPDATE_ID_SIZE];
	bool is_private;
};

/*
 * Reads an update.  Ids that are not there stay empty; an update that makes no
 * sense is UPDATE_NOTHING.  update_free releases.
 */
void update_read(struct update *update, jv ref_update);
void update_free(struct update *update);

/* What a user or a chat is called, for people; the caller frees it. */
char *update_name(jv ref_sender);

/* The number at a key as text; "" when there is none. */
void update_id_text(jv ref, const char *key, char out[UPDATE_ID_SIZE]);

#endif
