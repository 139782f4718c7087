#ifndef OC_SPOOL_LINEUP_H
#define OC_SPOOL_LINEUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/tree.h>

/*
 * Who is next: the turns of a queue in memory, by session.  No files here.
 *
 * A session has at most one turn (of one or several messages) handed out at a
 * time, and at most `limit` sessions do; the session whose first message came
 * earliest is next.  What overtakes waits for nobody and counts for nothing.
 *
 * A turn that was handed out twice in vain may be what brings the chain down.
 * At most one such turn is out at a time, those with the fewest attempts
 * first: so the one to blame runs with none of the other suspects, and no
 * innocent turn is given up because of it.
 */
enum entry_kind {
	ENTRY_ORDINARY,
	ENTRY_ALONE,  /* in its session's order, but joined with nothing */
	ENTRY_URGENT, /* overtakes: a /status */
	ENTRY_STOP,   /* overtakes: a /stop, or a stop record */
};

struct session;

struct entry {
	TAILQ_ENTRY(entry) link; /* of its session, or of what overtakes */
	RB_ENTRY(entry) node;    /* of all, by base */
	const char *base;        /* the file's name, A.N; in `storage` */
	struct session *session;
	enum entry_kind kind;
	unsigned attempts; /* times handed out so far; 0: it is in new/ */
	bool held;         /* was handed out by a process that is gone */
	bool out;          /* handed out by this one */
	char storage[];
};

struct lineup;

struct lineup *lineup_new(unsigned limit);
void lineup_free(struct lineup *lineup);

/* Adds a message; false when it is there already. */
bool lineup_add(struct lineup *lineup, const char *base, const char *session,
    enum entry_kind kind, unsigned attempts);
struct entry *lineup_find(struct lineup *lineup, const char *base);

/*
 * The first message of the next turn, or NULL when nothing may be handed out
 * now.  The caller follows with lineup_joinable for more of it, and must call
 * lineup_out or lineup_remove for this one before it asks again.
 */
struct entry *lineup_next(struct lineup *lineup);
/*
 * The message after `entry` that belongs to the same turn or may be joined to
 * it as far as order goes; NULL if none.  What was held is never joined with
 * what was not: it is handed out as it was.
 */
struct entry *lineup_joinable(const struct entry *entry);
/* Counts an attempt and marks it as handed out. */
void lineup_out(struct lineup *lineup, struct entry *entry, unsigned attempt);
/* It was finished or is gone: frees it. */
void lineup_remove(struct lineup *lineup, struct entry *entry);

/*
 * Of the session of `of`: the first message that waits and is not held, or
 * NULL; and whether a turn is out or held.
 */
struct entry *lineup_first_waiting(const struct entry *of);
bool lineup_is_running(const struct entry *of);

/*
 * For a queue that is shared: the name of an entry's session; whether anything
 * of a session (but for what overtakes) is lined up, or is out; and the
 * removal of all of it.
 */
const char *lineup_session_of(const struct entry *entry);
bool lineup_has(struct lineup *lineup, const char *session);
bool lineup_has_out(struct lineup *lineup, const char *session);
void lineup_drop(struct lineup *lineup, const char *session);

size_t lineup_count(struct lineup *lineup);     /* all entries */
size_t lineup_count_out(struct lineup *lineup); /* handed out */
/* Each entry that is out; `each` may not change the lineup. */
void lineup_each_out(struct lineup *lineup,
    void (*each)(void *arg, struct entry *entry), void *arg);

#endif
