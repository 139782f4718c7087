#ifndef OC_RECV_HTTP_API_H
#define OC_RECV_HTTP_API_H

/*
 * GET /api/...: turns, sessions, events, usage, queues and status, as
 * oc-recv-http(1) describes them.  All of it is read only, and what one
 * request makes us do is bounded.
 */
struct api;
struct archive;
struct server;
struct wait;

/* Adds the routes.  All are borrowed. */
struct api *api_new(
    struct server *server, struct archive *archive, struct wait *wait);
void api_free(struct api *api); /* NULL is fine */

#endif
