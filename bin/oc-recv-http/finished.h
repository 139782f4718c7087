#ifndef OC_RECV_HTTP_FINISHED_H
#define OC_RECV_HTTP_FINISHED_H

#include <stdbool.h>
#include <jv.h>

/*
 * Finds a finished turn in the archive by its id: true, and
 * {"id","reply","error"} in *turn, which is the caller's.  False when it is
 * not there, or not yet.
 */
bool finished_find(const char *id, jv *turn);

#endif
