#ifndef OC_RECV_HTTP_DELIVERIES_H
#define OC_RECV_HTTP_DELIVERIES_H

#include <jv.h>

/*
 * Tells of each reply whose delivery ends from now on, once: what
 * timeline_delivery says of it.  It is told by whoever delivers, in
 * $OC_STATE/sent, on this machine.
 */
struct event_base;
struct deliveries;

struct deliveries *deliveries_new(struct event_base *base,
    void (*ended)(void *arg, jv ref_delivery), void *arg);
void deliveries_free(struct deliveries *deliveries); /* NULL is fine */

#endif
