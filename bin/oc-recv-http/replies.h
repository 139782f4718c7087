#ifndef OC_RECV_HTTP_REPLIES_H
#define OC_RECV_HTTP_REPLIES_H

#include <jv.h>

/*
 * Replies from the queue out/http: from its directory (reply_files.h), or,
 * where it is in Redis, by `oc-spool take`, which runs beside us and is started
 * again when it ends.  Each is finished once it was told.
 */
struct event_base;
struct replies;

struct replies *replies_open(
    struct event_base *base, void (*reply)(jv ref_turn, void *arg), void *arg);
void replies_close(struct replies *replies);

#endif
