#ifndef OC_RECV_HTTP_METRICS_NOW_H
#define OC_RECV_HTTP_METRICS_NOW_H

/* What is there at the moment of a scrape: queues, breakers, processes. */
struct metrics_now;
struct series;
struct server;

struct metrics_now *metrics_now_new(
    struct series *series, struct server *server);
void metrics_now_free(struct metrics_now *now); /* NULL is fine */

/* Looks at all of it, and sets the gauges. */
void metrics_now_look(struct metrics_now *now);

#endif
