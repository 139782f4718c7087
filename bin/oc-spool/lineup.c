#include <stdlib.h>
#include <string.h>
#include "lineup.h"
#include "xalloc.h"

enum {
	/* Handed out in vain so often, a turn is handed out without others
	 * like it; once is what every orderly restart does. */
	SUSPECT_ATTEMPTS = 2,
};

TAILQ_HEAD(entry_list, entry);

struct session {
	const char *name;          /* in `storage` */
	struct entry_list waiting; /* held ones first, then by arrival */
	size_t waiting_count, out_count, urgent_count;
	bool listed;                  /* in `ready` or `suspects` */
	bool suspect;                 /* what is listed, or out, is suspect */
	RB_ENTRY(session) node;       /* of all, by name */
	RB_ENTRY(session) ready_node; /* of `ready` or `suspects` */
	char storage[];
};

RB_HEAD(entry_tree, entry);
RB_HEAD(session_tree, session);
RB_HEAD(ready_tree, session);

struct lineup {
	unsigned limit;
	size_t count, out_count;
	size_t busy; /* sessions with a turn out */
	size_t suspects_out;
	struct entry_tree entries;
	struct session_tree sessions;
	struct ready_tree ready, suspects;
	struct entry_list urgent;
};

static int
compare_entries(const struct entry *a, const struct entry *b)
{
	return strcmp(a->base, b->base);
}

static int
compare_sessions(const struct session *a, const struct session *b)
{
	return strcmp(a->name, b->name);
}

/* Fewest attempts first, then the earliest; only among listed sessions. */
static int
compare_ready(const struct session *a, const struct session *b)
{
	const struct entry *first_a = TAILQ_FIRST(&a->waiting);
	const struct entry *first_b = TAILQ_FIRST(&b->waiting);

	if (a->suspect && b->suspect && first_a->attempts != first_b->attempts)
		return first_a->attempts < first_b->attempts ? -1 : 1;
	return strcmp(first_a->base, first_b->base);
}

/* libbsd's RB_GENERATE_STATIC does not compile with glibc */
#define UNUSED static __attribute__((unused))
/* cppcheck-suppress unknownMacro */
RB_GENERATE_INTERNAL(entry_tree, entry, node, compare_entries, UNUSED)
RB_GENERATE_INTERNAL(session_tree, session, node, compare_sessions, UNUSED)
RB_GENERATE_INTERNAL(ready_tree, session, ready_node, compare_ready, UNUSED)

static bool
overtakes(const struct entry *entry)
{
	return entry->kind == ENTRY_URGENT || entry->kind == ENTRY_STOP;
}

static struct ready_tree *
list_of(struct lineup *lineup, const struct session *session)
{
	return session->suspect ? &lineup->suspects : &lineup->ready;
}

/*
 * A session's place among the ready ones depends on its first message, so it
 * leaves before that changes, and is put back after.
 */
static void
unlist(struct lineup *lineup, struct session *session)
{
	if (session->listed)
		RB_REMOVE(ready_tree, list_of(lineup, session), session);
	session->listed = false;
}

static void
list(struct lineup *lineup, struct session *session)
{
	const struct entry *first = TAILQ_FIRST(&session->waiting);

	if (session->listed || session->out_count != 0 || first == NULL)
		return;
	session->suspect = first->attempts >= SUSPECT_ATTEMPTS;
	RB_INSERT(ready_tree, list_of(lineup, session), session);
	session->listed = true;
}

static struct session *
find_session(struct lineup *lineup, const char *name)
{
	struct session wanted = {.name = name};

	return RB_FIND(session_tree, &lineup->sessions, &wanted);
}

static struct session *
get_session(struct lineup *lineup, const char *name)
{
	struct session *session = find_session(lineup, name);

	if (session != NULL)
		return session;
	session = xcalloc(1, sizeof *session + strlen(name) + 1);
	session->name = memcpy(session->storage, name, strlen(name) + 1);
	TAILQ_INIT(&session->waiting);
	RB_INSERT(session_tree, &lineup->sessions, session);
	return session;
}

