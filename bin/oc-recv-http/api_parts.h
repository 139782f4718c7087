#ifndef OC_RECV_HTTP_API_PARTS_H
#define OC_RECV_HTTP_API_PARTS_H

#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "api.h"
#include "server.h"

/* What the parts of the API share. */
struct api {
	struct server *server;
	struct archive *archive;
	struct wait *wait;
	struct feed *feed;
	struct tally *tally;
	int64_t started;
};

/* A number of the query from 0 to `most`; another one is `otherwise`. */
size_t api_number(const struct request *request, const char *name,
    size_t otherwise, size_t most);
/*
 * A part of a path as it was before it was encoded, or NULL when it is no
 * UTF-8 text or empty; the caller frees it.
 */
char *api_decode(const char *text, size_t length);
/* False when Redis is down: it was answered with 503. */
bool api_has_state(struct request *request);
/* 404, in the words of every unknown path. */
void api_not_found(struct request *request);

/* ---- api_turns.c */
void api_turns(struct request *request, void *api);
void api_turn(struct request *request, void *api);
/* Whether a turn is under way. */
bool api_turn_runs(const char *id);

/* ---- api_sessions.c */
void api_sessions(struct request *request, void *api);
void api_session(struct request *request, void *api);

/* ---- api_events.c */
struct feed *feed_new(struct api *api);
void feed_free(struct feed *feed);
/* Streams the events of all turns, or of one. */
void feed_all(struct request *request, void *api);
void feed_turn(struct request *request, struct api *api, const char *id);

/* ---- api_usage.c */
struct tally *tally_new(struct event_base *base);
void tally_free(struct tally *tally);
void tally_answer(struct request *request, void *api);

#endif
