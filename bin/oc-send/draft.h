#ifndef OC_SEND_DRAFT_H
#define OC_SEND_DRAFT_H

#include "courier.h"

/*
 * The message that grows with the reply of one turn.  Its number is in the
 * turn's ledger, so that whoever sends the reply can replace it.
 */
struct draft {
	struct courier *courier;
	struct chat *chat;
	char *id; /* of the turn */
	jv to;
	struct ledger *ledger; /* NULL until there is something to show */
	struct buf text, tools;
	bool outdated;    /* the next text begins anew */
	bool over;        /* nothing more is shown */
	bool finished;    /* the turn has its reply */
	int64_t since;    /* there is something to show; 0: not yet */
	int64_t shown_at; /* when it was last sent; monotonic */
	char *shown;      /* what was sent */
	struct api_call *call;
};

/* Takes what an event says into the text. */
void draft_event(struct draft *draft, jv ref_event);
/* Sends or edits the message if it is time. */
void draft_show(struct draft *draft, int64_t now);
/* The message's number, or "". */
const char *draft_message(const struct draft *draft);
/* Ends what is under way.  The ledger is freed unless it was taken. */
void draft_free(struct draft *draft);

#endif