static void
drop_if_idle(struct lineup *lineup, struct session *session)
{
	if (session->waiting_count + session->out_count +
		session->urgent_count !=
	    0)
		return;
	RB_REMOVE(session_tree, &lineup->sessions, session);
	free(session);
}

struct lineup *
lineup_new(unsigned limit)
{
	struct lineup *lineup = xcalloc(1, sizeof *lineup);

	lineup->limit = limit;
	RB_INIT(&lineup->entries);
	RB_INIT(&lineup->sessions);
	RB_INIT(&lineup->ready);
	RB_INIT(&lineup->suspects);
	TAILQ_INIT(&lineup->urgent);
	return lineup;
}

void
lineup_free(struct lineup *lineup)
{
	struct entry *entry;

	if (lineup == NULL)
		return;
	while ((entry = RB_MIN(entry_tree, &lineup->entries)) != NULL)
		lineup_remove(lineup, entry);
	free(lineup);
}

struct entry *
lineup_find(struct lineup *lineup, const char *base)
{
	struct entry wanted = {.base = base};

	return RB_FIND(entry_tree, &lineup->entries, &wanted);
}

/* Whether `a` comes before `b` in the order of their session. */
static bool
comes_before(const struct entry *a, const struct entry *b)
{
	if (a->held != b->held)
		return a->held;
	return strcmp(a->base, b->base) < 0;
}

static void
insert_waiting(struct session *session, struct entry *entry)
{
	struct entry *before = TAILQ_LAST(&session->waiting, entry_list);

	while (before != NULL && comes_before(entry, before))
		before = TAILQ_PREV(before, entry_list, link);
	if (before == NULL)
		TAILQ_INSERT_HEAD(&session->waiting, entry, link);
	else
		TAILQ_INSERT_AFTER(&session->waiting, before, entry, link);
	session->waiting_count++;
}

bool
lineup_add(struct lineup *lineup, const char *base, const char *session,
    enum entry_kind kind, unsigned attempts)
{
	struct entry *entry;

	if (lineup_find(lineup, base) != NULL)
		return false;
	entry = xcalloc(1, sizeof *entry + strlen(base) + 1);
	entry->base = memcpy(entry->storage, base, strlen(base) + 1);
	entry->kind = kind;
	entry->attempts = attempts;
	entry->held = attempts != 0;
	entry->session = get_session(lineup, session);
	RB_INSERT(entry_tree, &lineup->entries, entry);
	lineup->count++;
	if (overtakes(entry)) {
		TAILQ_INSERT_TAIL(&lineup->urgent, entry, link);
		entry->session->urgent_count++;
		return true;
	}
	unlist(lineup, entry->session);
	insert_waiting(entry->session, entry);
	list(lineup, entry->session);
	return true;
}

/*
 * A stop that was held has lost its turn with the chain.  It goes out once
 * that turn is out again, so that it finds it.
 */
static bool
may_overtake_now(const struct entry *entry)
{
	const struct entry *first = TAILQ_FIRST(&entry->session->waiting);

	return entry->kind != ENTRY_STOP || !entry->held || first == NULL ||
	       !first->held;
}

struct entry *
lineup_next(struct lineup *lineup)
{
	struct session *session = NULL;
	struct entry *entry;

	TAILQ_FOREACH (entry, &lineup->urgent, link)
		if (may_overtake_now(entry))
			return entry;
	if (lineup->busy >= lineup->limit)
		return NULL;
	if (lineup->suspects_out == 0)
		session = RB_MIN(ready_tree, &lineup->suspects);
	if (session == NULL)
		session = RB_MIN(ready_tree, &lineup->ready);
	return session != NULL ? TAILQ_FIRST(&session->waiting) : NULL;
}

