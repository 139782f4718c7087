#ifndef OC_RECV_HTTP_SUBMIT_H
#define OC_RECV_HTTP_SUBMIT_H

#include <stdbool.h>
#include <jv.h>

/*
 * Hands turns to the program that puts them into the queue (sink.h), and
 * tells when they are safe.
 */
struct event_base;
struct submit;

/* `argv` as of sink_open. */
struct submit *submit_new(struct event_base *base, char *const *argv);
/* Waits a moment for the program's end. */
void submit_free(struct submit *submit);

/*
 * `done` is called once: with true when the turn is safe on disk, and with
 * false when that did not come true in five seconds, too many wait already,
 * or Redis is known to be down; then answer 503.  What is put later all the same is taken back by
 * a stop.  It is never called from inside of submit_turn.  The turn must have
 * an id and a session.
 */
void submit_turn(struct submit *submit, jv own_turn,
    void (*done)(bool safe, void *arg), void *arg);

/*
 * The same for a turn whose id is the caller's own name for it: what is put
 * later stays, because asking again asks for the same turn.
 */
void submit_keyed(struct submit *submit, jv own_turn,
    void (*done)(bool safe, void *arg), void *arg);

/* Nobody wants to know any more of what was submitted with this `arg`. */
void submit_forget(struct submit *submit, void *arg);

/* Ends a turn of ours, wherever it is by now. */
void submit_stop(struct submit *submit, const char *session, const char *id);

/* How many are not safe yet, and since when (clock_mono_ms) the oldest. */
size_t submit_waiting(const struct submit *submit, int64_t *since);

#endif
