#ifndef OC_RECV_HTTP_WAIT_H
#define OC_RECV_HTTP_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>

/*
 * Replies of turns with the channel "http", and what happens in them
 * meanwhile (event.h).  Replies are taken from the queue out/http
 * (replies.h) and finished here.  A reply that nobody waits for, because its caller left or we were killed, is dropped.
 */
struct event_base;
struct wait;
struct waiting;

struct wait *wait_new(struct event_base *base);
void wait_free(struct wait *wait);

/*
 * Waits for the turn with this id; call it before submit_turn.  `event` (NULL:
 * not wanted) is called with each event that is not older than the call;
 * `reply` once, with the finished turn as outbox.h leaves it, after the last
 * event.  The waiting is gone when `reply` is called.  Both may call
 * wait_cancel.
 */
struct waiting *wait_reply(struct wait *wait, const char *id,
    void (*event)(jv ref_event, void *arg),
    void (*reply)(jv ref_turn, void *arg), void *arg);
/* NULL is fine. */
void wait_cancel(struct waiting *waiting);

/*
 * The events alone of a turn that runs, made by whomever: until wait_cancel.
 * From its first event on.
 */
struct waiting *wait_events(struct wait *wait, const char *id,
    void (*event)(jv ref_event, void *arg), void *arg);

/* How many wait now. */
size_t wait_count(const struct wait *wait);

#endif
