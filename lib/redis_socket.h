#ifndef OC_REDIS_SOCKET_H
#define OC_REDIS_SOCKET_H

#include <stdbool.h>
#include <hiredis/hiredis.h>

/*
 * A connection that waits so long for being made, and for each answer; NULL
 * when there is none.  With `at_once` the name's addresses are asked for in
 * the background, too: a name server that is silent holds up nobody, and the
 * next call takes what it said.
 */
redisContext *redis_socket(
    const char *host, int port, int connect_ms, int answer_ms, bool at_once);
/* Changes how long an answer is waited for. */
bool redis_socket_answer(redisContext *context, int answer_ms);

#endif
