#ifndef OC_CDP_CDP_H
#define OC_CDP_CDP_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>
#include "loop.h"
#include "table.h"
#include "wire.h"

/*
 * The Chrome DevTools Protocol over a wire: calls and their answers, each with
 * a deadline, and events.
 */
struct cdp;

struct cdp_hooks {
	/* session: "" for the browser's own events. */
	void (*event)(
	    void *arg, const char *session, const char *method, jv ref_params);
	void *arg;
};

struct cdp *cdp_new(struct loop *loop, const struct cdp_hooks *hooks);
void cdp_free(struct cdp *cdp); /* whoever waits is not told */

/* Takes the wire over; its messages go to cdp_message. */
void cdp_open(struct cdp *cdp, struct wire *wire);
bool cdp_is_open(const struct cdp *cdp);
/* The connection is no more: whoever waits is told. */
void cdp_close(struct cdp *cdp, const char *why);
void cdp_message(void *cdp, const char *text, size_t length);

/*
 * Asks; `done` is called once, and never from here.  session: NULL for the
 * browser itself.
 */
void cdp_call(struct cdp *cdp, const char *session, const char *method,
    jv own_params, int64_t within_ms,
    void (*done)(void *arg, const struct answer *answer), void *arg);
/* Asks, and does not care for the answer. */
void cdp_tell(
    struct cdp *cdp, const char *session, const char *method, jv own_params);
void cdp_forget(struct cdp *cdp, const void *arg);

#endif
