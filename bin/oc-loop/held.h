#ifndef OC_LOOP_HELD_H
#define OC_LOOP_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/tree.h>
#include <jv.h>

/*
 * The turns that are inside the loop, by id.  The line of each is kept as it
 * last went in, so that a turn which never comes back can still be answered.
 */
struct held {
	RB_ENTRY(held) entry;
	char *id, *session;
	char *line; /* with its newline */
	size_t length;
	int64_t deadline; /* clock_mono_ms */
	int64_t limit_s;  /* which it stands for */
	bool ended;       /* answered already: to be dropped when it comes */
};

RB_HEAD(held_tree, held);
RB_PROTOTYPE(held_tree, held, entry, held_compare)

/* Adds a turn; NULL when one of that id is inside already. */
struct held *held_add(
    struct held_tree *tree, const char *id, const char *session);
/* Keeps a copy of the line. */
void held_set_line(struct held *held, const char *line, size_t length);
struct held *held_find(struct held_tree *tree, const char *id);
void held_remove(struct held_tree *tree, struct held *held);

/* The kept line as a value, which the caller owns. */
jv held_turn(const struct held *held);

#endif
