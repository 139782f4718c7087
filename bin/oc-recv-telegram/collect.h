#ifndef OC_COLLECT_H
#define OC_COLLECT_H

#include <stdint.h>
#include <jv.h>
#include "compose.h"
#include "inbox.h"
#include "ledger.h"
#include "sink.h"
#include "update.h"

/*
 * Turns in the making: each waits for its files and, when it is part of an
 * album or of a paste that was cut into several messages, for the rest.  Turns
 * of one session are handed on in order; a command that overtakes waits for
 * nothing.
 *
 * A turn is named after its last update: should the same updates come again
 * after a crash, and be put together otherwise, then no update that was not
 * handed on can hide behind the name of one that was.
 */
struct collect;

struct collect *collect_new(struct ledger *ledger, struct inbox *inbox,
    const struct compose_sessions *sessions);
void collect_free(struct collect *collect);

/* Where finished turns go; it may be set anew. */
void collect_set_sink(struct collect *collect, struct sink *sink);

/*
 * Takes a message in.  `former` is the group's id before it became a
 * supergroup, or NULL.
 */
void collect_add(struct collect *collect, const struct update *update,
    const char *former, const struct bot *bot);

/* A turn is safe: its updates are done with. */
void collect_confirmed(struct collect *collect, const char *id);

/* When collect_work has something to do (clock_mono_ms), or -1. */
int64_t collect_deadline(const struct collect *collect);
/* Hands on what is ready. */
void collect_work(struct collect *collect);

#endif
