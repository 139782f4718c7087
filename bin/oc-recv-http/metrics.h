#ifndef OC_RECV_HTTP_METRICS_H
#define OC_RECV_HTTP_METRICS_H

#include <jv.h>

/*
 * GET /metrics.  What finished is counted as it finishes (archive.h,
 * deliveries.h), from zero when the program starts; what is there now is
 * looked at when it is asked for.
 */
struct metrics;
struct server;

/* Adds the route. */
struct metrics *metrics_new(struct server *server);
void metrics_free(struct metrics *metrics); /* NULL is fine */

/* A turn has finished: its timeline (timeline.h). */
void metrics_turn(struct metrics *metrics, jv ref_timeline);

#endif
