#ifndef OC_RECV_HTTP_VIEWER_H
#define OC_RECV_HTTP_VIEWER_H

/*
 * All that only looks: /metrics (metrics.h), /api/... (api.h) and the web
 * page (page.h).
 */
struct server;
struct viewer;
struct wait;

/* Adds the routes.  The server is freed before it, what waits after it. */
struct viewer *viewer_new(struct server *server, struct wait *wait);
void viewer_free(struct viewer *viewer); /* NULL is fine */

#endif
