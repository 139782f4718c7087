#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "buf.h"
#include "cancel.h"
#include "command.h"
#include "handout.h"
#include "io.h"
#include "join.h"
#include "json.h"
#include "log.h"
#include "outbox.h"
#include "record.h"
#include "state.h"
#include "turn.h"
#include "xalloc.h"

enum {
	GROUP_MAX = 256,     /* messages of one turn: more than anyone types */
	TRY_AGAIN_MS = 1000, /* after the disk refused */
};

/* The messages that make up one turn. */
struct group {
	struct entry *entry[GROUP_MAX];
	size_t count;
	unsigned attempts; /* the most of any */
	jv turn;
};

static char *
entry_file(const struct entry *entry)
{
	if (entry->attempts == 0)
		return xstrdup(entry->base);
	return xasprintf("%s#%u", entry->base, entry->attempts);
}

static enum queue_directory
entry_directory(const struct entry *entry)
{
	return entry->attempts == 0 ? QUEUE_DIR_NEW : QUEUE_DIR_CUR;
}

jv
handout_read(
    struct queue *queue, enum queue_directory directory, const char *file)
{
	struct buf text = {0};
	jv turn = jv_invalid();

	if (queue_read(queue, directory, file, &text)) {
		turn = json_parse(buf_string(&text), text.length, NULL);
		if (!json_is_object(turn)) {
			jv_free(turn);
			turn = jv_invalid();
			errno = EBADMSG;
		}
	}
	buf_free(&text);
	return turn;
}

/* ---- lining up */

static enum entry_kind
kind_of(jv ref_turn)
{
	enum command command;
	const char *argument;

	if (turn_is_stop(ref_turn))
		return ENTRY_STOP;
	if (turn_has_reply(ref_turn))
		return ENTRY_ALONE;
	command =
	    command_parse(json_get_string(ref_turn, "text", ""), &argument);
	if (command == COMMAND_STOP)
		return ENTRY_STOP;
	if (command == COMMAND_NONE)
		return ENTRY_ORDINARY;
	return command_overtakes(command) ? ENTRY_URGENT : ENTRY_ALONE;
}

static void
bury(struct queue *queue, enum queue_directory from, const char *file,
    const char *base)
{
	if (!queue_move(queue, from, file, QUEUE_DIR_DEAD, base) &&
	    errno != ENOENT)
		log_error("queue %s: %s: cannot move to dead: %s",
		    queue_name(queue), file, strerror(errno));
	(void)queue_sync(queue, QUEUE_DIR_DEAD);
}

void
handout_line_up(struct queue *queue, struct lineup *lineup, const char *file)
{
	enum queue_directory from;
	struct queue_file name;
	char *base;
	jv turn;

	if (!queue_file_parse(&name, file))
		return;
	from = name.attempt == 0 ? QUEUE_DIR_NEW : QUEUE_DIR_CUR;
	base = xstrndup(file, name.base_length);
	if (lineup_find(lineup, base) != NULL) {
		free(base);
		return;
	}
	turn = handout_read(queue, from, file);
	if (json_is_valid(turn)) {
		lineup_add(lineup, base, turn_session(turn), kind_of(turn),
		    name.attempt);
	} else if (errno != ENOENT) {
		log_error("queue %s: %s: %s; put into dead", queue_name(queue),
		    file, errno == EBADMSG ? "not a turn" : strerror(errno));
		bury(queue, from, file, base);
	}
	jv_free(turn);
	free(base);
}

/* ---- gathering the messages of one turn */

static void
group_free(struct group *group)
{
	jv_free(group->turn);
	group->turn = jv_null();
}

static void
group_add(struct group *group, struct entry *entry, jv own_turn)
{
	group->entry[group->count++] = entry;
	if (entry->attempts > group->attempts)
		group->attempts = entry->attempts;
	if (group->count == 1)
		group->turn = own_turn;
	else
		group->turn = join_add(group->turn, own_turn);
}

/*
 * Reads the turn that starts with `first`, of messages that came before
 * `until` (NULL: all).  False when the first is gone or no turn any more; it
 * was removed from the line-up then.
 */
static bool
group_read(struct queue *queue, struct lineup *lineup, struct entry *first,
    const struct entry *until, struct group *group)
{
	*group = (struct group){.turn = jv_null()};
	for (struct entry *entry = first;
	     entry != NULL &&
	     (until == NULL || strcmp(entry->base, until->base) < 0);
	     entry = lineup_joinable(entry)) {
		char *file = entry_file(entry);
		jv turn = handout_read(queue, entry_directory(entry), file);
		bool fits = json_is_valid(turn);

		free(file);
		if (group->count != 0)
			fits = fits &&
			       (entry->held || join_fits(group->turn, turn));
		if (fits)
			group_add(group, entry, turn);
		else
			jv_free(turn);
		if (!fits || group->count == GROUP_MAX)
			break;
	}
	if (group->count == 0)
		lineup_remove(lineup, first);
	return group->count != 0;
}

