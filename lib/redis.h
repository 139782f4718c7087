#ifndef OC_REDIS_H
#define OC_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <hiredis/hiredis.h>
#include "buf.h"
#include "config.h"

/*
 * The Redis that a gateway and its nodes share, where the configuration has
 * `queue: redis://host:port/database`.  Without it everything is in the
 * directory of state, and redis_is_used is false.
 *
 * What is changed together is changed by one script, so every change happens
 * as a whole or not at all, and each may be sent twice: an answer that was
 * lost with its connection is asked for again.
 */

/* ---- the address */

struct redis_url {
	char *host, *user; /* user: NULL for none */
	int port, database;
};

/*
 * redis://[user@]host[:port][/database].  NULL when right, else what is
 * wanted, in words that follow "expected".  The caller frees it.
 */
const char *redis_url_parse(const char *text, struct redis_url *url);
void redis_url_free(struct redis_url *url);

/* ---- the connection */

enum redis_patience {
	REDIS_WAITS, /* a stage: tries again until it can, saying so once */
	REDIS_FAILS, /* a person waits: EX_UNAVAILABLE after the first try */
	REDIS_TRIES, /* a loop that must turn: fails at once (redis_is_down) */
};
enum redis_password {
	REDIS_TAKE, /* out of the environment, as secret_take does */
	REDIS_LEND, /* what is started by this program needs it, too */
};

/*
 * Says where the state is, by the key `queue`; called by every program that
 * touches shared state, before secret_scrub_environment.  REDIS_PASSWORD or
 * REDIS_PASSWORD_FILE holds the password.  Nothing is connected yet.
 */
void redis_setup(const struct config *config, enum redis_patience patience,
    enum redis_password password);
bool redis_is_used(void);
/*
 * With REDIS_TRIES: whether the last command could not be run.  Its reply was
 * nothing (REDIS_REPLY_NIL), so a getter gives its default and a function of
 * shared.h or queue.h fails with EHOSTDOWN, or finds nothing: ask here.  Each
 * try holds up its caller for fractions of a second at most.  After one that
 * failed there is none for a second; what is asked for meanwhile fails at
 * once.  The server's disk is not waited for: only what may be done again is
 * written in this mode.
 */
bool redis_is_down(void);
/* Asks it; true without Redis. */
bool redis_answers(void);
/* Ends the connection, and forgets what redis_setup knew. */
void redis_close(void);

/*
 * Puts the password back into the environment while a child is started that
 * takes it (on), and removes it again.
 */
void redis_lend_password(bool on);

/* "redis host:port", for messages. */
const char *redis_name(void);
/* As this node is known to the others: its host and a ULID of its state. */
const char *redis_node(void);

/*
 * For how long the server has been up.  After its restart nobody could say
 * that they live, so nobody is declared dead for a while.
 */
int64_t redis_server_age_ms(void);

/*
 * A connection of its own, which waits for messages of channels.  NULL when
 * it cannot be made now.
 */
redisContext *redis_connect_again(void);

/* ---- commands */

/* Arguments of a command; all zero is valid. */
struct redis_args {
	struct buf bytes;
	size_t *end; /* of each in `bytes` */
	size_t count, capacity;
};
void redis_args_add(struct redis_args *args, const void *data, size_t length);
void redis_args_text(struct redis_args *args, const char *text);
void redis_args_int(struct redis_args *args, int64_t number);
void redis_args_free(struct redis_args *args);

/*
 * Runs a command, or a script with the arguments as its ARGV, and returns the
 * reply, for freeReplyObject.  Never NULL and never an error: what passes is
 * waited for (but see REDIS_TRIES), and what does not ends the program.
 */
redisReply *redis_run(const struct redis_args *args);
/* redis_command("GET", key): C strings. */
redisReply *redis_words(const char *const *words);
#define redis_command(...) redis_words((const char *const[]){__VA_ARGS__, NULL})

struct redis_script {
	const char *common, *body; /* Lua; both together are the script */
	char sha[41];              /* "" until it was loaded */
};
redisReply *redis_eval(
    struct redis_script *script, const struct redis_args *args);

/*
 * Waits until everything so far is on the server's disk.  Where the server
 * syncs each write before it answers there is nothing to do, and where it
 * cannot tell (before 7.2, without appendfsync always) nothing is done; that
 * was said when the connection was made.  False when the connection was lost
 * meanwhile: then nobody knows, and the writes are to be sent again.
 */
bool redis_sync(void);
/* A script that may run twice, until its writes are on the server's disk. */
redisReply *redis_eval_synced(
    struct redis_script *script, const struct redis_args *args);

/* ---- replies; of the wrong kind, or missing: what a getter's name says */

size_t reply_count(const redisReply *ref); /* of an array; 0 */
const redisReply *reply_at(const redisReply *ref, size_t index); /* NULL */
const char *reply_text(const redisReply *ref, const char *otherwise);
size_t reply_length(const redisReply *ref); /* of a text; 0 */
int64_t reply_int(const redisReply *ref, int64_t otherwise);
redisReply *reply_nothing(void); /* REDIS_REPLY_NIL */
/* Whether it is an error that begins with this. */
bool reply_is_error(const redisReply *ref, const char *code);
/* What passes: it starts, its disk or memory is full, it follows another. */
bool reply_is_passing(const redisReply *ref);

#endif