struct entry *
lineup_joinable(const struct entry *entry)
{
	struct entry *next;

	if (overtakes(entry))
		return NULL;
	next = TAILQ_NEXT(entry, link);
	if (next == NULL || next->held != entry->held)
		return NULL;
	if (!entry->held &&
	    (entry->kind != ENTRY_ORDINARY || next->kind != ENTRY_ORDINARY))
		return NULL;
	return next;
}

void
lineup_out(struct lineup *lineup, struct entry *entry, unsigned attempt)
{
	struct session *session = entry->session;

	if (overtakes(entry)) {
		TAILQ_REMOVE(&lineup->urgent, entry, link);
	} else {
		unlist(lineup, session);
		TAILQ_REMOVE(&session->waiting, entry, link);
		session->waiting_count--;
		if (session->out_count++ == 0) {
			lineup->busy++;
			session->suspect = entry->attempts >= SUSPECT_ATTEMPTS;
			lineup->suspects_out += session->suspect;
		}
	}
	entry->attempts = attempt;
	entry->out = true;
	lineup->out_count++;
}

static void
remove_out(struct lineup *lineup, struct entry *entry)
{
	struct session *session = entry->session;

	lineup->out_count--;
	if (overtakes(entry) || --session->out_count != 0)
		return;
	lineup->busy--;
	lineup->suspects_out -= session->suspect;
	list(lineup, session);
}

void
lineup_remove(struct lineup *lineup, struct entry *entry)
{
	struct session *session = entry->session;

	if (overtakes(entry)) {
		session->urgent_count--;
		if (!entry->out)
			TAILQ_REMOVE(&lineup->urgent, entry, link);
	} else if (!entry->out) {
		unlist(lineup, session);
		TAILQ_REMOVE(&session->waiting, entry, link);
		session->waiting_count--;
		list(lineup, session);
	}
	if (entry->out)
		remove_out(lineup, entry);
	RB_REMOVE(entry_tree, &lineup->entries, entry);
	lineup->count--;
	free(entry);
	drop_if_idle(lineup, session);
}

struct entry *
lineup_first_waiting(const struct entry *of)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &of->session->waiting, link)
		if (!entry->held)
			return entry;
	return NULL;
}

bool
lineup_is_running(const struct entry *of)
{
	const struct entry *first = TAILQ_FIRST(&of->session->waiting);

	return of->session->out_count != 0 || (first != NULL && first->held);
}

const char *
lineup_session_of(const struct entry *entry)
{
	return entry->session->name;
}

bool
lineup_has(struct lineup *lineup, const char *name)
{
	const struct session *session = find_session(lineup, name);

	return session != NULL &&
	       session->waiting_count + session->out_count != 0;
}

bool
lineup_has_out(struct lineup *lineup, const char *name)
{
	const struct session *session = find_session(lineup, name);

	return session != NULL && session->out_count != 0;
}

/* An entry that is out of this session, and does not overtake. */
static struct entry *
find_out(struct lineup *lineup, const struct session *session)
{
	struct entry *entry;

	RB_FOREACH (entry, entry_tree, &lineup->entries)
		if (entry->out && entry->session == session &&
		    !overtakes(entry))
			return entry;
	return NULL;
}

void
lineup_drop(struct lineup *lineup, const char *name)
{
	struct entry *entry;
	struct session *session;

	/* the last entry takes its session along */
	while ((session = find_session(lineup, name)) != NULL &&
	       (entry = TAILQ_FIRST(&session->waiting)) != NULL)
		lineup_remove(lineup, entry);
	while ((session = find_session(lineup, name)) != NULL &&
	       session->out_count != 0 &&
	       (entry = find_out(lineup, session)) != NULL)
		lineup_remove(lineup, entry);
}

size_t
lineup_count(struct lineup *lineup)
{
	return lineup->count;
}

size_t
lineup_count_out(struct lineup *lineup)
{
	return lineup->out_count;
}

void
lineup_each_out(struct lineup *lineup,
    void (*each)(void *arg, struct entry *entry), void *arg)
{
	struct entry *entry;

	RB_FOREACH (entry, entry_tree, &lineup->entries)
		if (entry->out)
			each(arg, entry);
}