/* ---- what becomes of a turn */

/* Ends its messages without handing them out: they were answered. */
static bool
finish_group(
    struct queue *queue, struct lineup *lineup, const struct group *group)
{
	if (!queue_finish_record(queue, group->turn))
		return false;
	for (size_t i = 0; i < group->count; i++)
		lineup_remove(lineup, group->entry[i]);
	return true;
}

/* What the person is told of a turn, or a reply, that is given up. */
static jv
compose_notice(jv ref_turn)
{
	jv notice = json_copy(ref_turn),
	   compact = json_get(ref_turn, "compact");
	const char *text =
	    "I was cut off each time I worked on this message, so I have put "
	    "it aside. What it asked for may have been done in part. Please "
	    "tell whoever runs me.";

	if (turn_has_reply(ref_turn)) {
		notice = json_delete(notice, "reply");
		text = "I have an answer for you that I could not deliver: I "
		       "was cut off each time. It is put aside. Please tell "
		       "whoever runs me.";
	} else if (json_is_object(compact)) {
		notice =
		    json_set(notice, "channel", json_get(compact, "channel"));
		notice = json_set(notice, "to", json_get(compact, "to"));
		notice = json_delete(notice, "compact");
		text = "I was cut off each time I tried to put what I remember "
		       "of this conversation more briefly.";
	}
	jv_free(compact);
	return turn_fail(notice, "given_up", "every attempt was cut off", text);
}

/*
 * The notice has an id of its own, since the turn may be tried again by hand
 * and answered after all.  The file's time, which a retry sets, tells one
 * giving up from the next.  Of a notice that cannot be delivered there is
 * none.
 */
static void
send_notice(struct queue *queue, const struct group *group)
{
	char *file = entry_file(group->entry[0]), *id;
	jv notice = compose_notice(group->turn);

	id = xasprintf("%s.given-up-%lld", turn_id(group->turn),
	    (long long)queue_time(queue, QUEUE_DIR_CUR, file));
	notice = json_set_string(notice, "id", id);
	notice = json_set_bool(notice, "notice", true);
	notice = json_delete(notice, "ids");
	outbox_put(notice);
	jv_free(notice);
	free(id);
	free(file);
}

/* The person is told before the turn is put aside, so it is never unsaid. */
static void
give_up(struct queue *queue, struct lineup *lineup, struct group *group)
{
	log_error("queue %s: turn %s: given up after %u attempts; see "
		  "'oc-spool ls %s'",
	    queue_name(queue), queue_id_of(group->turn), group->attempts,
	    queue_name(queue));
	if (turn_is_turn(group->turn) && !json_has(group->turn, "notice"))
		send_notice(queue, group);
	for (size_t i = 0; i < group->count; i++) {
		struct entry *entry = group->entry[i];
		char *file = entry_file(entry);

		bury(queue, QUEUE_DIR_CUR, file, entry->base);
		free(file);
		lineup_remove(lineup, entry);
	}
}

/*
 * A person's /stop also ends what they had sent before it and was not begun.
 */
static bool
cancel_waiting(
    struct queue *queue, struct lineup *lineup, const struct entry *stop)
{
	struct entry *first;
	struct group group;
	bool ok = true;

	while (ok && (first = lineup_first_waiting(stop)) != NULL &&
	       strcmp(first->base, stop->base) < 0) {
		if (!group_read(queue, lineup, first, stop, &group))
			continue;
		if (!turn_has_reply(group.turn)) {
			group.turn = turn_reply(
			    group.turn, "Not begun: you sent /stop after it.");
			outbox_put(group.turn);
		}
		ok = finish_group(queue, lineup, &group);
		group_free(&group);
	}
	return ok;
}

/* A stop for one turn that waits: it is answered and never begun. */
static bool
cancel_one(struct queue *queue, struct lineup *lineup, const char *id)
{
	char *name = state_name(id), *file;
	enum queue_place place = queue_locate(queue, name, false, &file);
	struct entry *entry = NULL;
	jv turn = jv_invalid();
	bool ok = true;

	if (place == QUEUE_NEW)
		turn = handout_read(queue, QUEUE_DIR_NEW, file);
	if (json_is_valid(turn)) {
		if (!turn_has_reply(turn))
			turn = turn_reply(turn, "Stopped before it was begun.");
		outbox_put(turn);
		ok = queue_finish(queue, &id, 1);
		entry = lineup_find(lineup, file);
	}
	if (ok && entry != NULL)
		lineup_remove(lineup, entry);
	jv_free(turn);
	free(file);
	free(name);
	return ok;
}

