#ifndef OC_CDP_TABLE_H
#define OC_CDP_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <jv.h>

/* What was asked of the browser and is not answered yet. */
enum answer_kind {
	ANSWER_OK,
	ANSWER_ERROR,     /* the browser says that it cannot */
	ANSWER_TIMEOUT,   /* nothing came in time */
	ANSWER_TOO_LARGE, /* it came, and was too long to be taken */
	ANSWER_GONE,      /* the connection is no more */
};

struct answer {
	enum answer_kind kind;
	jv result;           /* an object; null where there is none */
	const char *message; /* of all but OK, for people */
};

struct table_entry {
	TAILQ_ENTRY(table_entry) link;
	int64_t id, deadline; /* clock_mono_ms */
	/* the answer and what it holds is the caller's */
	void (*done)(void *arg, const struct answer *answer);
	void *arg;
};

struct table {
	TAILQ_HEAD(table_list, table_entry) entries;
	int64_t last_id;
	size_t count;
};

void table_init(struct table *table);
/* The id for a new call. */
int64_t table_add(struct table *table, int64_t deadline,
    void (*done)(void *arg, const struct answer *answer), void *arg);
/* Answers the call with this id: false when nobody waits for it. */
bool table_answer(struct table *table, int64_t id, const struct answer *answer);
/* Answers those whose deadline has come by ANSWER_TIMEOUT. */
void table_expire(struct table *table, int64_t now);
/* The earliest deadline, or -1. */
int64_t table_deadline(const struct table *table);
/* Whoever asked is not interested any more. */
void table_forget(struct table *table, const void *arg);
/* Answers all of them by ANSWER_GONE. */
void table_fail(struct table *table, const char *message);

/*
 * A message from the browser.  `id` is -1 where it has none, `method` and
 * `session` "" likewise; they point into `value`, which the caller frees.
 */
struct message {
	jv value;
	int64_t id;
	const char *method, *session;
	bool cut; /* too long: only the id is known */
};

/* False when it is none: not JSON, no object, neither id nor method. */
bool message_read(
    struct message *message, const char *text, size_t length, size_t most);

#endif