/*
 * What a stop ends that was not begun.  A person's /stop ends all that they
 * had sent before it; a stop record with an id, that turn.
 */
static bool
stop_waiting(struct queue *queue, struct lineup *lineup,
    const struct entry *entry, jv ref_record)
{
	if (queue->shared) {
		cancel_shared(queue, entry, ref_record);
		return true;
	}
	if (turn_is_turn(ref_record))
		return cancel_waiting(queue, lineup, entry);
	if (turn_id(ref_record)[0] != '\0')
		return cancel_one(queue, lineup, turn_id(ref_record));
	return true;
}

/* Whether a stop record has nothing to stop (a person's gets its answer). */
static bool
is_idle_stop(jv ref_turn, const struct entry *entry)
{
	return turn_is_stop(ref_turn) && !lineup_is_running(entry);
}

static bool
move_entry(struct queue *queue, const struct entry *entry, unsigned attempt)
{
	char *old = entry_file(entry);
	char *new = xasprintf("%s#%u", entry->base, attempt);
	bool ok =
	    queue_move(queue, entry_directory(entry), old, QUEUE_DIR_CUR, new);

	free(old);
	free(new);
	return ok;
}

static void
move_back(struct queue *queue, const struct entry *entry, unsigned attempt)
{
	char *old = entry_file(entry);
	char *new = xasprintf("%s#%u", entry->base, attempt);

	if (!queue_move(queue, QUEUE_DIR_CUR, new, entry_directory(entry), old))
		fatal(EX_IOERR, "queue %s: cannot move %s back: %s",
		    queue_name(queue), new, strerror(errno));
	free(old);
	free(new);
}

/*
 * All of its messages or none.  *moved is how many: someone may have dropped
 * or finished one meanwhile, or, where they are shared, taken all over.
 */
static bool
move_to_cur(struct queue *queue, struct lineup *lineup, struct group *group,
    size_t *moved)
{
	unsigned attempt = group->attempts + 1;
	bool gone[GROUP_MAX] = {false};

	*moved = 0;

	for (size_t i = 0; i < group->count; i++) {
		int saved;

		if (move_entry(queue, group->entry[i], attempt)) {
			(*moved)++;
			continue;
		}
		gone[i] = errno == ENOENT;
		if (gone[i])
			continue;
		saved = errno;
		while (i-- > 0)
			if (!gone[i])
				move_back(queue, group->entry[i], attempt);
		errno = saved;
		return false;
	}
	for (size_t i = 0; i < group->count; i++) {
		lineup_out(lineup, group->entry[i], attempt);
		if (gone[i])
			lineup_remove(lineup, group->entry[i]);
	}
	group->turn = json_set_int(group->turn, "attempt", attempt);
	return true;
}

static unsigned
attempts_max(jv ref_turn)
{
	return turn_has_reply(ref_turn) ? QUEUE_REPLY_ATTEMPTS_MAX
					: QUEUE_ATTEMPTS_MAX;
}

static bool
hand_out(struct queue *queue, struct lineup *lineup, struct entry *first,
    struct handout *handout)
{
	struct group group;
	size_t moved = 0;
	bool ok = true;

	if (!group_read(queue, lineup, first, NULL, &group))
		return true;
	if (group.attempts >= attempts_max(group.turn)) {
		give_up(queue, lineup, &group);
	} else {
		if (first->kind == ENTRY_STOP)
			ok = stop_waiting(queue, lineup, first, group.turn);
		if (ok && is_idle_stop(group.turn, first)) {
			ok = finish_group(queue, lineup, &group);
		} else if (ok && move_to_cur(queue, lineup, &group, &moved)) {
			if (moved != 0)
				handout->turn[handout->count++] =
				    json_copy(group.turn);
		} else {
			ok = false;
		}
	}
	group_free(&group);
	return ok;
}

bool
handout_gather(
    struct queue *queue, struct lineup *lineup, struct handout *handout)
{
	struct entry *first;

	handout->count = 0;
	while (handout->count < HANDOUT_MAX &&
	       (first = lineup_next(lineup)) != NULL)
		if (!hand_out(queue, lineup, first, handout))
			return false;
	return true;
}

void
handout_write(struct queue *queue, struct handout *handout)
{
	bool told = false;

	while (handout->count != 0 && !queue_sync(queue, QUEUE_DIR_CUR)) {
		if (!told)
			log_error("queue %s: cannot sync: %s; trying again",
			    queue_name(queue), strerror(errno));
		told = true;
		poll(NULL, 0, TRY_AGAIN_MS);
	}
	for (size_t i = 0; i < handout->count; i++)
		turn_write(handout->turn[i]);
}
